// Package meter counts durations into fixed buckets, for whoever shows them. It costs an atomic addition or two an
// observation, and knows of no monitoring system.
package meter

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// bounds are the upper ends of the buckets. They are the same everywhere, so that figures of stages and sinks compare:
// close to each other where a hop's latency is decided (its aim is 300 ms), far apart where only the size of a delay matters.
var bounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
}

// Histogram counts durations. The zero value is empty and ready; it is for concurrent use.
type Histogram struct {
	counts [len(bounds) + 1]atomic.Int64 // the last is for what is longer than every bound
	sum    atomic.Uint64                 // seconds, bits of a float: a day's lag of a million records is more nanoseconds than an integer holds
}

// Observe counts n durations of d. A negative one, which clocks of two machines can make, counts as none.
func (h *Histogram) Observe(d time.Duration, n int64) {
	d = max(d, 0)
	at, _ := slices.BinarySearch(bounds[:], d)
	h.counts[at].Add(n)
	for {
		was := h.sum.Load()
		if h.sum.CompareAndSwap(was, math.Float64bits(math.Float64frombits(was)+d.Seconds()*float64(n))) {
			return
		}
	}
}

// Snapshot is what a histogram counted so far.
type Snapshot struct {
	Buckets []Bucket // by bound
	Count   int64
	Seconds float64 // all of them together
}

// Bucket is how many durations were no longer than Most.
type Bucket struct {
	Most  time.Duration
	Count int64
}

// Snapshot gives the counts. Durations observed meanwhile may be in the count and not yet in the sum.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Buckets: make([]Bucket, len(bounds))}
	for i := range h.counts {
		s.Count += h.counts[i].Load()
		if i < len(bounds) {
			s.Buckets[i] = Bucket{Most: bounds[i], Count: s.Count}
		}
	}
	s.Seconds = math.Float64frombits(h.sum.Load())
	return s
}
