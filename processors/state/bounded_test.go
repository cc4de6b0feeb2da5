package state

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

type tally struct {
	count *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	notes *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
}

var counting = stream.Define(stream.Processor[tally]{
	Name: "counting", Inbox: topics.Topic{Name: "in"},
	State: func(b *stream.Binder) tally {
		return tally{stream.ValueOf[avro.PartnerMessage](b, "count"), stream.MapOf[avro.PartnerMessage](b, "note")}
	},
	Inputs: []stream.Input[tally]{stream.On(func(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], st tally) (out stream.Emits, err error) {
		c := st.count.Edit()
		c.Line++
		c.Payload = append(c.Payload[:0], ev.Value.Payload...)
		st.notes.Edit(ev.Value.Name).Line = c.Line
		return out, nil
	})},
})

// Over a key space twenty times as large as what may stay decoded, memory keeps within the budget after every commit, and nothing of what
// is forgotten and read again is lost.
func TestMemoryKeepsWithinItsBudget(t *testing.T) {
	const (
		keys, records, cycle = 60_000, 90_000, 3000
		budget               = 4 << 20
	)
	d := newDisk(t, t.TempDir())
	s := open(t, d, someID)
	defer s.Close()
	task, err := counting.NewTask(s)
	if err != nil {
		t.Fatal(err)
	}
	rng, want := rand.New(rand.NewPCG(1, 1)), make([]int64, keys)
	before, most := heap(), 0
	for i := range records {
		k := int(float64(keys) * math.Pow(rng.Float64(), 4)) // some more often than others
		want[k]++
		m := &avro.PartnerMessage{Name: fmt.Sprint("n", i%3), Payload: make([]byte, 200)}
		if err := task.Process(t.Context(), stream.Record{Key: fmt.Append(nil, "key-", k), Value: m, Time: time.UnixMicro(int64(i))}, nil); err != nil {
			t.Fatal(err)
		}
		if i%cycle != cycle-1 {
			continue
		}
		changes, err := task.Flush()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(changes, Checkpoint{Next: int64(i)}); err != nil {
			t.Fatal(err)
		}
		task.Committed(budget)
		most = max(most, task.Held())
		if task.Held() > budget {
			t.Fatalf("after %d records %d bytes are held, the budget is %d", i, task.Held(), budget)
		}
	}
	grown := heap() - before
	hits, misses := task.Reads()
	t.Logf("held at most %.1f MB of %.1f MB, the heap grew by %.1f MB; %d reads found their value decoded, %d did not", float64(most)/1e6, float64(budget)/1e6, float64(grown)/1e6, hits, misses)
	// Beside what is decoded the heap holds Pebble's: a table in memory while another is written, of 8 MB each.
	if most < budget/2 || grown > 2*budget+2*(8<<20) || misses < records/10 || hits < records/10 {
		t.Errorf("the budget was not used, or not kept to")
	}
	task.Committed(0)
	agree(t, s, want)
}

func agree(t *testing.T, s *Store, want []int64) {
	t.Helper()
	for k, n := range want {
		v, err := s.Get(stream.StateKey{Store: "count", Scope: fmt.Sprint("key-", k)}.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var m avro.PartnerMessage
		if v != nil {
			if err := m.Decode(v[1:]); err != nil {
				t.Fatal(err)
			}
		}
		if m.Line != n {
			t.Fatalf("key %d was counted %d times, want %d", k, m.Line, n)
		}
	}
}

func heap() int {
	runtime.GC()
	runtime.GC() // what pools held is gone after the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
