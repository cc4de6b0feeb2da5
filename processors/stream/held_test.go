package stream_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// What a large flush needed is let go of behind its commit, and so is what was decoded beyond the budget.
func TestALargeFlushLeavesNothingBehind(t *testing.T) {
	for name, payload := range map[string]func() []byte{
		"long values": func() []byte { return make([]byte, 10_000) },
		"large ones":  func() []byte { return make([]byte, 0, 10_000) }, // decoded, and nothing when encoded
	} {
		t.Run(name, func(t *testing.T) { leavesNothing(t, payload) })
	}
}

func leavesNothing(t *testing.T, payload func() []byte) {
	r := newRunOf(t, stream.Define(stream.Processor[stores]{
		Name: "large", Inbox: topics.Topic{Name: "in"},
		State: func(b *stream.Binder) stores {
			return stores{notes: stream.MapOf[avro.PartnerMessage](b, "notes")}
		},
		Inputs: []stream.Input[stores]{stream.On(func(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], st stores) (e stream.Emits, err error) {
			st.notes.Edit(ev.Value.Name).Payload = payload()
			return e, nil
		})},
	}))
	before := heap()
	for range 2 {
		for i := range 2000 {
			r.must(fmt.Sprint("k", i%100), "", fmt.Sprint("n", i), 0)
		}
		if held := r.task.Held(); held < 2000*100 {
			t.Fatalf("%d bytes held by 2000 entries", held)
		}
		if changes, err := r.task.Flush(); err != nil || len(changes) != 2000 {
			t.Fatalf("%d changes, %v", len(changes), err)
		}
		r.task.Committed(0)
		r.task.Committed(0) // a key that was used since the last time is spared once
	}
	if n := r.task.Held(); n != 0 {
		t.Errorf("%d bytes held with a budget of none", n)
	}
	if n := heap() - before; n > 2<<20 {
		t.Errorf("the heap grew by %d bytes", n)
	}
	runtime.KeepAlive(r)
}

func heap() int {
	runtime.GC()
	runtime.GC() // what pools held is gone after the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// What a task says it holds is the sum of what it holds, whatever was done before: changed, listed, undone, aborted, evicted.
func TestHeldAddsUp(t *testing.T) {
	for seed := range uint64(20) {
		r := newRun(t)
		rng := rand.New(rand.NewPCG(seed, 0))
		for i := range int64(400) {
			key, name := fmt.Sprint("k", rng.IntN(5)), fmt.Sprint("n", rng.IntN(5))
			what := []string{"set", "delete", "note", "unnote", "notes", "share", "use", "disuse", "alarm", "calm", "append", "drop", "lines", "poison", "tick"}[rng.IntN(15)]
			_ = r.do(key, what, name, i%20)
			switch {
			case r.task.Tainted() || rng.IntN(20) == 0:
				r.task.Aborted()
			case rng.IntN(10) == 0:
				r.commit([]int{0, 2000, 1 << 20}[rng.IntN(3)])
			}
			if rng.IntN(10) == 0 {
				r.task.Careful(rng.IntN(2) * 1 << 20)
			}
			if held, sum := r.task.Held(), r.task.Sum(); held != sum {
				t.Fatalf("seed %d, after %s: %d bytes held, they add up to %d", seed, what, held, sum)
			}
		}
	}
}
