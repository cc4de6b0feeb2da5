package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// Ticker lets time pass: it sends a tick to every partition of the inboxes. The broker stamps them; that stamp is the time
// timers are due against, unless it and the ticker's own clock disagree.
//
// Every process ticks the inboxes of its stages, so that time stops with none of them. One that hears somebody else's ticks in
// all its partitions leaves an inbox to the first by name; see Engine.Led.
type Ticker struct {
	Client   *kgo.Client // made with Partitioner()
	Encoder  Encoder
	Inboxes  []topics.Name
	Producer string  // who ticks: the process's instance
	Upline   *Upline // nil, or who knows which stages lag

	// Led is nil, or says that somebody else ticks the inbox.
	Led func(inbox topics.Name, within time.Duration) bool

	now func() time.Time // nil: the clock of this machine
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
	way := &underway{log: log, to: map[place]bool{}}
	t.look(ctx, log) // so that at the first tick it is known what there was some time before
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-clock.C:
			t.look(ctx, log)
			if err := t.tick(ctx, every, way); err != nil && ctx.Err() == nil {
				log.Warn("no tick", "cause", err)
			}
		}
	}
}

// tickPatience is how many intervals another's tick is waited for.
const tickPatience = 3

// tick ticks the inboxes that nobody else does, and does not wait: a partition whose broker is down must not hold up the others'
// next tick.
func (t Ticker) tick(ctx context.Context, every time.Duration, way *underway) error {
	inboxes := t.Inboxes
	if t.Led != nil {
		inboxes = slices.DeleteFunc(slices.Clone(inboxes), func(in topics.Name) bool { return t.Led(in, tickPatience*every) })
	}
	ticks, err := t.ticks(ctx, inboxes)
	for _, r := range ticks {
		if at := (place{r.Topic, r.Partition}); way.leave(at) {
			t.Client.Produce(ctx, r, func(_ *kgo.Record, err error) { way.arrive(ctx, at, err) })
		}
	}
	return err
}

// underway are the partitions whose last tick has not arrived.
type underway struct {
	log *slog.Logger
	mu  sync.Mutex
	to  map[place]bool
}

func (u *underway) leave(at place) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	free := !u.to[at]
	u.to[at] = true
	return free
}

func (u *underway) arrive(ctx context.Context, at place, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.to, at)
	if err != nil && ctx.Err() == nil {
		u.log.Warn("no tick", "topic", at.topic, "partition", at.partition, "cause", err)
	}
}

// Send sends one tick to every partition of every inbox, and returns when the brokers have them.
func (t Ticker) Send(ctx context.Context) error {
	if t.Upline != nil {
		if err := t.Upline.Look(ctx); err != nil {
			return err
		}
	}
	ticks, err := t.ticks(ctx, t.Inboxes)
	if err != nil {
		return err
	}
	return t.produce(ctx, ticks)
}

func (t Ticker) look(ctx context.Context, log *slog.Logger) {
	if t.Upline == nil {
		return
	}
	if err := t.Upline.Look(ctx); err != nil && ctx.Err() == nil {
		log.Warn("not seen who lags", "cause", err)
	}
}

// ticks makes one for each partition.
func (t Ticker) ticks(ctx context.Context, inboxes []topics.Name) ([]*kgo.Record, error) {
	if len(inboxes) == 0 {
		return nil, nil
	}
	listed, err := kadm.NewClient(t.Client).ListTopics(ctx, names(inboxes)...)
	if err != nil {
		return nil, fmt.Errorf("list inboxes: %w", err)
	}
	now := time.Now
	if t.now != nil {
		now = t.now
	}
	var all []*kgo.Record
	for _, inbox := range inboxes {
		d := listed[string(inbox)]
		if d.Err != nil {
			return all, fmt.Errorf("tick %s: %w", inbox, d.Err)
		}
		tick := &avro.Tick{Producer: t.Producer, SentAt: avro.MicrosOf(now())}
		if t.Upline != nil {
			tick.Behind = t.Upline.Behind(inbox)
		}
		value, err := t.Encoder.Append(ctx, nil, inbox, tick)
		if err != nil {
			return all, fmt.Errorf("encode a tick for %s: %w", inbox, err)
		}
		for p := range d.Partitions {
			all = append(all, &kgo.Record{Topic: string(inbox), Partition: p, Value: value})
		}
	}
	return all, nil
}

func (t Ticker) produce(ctx context.Context, ticks []*kgo.Record) error {
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
