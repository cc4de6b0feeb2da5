package sinks_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/sinks"
	"waybill/topics"
	"waybill/topics/fault"
)

// landings counts the hops of records that carry a header.
type landings struct{ begun, stored atomic.Int64 }

func (l *landings) Land(_ context.Context, sink string, r *kgo.Record) func() {
	if sink != "sink.test" || len(r.Headers) == 0 {
		return nil
	}
	l.begun.Add(1)
	return func() { l.stored.Add(1) }
}

func TestATraceEndsWhenItsRowIsStored(t *testing.T) {
	k, cl := startKafka(t, 1)
	produce(t, cl, 5)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Topic: string(topics.Positions.Name), Value: []byte("traced"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}}
	if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	m, l, c := newMemory(), &landings{}, config()
	c.Tracer, c.RetryMost, c.BlockRows = l, 10*time.Millisecond, 100
	m.before = func(*sinks.Block) error {
		if l.stored.Load() > 0 {
			t.Error("the hop is over before its row is stored")
		}
		m.before = func(*sinks.Block) error { return nil }
		return fault.Retry(errors.New("once more"))
	}
	if err := untilLanded(t, cl, consumer(t, k, c, m)); err != nil {
		t.Fatal(err)
	}
	if l.begun.Load() != 1 || l.stored.Load() != 1 {
		t.Errorf("%d hops began and %d ended, want the one of the record with a header", l.begun.Load(), l.stored.Load())
	}
}
