package stream

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Timers are scoped to the key and named. They are due against ticks: the broker's time, never an event's.
type Timers struct{ t *timers }

// Timers opens the task's timers.
func (b *Binder) Timers() *Timers { return &Timers{t: b.timers} }

// Set makes the named timer of the running key due at an instant, instead of when it was due before.
func (t *Timers) Set(name string, due time.Time) { t.t.set(timerID{t.t.b.key, name}, due.UnixMicro()) }

// Cancel removes the named timer of the running key.
func (t *Timers) Cancel(name string) { t.t.remove(timerID{t.t.b.key, name}) }

const timerStore = "timer"

type timerID struct{ key, name string }

type timer struct {
	due int64 // microseconds
	id  timerID
}

func (a timer) compare(b timer) int {
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.id.key, b.id.key), cmp.Compare(a.id.name, b.id.name))
}

// timers keeps all timers of a task in order of (due, key, name). They are part of the task's state: committed ones are
// read back when the task starts. An abort undoes by the log of what each changed timer was.
type timers struct {
	b      *Binder
	due    map[timerID]int64
	queue  heap
	before map[timerID]int64 // what a timer changed since the commit was; absent means it did not exist
}

const none = int64(-1) << 63

func newTimers(b *Binder) *timers {
	return &timers{b: b, due: map[timerID]int64{}, before: map[timerID]int64{}}
}

func (t *timers) load() error {
	return t.b.kv.Scan([]byte(timerStore+"\x00"), func(key, value []byte) error {
		parts := strings.SplitN(string(key), "\x00", 3)
		if len(parts) != 3 || len(value) != 8 {
			return fmt.Errorf("timer %q is not as written: the state directory is damaged, delete it to restore from the changelog", key)
		}
		t.put(timerID{parts[1], parts[2]}, int64(binary.BigEndian.Uint64(value)))
		return nil
	})
}

func (t *timers) put(id timerID, due int64) {
	t.due[id] = due
	t.queue.push(timer{due, id})
}

func (t *timers) remember(id timerID) {
	if _, ok := t.before[id]; ok {
		return
	}
	due, ok := t.due[id]
	if !ok {
		due = none
	}
	t.before[id] = due
}

func (t *timers) set(id timerID, due int64) {
	if was, ok := t.due[id]; ok && was == due {
		return
	}
	t.remember(id)
	t.put(id, due)
}

func (t *timers) remove(id timerID) {
	if _, ok := t.due[id]; !ok {
		return
	}
	t.remember(id)
	delete(t.due, id)
}

// next takes the first timer due by now. The queue may hold timers moved or removed since; they are passed over.
func (t *timers) next(now int64) (timer, bool) {
	for len(t.queue) > 0 && t.queue[0].due <= now {
		x := t.queue.pop()
		if due, ok := t.due[x.id]; ok && due == x.due {
			t.remove(x.id)
			return x, true
		}
	}
	return timer{}, false
}

func (t *timers) flush(put func(key, value []byte) error) error {
	ids := make([]timerID, 0, len(t.before))
	for id := range t.before {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b timerID) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.name, b.name)) })
	for _, id := range ids {
		var v []byte
		if due, ok := t.due[id]; ok {
			v = binary.BigEndian.AppendUint64(nil, uint64(due))
		}
		if err := put([]byte(cellID(timerStore, id.key, id.name)), v); err != nil {
			return err
		}
	}
	return nil
}

func (t *timers) committed() {
	clear(t.before)
	if len(t.queue) > 4*len(t.due)+1024 { // mostly timers moved or removed since
		t.queue = t.queue[:0]
		for id, due := range t.due {
			t.queue.push(timer{due, id})
		}
	}
}

func (t *timers) aborted() {
	for id, was := range t.before {
		delete(t.due, id)
		if was != none {
			t.put(id, was)
		}
	}
	clear(t.before)
}

// heap is a binary min-heap of timers.
type heap []timer

func (h *heap) push(x timer) {
	q := append(*h, x)
	for i := len(q) - 1; i > 0; {
		parent := (i - 1) / 2
		if q[parent].compare(q[i]) <= 0 {
			break
		}
		q[parent], q[i] = q[i], q[parent]
		i = parent
	}
	*h = q
}

func (h *heap) pop() timer {
	q := *h
	top := q[0]
	q[0] = q[len(q)-1]
	q = q[:len(q)-1]
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(q) && q[child].compare(q[least]) < 0 {
				least = child
			}
		}
		if least == i {
			break
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
	*h = q
	return top
}
