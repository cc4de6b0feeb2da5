package stream_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"waybill/topics/fault"
)

// However records are cut into cycles and polls, whatever of it is undone and done again, forgotten and read again: timers ring as if each record had been
// a cycle of its own.
func TestTimersRingTheSameHoweverCyclesAreCut(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 7))
		records := alarming(rng, 250)
		plain := newRun(t)
		plain.task.Careful(math.MaxInt)
		for _, x := range records {
			if err := plain.process(x); err != nil && fault.Of(err) != fault.Poison {
				t.Fatal(err)
			}
			plain.commit(0)
		}
		cut := newRun(t)
		for from := 0; from < len(records); {
			to := min(from+1+rng.IntN(40), len(records))
			if cut.cycle(rng, records[from:to]) {
				from = to
			}
		}
		if !slices.Equal(cut.said, plain.said) {
			for i := range plain.said {
				if i >= len(cut.said) || cut.said[i] != plain.said[i] {
					t.Fatalf("seed %d: of %d and %d lines the first to differ is %d: want %q", seed, len(cut.said), len(plain.said), i, plain.said[i])
				}
			}
			t.Fatalf("seed %d: %d lines, want %d", seed, len(cut.said), len(plain.said))
		}
	}
}

// alarming are records that set timers, cancel them, die over them, and let time pass.
func alarming(rng *rand.Rand, n int) (records []told) {
	now := int64(1000)
	for range n {
		now += rng.Int64N(20)
		key, name := fmt.Sprint("k", rng.IntN(6)), []string{"a", "b", "again", "for ever"}[rng.IntN(4)]
		switch n := rng.IntN(20); {
		case n < 9:
			records = append(records, told{key, "alarm", name, now + rng.Int64N(400)})
		case n < 11:
			records = append(records, told{key, "calm", name, 0})
		case n < 13:
			records = append(records, told{key, "alarm and die", name, now + rng.Int64N(400)})
		case n < 14:
			records = append(records, told{key, "poison", "", 0})
		case n < 15:
			records = append(records, told{key, "panic", "", 0})
		case n < 16:
			records = append(records, told{"", "tick", "", now + 300})
			now += 300
		default:
			records = append(records, told{"", "tick", "", now})
		}
	}
	return records
}

// cycle works on records as the engine does: in some polls, all of them once more where one spoilt the state. It says whether it was committed.
func (r *run) cycle(rng *rand.Rand, records []told) bool {
	r.t.Helper()
	before := len(r.said)
	careful := false
	for done := 0; done < len(records); {
		to := min(done+1+rng.IntN(15), len(records))
		r.poll(records[done:to])
		if r.task.Tainted() {
			careful = true
			r.task.Aborted()
			r.task.Careful(math.MaxInt)
			r.said = r.said[:before]
			r.poll(records[:to])
		}
		done = to
	}
	committed := rng.IntN(6) > 0
	if committed {
		r.commit([]int{0, 500, 1 << 20}[rng.IntN(3)])
	} else {
		r.task.Aborted()
		r.said = r.said[:before]
	}
	if careful {
		r.task.Careful(0)
	}
	if rng.IntN(8) == 0 {
		r.reopen()
	}
	return committed
}

func (r *run) poll(records []told) {
	r.t.Helper()
	for _, x := range records {
		err := r.process(x)
		if r.task.Tainted() {
			return
		}
		if err != nil && fault.Of(err) != fault.Poison {
			r.t.Fatal(err)
		}
	}
}
