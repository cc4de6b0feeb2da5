package stream

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"waybill/avro"
	"waybill/topics/fault"
)

// Task runs a Spec over one partition. It is the drivers' side of the contract: the engine and the simulation run the same
// code from here on in. A Task belongs to one goroutine.
//
// A driver calls Process for each record of a cycle, Flush to make the cycle's changes durable, then Committed; or Aborted
// at any point, which undoes everything since the last Committed.
type Task struct {
	spec Spec
	b    *Binder
	prog program
}

// Record is one inbox record as a driver hands it over, its value decoded.
type Record struct {
	Key     string
	Value   avro.Record
	Time    time.Time // the broker's append time
	Source  Source
	Lagging bool // for ticks: more records were waiting behind it
}

// TickName is the record type that lets time pass.
const TickName = "waybill.platform.Tick"

// NewTask binds the spec's stores to committed state and reads its timers.
func (s Spec) NewTask(kv KV) (*Task, error) {
	t := &Task{spec: s, b: newBinder(kv)}
	t.prog = s.task(t.b)
	if err := t.b.timers.load(); err != nil {
		return nil, fmt.Errorf("open task of %s: %w", s.Name, err)
	}
	return t, nil
}

// Handles says whether the spec has a handler for a record type; ticks go to every keyed stage.
func (s Spec) Handles(record string) bool {
	return record == TickName && s.Keyed || slices.Contains(s.Records, record)
}

// Process runs the handlers a record asks for and gives what they emit to emit, in order, before the next handler runs.
// After an error of class poison the driver must abort the cycle and run it again without the record.
func (t *Task) Process(ctx context.Context, r Record, emit func(Emit) error) error {
	if _, ok := r.Value.(*avro.Tick); ok && t.spec.Keyed {
		return t.tick(ctx, r, emit)
	}
	h, ok := t.prog.handle[r.Value.AvroName()]
	if !ok {
		return fault.Poisonf("UNEXPECTED_RECORD", "stage %s does not handle %s: send it to a topic whose catalogue entry lists it", t.spec.Name, r.Value.AvroName())
	}
	if err := t.checkKey(r.Key); err != nil {
		return err
	}
	t.b.key = r.Key
	out, err := t.guard(func() (Emits, error) { return h(ctx, r.Key, r.Value, r.Time, r.Source) })
	if err != nil {
		return err
	}
	return t.send(ctx, out, r.Time, emit)
}

// checkKey refuses what would make state of strangers one: no key at all, or one that reads as another's store key.
func (t *Task) checkKey(key string) error {
	switch {
	case !t.spec.Keyed:
		return nil
	case key == "":
		return fault.Poisonf("NO_KEY", "stage %s keeps state by record key and this record has none: send it with its key", t.spec.Name)
	case strings.IndexByte(key, 0) >= 0:
		return fault.Poisonf("BAD_KEY", "record key %q holds a zero byte", key)
	}
	return nil
}

// maxFirings is how many timers may fire at one tick. More than a task can hold means that they set each other for ever.
const maxFirings = 10_000_000

// tick fires what is due. Its time alone decides, not earlier ticks: an aborted cycle must not leave a later time behind.
func (t *Task) tick(ctx context.Context, r Record, emit func(Emit) error) error {
	now := time.UnixMicro(r.Time.UnixMicro()).UTC()
	if t.prog.timer == nil {
		return nil
	}
	for range maxFirings {
		x, ok := t.b.timers.next(now.UnixMicro())
		if !ok {
			return nil
		}
		t.b.key = x.id.key
		f := Firing{Name: x.id.name, Due: time.UnixMicro(x.due).UTC(), Now: now, Lagging: r.Lagging}
		out, err := t.guard(func() (Emits, error) { return t.prog.timer(ctx, x.id.key, f) })
		if err != nil {
			// Not poison, whatever the handler says: the tick at fault would be every tick from here on.
			return &fault.Error{Class: fault.Fatal, Err: fmt.Errorf("timer %s of %s: %w", x.id.name, x.id.key, err)}
		}
		if err := t.send(ctx, out, now, emit); err != nil {
			return err
		}
	}
	return fmt.Errorf("the timers of stage %s set each other due again and again at the tick of %s", t.spec.Name, now)
}

func (t *Task) send(ctx context.Context, out Emits, now time.Time, emit func(Emit) error) error {
	for _, e := range out.Records {
		if !slices.Contains(t.spec.Outputs, e.Topic) {
			return fmt.Errorf("stage %s emits to %s, which its declaration does not list", t.spec.Name, e.Topic)
		}
		if err := emit(e); err != nil {
			return err
		}
	}
	for _, ref := range out.Sweeps {
		if err := t.sweep(ctx, ref, now, emit); err != nil {
			return err
		}
	}
	return nil
}

func (t *Task) sweep(ctx context.Context, ref string, now time.Time, emit func(Emit) error) error {
	for _, key := range t.b.dependentsOf(ref) {
		t.b.key = key
		out, err := t.guard(func() (Emits, error) { return t.prog.sweep(ctx, key, ref, now) })
		if err != nil {
			return fmt.Errorf("sweep %s for %s: %w", key, ref, err)
		}
		if err := t.send(ctx, Emits{Records: out.Records}, now, emit); err != nil {
			return err
		}
	}
	return nil
}

// guard turns a panic on data into poison, and a store failure into the error it is.
func (t *Task) guard(run func() (Emits, error)) (out Emits, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Poisonf("PANIC", "stage %s panicked: %v\n%s", t.spec.Name, p, debug.Stack())
		}
		if t.b.fault != nil {
			err = t.b.fault
		}
	}()
	return run()
}

// Flush hands the cycle's changes to put, sorted by key; a nil value deletes. Each changed value is encoded once.
func (t *Task) Flush(put func(key, value []byte) error) error { return t.b.flush(put) }

// Dirty says whether the cycle changed anything.
func (t *Task) Dirty() bool { return len(t.b.dirty) > 0 || len(t.b.timers.before) > 0 }

// Committed makes the cycle's changes the new ground. At most keep values stay decoded in memory.
func (t *Task) Committed(keep int) { t.b.committed(keep) }

// Aborted undoes everything since the last Committed.
func (t *Task) Aborted() { t.b.aborted() }
