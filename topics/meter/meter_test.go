package meter_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"waybill/topics/meter"
)

func Example() {
	var h meter.Histogram
	h.Observe(300*time.Millisecond, 2) // a bound belongs to its bucket
	h.Observe(2*time.Hour, 1)          // longer than every bound
	h.Observe(-time.Second, 1)         // the other machine's clock is ahead
	s := h.Snapshot()
	for _, b := range s.Buckets {
		if b.Most == time.Millisecond || b.Most == 200*time.Millisecond || b.Most == 300*time.Millisecond || b.Most == time.Hour {
			fmt.Println(b.Most, b.Count)
		}
	}
	fmt.Println(s.Count, s.Seconds)
	// Output:
	// 1ms 1
	// 200ms 1
	// 300ms 3
	// 1h0m0s 3
	// 4 7200.6
}

// A day behind, in nanoseconds, a hundred thousand records are more than 63 bits hold.
func TestADaysLagOfManyRecords(t *testing.T) {
	var h meter.Histogram
	h.Observe(24*time.Hour, 1_000_000)
	if s := h.Snapshot(); s.Seconds != 86_400_000_000 {
		t.Errorf("together %g s, want 86400000000", s.Seconds)
	}
}

func TestManyObserveAtOnce(t *testing.T) {
	var h meter.Histogram
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				h.Observe(time.Second, 3)
			}
		})
	}
	group.Wait()
	if s := h.Snapshot(); s.Count != 24_000 || s.Seconds != 24_000 {
		t.Errorf("counted %d of %g s, want 24000 of 24000 s", s.Count, s.Seconds)
	}
}
