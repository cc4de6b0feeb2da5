package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/avro"
	"waybill/processors/runtime"
	"waybill/processors/stream"
	"waybill/topics"
)

const (
	whoNoHop   = "produced and consumed, no stage between"
	whoOneHop  = "through one stage"
	whoTwoHops = "through two stages"
)

// The quantities of latency. A message is said when it is handed to the producer, and visible when a reader of committed records
// has it in its hands.
const (
	visibleMost   = "p99 ms"
	visibleMiddle = "p50 ms"
	commitMost    = "commit p99 ms"
	commitMiddle  = "commit p50 ms"
)

// latencyContests: how long after it was said what follows from it is visible.
func latencyContests() []contest {
	on := func(name, site, kafka string) contest {
		return contest{
			name: name, site: site, about: fmt.Sprintf("latency at %s records/s on %s", number(latencyRate), kafka),
			contestants: []contestant{{whoNoHop, "latency", hops(0)}, {whoOneHop, "latency", hops(1)}, {whoTwoHops, "latency", hops(2)}},
			tables: []layout{{
				held: name, title: fmt.Sprintf("From saying a record to seeing what follows, exactly once, commits every 100 ms, %s records/s, on %s, 99 of 100 within", number(latencyRate), kafka),
				unit: visibleMost, base: whoNoHop, beside: []string{visibleMiddle, commitMiddle, commitMost, rate, cpuMicros},
			}},
		}
	}
	return []contest{on("latency", embedded, "the embedded Kafka"), on("latency-apache", apache, "Apache Kafka")}
}

const (
	latencyRate = 20_000 // records/s
	latencyWarm = 2 * time.Second
	latencyTime = 6 * time.Second // measured
)

var hopTopics = []topics.Topic{hop("bench-hop-0"), hop("bench-hop-1"), hop("bench-hop-2")}

// hopStages are the first n stages behind each other.
func hopStages(n int) (out []stream.Spec) {
	for i := range n {
		out = append(out, relay(fmt.Sprint("hop", i), hopTopics[i], hopTopics[i+1].Name))
	}
	return out
}

func hops(n int) prepare {
	return func(ctx context.Context, f *field, s *site, o *order) (func(bool) error, error) {
		o.Hops, o.Records, o.Warm = n, int(latencyRate*(latencyWarm+latencyTime).Seconds()), int(latencyRate*latencyWarm.Seconds())
		err := s.once(hopTopics[0].Name, func() error {
			for _, t := range hopTopics {
				s.output(t)
			}
			return s.makeHops(ctx, hopTopics...)
		})
		if err != nil {
			return nil, err
		}
		return stages(ctx, f, s, o, hopStages(n)...)
	}
}

// latencyPart runs the stages, while a process beside it sends and watches.
func latencyPart(ctx context.Context, o order, m *meter) (trial, error) {
	if o.Hops == 0 {
		return spawn(ctx, "probe", o)
	}
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	commits := &commitClock{}
	deps := runtime.Deps{Decoder: codec, Encoder: codec}
	if o.Hops == 1 {
		deps.Kafka = []kgo.Opt{kgo.WithHooks(commits)}
	}
	engine, err := start(ctx, engineConfig(o), deps, hopStages(o.Hops)...)
	if err != nil {
		return nil, err
	}
	var seen trial
	if err = engine.working(); err == nil {
		err = m.over(o.Records, func() (err error) {
			seen, err = spawn(ctx, "probe", o)
			return err
		})
	}
	if err := engine.halted(err); err != nil {
		return nil, err
	}
	for _, s := range engine.Stats() {
		if err := well(s, o.Records); err != nil {
			return nil, err
		}
	}
	if o.Hops == 1 {
		seen[commitMiddle], seen[commitMost] = commits.took.quantiles()
	}
	return seen, nil
}

// probePart sends messages in an even stream and watches for what comes of them.
func probePart(ctx context.Context, o order, m *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(o.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.ConsumeTopics(string(hopTopics[o.Hops].Name)), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	began := time.Now()
	sent := make(chan error, 1)
	go func() { // waited for below
		sent <- evenly(ctx, latencyRate, o.Records, func(n int, due time.Time) error {
			r, err := message(ctx, codec, hopTopics[0].Name, n, avro.MicrosOf(due))
			if err == nil {
				client.Produce(ctx, r, nil)
			}
			return err
		})
	}()
	var took durations
	err = watch(ctx, client, codec, o, &took)
	if err = errors.Join(err, <-sent); err != nil {
		return nil, err
	}
	middle, most := took.quantiles()
	return trial{visibleMiddle: middle, visibleMost: most, rate: float64(o.Records) / time.Since(began).Seconds()}, nil
}

// watch reads until everything came, and notes how long each took that is no warming up.
func watch(ctx context.Context, client *kgo.Client, codec runtime.Decoder, o order, took *durations) error {
	for n := 0; n < o.Records; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("watch %s: %w", hopTopics[o.Hops].Name, err)
		}
		now := time.Now()
		for it := fetches.RecordIter(); !it.Done(); n++ {
			rec, err := codec.Decode(ctx, it.Next().Value)
			if err != nil {
				return err
			}
			if m := rec.(*avro.PartnerMessage); m.Line >= int64(o.Warm) {
				*took = append(*took, now.Sub(m.ReceivedAt.Time()))
			}
		}
	}
	return nil
}

// evenly calls f n times at a rate a second, in a beat of 5 ms; due is when its turn was, however late it is called: a
// sender that stalls must not make what it sends look fast.
func evenly(ctx context.Context, rate float64, n int, f func(i int, due time.Time) error) error {
	beat := time.NewTicker(5 * time.Millisecond)
	defer beat.Stop()
	begun := time.Now()
	for i := 0; i < n; {
		for ; i < n; i++ {
			due := begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			if due.After(time.Now()) {
				break
			}
			if err := f(i, due); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
		}
	}
	return nil
}

// durations are of one quantity.
type durations []time.Duration

// quantiles are the middle one and the one that 99 of 100 do not exceed, in milliseconds.
func (d durations) quantiles() (middle, most float64) {
	if len(d) == 0 {
		return 0, 0
	}
	slices.Sort(d)
	at := func(q float64) float64 { return float64(d[int(q*float64(len(d)-1))]) / 1e6 }
	return at(0.5), at(0.99)
}

// commitClock notes how long it takes to bring a cycle to the brokers and to end its transaction: from the first produce request behind the
// end before to the answer to the end. It takes one stage: those of two would look like one another's. Fences count too.
type commitClock struct {
	mu    sync.Mutex
	first time.Time
	took  durations
}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (c *commitClock) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, took time.Duration, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first.IsZero() && (key == int16(kmsg.Produce) || key == int16(kmsg.TxnOffsetCommit)) {
		c.first = time.Now().Add(-took)
	}
}

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (c *commitClock) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == int16(kmsg.EndTxn) && e2e.Err() == nil && !c.first.IsZero() {
		c.took = append(c.took, time.Since(c.first))
		c.first = time.Time{}
	}
}
