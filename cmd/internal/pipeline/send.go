package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/cmd/internal/cluster"
	"waybill/processors/runtime"
	"waybill/processors/stream"
	"waybill/topics"
)

// byKey is the partition of a record that goes where its key says (see runtime.Partitioner).
const byKey = -1

// sending keeps the first error of records under way.
type sending struct {
	mu  sync.Mutex
	err error
}

// Send puts a record on its way. Errors come from Flush.
func (l *Line) Send(ctx context.Context, topic topics.Name, key string, rec avro.Record) error {
	value, err := l.Codec.Append(ctx, nil, topic, rec)
	if err != nil {
		return fmt.Errorf("encode for %s: %w", topic, err)
	}
	l.Client.Produce(ctx, &kgo.Record{Topic: string(topic), Partition: byKey, Key: []byte(key), Value: value}, func(_ *kgo.Record, err error) {
		if err == nil {
			return
		}
		l.sending.mu.Lock()
		defer l.sending.mu.Unlock()
		l.sending.err = errors.Join(l.sending.err, fmt.Errorf("send to %s: %w", topic, err))
	})
	return nil
}

// SendRaw puts bytes that may be no record of ours on their way, as a broken producer would.
func (l *Line) SendRaw(ctx context.Context, topic topics.Name, key, value []byte) error {
	r := &kgo.Record{Topic: string(topic), Partition: byKey, Key: key, Value: value}
	if err := l.Client.ProduceSync(ctx, r).FirstErr(); err != nil {
		return fmt.Errorf("send to %s: %w", topic, err)
	}
	return nil
}

// Flush waits until everything sent is acknowledged.
func (l *Line) Flush(ctx context.Context) error {
	if err := l.Client.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	l.sending.mu.Lock()
	defer l.sending.mu.Unlock()
	err := l.sending.err
	l.sending.err = nil
	return err
}

// Tick lets time pass once in every partition of every inbox.
func (l *Line) Tick(ctx context.Context) error {
	return l.upline(func(u *runtime.Upline) error { return l.ticker(l.specs, u).Send(ctx) })
}

func (l *Line) ticker(specs []stream.Spec, u *runtime.Upline) runtime.Ticker {
	return runtime.Ticker{Client: l.Client, Encoder: l.Codec, Inboxes: runtime.Inboxes(specs...), Producer: l.Config.Runtime.Instance, Upline: u}
}

// upline knows who of all stages lags, while do runs.
func (l *Line) upline(do func(*runtime.Upline) error) error {
	opts, err := cluster.Options(l.Config.Kafka)
	if err != nil {
		return err
	}
	probe, err := runtime.NewProbe(opts, l.Config.Runtime.Readers(l.specs...)...)
	if err != nil {
		return err
	}
	defer probe.Close()
	return do(runtime.NewUpline(probe, l.Config.Runtime, l.Config.Ticks.LagThreshold, l.specs...))
}

// tick ticks the inboxes of the stages that run here, until ctx ends.
func (l *Line) tick(ctx context.Context, specs []stream.Spec, engine *runtime.Engine) error {
	return l.upline(func(u *runtime.Upline) error {
		t := l.ticker(specs, u)
		if engine != nil {
			t.Led = engine.Led
		}
		return t.Run(ctx, l.Config.Ticks.Every, l.Log)
	})
}

// Leave takes an instance out of the stages' groups, and gives those that knew it.
func (l *Line) Leave(ctx context.Context, instance string) ([]string, error) {
	cfg := l.Config.Runtime
	cfg.Instance = instance
	return runtime.Leave(ctx, l.Client, cfg, l.specs...)
}
