package stream

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"waybill/avro"
	"waybill/topics"
	"waybill/topics/fault"
)

// Task runs a Spec over one partition. It is the drivers' side of the contract: the engine and the simulation run the same
// code from here on in. A Task belongs to one goroutine.
//
// A driver calls Process for each record of a cycle, Flush to make the cycle's changes durable, then Committed; or Aborted
// at any point, which undoes everything since the last Committed after a Flush.
type Task struct {
	spec    Spec
	b       *Binder
	prog    program
	last    *handler // which handled the last record
	now     Record   // under way; here, since what a handler is pointed to would be allocated for each
	ticks   uint64   // seen
	clock   clock    // of a task with timers
	heard   string   // see Heard
	tainted bool
}

// Record is one inbox record as a driver hands it over, its value decoded.
type Record struct {
	Key     []byte
	Value   avro.Record
	Time    time.Time // the broker's append time
	Source  Source
	Lagging bool // of a tick, as it says itself; Process sets it
}

// TickName is the record type that lets time pass.
const TickName = "waybill.platform.Tick"

// sweepName is the record type by which a task goes on with a sweep.
const sweepName = "waybill.platform.Sweep"

// NewTask binds the spec's stores to committed state.
func (s Spec) NewTask(kv KV) (*Task, error) {
	t := &Task{spec: s, b: newBinder(kv)}
	t.prog = s.task(t.b)
	t.b.at = t.b.scope("") // no key is running: what is touched now is the task's own
	if t.timed() {
		return t, t.clock.load(kv)
	}
	return t, nil
}

// timed says whether time means anything to the task.
func (t *Task) timed() bool { return t.prog.timer != nil || t.b.expires }

// Handles says whether the spec has a handler for a record type; ticks go to every keyed stage.
func (s Spec) Handles(record string) bool {
	return s.Keyed && (record == TickName || record == sweepName) || slices.Contains(s.Records, record)
}

// Careful makes the task copy what each record is about to change, so that a poisonous one can be undone by itself, and takes
// for poison what makes key and value of a changed entry longer than limit bytes. It costs encodings per record and changed value, so it is for
// cycles that hold poison. 0 ends it.
func (t *Task) Careful(limit int) { t.b.undo.limit = limit }

// Tainted says that a poisonous record left traces behind, since the task is not careful: the cycle must be aborted and run
// again by a careful task.
func (t *Task) Tainted() bool { return t.tainted }

// EmitFunc takes what one handler emits, all of it or, with an error or a panic, nothing.
type EmitFunc func([]Emit) error

// Process runs the handlers a record asks for and gives what each emits to emit before the next one runs.
//
// After an error of class poison the record left no trace, unless the task is Tainted. Any other error ends the cycle.
func (t *Task) Process(ctx context.Context, r Record, emit EmitFunc) error {
	if t.timed() {
		var ok bool
		if r.Time, ok = t.clock.take(r, t.spec.MaxSkew); !ok {
			return nil
		}
	}
	if t.b.expires {
		t.b.now = r.Time.UnixMicro()
	}
	if t.spec.Keyed {
		switch v := r.Value.(type) {
		case *avro.Tick:
			r.Lagging = len(v.Behind) > 0
			t.hear(v.Producer)
			return t.tick(ctx, r, emit)
		case *avro.Sweep:
			_, err := t.sweep(ctx, v.Reference, v.After, r, emit)
			return err
		}
	}
	h := t.handler(r.Value.AvroName())
	if h == nil {
		return fault.Poisonf("UNEXPECTED_RECORD", "stage %s does not handle %s: send it to a topic whose catalogue entry lists it", t.spec.Name, r.Value.AvroName())
	}
	if err := t.enter(r.Key); err != nil {
		return err
	}
	t.b.undo.begin(t.b)
	t.now = r
	out, err := t.handle(ctx, h, emit)
	if err != nil {
		return t.settle(err)
	}
	return t.sweeps(ctx, out.Sweeps, r, emit)
}

// sweeps does what one record asks for. However many references it names, so many keys are visited that a transaction holds them: what is
// left has its turn by records in the task's own partition, as the rest of a long sweep has.
func (t *Task) sweeps(ctx context.Context, refs []string, r Record, emit EmitFunc) error {
	visited := 0
	for _, ref := range refs {
		if visited >= t.spec.chunk {
			if err := emit([]Emit{t.goOn(ref, "")}); err != nil {
				return err
			}
			continue
		}
		n, err := t.sweep(ctx, ref, "", r, emit)
		if err != nil {
			return err
		}
		visited += n
	}
	return nil
}

func (t *Task) goOn(ref, after string) Emit {
	return Emit{Topic: t.spec.Inboxes[0].Name, Here: true, Value: &avro.Sweep{Reference: ref, After: after}}
}

func (t *Task) handler(record string) *handler {
	if t.last != nil && t.last.record == record {
		return t.last
	}
	for i := range t.prog.handlers {
		if t.prog.handlers[i].record == record {
			t.last = &t.prog.handlers[i]
			return t.last
		}
	}
	return nil
}

// enter makes the record's key the running one. It refuses what would make state of strangers one: no key at all, or one
// that reads as another's store key.
func (t *Task) enter(key []byte) error {
	if !t.spec.Keyed {
		t.b.at = &scope{key: string(key)}
		return nil
	}
	if s, ok := t.b.scopes[string(key)]; ok && len(key) > 0 {
		s.used = true
		t.b.at = s
		return nil
	}
	switch {
	case len(key) == 0:
		return fault.Poisonf("NO_KEY", "stage %s keeps state by record key and this record has none: send it with its key", t.spec.Name)
	case slices.Contains(key, 0):
		return fault.Poisonf("BAD_KEY", "record key %q holds a zero byte", key)
	}
	t.b.at = t.b.addScope(string(key))
	return nil
}

// settle ends a unit of work that met an error: what it changed is undone, or the task is tainted.
func (t *Task) settle(err error) error {
	if fault.Of(err) != fault.Poison || !t.b.undo.touched {
		return err
	}
	if t.b.undo.limit == 0 {
		t.tainted = true
		return err
	}
	if err := t.b.undo.back(t.b); err != nil {
		return err
	}
	return err
}

// How many timers fire at one tick, and how many entries are forgotten. What is left has its turn at the next one: a tick must not make a
// cycle that no transaction can hold.
const maxFirings = 10_000

var maxForgotten = 10_000 // tests alone change it

// tick fires what is due, in order. Where more is to be forgotten than one tick may, handlers' timers go on without it.
func (t *Task) tick(ctx context.Context, r Record, emit EmitFunc) error {
	if !t.timed() {
		return nil
	}
	now := time.UnixMicro(r.Time.UnixMicro()).UTC()
	t.ticks++
	t.b.timers.begin(t.ticks)
	defer t.b.timers.end()
	for fired, forgotten := 0, 0; fired < maxFirings; {
		x, ok := t.b.timers.next(now.UnixMicro(), forgotten < maxForgotten)
		if t.b.fault != nil {
			return t.b.fault
		}
		switch {
		case !ok:
			return nil
		case isExpiry(x.name):
			forgotten++
			t.b.forget(x)
			continue
		}
		fired++
		if t.prog.timer == nil { // the stage had timers once
			continue
		}
		if err := t.fire(ctx, x, now, r, emit); err != nil {
			return err
		}
	}
	return nil
}

// fire runs one timer. A handler that fails on data makes a dead letter of the timer, not of the tick: the next tick would
// meet it again.
func (t *Task) fire(ctx context.Context, x timer, now time.Time, r Record, emit EmitFunc) error {
	t.b.at = t.b.scope(x.key)
	t.b.undo.begin(t.b)
	f := Firing{Name: x.name, Due: time.UnixMicro(x.due).UTC(), Now: now, Lagging: r.Lagging}
	return t.unit(TimerUnit, x.name, r, emit, func() (Emits, error) { return t.prog.timer(ctx, x.key, f) })
}

// sweepChunk is how many keys a sweep visits in one go, where the stage does not say. It goes on by a record in the task's own partition, in another transaction:
// other keys have their turn in between, and a crash loses nothing of it.
const sweepChunk = 500

// sweep visits the keys that depend on a reference and come behind after, and says how many those were.
func (t *Task) sweep(ctx context.Context, ref, after string, r Record, emit EmitFunc) (int, error) {
	if t.prog.sweep == nil {
		return 0, nil
	}
	now := r.Time
	keys, more := t.b.dependents(ref, after, t.spec.chunk)
	for _, key := range keys {
		t.b.at = t.b.scope(key)
		t.b.undo.begin(t.b)
		err := t.unit(SweepUnit, ref, r, emit, func() (Emits, error) { return t.prog.sweep(ctx, key, ref, now) })
		if err != nil {
			return 0, err
		}
	}
	if t.b.fault != nil {
		return 0, t.b.fault
	}
	if !more {
		return len(keys), nil
	}
	return len(keys), emit([]Emit{t.goOn(ref, keys[len(keys)-1])})
}

// What can die without a record of its own.
const (
	TimerUnit = "timer"
	SweepUnit = "sweep"
)

// UnitReason is the reason code of a timer or a sweep that died: TIMER_PANIC.
func UnitReason(unit, reason string) string { return strings.ToUpper(unit) + "_" + reason }

// unit runs what no record of its own stands behind. On poison it leaves a dead letter.
func (t *Task) unit(kind, of string, r Record, emit EmitFunc, run func() (Emits, error)) error {
	key := t.b.at.key
	err := t.guard(&r, emit, run)
	if err = t.settle(err); fault.Of(err) != fault.Poison || t.tainted {
		return err
	}
	err = fmt.Errorf("%s %s for %s: %w", kind, of, key, err)
	letter := &avro.DeadLetter{
		Topic: string(r.Source.Topic), Partition: r.Source.Partition, Offset: r.Source.Offset, Stage: t.spec.Name,
		Reason: UnitReason(kind, fault.Reason(err)), Causes: fault.Causes(err), Attempt: 1, Key: avro.Some([]byte(key)), RecordAt: avro.MicrosOf(r.Time),
	}
	return emit([]Emit{{Topic: topics.DeadLetters.Name, Key: key, Value: letter}})
}

func (t *Task) send(said Emits, r *Record, emit EmitFunc) error {
	if err := t.b.undo.fits(t.b); err != nil {
		return err
	}
	out := said.Records
	for _, e := range out {
		if !slices.Contains(t.spec.Outputs, e.Topic) {
			return fmt.Errorf("stage %s emits to %s, which its declaration does not list", t.spec.Name, e.Topic)
		}
	}
	for _, b := range said.buried {
		out = append(out, t.letter(b, r))
	}
	if len(out) == 0 {
		return nil
	}
	return emit(out)
}

// letter is the dead letter of what a handler gave up, as if its record had died just now.
func (t *Task) letter(b buried, r *Record) Emit {
	return Emit{Topic: topics.DeadLetters.Name, Key: t.b.at.key, Of: b.value, Value: &avro.DeadLetter{
		Topic: string(r.Source.Topic), Partition: r.Source.Partition, Offset: r.Source.Offset, Stage: t.spec.Name,
		Reason: fault.Reason(b.why), Causes: fault.Causes(b.why), Attempt: 1, Key: avro.Some([]byte(t.b.at.key)), RecordAt: avro.MicrosOf(r.Time),
	}}
}

// handle runs a record's handler and says what it wants said: what it hands over can be at fault as well.
func (t *Task) handle(ctx context.Context, h *handler, emit EmitFunc) (out Emits, err error) {
	defer t.recovered(&err)
	if out, err = h.handle(ctx, t.b.at.key, &t.now); err != nil {
		return out, err
	}
	return out, t.send(out, &t.now, emit)
}

func (t *Task) guard(r *Record, emit EmitFunc, run func() (Emits, error)) (err error) {
	defer t.recovered(&err)
	out, err := run()
	if err != nil {
		return err
	}
	return t.send(out, r, emit)
}

// recovered turns a panic on data into poison, and a store failure into the error it is.
func (t *Task) recovered(err *error) {
	if p := recover(); p != nil {
		*err = fault.Poisonf("PANIC", "stage %s panicked: %v\n%s", t.spec.Name, p, debug.Stack())
	}
	if t.b.fault != nil {
		*err = t.b.fault
	}
}

// Flush gives the cycle's changes, sorted by key, derived ones last; a nil value deletes. Each changed value is encoded once. They are valid
// until the next Flush.
func (t *Task) Flush() ([]Change, error) {
	changes, err := t.b.flush()
	if err != nil {
		return nil, err
	}
	return t.clock.flush(changes), nil
}

// Dirty says whether anything changed that was not flushed and committed.
func (t *Task) Dirty() bool { return len(t.b.dirty) > 0 }

// Held is about how many bytes the task holds decoded.
func (t *Task) Held() int { return t.b.held }

// Reads says how many reads of state since the last call found their value decoded in memory, and how many did not.
func (t *Task) Reads() (hits, misses int64) {
	hits, misses = t.b.hits, t.b.misses
	t.b.hits, t.b.misses = 0, 0
	return hits, misses
}

// Committed makes what was flushed the new ground. About as many bytes as the budget says stay decoded in memory.
func (t *Task) Committed(budget int) {
	t.clock.committed = max(t.clock.committed, t.clock.flushed)
	t.b.committed(budget)
}

// Aborted undoes everything since the last flush that was committed.
func (t *Task) Aborted() {
	t.tainted = false
	t.clock.now, t.clock.flushed = t.clock.committed, t.clock.committed
	t.b.aborted()
}

// dependents lists up to n keys behind after that depend on the reference, in order, over all indexes of the task, and says
// whether there are more.
func (b *Binder) dependents(reference, after string, n int) (keys []string, more bool) {
	if strings.IndexByte(reference, 0) >= 0 {
		return nil, false // Index refuses it: nothing depends on it
	}
	s := b.scope(reference)
	for no := range b.stores {
		if b.stores[no].kind == IndexKind {
			keys = append(keys, b.scan(s, uint16(no), "", span{after: after}, n+1)...)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) > n {
		return keys[:n], true
	}
	return keys, false
}
