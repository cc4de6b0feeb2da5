package dlq

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Deed is what a replay does with a letter.
type Deed string

// The deeds.
const (
	Send   Deed = "send"   // its record goes back to where it was read
	Skip   Deed = "skip"   // that was done before
	Refuse Deed = "refuse" // it cannot or must not; the letter stays as it is
)

// Step is a letter, what becomes of it, and why, as a sentence.
type Step struct {
	Letter
	Do  Deed   `json:"do"`
	Why string `json:"why,omitempty"`
}

// Count is how many steps do that.
func Count(steps []Step, d Deed) (n int) {
	for _, s := range steps {
		if s.Do == d {
			n++
		}
	}
	return n
}

const sentBefore = "replayed before"

// Guard is the guard against loops.
type Guard struct {
	MaxAttempts int32 // a record tried as often is not sent again
	Force       bool  // send it all the same
}

// Plan says what a replay of the letters would do, in their order. It asks the cluster for the topics that they came from.
func (b *Box) Plan(ctx context.Context, letters []Letter, g Guard) ([]Step, error) {
	partitions, err := b.partitions(ctx, letters)
	if err != nil {
		return nil, err
	}
	steps := make([]Step, len(letters))
	for i, l := range letters {
		steps[i] = b.judge(l, g, partitions)
	}
	return steps, nil
}

func (b *Box) judge(l Letter, g Guard, partitions map[string]int32) Step {
	if l.Sent != nil {
		return Step{l, Skip, sentBefore}
	}
	if why := b.refusal(l, g, partitions); why != "" {
		return Step{l, Refuse, why}
	}
	return Step{l, Send, ""}
}

// refusal says why a letter is not replayed; empty: it is.
func (b *Box) refusal(l Letter, g Guard, partitions map[string]int32) string {
	n, there := partitions[l.Topic]
	switch {
	case l.Fault != nil:
		return fmt.Sprintf("it cannot be read: %v", l.Fault)
	case l.Unit != "":
		return fmt.Sprintf("it is of a %s: there is no record to send; `waybill dlq show` says how to have it done again", l.Unit)
	case l.Truncated:
		return "the record was too long for a letter, which holds only part of it: send it anew from its source, smaller; `waybill dlq show` says where it lies whole"
	case isSink(l.Stage):
		return sinkRefusal(l)
	case !b.reads(l.Stage, l.Topic):
		return fmt.Sprintf("stage %s of this version does not read %s: replay it with the version that does", l.Stage, l.Topic)
	case !there:
		return fmt.Sprintf("topic %s is not there: create it with `waybill topics apply`, or send the record anew from its source", l.Topic)
	case l.Partition < 0 || l.Partition >= n: // one letter that is no stage's must not stop the others of its transaction
		return fmt.Sprintf("%s has no partition %d, only %d: its keys may belong elsewhere now; send the record anew from its source", l.Topic, l.Partition, n)
	case l.Attempt >= g.MaxAttempts && !g.Force:
		return fmt.Sprintf("it died %d times: see that its cause is mended, then give --force or a higher --max-attempts", l.Attempt)
	}
	return ""
}

// isSink: sinks name themselves so.
func isSink(stage string) bool { return strings.HasPrefix(stage, "sink.") }

// sinkRefusal: the record that a sink could not use lies in its topic as it should. Sent there again it would be doubled for
// whoever else reads the topic, billing included; what has to be done again is the sink's reading.
func sinkRefusal(l Letter) string {
	return fmt.Sprintf("its record lies in %s, and a second copy would be read by everybody, not by %s alone; `waybill dlq show` says how to have the sink read it again", l.Topic, l.Stage)
}

func (b *Box) reads(stage, topic string) bool {
	for _, t := range b.Reads[stage] {
		if string(t) == topic {
			return true
		}
	}
	return false
}

// partitions says how many partitions the letters' topics have; topics that are not there are left out.
func (b *Box) partitions(ctx context.Context, letters []Letter) (map[string]int32, error) {
	counts := map[string]int32{}
	var wanted []string
	for _, l := range letters {
		if _, ok := counts[l.Topic]; !ok && l.Topic != "" {
			counts[l.Topic] = 0
			wanted = append(wanted, l.Topic)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	listed, err := kadm.NewClient(b.Client).ListTopics(ctx, wanted...)
	if err != nil {
		return nil, fmt.Errorf("list the topics that dead letters came from: %w", err)
	}
	for _, name := range wanted {
		delete(counts, name)
		if d, ok := listed[name]; ok && d.Err == nil {
			counts[name] = int32(len(d.Partitions))
		}
	}
	return counts, nil
}
