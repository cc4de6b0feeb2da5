package runtime

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/state"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// task is one partition of a stage.
type task struct {
	place
	*stream.Task              // nil while it is restored
	store        *state.Store // nil for a stage without state
	restore      *restore
	work         *work // of the cycle under way, or to be used again
	next         int64 // inbox offset from which nothing is worked on and committed
	hot          hot
	wary         int       // so many records more are written down before they are worked on
	careful      bool      // what is to be worked on next holds poison that leaves traces
	led          time.Time // when somebody else's tick was last seen, of one who comes before us by name
	snapshot     struct {
		at      time.Time // when the last one was taken
		records int       // worked on since
	}

	size  state.Size // of the store, when it was last looked at
	sized time.Time
}

// work is one task's part of a cycle.
type work struct {
	*stage
	topo    *topology
	task    *task
	records []*kgo.Record      // all of them, in order
	bytes   int                // of what was read and said
	out     []*kgo.Record      // what was said, dead letters among it
	letters []string           // the reasons of the dead letters among it
	ticks   int                // among the records
	dead    int                // records that died
	full    *noRoom            // where the stage had none
	deadly  bool               // one of them is not to be worked on again, in a replay either
	trace   []kgo.RecordHeader // what is said next carries them
	hops    []func(bool)       // of traces, under way
	changes []stream.Change
	sealed  bool  // changes are all that changed since they were last written
	next    int64 // changelog offset behind the changes, once they are written
	arena   []byte
	slab    []kgo.Record
	scratch wire.Scratch
}

// clear forgets what was said, to begin again.
func (w *work) clear() {
	clear(w.out)
	w.out, w.letters, w.arena, w.changes = w.out[:0], w.letters[:0], w.arena[:0], nil
	w.bytes, w.next, w.sealed = 0, 0, false
	w.ticks, w.dead, w.full, w.deadly = 0, 0, nil, false
	w.arrive(false)
}

// run works on records. Its error is retryable or fatal; a poisonous record is a dead letter and left no trace.
func (w *work) run(ctx context.Context, records []*kgo.Record) error {
	w.records = append(w.records, records...)
	err := w.each(ctx, records)
	if w.task.Tainted() {
		return w.carefully(ctx, err)
	}
	return err
}

// carefully works on all the cycle's records once more, so that the one at fault can be undone by itself.
func (w *work) carefully(ctx context.Context, cause error) error {
	w.task.careful = true
	if w.spec.Snapshots { // what is not in a snapshot is in memory alone: going back means to restore
		return fault.Retry(fmt.Errorf("go back to the last snapshot, to leave out a record that spoilt the state: %w", cause))
	}
	w.task.Aborted()
	w.task.Careful(w.limit(w.topo, w.changelog) - recordOverhead)
	w.clear()
	return w.each(ctx, w.records)
}

func (w *work) each(ctx context.Context, records []*kgo.Record) error {
	emit := func(es []stream.Emit) error { return w.say(ctx, es) }
	next, each := sampled(records)
	outside := w.outside(records[0].Topic)
	for i, r := range records {
		w.follow(ctx, r, outside)
		var err error
		switch {
		case w.task.wary > 0:
			err = w.crumbs.over(w.spec.Name, r, func() error { return w.handle(ctx, r, emit) })
			w.deadly = w.deadly || fault.Reason(err) == deadlyReason
		case i == next:
			next += stride(r)
			err = w.weighed(ctx, r, emit, each)
		default:
			err = w.handle(ctx, r, emit)
		}
		if err == nil {
			continue
		}
		err = fmt.Errorf("handle %s: %w", at(r), err)
		if fault.Of(err) != fault.Poison || w.task.Tainted() {
			w.meet(r.Offset, err)
			return err
		}
		if err := w.bury(ctx, r, err); err != nil {
			return err
		}
	}
	return nil
}

func at(r *kgo.Record) string { return fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset) }

func (w *work) handle(ctx context.Context, r *kgo.Record, emit stream.EmitFunc) error {
	w.bytes += len(r.Key) + len(r.Value) + sizeOf(r.Headers)
	rec, err := decode(ctx, w.stage, r, &w.scratch)
	if err != nil {
		return err
	}
	if _, ok := rec.Value.(*avro.Tick); ok {
		w.ticks++
	}
	return w.task.Process(ctx, rec, emit)
}

// decode reads a record as its stage wants it.
func decode(ctx context.Context, s *stage, r *kgo.Record, scratch *wire.Scratch) (rec stream.Record, err error) {
	defer func() {
		if p := recover(); p != nil { // whoever starts next would meet the record again
			err = fault.Poisonf("PANIC", "decode: panicked: %v\n%s", p, debug.Stack())
		}
	}()
	rec = stream.Record{
		Key: r.Key, Time: r.Timestamp.UTC(),
		Source: stream.Source{Topic: topics.Name(r.Topic), Partition: r.Partition, Offset: r.Offset},
	}
	if r.Value == nil {
		return rec, fault.Poisonf("TOMBSTONE", "the record has no value: stage %s has no use for deletions", s.spec.Name)
	}
	if s.spec.Reuse {
		rec.Value, err = s.deps.Decoder.DecodeInto(ctx, r.Value, scratch)
	} else {
		rec.Value, err = s.deps.Decoder.Decode(ctx, r.Value)
	}
	if err != nil {
		return rec, fmt.Errorf("decode: %w", err)
	}
	return rec, nil
}

// say encodes at once: the handler may change the values afterwards. All is said, or nothing.
func (w *work) say(ctx context.Context, es []stream.Emit) error {
	before, letters, said := len(w.out), len(w.letters), false
	defer func() { // a panic of what is to be encoded is the record's fault, like an error
		if !said {
			clear(w.out[before:])
			w.out, w.letters = w.out[:before], w.letters[:letters]
		}
	}()
	for _, e := range es {
		if err := w.sayOne(ctx, e); err != nil {
			return err
		}
	}
	said = true
	return nil
}

func (w *work) sayOne(ctx context.Context, e stream.Emit) error {
	if letter, ok := e.Value.(*avro.DeadLetter); ok {
		if err := w.enclose(ctx, letter, e.Of); err != nil {
			return err
		}
		wire.FitLetter(letter, w.limit(w.topo, string(e.Topic))-recordOverhead-sizeOf(w.trace))
		e.Key = string(wire.LetterKey([]byte(e.Key)))
		w.letters = append(w.letters, letter.Reason)
	}
	start := len(w.arena)
	arena, err := w.deps.Encoder.Append(ctx, w.arena, e.Topic, e.Value)
	if err != nil {
		return fmt.Errorf("encode %s for %s: %w", e.Value.AvroName(), e.Topic, err)
	}
	w.arena = append(arena, e.Key...)
	value, key := w.arena[start:len(arena):len(arena)], w.arena[len(arena):len(w.arena):len(w.arena)]
	switch {
	case e.Here:
		return w.add(e.Topic, w.task.partition, key, value)
	case !e.Broadcast:
		return w.add(e.Topic, byKey, key, value)
	}
	for p := range w.topo.partitions[string(e.Topic)] {
		if err := w.add(e.Topic, p, key, value); err != nil {
			return err
		}
	}
	return nil
}

// enclose puts into a letter what died, as it would lie in the topic that the letter names.
func (w *work) enclose(ctx context.Context, letter *avro.DeadLetter, of avro.Record) error {
	if of == nil {
		return nil
	}
	b, err := w.deps.Encoder.Append(ctx, nil, topics.Name(letter.Topic), of)
	if err != nil {
		return fmt.Errorf("encode %s for a dead letter: %w", of.AvroName(), err)
	}
	letter.Value = avro.Some(b)
	if id, _, err := wire.Unframe(b); err == nil {
		letter.SchemaID = avro.Some(int32(id))
	}
	return nil
}

// add refuses what no broker would take, while it can still be told whose fault it is.
func (w *work) add(topic topics.Name, partition int32, key, value []byte) error {
	limit := w.limit(w.topo, string(topic))
	if n := len(key) + len(value) + sizeOf(w.trace) + recordOverhead; n > limit {
		return fault.Poisonf("OVERSIZE", "what it leads to for %s is %d bytes long, the limit is %d", topic, n, limit)
	}
	w.bytes += len(key) + len(value) + sizeOf(w.trace)
	w.out = append(w.out, w.record(kgo.Record{Topic: string(topic), Partition: partition, Key: key, Value: value, Headers: w.trace}))
	return nil
}

// slabSize is how many records are allocated at once.
const slabSize = 64

func (w *work) record(r kgo.Record) *kgo.Record {
	if len(w.slab) == 0 {
		w.slab = make([]kgo.Record, slabSize)
	}
	at := &w.slab[0]
	w.slab = w.slab[1:]
	*at = r
	return at
}

// seal takes what the task changed, at the cycle's end. A stage that takes snapshots has nothing to write where none is due.
func (w *work) seal(ctx context.Context, now time.Time) error {
	if w.spec.Snapshots && !w.snapshotDue(now) {
		return nil
	}
	err := w.take()
	if fault.Of(err) == fault.Poison && !w.task.careful && !w.spec.Snapshots {
		if err = w.carefully(ctx, err); err == nil {
			err = w.take()
		}
	}
	return err
}

// take takes the task's changes: all, or none where one is too long for the changelog.
func (w *work) take() error {
	changes, err := w.task.Flush()
	if err != nil {
		return err
	}
	limit := w.limit(w.topo, w.changelog)
	for _, c := range changes {
		if n := len(c.Key) + len(c.Value) + recordOverhead; n > limit && !c.Derived {
			err = fault.Poisonf("OVERSIZE", "what is remembered under %q is %d bytes long, the limit of the changelog is %d", c.Key, n, limit)
			if w.spec.Snapshots {
				return fmt.Errorf("take a snapshot: %w: raise max.message.bytes of %s and runtime.max_message_bytes", err, w.changelog)
			}
			return err
		}
	}
	w.changes, w.sealed = changes, true
	return nil
}

// snapshotDue: after a time, after so many records, or when more is changed than memory should hold; and behind a deadly record, which a replay would
// work on.
func (w *work) snapshotDue(now time.Time) bool {
	last := &w.task.snapshot
	return w.deadly || w.task.Dirty() && (now.Sub(last.at) >= w.cfg.SnapshotInterval || last.records+len(w.records) >= w.cfg.SnapshotRecords ||
		w.task.Held() > w.budget())
}

// changed are the changes as the changelog takes them.
func (w *work) changed() []*kgo.Record {
	if !w.sealed {
		return nil
	}
	out := make([]*kgo.Record, 0, len(w.changes)+1)
	var of []kgo.RecordHeader
	if w.cfg.Mode == AtLeastOnce {
		of = []kgo.RecordHeader{{Key: cycleHeader, Value: binary.AppendVarint(nil, w.behind())}}
	}
	add := func(key, value []byte) {
		out = append(out, w.record(kgo.Record{Topic: w.changelog, Partition: w.task.partition, Key: key, Value: value, Headers: of}))
	}
	for _, c := range w.changes {
		if !c.Derived {
			add(c.Key, c.Value)
		}
	}
	switch {
	case w.spec.Snapshots:
		add([]byte(snapshotKey), (&avro.Snapshot{Input: w.behind()}).Append(nil))
	case w.cfg.Mode == AtLeastOnce && len(out) > 0:
		add([]byte(sealKey), []byte{})
	}
	return out
}

// behind is the inbox offset behind the cycle.
func (w *work) behind() int64 { return w.records[len(w.records)-1].Offset + 1 }

// commit makes the cycle the new ground, in memory and on disk.
func (t *task) commit(w *work, now time.Time, changelog [16]byte) error {
	t.Committed(w.budget())
	t.next = w.behind()
	t.wary = max(t.wary-len(w.records), 0)
	t.snapshot.records += len(w.records)
	if t.careful {
		t.careful = false
		t.Careful(0)
	}
	if !w.sealed {
		return nil
	}
	t.snapshot.at, t.snapshot.records = now, 0
	if t.store == nil || w.next == 0 { // nothing was written
		return nil
	}
	if err := t.store.Apply(w.changes, state.Checkpoint{Topic: changelog, Of: w.topo.partitions[w.changelog], Next: w.next, Input: t.next, At: now}); err != nil {
		return fmt.Errorf("state of %s/%d: %w", t.topic, t.partition, err)
	}
	return nil
}
