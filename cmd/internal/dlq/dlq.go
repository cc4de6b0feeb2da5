// Package dlq looks at dead letters and sends their records back to where they were read, each once.
//
// A letter is replayed when a mark says so: a record on topics.DeadLetterReplays, written in the same transaction as the
// record that is sent back. Whoever replays first takes the one transactional id there is, which ends what an earlier
// replay left open, and then reads the marks: so two replays cannot send one letter, nor can one that is killed at any
// point and repeated.
package dlq

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	twmb "github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/cmd/internal/cluster"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// Codec reads and writes framed records; *wire.Codec is one.
type Codec interface {
	Decode(ctx context.Context, value []byte) (avro.Record, error)
	Append(ctx context.Context, dst []byte, topic topics.Name, rec avro.Record) ([]byte, error)
}

// Schemas gives the schema that an id stands for; *wire.Codec does.
type Schemas interface {
	WriterSchema(ctx context.Context, id int) (*twmb.Schema, error)
}

// Box is the dead letters of a cluster.
type Box struct {
	Client  *kgo.Client // for asking
	Kafka   []kgo.Opt   // how to reach the brokers, seeds included: readers and senders are clients of their own
	Codec   Codec
	Schemas Schemas                  // for showing
	Reads   map[string][]topics.Name // what each stage reads, by its name; sinks are none
	Limits  Limits

	crash func(point string) bool // tests only: true drops everything at that point, as kill -9 would
}

// Limits of what is sent.
type Limits struct {
	MessageBytes int           // longest record; the brokers' max.message.bytes or less
	Letters      int           // of one transaction
	Bytes        int           // of one transaction, give or take a letter
	Timeout      time.Duration // of a transaction. A replay killed in one holds up the stages' readers for so long
}

// DefaultLimits keep transactions short: while one is open, nothing behind it in the topics it writes to is read.
func DefaultLimits(messageBytes int) Limits {
	return Limits{MessageBytes: messageBytes, Letters: 500, Bytes: 4 << 20, Timeout: 15 * time.Second}
}

// ID names a letter: its partition and offset on the dead letters' topic.
type ID struct {
	Partition int32
	Offset    int64
}

func (i ID) String() string { return fmt.Sprintf("%d-%d", i.Partition, i.Offset) }

// MarshalText makes an ID a string in JSON.
func (i ID) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// ParseID is the inverse of String.
func ParseID(s string) (ID, error) {
	partition, offset, _ := strings.Cut(s, "-")
	p, err := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	if err != nil || err2 != nil || p < 0 || o < 0 {
		return ID{}, fmt.Errorf("%q is no letter's id: give it as `waybill dlq ls --each` does, such as 0-17", s)
	}
	return ID{int32(p), o}, nil
}

// Letter is what is known of a dead letter, without its bytes.
type Letter struct {
	ID        ID          `json:"id"`
	At        time.Time   `json:"at"` // when it was written
	Stage     string      `json:"stage"`
	Reason    string      `json:"reason"`
	Topic     string      `json:"topic"` // where its record was read
	Partition int32       `json:"partition"`
	Offset    int64       `json:"offset"`
	Attempt   int32       `json:"attempt"`
	Cause     string      `json:"cause"` // the innermost
	Copies    int         `json:"copies,omitempty"`
	Sent      *Sent       `json:"replayed,omitempty"` // nil: open
	Truncated bool        `json:"truncated,omitempty"`
	RecordAt  avro.Micros `json:"-"`
	of        string      // which timer or sweep
	Unit      string      `json:"unit,omitempty"` // what died where it was no record: timer or sweep
	Fault     error       `json:"-"`              // why it cannot be read as a letter; all but ID, At and Cause is then empty
}

// Sent is the mark of a letter whose record was sent back.
type Sent struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// origin tells one dead record from another, also where a topic was deleted and made again. A sink that crashed may have
// buried one record in several letters; those are copies of one. Timers of one tick, and keys of one sweep, are not.
type origin struct {
	stage, topic string
	partition    int32
	offset       int64
	recordAt     avro.Micros
	unit         string
}

func (l *Letter) origin() origin {
	return origin{l.Stage, l.Topic, l.Partition, l.Offset, l.RecordAt, l.of}
}

// Unreadable is the reason of what lies among the dead letters and is none.
const Unreadable = "UNREADABLE_LETTER"

// Letters reads all letters and says which of them were sent back, oldest first. told hears of each and of how many offsets
// there are.
func (b *Box) Letters(ctx context.Context, told func(of int64) func(n int)) ([]Letter, error) {
	spans, err := cluster.Spans(ctx, b.Client, topics.DeadLetters.Name)
	if err != nil {
		return nil, err
	}
	step := told(size(spans))
	var all []Letter
	err = cluster.Scan(ctx, b.Kafka, spans, func(r *kgo.Record) error {
		l, _, err := b.open(ctx, r)
		all = append(all, l)
		step(1)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the dead letters: %w", err)
	}
	marks, err := b.marks(ctx)
	if err != nil {
		return nil, err
	}
	return sorted(all, marks), nil
}

func size(spans []cluster.Span) (n int64) {
	for _, s := range spans {
		n += s.To - s.From
	}
	return n
}

// sorted orders letters by age, drops copies, and puts the marks to them.
func sorted(all []Letter, marks map[origin]Sent) []Letter {
	slices.SortFunc(all, byAge)
	first := map[origin]int{}
	out := all[:0]
	for _, l := range all {
		if l.Fault == nil {
			if i, ok := first[l.origin()]; ok {
				out[i].Copies++
				continue
			}
			first[l.origin()] = len(out)
			if s, ok := marks[l.origin()]; ok {
				l.Sent = &s
			}
		}
		out = append(out, l)
	}
	return out
}

// open reads a record of the dead letters' topic. What cannot be read is a letter with a Fault, for it must be seen.
func (b *Box) open(ctx context.Context, r *kgo.Record) (Letter, *avro.DeadLetter, error) {
	rec, err := b.Codec.Decode(ctx, r.Value)
	if err != nil && fault.Of(err) != fault.Poison {
		return Letter{}, nil, fmt.Errorf("decode letter %d-%d: %w", r.Partition, r.Offset, err)
	}
	of := Letter{ID: ID{r.Partition, r.Offset}, At: r.Timestamp.UTC()}
	dead, ok := rec.(*avro.DeadLetter)
	if err == nil && !ok {
		err = fmt.Errorf("it is a %s", rec.AvroName())
	}
	if err != nil {
		of.Reason, of.Cause, of.Fault = Unreadable, err.Error(), err
		return of, nil, nil
	}
	of.Stage, of.Reason, of.Topic = strings.Clone(dead.Stage), strings.Clone(dead.Reason), strings.Clone(dead.Topic)
	of.Partition, of.Offset, of.RecordAt = dead.Partition, dead.Offset, dead.RecordAt
	of.Attempt, of.Truncated, of.Unit = dead.Attempt, dead.Truncated, unitOf(dead)
	if of.Unit != "" {
		of.of = fmt.Sprintf("%q %q", dead.Key.V, dead.Causes)
	}
	if n := len(dead.Causes); n > 0 {
		of.Cause = firstLine(dead.Causes[n-1])
	}
	return of, dead, nil
}

// firstLine is a copy: what aliases a letter keeps its bytes in memory.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > maxCause {
		s = string(r[:maxCause]) + "…"
	}
	return strings.Clone(s)
}

// maxCause is how many characters of a cause are kept of each letter.
const maxCause = 300

// unitOf says what died where no record of its own stands behind a letter: see stream.Task.
func unitOf(l *avro.DeadLetter) string {
	for _, unit := range []string{stream.TimerUnit, stream.SweepUnit} {
		if !l.Value.Ok && strings.HasPrefix(l.Reason, stream.UnitReason(unit, "")) {
			return unit
		}
	}
	return ""
}

// marks reads which letters were sent back.
func (b *Box) marks(ctx context.Context) (map[origin]Sent, error) {
	spans, err := cluster.Spans(ctx, b.Client, topics.DeadLetterReplays.Name)
	if err != nil {
		return nil, err
	}
	marks := map[origin]Sent{}
	err = cluster.Scan(ctx, b.Kafka, spans, func(r *kgo.Record) error {
		rec, err := b.Codec.Decode(ctx, r.Value)
		if err != nil {
			return fmt.Errorf("decode %s@%d: %w", r.Topic, r.Offset, err)
		}
		m, ok := rec.(*avro.DeadLetterReplay)
		if !ok {
			return fmt.Errorf("decode %s@%d: it is a %s, and nothing but `waybill dlq replay` may write there", r.Topic, r.Offset, rec.AvroName())
		}
		marks[origin{m.Stage, m.Topic, m.Partition, m.Offset, m.RecordAt, ""}] = Sent{m.SentBy, r.Timestamp.UTC()}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read which dead letters were replayed: %w", err)
	}
	return marks, nil
}

// Whole is a letter with all it holds.
type Whole struct {
	Letter
	Dead *avro.DeadLetter // nil where the letter has a Fault
	Raw  []byte           // the letter's own bytes
}

// Find reads one letter. Its copies are not looked for.
func (b *Box) Find(ctx context.Context, id ID) (Whole, error) {
	none := fmt.Errorf("there is no dead letter %s: `waybill dlq ls --each` lists those there are", id)
	spans, err := cluster.Spans(ctx, b.Client, topics.DeadLetters.Name)
	if err != nil {
		return Whole{}, err
	}
	i := slices.IndexFunc(spans, func(s cluster.Span) bool {
		return s.Partition == id.Partition && s.From <= id.Offset && id.Offset < s.To
	})
	if i < 0 {
		return Whole{}, none
	}
	spans[i].From, spans[i].To = id.Offset, id.Offset+1
	var w Whole
	err = cluster.Scan(ctx, b.Kafka, spans[i:i+1], func(r *kgo.Record) (err error) {
		w.Raw = r.Value
		w.Letter, w.Dead, err = b.open(ctx, r)
		return err
	})
	switch {
	case err != nil:
		return w, fmt.Errorf("read letter %s: %w", id, err)
	case w.Raw == nil:
		return w, none // a transaction's marker, or never committed
	case w.Fault != nil:
		return w, nil
	}
	marks, err := b.marks(ctx)
	if s, ok := marks[w.origin()]; ok {
		w.Sent = &s
	}
	return w, err
}

func byAge(a, b Letter) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return a.ID.compare(b.ID)
}
