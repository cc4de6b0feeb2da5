package world

import (
	"container/heap"
	"fmt"
	"iter"
	"strconv"
	"time"

	"waybill/avro"
)

// World is a company made from a seed. It holds what is small; everything that grows with time is made anew whenever it is
// asked for, and comes out the same. Safe for concurrent use.
type World struct {
	cfg        Config
	warehouses []place
	sites      []place
	customers  []customer
	carriers   []carrier
	agreements []*avro.Contract
}

// New makes a world. Its error names all faults of the configuration.
func New(cfg Config) (*World, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("make a world: %w", err)
	}
	cfg.Start = cfg.Start.UTC()
	w := &World{cfg: cfg}
	w.layOutPlaces()
	w.foundCustomers()
	w.hireCarriers()
	w.agreements = w.contracts()
	return w, nil
}

// Config is the configuration the world was made from.
func (w *World) Config() Config { return w.cfg }

// Deliveries yields everything that reaches the topics, in the order in which it does: reference data first. It holds at most
// what is under way, however long the world lasts. Every call starts anew and yields the same.
func (w *World) Deliveries() iter.Seq[Delivery] {
	return func(yield func(Delivery) bool) {
		t := &traffic{w: w}
		t.begin()
		for d, ok := t.next(); ok; d, ok = t.next() {
			if !yield(d) {
				return
			}
		}
	}
}

// traffic merges the sources of deliveries. What is still to be planned waits in the same queue, at the instant before which it
// has nothing to say.
type traffic struct {
	w     *World
	queue queue
	order int
}

// source of deliveries in delivery order.
type source func() (Delivery, bool)

func (t *traffic) begin() {
	t.add(listed(t.w.reference()))
	for n := range t.w.cfg.Vehicles {
		v := t.w.vehicle(n)
		t.add(listed(t.w.installed(v)))
		t.morning(t.w.days(v), 0)
	}
}

// morning plans a vehicle's day when it begins.
func (t *traffic) morning(days func() (*day, bool), n int) {
	if n == t.w.cfg.Days {
		return
	}
	t.later(t.w.cfg.Start.AddDate(0, 0, n), func() {
		d, _ := days()
		for _, l := range d.loads {
			t.later(l.opens, func() { t.add(listed(t.w.messages(l))) })
		}
		for _, tracker := range d.trackers {
			t.later(tracker.from, func() { t.add(t.w.fixes(d, tracker).next) })
		}
		t.morning(days, n+1)
	})
}

func listed(all []Delivery) source {
	return func() (Delivery, bool) {
		if len(all) == 0 {
			return Delivery{}, false
		}
		d := all[0]
		all[0] = Delivery{}
		all = all[1:]
		return d, true
	}
}

func (t *traffic) add(from source) {
	d, ok := from()
	if !ok {
		return
	}
	t.order++
	heap.Push(&t.queue, entry{at: d.DeliverAt, order: t.order, d: d, from: from})
}

func (t *traffic) later(at time.Time, open func()) {
	t.order++
	heap.Push(&t.queue, entry{at: at, order: t.order, open: open})
}

func (t *traffic) next() (Delivery, bool) {
	for len(t.queue) > 0 {
		head := t.queue[0]
		if head.open != nil {
			heap.Pop(&t.queue)
			head.open()
			continue
		}
		t.advance()
		return head.d, true
	}
	return Delivery{}, false
}

// advance replaces the queue's head by its source's next delivery.
func (t *traffic) advance() {
	head := &t.queue[0]
	d, ok := head.from()
	if !ok {
		heap.Pop(&t.queue)
		return
	}
	head.at, head.d = d.DeliverAt, d
	heap.Fix(&t.queue, 0)
}

type entry struct {
	at    time.Time
	order int
	d     Delivery
	from  source
	open  func()
}

type queue []entry

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].order < q[j].order
	}
	return q[i].at.Before(q[j].at)
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = entry{}
	*q = (*q)[:last]
	return x
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
