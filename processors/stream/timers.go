package stream

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"waybill/avro"
)

// Timers are scoped to the key and named. They are due against ticks: the broker's time, never an event's.
type Timers struct{ t *timers }

// Timers opens the task's timers.
func (b *Binder) Timers() *Timers { return &Timers{t: b.timers} }

// Set makes the named timer of the running key due at an instant, instead of when it was due before.
func (t *Timers) Set(name string, due time.Time) { t.t.set(t.t.b.at, own(name), due.UnixMicro()) }

// Cancel removes the named timer of the running key.
func (t *Timers) Cancel(name string) { t.t.remove(t.t.b.at, own(name)) }

func own(name string) string {
	if isExpiry(name) {
		panic(fmt.Sprintf("stream: timer name %q begins with a zero byte", name)) // of the record's making: it becomes poison
	}
	return name
}

// A timer is an entry of its key's like that of a Map. Which are due is read from a derived index in order of (due, key, name),
// only as far as they are: what waits for later takes no memory. Those set since the last commit, which the index lacks, are in
// a heap.
const (
	timerStore = "timer"
	dueIndex   = "due"
)

type timers struct {
	b     *Binder
	no    uint16 // of the store
	fresh pending
	tick  uint64 // number of the tick under way

	// What ticks have read of the index and not fired yet, and where to read on. What comes before that has fired or been moved since the
	// index was last brought up to date.
	read  []timer
	after []byte
	all   bool // nothing more is due
	held  []timer
}

type timer struct {
	due       int64 // microseconds
	key, name string
}

func (a timer) compare(b timer) int {
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.key, b.key), cmp.Compare(a.name, b.name))
}

func newTimers(b *Binder) *timers {
	return &timers{b: b, no: b.open(timerForm)}
}

var timerForm = store{name: timerStore, kind: TimerKind, record: func() avro.Record { return new(due) }, size: 32, version: 1}

func (t *timers) set(s *scope, name string, at int64) {
	c := t.b.entry(s, t.no, name)
	d := c.rec.(*due)
	if c.present && d.at == at {
		return
	}
	t.b.touch(c)
	t.b.set(c, true)
	d.at = at
	if d.fired == t.tick && t.tick > 0 { // it would fire at this tick again and again
		t.held = append(t.held, timer{at, s.key, name})
		return
	}
	heap.Push(&t.fresh, timer{at, s.key, name})
}

func (t *timers) remove(s *scope, name string) {
	c := t.b.entry(s, t.no, name)
	if c.present {
		t.b.touch(c)
		t.b.set(c, false)
	}
}

// begin begins a tick. A timer that fires at it can be set again, but not to fire at it once more.
func (t *timers) begin(number uint64) {
	t.tick, t.all = number, false
}

// end ends the tick.
func (t *timers) end() {
	for _, x := range t.held {
		heap.Push(&t.fresh, x)
	}
	t.held = t.held[:0]
	t.tick = 0
}

// next takes the first timer due by now. Heap and index may hold timers moved or removed since; they are passed over, and so is one
// that fired at this tick: set again for when it was due before, it may stand in both.
func (t *timers) next(now int64) (timer, bool) {
	for {
		if len(t.read) == 0 && !t.all {
			t.readDue(now)
		}
		x, ok := t.first(now)
		if !ok {
			return timer{}, false
		}
		s := t.b.scope(x.key)
		c := t.b.entry(s, t.no, x.name)
		if d := c.rec.(*due); c.present && d.at == x.due && d.fired != t.tick {
			t.remove(s, x.name)
			d.fired = t.tick
			return x, true
		}
	}
}

func (t *timers) first(now int64) (x timer, ok bool) {
	fresh := len(t.fresh) > 0 && t.fresh[0].due <= now
	switch {
	case len(t.read) > 0 && (!fresh || t.read[0].compare(t.fresh[0]) <= 0):
		x, t.read = t.read[0], t.read[1:]
		return x, true
	case fresh:
		return heap.Pop(&t.fresh).(timer), true
	}
	return x, false
}

// readAtOnce is how many timers are read from the index at once.
const readAtOnce = 512

func (t *timers) readDue(now int64) {
	t.read = t.read[:0]
	err := t.b.kv.Scan([]byte(DerivedPrefix), t.after, func(key, _ []byte) error {
		x, err := parseDue(key)
		if err != nil {
			return err
		}
		if x.due > now {
			return ErrStop
		}
		t.read = append(t.read, x)
		if len(t.read) == readAtOnce {
			return ErrStop
		}
		return nil
	})
	if err != nil {
		t.b.fault = cmp.Or(t.b.fault, fmt.Errorf("scan timers: %w", err))
	}
	t.all = err != nil || len(t.read) < readAtOnce
	if len(t.read) > 0 {
		last := t.read[len(t.read)-1]
		t.after = appendDue(nil, last.due, last.key+"\x00"+last.name)
	}
}

// derive adds to what is flushed how the index changes.
func (t *timers) derive() {
	b := t.b
	for _, c := range b.dirty {
		d, ok := c.rec.(*due)
		if !ok || d.known && c.present && d.committed == d.at {
			continue
		}
		rest := c.scope.key + "\x00" + c.sub
		if d.known {
			b.changes = append(b.changes, Change{Key: appendDue(nil, d.committed, rest), Derived: true})
		}
		if c.present {
			b.changes = append(b.changes, Change{Key: appendDue(nil, d.at, rest), Value: []byte{}, Derived: true})
		}
	}
}

// committed: the index has everything now.
func (t *timers) committed() {
	t.fresh = t.fresh[:0]
	t.read, t.after, t.all = t.read[:0], nil, false
}

func (t *timers) aborted() {
	t.committed()
	t.held, t.tick = t.held[:0], 0
}

// An index key is DerivedPrefix, eight bytes that order as the instants do, the key, NUL, the name.
func appendDue(b []byte, at int64, rest string) []byte {
	b = append(b, DerivedPrefix...)
	b = binary.BigEndian.AppendUint64(b, uint64(at)^1<<63)
	return append(b, rest...)
}

func parseDue(key []byte) (timer, error) {
	rest := key[min(len(DerivedPrefix), len(key)):]
	if len(rest) < 8 {
		return timer{}, fmt.Errorf("timer %q is not as written: the state directory is damaged, delete it to restore from the changelog", key)
	}
	owner, name, _ := strings.Cut(string(rest[8:]), "\x00")
	return timer{due: int64(binary.BigEndian.Uint64(rest) ^ 1<<63), key: owner, name: name}, nil
}

// due is a timer as its store holds it.
type due struct {
	at        int64  // microseconds
	committed int64  // what the index says, where known
	known     bool   // the index has it
	fired     uint64 // number of the tick at which it fired last
}

// keep takes over what is no part of the value.
func (d *due) keep(was *due) { d.committed, d.known, d.fired = was.committed, was.known, was.fired }

func (d *due) Decode(b []byte) error {
	if len(b) != 8 {
		return fmt.Errorf("a timer has %d bytes, want 8", len(b))
	}
	d.at = int64(binary.BigEndian.Uint64(b))
	d.committed, d.known = d.at, true
	return nil
}
func (d *due) DecodeAlias(b []byte) error                   { return d.Decode(b) }
func (d *due) DecodePlan(b []byte, _ *avro.Plan) error      { return d.Decode(b) }
func (d *due) DecodePlanAlias(b []byte, _ *avro.Plan) error { return d.Decode(b) }
func (d *due) Append(b []byte) []byte                       { return binary.BigEndian.AppendUint64(b, uint64(d.at)) }
func (*due) AvroName() string                               { return "waybill.stream.Due" }
func (*due) AvroSchema() string {
	return `{"type":"record","name":"waybill.stream.Due","fields":[{"name":"at","type":"long"}]}`
}

// pending is a min-heap of timers.
type pending []timer

func (p pending) Len() int           { return len(p) }
func (p pending) Less(i, j int) bool { return p[i].compare(p[j]) < 0 }
func (p pending) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *pending) Push(x any)        { *p = append(*p, x.(timer)) }
func (p *pending) Pop() any {
	old := *p
	x := old[len(old)-1]
	*p = old[:len(old)-1]
	return x
}
