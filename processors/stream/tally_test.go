package stream_test

import (
	"context"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

func TestTallyFollowsWhatIsCommitted(t *testing.T) {
	waiting := stream.Define(stream.Processor[*stream.Tally]{
		Name: "waiting", Inbox: topics.Topic{Name: "in"},
		State: func(b *stream.Binder) *stream.Tally { return stream.TallyOf(b, "waiting") },
		Inputs: []stream.Input[*stream.Tally]{stream.On(func(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], n *stream.Tally) (stream.Emits, error) {
			n.Add(ev.Value.Line)
			return stream.Emits{}, nil
		})},
	})
	r := &run{t: t, kv: memory{}}
	open := func() {
		task, err := waiting.NewTask(r.kv)
		if err != nil {
			t.Fatal(err)
		}
		r.task = task
	}
	holds := func(what string, want int64) {
		t.Helper()
		if got := r.task.Tallies()["waiting"]; got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	open()
	holds("new", 0)
	r.must("a", "", "", 5)
	r.must("b", "", "", -2)
	r.commit(0)
	holds("committed, none kept decoded", 3)
	r.must("a", "", "", 40)
	r.task.Aborted()
	holds("aborted", 3)
	r.must("a", "", "", -1)
	r.commit(100)
	open()
	holds("restored", 2)
	if other := newRun(t).task.Tallies(); other != nil {
		t.Errorf("a stage without tallies has %v", other)
	}
}

func TestReadsTellsWhatWasDecoded(t *testing.T) {
	r := newRun(t)
	r.must("a", "set", "", int64(time.Second))
	r.must("a", "get", "", 0)
	if hits, misses := r.task.Reads(); hits != 1 || misses != 1 {
		t.Errorf("%d hits and %d misses, want one of each", hits, misses)
	}
	r.commit(0)
	r.must("a", "get", "", 0)
	if hits, misses := r.task.Reads(); hits != 0 || misses != 1 {
		t.Errorf("none kept: %d hits and %d misses, want a miss", hits, misses)
	}
}
