package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// Ticker lets time pass: it sends a tick to every partition of the inboxes. The broker stamps them; that stamp is the time
// timers are due against. Several instances may tick at once: a tick more changes nothing but when timers fire.
//
// A stage that lags cannot be told from the inbox alone in a way that a replay would repeat, so stream.Record.Lagging is
// never set here: who sends ticks knows the lag, and the tick would have to carry it.
type Ticker struct {
	Client   *kgo.Client // made with Partitioner()
	Encoder  Encoder
	Inboxes  []topics.Name
	Producer string // who ticks, for people
}

// Inboxes lists the inboxes of the keyed stages, where ticks go.
func Inboxes(specs ...stream.Spec) []topics.Name {
	var names []topics.Name
	for _, s := range specs {
		if s.Keyed {
			names = append(names, s.Inboxes[0].Name)
		}
	}
	return names
}

// Run ticks at an interval until ctx ends. A tick that cannot be sent is reported and the next one tried.
func (t Ticker) Run(ctx context.Context, every time.Duration, log *slog.Logger) error {
	if every <= 0 {
		return fmt.Errorf("tick every %s: want more than 0", every)
	}
	clock := time.NewTicker(every)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-clock.C:
			if err := t.Send(ctx); err != nil && ctx.Err() == nil {
				log.Warn("no tick", "cause", err)
			}
		}
	}
}

// Send sends one tick to every partition of every inbox, and returns when the brokers have them.
func (t Ticker) Send(ctx context.Context) error {
	var ticks []*kgo.Record
	listed, err := kadm.NewClient(t.Client).ListTopics(ctx, names(t.Inboxes)...)
	if err != nil {
		return fmt.Errorf("list inboxes: %w", err)
	}
	for _, inbox := range t.Inboxes {
		d := listed[string(inbox)]
		if d.Err != nil {
			return fmt.Errorf("tick %s: %w", inbox, d.Err)
		}
		value, err := t.Encoder.Append(ctx, nil, inbox, &avro.Tick{Producer: t.Producer})
		if err != nil {
			return fmt.Errorf("encode a tick for %s: %w", inbox, err)
		}
		for p := range d.Partitions {
			ticks = append(ticks, &kgo.Record{Topic: string(inbox), Partition: p, Value: value})
		}
	}
	return t.send(ctx, ticks)
}

func (t Ticker) send(ctx context.Context, ticks []*kgo.Record) error {
	wanted := make([]int32, len(ticks))
	for i, r := range ticks {
		wanted[i] = r.Partition
	}
	if err := t.Client.ProduceSync(ctx, ticks...).FirstErr(); err != nil {
		return fmt.Errorf("send ticks: %w", err)
	}
	for i, r := range ticks {
		if r.Partition != wanted[i] {
			return fmt.Errorf("a tick for %s/%d went to partition %d: the ticker's client must be made with runtime.Partitioner()", r.Topic, wanted[i], r.Partition)
		}
	}
	return nil
}

func names(of []topics.Name) []string {
	out := make([]string, len(of))
	for i, n := range of {
		out[i] = string(n)
	}
	return out
}
