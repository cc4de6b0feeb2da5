package runtime

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"waybill/avro"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// broken is a codec whose registry is away.
type broken struct{ codec }

var errAway = fault.Retry(errors.New("the registry is away"))

func (broken) Decode(context.Context, []byte) (avro.Record, error) { return nil, errAway }
func (broken) DecodeInto(context.Context, []byte, *wire.Scratch) (avro.Record, error) {
	return nil, errAway
}

// waits hears how long the engine waits before it tries again.
type waits struct {
	slog.Handler
	heard chan time.Duration
}

func (w waits) WithAttrs([]slog.Attr) slog.Handler       { return w }
func (w waits) Enabled(context.Context, slog.Level) bool { return true }
func (w waits) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "in" {
			w.heard <- a.Value.Duration()
		}
		return true
	})
	return nil
}

// The wait before the next try may be 15 s: a process that is to stop must not sit it out.
func TestStopDoesNotWaitForTheNextTry(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.send(t, 1, 1)
	heard := waits{slog.DiscardHandler, make(chan time.Duration, 100)}
	e, err := New(testConfig(k, "a", t.TempDir()), Deps{Decoder: broken{}, Encoder: codec{}, Log: slog.New(heard)}, counting())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	wait := time.Duration(0)
	for wait < 2*time.Second {
		wait = <-heard.heard
	}
	stop()
	asked := time.Now()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(asked); took > wait/2 {
		t.Errorf("it stopped after %s, in the middle of a wait of %s", took, wait)
	}
}
