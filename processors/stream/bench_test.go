package stream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// counted is a value that counts how often it is encoded.
type counted struct{ avro.PartnerMessage }

var encodes int

// Append implements avro.Record.
func (c *counted) Append(b []byte) []byte {
	encodes++
	return c.PartnerMessage.Append(b)
}

// editing changes the value of each record's key, and says nothing.
var editing = stream.Define(stream.Processor[*stream.Value[counted, *counted]]{
	Name: "editing", Inbox: topics.Topic{Name: "in"}, Reuse: true,
	State: func(b *stream.Binder) *stream.Value[counted, *counted] { return stream.ValueOf[counted](b, "value") },
	Inputs: []stream.Input[*stream.Value[counted, *counted]]{stream.On(
		func(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], v *stream.Value[counted, *counted]) (stream.Emits, error) {
			e := v.Edit()
			e.Line++
			e.ReceivedAt = ev.Value.ReceivedAt
			return stream.Emits{}, nil
		})},
})

// edits is a task of editing and records for so many keys.
func edits(tb testing.TB, keys int) (*stream.Task, []stream.Record) {
	task, err := editing.NewTask(stream.Nothing{})
	if err != nil {
		tb.Fatal(err)
	}
	var records []stream.Record
	for i := range keys {
		m := &avro.PartnerMessage{Tenant: "bench", ReceivedAt: avro.Micros(i), Payload: make([]byte, 100)}
		records = append(records, stream.Record{Key: fmt.Appendf(nil, "bench|key-%d", i), Value: m, Time: time.UnixMicro(1)})
	}
	return task, records
}

func edit(tb testing.TB, task *stream.Task, records []stream.Record) {
	for i := range records {
		if err := task.Process(context.Background(), records[i], nothing); err != nil {
			tb.Fatal(err)
		}
	}
}

func nothing([]stream.Emit) error { return nil }

func commitEdits(tb testing.TB, task *stream.Task) (changes int) {
	written, err := task.Flush()
	if err != nil {
		tb.Fatal(err)
	}
	task.Committed(1 << 30)
	return len(written)
}

// However often a key's value is changed, a commit encodes it once, and those that were not changed not at all.
func TestOneEncodePerDirtyKeyAndCommit(t *testing.T) {
	task, records := edits(t, 1000)
	for _, c := range []struct{ keys, times int }{{1000, 10}, {10, 3}, {1, 1}, {0, 0}} {
		encodes = 0
		for range c.times {
			edit(t, task, records[:c.keys])
		}
		if changes := commitEdits(t, task); changes != c.keys || encodes != c.keys {
			t.Errorf("%d keys changed %d times each: %d changes and %d encodings, want one a key", c.keys, c.times, changes, encodes)
		}
	}
}

// BenchmarkHotState is records that each change their key's value, which is decoded in memory: 10,000 keys, a commit every 5,000 records.
// edit: working on a record, commits left out. commit: encoding and settling one changed key.
func BenchmarkHotState(b *testing.B) {
	const keys, cycle = 10_000, 5000
	for _, measured := range []string{"edit", "commit"} {
		b.Run(measured, func(b *testing.B) {
			task, records := edits(b, keys)
			edit(b, task, records)
			commitEdits(b, task)
			encodes = 0
			var took time.Duration
			n, changes := 0, 0
			for b.Loop() {
				begun := time.Now()
				edit(b, task, records[n%keys:n%keys+cycle])
				edited := time.Now()
				changes += commitEdits(b, task)
				if n += cycle; measured == "edit" {
					took += edited.Sub(begun)
				} else {
					took += time.Since(edited)
				}
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(n), "ns/op")
			b.ReportMetric(float64(encodes)/float64(changes), "encodes/changed-key")
		})
	}
}
