package stream_test

import (
	"context"
	"errors"
	"testing"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics/fault"
)

// What a handler hands over to be said may be at fault too: it dies with its record, and leaves nothing in state.
func TestPanicInWhatIsSaidIsPoison(t *testing.T) {
	r := newRun(t)
	r.must("a", "set", "", 1)
	r.commit(1 << 20)
	r.task.Careful(1 << 20)
	rec := stream.Record{Key: []byte("a"), Value: &avro.PartnerMessage{Format: "get"}}
	err := r.task.Process(context.Background(), rec, func([]stream.Emit) error {
		var none avro.Record
		_ = none.AvroName()
		return errors.New("not reached")
	})
	if fault.Of(err) != fault.Poison || fault.Reason(err) != "PANIC" {
		t.Errorf("got %v, want a dead letter's PANIC", err)
	}
	r.must("a", "get", "", 0)
	r.heard("a: 1 true")
}
