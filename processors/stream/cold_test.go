package stream_test

import (
	"context"
	"fmt"
	"testing"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// history writes an entry for each record, and says the one of a name.
func history(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st stores) (e stream.Emits, err error) {
	if ev.Value.Format == "get" {
		n, ok := st.notes.Get(ev.Value.Name)
		e.To(out, key, &avro.PartnerMessage{Name: fmt.Sprintf("%d %v", n.Line, ok)})
		return e, nil
	}
	st.last.Edit().Line = ev.Value.Line
	st.notes.Edit(ev.Value.Name).Line = ev.Value.Line
	return e, nil
}

// What a Cold store wrote is in memory until it is durable, and not longer; it reads as ever.
func TestColdValuesLeaveMemory(t *testing.T) {
	r := &run{t: t, kv: memory{}}
	task, err := stream.Define(stream.Processor[stores]{
		Name: "history", Inbox: topics.Topic{Name: "in"}, Outputs: []topics.Name{out}, Inputs: []stream.Input[stores]{stream.On(history)},
		State: func(b *stream.Binder) stores {
			return stores{last: stream.ValueOf[avro.PartnerMessage](b, "last", stream.Cold()), notes: stream.MapOf[avro.PartnerMessage](b, "notes", stream.Cold())}
		},
	}).NewTask(r.kv)
	if err != nil {
		t.Fatal(err)
	}
	r.task = task
	none := task.Held()
	for i := range 50 {
		r.must("a", "note", fmt.Sprint(i), int64(i))
		if i == 25 {
			task.Committed(1 << 30) // a cycle that wrote nothing: what is not durable stays
			r.must("a", "get", "25", 0)
		}
	}
	if task.Held() < none+50*100 {
		t.Errorf("%d bytes held before the commit, %d before the first record", task.Held(), none)
	}
	r.commit(1 << 30)
	if key := task.Held() - none; key > 500 {
		t.Errorf("%d bytes held behind the commit for one key", key)
	}
	r.must("a", "get", "7", 0)
	r.must("a", "note", "7", 70)
	r.commit(1 << 30)
	r.must("a", "get", "7", 0)
	r.must("a", "get", "50", 0)
	r.heard("a: 25 true", "a: 7 true", "a: 70 true", "a: 0 false")
	if len(r.kv) != 51 {
		t.Errorf("%d values durable, want 51", len(r.kv))
	}
}
