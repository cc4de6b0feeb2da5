package runtime

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/topics"
)

// State is laid out by the number of an inbox's partitions: a key's records and its state lie in the partition of its hash. A
// number that changes would part them, so it is remembered and held against what is there:
//   - the changelog has as many partitions as its inbox had when both were made, and is compared at each start, with the
//     stage's own inbox and with the inboxes it writes to;
//   - should somebody enlarge both, the fences in the changelog still say how many there were;
//   - while a stage runs, it meets the change in the first record it says for the topic, or is given of it.

// resized says what has happened and what to do.
func resized(topic string, was, is int32) error {
	return fmt.Errorf("inbox %s had %d partitions and has %d: keys would go to other partitions than their state lies in. Stop what writes to it, make the topic anew with %d, and replay its sources into it", topic, was, is, was)
}

// below gives, by inbox, the changelogs of the stages that this one writes to, and its own.
func (s *stage) below() map[string]string {
	all := map[string]string{}
	for _, other := range s.deps.Line {
		if other.Keyed && (other.Name == s.spec.Name || slices.Contains(s.spec.Outputs, other.Inboxes[0].Name)) {
			all[string(other.Inboxes[0].Name)] = string(topics.Changelog(s.cfg.App, other.Name, 0).Name)
		}
	}
	if s.spec.Keyed {
		all[string(s.spec.Inboxes[0].Name)] = s.changelog
	}
	return all
}

func (s *stage) changelogsBelow() []string {
	var all []string
	for _, changelog := range s.below() {
		all = append(all, changelog)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// layout compares each inbox with the changelog of its stage. One that is not there yet has no state to lose.
func (s *stage) layout(t *topology, listed kadm.TopicDetails) error {
	below := s.below()
	for inbox := range below {
		t.laid = append(t.laid, inbox)
	}
	slices.Sort(t.laid)
	for _, inbox := range t.laid {
		d, ok := listed[below[inbox]]
		if !ok || d.Err != nil {
			continue
		}
		if was, is := int32(len(d.Partitions)), t.partitions[inbox]; was != is {
			return fmt.Errorf("%w (changelog %s has %d)", resized(inbox, was, is), d.Topic, was)
		}
	}
	return nil
}

// known refuses a partition that was not there when the lane was opened.
func (l *lane) known(wanted []place) error {
	last := slices.MaxFunc(wanted, func(a, b place) int { return cmp.Compare(a.partition, b.partition) })
	if was := l.topo.partitions[last.topic]; last.partition >= was {
		return resized(last.topic, was, last.partition+1)
	}
	return nil
}

// laidOut holds a fence found in the changelog against what is there now.
func (r *restore) laidOut(rec *kgo.Record) error {
	var f avro.Fence
	if err := f.Decode(rec.Value); err != nil {
		return fmt.Errorf("read the fence at %s: %w", at(rec), err)
	}
	if is := r.topo.partitions[r.place.topic]; f.Partitions != 0 && f.Partitions != is {
		return resized(r.place.topic, f.Partitions, is)
	}
	return nil
}

// counts is the lane's partitioner.
type counts struct {
	kgo.Partitioner
	mu   sync.Mutex
	want map[string]int32
	err  error
}

func (c *counts) expect(t topology) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want = map[string]int32{}
	for _, topic := range t.laid {
		c.want[topic] = t.partitions[topic]
	}
}

// moved says which topic changed under the records said since the lane was opened.
func (c *counts) moved() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// ForTopic implements kgo.Partitioner.
func (c *counts) ForTopic(topic string) kgo.TopicPartitioner {
	of := c.Partitioner.ForTopic(topic)
	c.mu.Lock()
	defer c.mu.Unlock()
	want, ok := c.want[topic]
	if !ok {
		return of
	}
	return &countedTopic{TopicPartitioner: of, all: c, topic: topic, want: want}
}

// countedTopic is the partitioner of one topic.
type countedTopic struct {
	kgo.TopicPartitioner
	all   *counts
	topic string
	want  int32
}

// Partition implements kgo.TopicPartitioner. Where there are more or fewer than there were it gives none, which fails the record.
func (c *countedTopic) Partition(r *kgo.Record, n int) int {
	if int32(n) == c.want {
		return c.TopicPartitioner.Partition(r, n)
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.err = cmp.Or(c.all.err, resized(c.topic, c.want, int32(n)))
	return -1
}
