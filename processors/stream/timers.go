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
// only as far as they are: what waits for later takes no memory. Expiries have an index of their own, so that handlers' timers are found
// behind any number of them.
const (
	timerStore = "timer"
	dueIndex   = "due"
)

type timers struct {
	b    *Binder
	no   uint16   // of the store
	of   [2]queue // by class
	tick uint64   // number of the tick under way
	held [2][]timer
}

// class is whose a timer is.
type class int

const (
	handlers class = iota
	expiries
)

func classOf(name string) class {
	if isExpiry(name) {
		return expiries
	}
	return handlers
}

// queue is the timers of a class, in order.
type queue struct {
	class class
	fresh pending // set since the last commit: the index lacks them

	// What ticks have read of the index and not fired yet, and where to read on. What comes before that has fired or been moved since the
	// index was last brought up to date.
	read  []timer
	after []byte
	all   bool // nothing more is due
}

type timer struct {
	due       int64 // microseconds
	key, name string
}

func (a timer) compare(b timer) int {
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.key, b.key), cmp.Compare(a.name, b.name))
}

func newTimers(b *Binder) *timers {
	return &timers{b: b, no: b.open(timerForm), of: [2]queue{{class: handlers}, {class: expiries}}}
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
		of := classOf(name)
		t.held[of] = append(t.held[of], timer{at, s.key, name})
		return
	}
	heap.Push(&t.of[classOf(name)].fresh, timer{at, s.key, name})
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
	t.tick = number
	for i := range t.of {
		t.of[i].all = false
	}
}

// end ends the tick.
func (t *timers) end() {
	for i := range t.held {
		for _, x := range t.held[i] {
			heap.Push(&t.of[i].fresh, x)
		}
		t.held[i] = t.held[i][:0]
	}
	t.tick = 0
}

// next takes the first timer due by now, of both classes or of handlers' alone. Heap and index may hold timers moved or removed since; they are
// passed over, and so is one that fired at this tick: set again for when it was due before, it may stand in both.
func (t *timers) next(now int64, alsoExpiries bool) (timer, bool) {
	for {
		q := &t.of[handlers]
		x, ok := q.first(t.b, now)
		if alsoExpiries {
			if y, is := t.of[expiries].first(t.b, now); is && (!ok || y.compare(x) < 0) {
				q, x, ok = &t.of[expiries], y, true
			}
		}
		if !ok {
			return timer{}, false
		}
		q.drop()
		s := t.b.scope(x.key)
		c := t.b.entry(s, t.no, x.name)
		if d := c.rec.(*due); c.present && d.at == x.due && d.fired != t.tick {
			t.remove(s, x.name)
			d.fired = t.tick
			return x, true
		}
	}
}

// first gives the first timer of the queue that is due by now; drop takes it out.
func (q *queue) first(b *Binder, now int64) (x timer, ok bool) {
	if len(q.read) == 0 && !q.all {
		q.readDue(b, now)
	}
	switch {
	case q.readFirst():
		x = q.read[0]
	case len(q.fresh) > 0:
		x = q.fresh[0]
	default:
		return x, false
	}
	return x, x.due <= now
}

func (q *queue) drop() {
	if q.readFirst() {
		q.read = q.read[1:]
		return
	}
	heap.Pop(&q.fresh)
}

// readFirst: what was read comes before what is fresh.
func (q *queue) readFirst() bool {
	return len(q.read) > 0 && (len(q.fresh) == 0 || q.read[0].compare(q.fresh[0]) <= 0)
}

// rewind reads the index from its beginning.
func (q *queue) rewind() { q.read, q.after, q.all = q.read[:0], nil, false }

// readAtOnce is how many timers are read from the index at once.
const readAtOnce = 512

func (q *queue) readDue(b *Binder, now int64) {
	q.read = q.read[:0]
	err := b.kv.Scan(appendClass(nil, q.class), q.after, func(key, _ []byte) error {
		x, err := parseDue(key)
		if err != nil {
			return err
		}
		if x.due > now {
			return ErrStop
		}
		q.read = append(q.read, x)
		if len(q.read) == readAtOnce {
			return ErrStop
		}
		return nil
	})
	if err != nil {
		b.fault = cmp.Or(b.fault, fmt.Errorf("scan timers: %w", err))
	}
	q.all = err != nil || len(q.read) < readAtOnce
	if len(q.read) > 0 {
		last := q.read[len(q.read)-1]
		q.after = appendDue(nil, last.due, last.key, last.name)
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
		if d.known {
			b.changes = append(b.changes, Change{Key: appendDue(nil, d.committed, c.scope.key, c.sub), Derived: true})
		}
		if c.present {
			b.changes = append(b.changes, Change{Key: appendDue(nil, d.at, c.scope.key, c.sub), Value: []byte{}, Derived: true})
		}
	}
}

// committed: the index has everything now.
func (t *timers) committed() {
	for i := range t.of {
		t.of[i].fresh = t.of[i].fresh[:0]
		t.of[i].rewind()
	}
}

func (t *timers) aborted() {
	t.tick = 0
	for i := range t.of {
		t.of[i].fresh, t.held[i] = t.of[i].fresh[:0], t.held[i][:0]
		t.of[i].rewind()
	}
}

// An index key is DerivedPrefix, a byte for the class, eight bytes that order as the instants do, the key, NUL, the name.
func appendDue(b []byte, at int64, key, name string) []byte {
	b = appendClass(b, classOf(name))
	b = binary.BigEndian.AppendUint64(b, uint64(at)^1<<63)
	b = append(append(b, key...), 0)
	return append(b, name...)
}

func appendClass(b []byte, of class) []byte {
	return append(append(b, DerivedPrefix...), "te"[of])
}

func parseDue(key []byte) (timer, error) {
	rest := key[min(len(DerivedPrefix)+1, len(key)):]
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
