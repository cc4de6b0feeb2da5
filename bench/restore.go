package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"waybill/avro"
	"waybill/processors/runtime"
	"waybill/processors/stream"
	"waybill/topics"
)

const (
	whoDiscard = "bare read and discard, a client a partition"
	whoRestore = "restore by the engine"
)

// restoreContests: how long a stage with an empty directory takes to have its state again.
func restoreContests() []contest {
	on := func(name, site, kafka string) contest {
		title := fmt.Sprintf("Restoring %s keys of about 200 B from %s", number(restoredKeys), kafka)
		return contest{
			name: name, site: site, about: "restoring a million keys from " + kafka,
			contestants: []contestant{{whoDiscard, "discard", fullChangelog}, {whoRestore, "restore", fullChangelog}},
			tables: []layout{
				{held: name, title: title + ", wall time", unit: wallSeconds, base: whoDiscard, beside: []string{rate, "MB/s", readySeconds}},
				{held: name, title: title + ", CPU of the reading process", unit: cpuMicros, base: whoDiscard, beside: []string{allocs, allocBytes}},
			},
		}
	}
	return []contest{on("restore", embedded, "the embedded Kafka"), on("restore-apache", apache, "Apache Kafka")}
}

// readySeconds is from the engine's start until all its tasks are at work: joining the group and fencing come on top.
const readySeconds = "s from start to work"

const (
	restoredKeys  = 1_000_000
	restoredValue = 200 // bytes, about
)

// full is a stage with a changelog of a million keys.
type full struct {
	app   string
	inbox topics.Topic
	stage stream.Spec
}

func fullStage(name string) full {
	inbox := hop(topics.Name("bench-" + name))
	return full{app: "bench-" + name, inbox: inbox, stage: relay(name, inbox, relayed.Name)}
}

var restored = fullStage("restore")

func (w full) changelog() topics.Topic { return runtime.Changelogs(w.app, w.stage)[0] }

func fullChangelog(ctx context.Context, f *field, s *site, o *order) (undo func(bool) error, err error) {
	return restored.prepare(ctx, f, s, o)
}

// prepare sees to it that the changelog is there, its keys in no order, as the engine writes it.
func (w full) prepare(ctx context.Context, f *field, s *site, o *order) (undo func(bool) error, err error) {
	o.App, o.Records = w.app, restoredKeys
	if o.StateDir, err = os.MkdirTemp(f.dir, "state-"); err != nil {
		return nil, err
	}
	if err := s.relayed(ctx); err != nil {
		return nil, err
	}
	if err := s.once(w.inbox.Name, func() error { return w.write(ctx, s) }); err != nil {
		return nil, fmt.Errorf("write a changelog to restore from: %w", err)
	}
	return func(bool) error { return os.RemoveAll(o.StateDir) }, nil
}

func (w full) write(ctx context.Context, s *site) error {
	if err := errors.Join(s.makeHops(ctx, w.inbox), s.create(ctx, w.changelog())); err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(50_000),
		kgo.TransactionalID(w.app), kgo.ProducerBatchMaxBytes(1_000_012))
	if err != nil {
		return err
	}
	defer client.Close()
	const transaction = 50_000
	for first := 0; first < restoredKeys; first += transaction {
		if err := w.writeSome(ctx, client, first, first+transaction); err != nil {
			return err
		}
	}
	return nil
}

// writeSome writes what the stage would: its own tasks make the changes.
func (w full) writeSome(ctx context.Context, client *kgo.Client, from, to int) error {
	tasks := map[int32]*stream.Task{}
	for p := range int32(partitions) {
		t, err := w.stage.NewTask(stream.Nothing{})
		if err != nil {
			return err
		}
		tasks[p] = t
	}
	for n := from; n < to; n++ {
		err := tasks[int32(n%partitions)].Process(ctx, restoredRecord(n), func([]stream.Emit) error { return nil })
		if err != nil {
			return err
		}
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	var failed firstError
	for p, t := range tasks {
		changes, err := t.Flush()
		if err != nil {
			return err
		}
		for _, c := range changes {
			client.Produce(ctx, &kgo.Record{Topic: string(w.changelog().Name), Partition: p, Key: c.Key, Value: c.Value}, func(_ *kgo.Record, err error) { failed.keep(err) })
		}
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	return errors.Join(failed.get(), client.EndTransaction(ctx, kgo.TryCommit))
}

// restoredRecord is of a key of its own. Half of the payload is noise: it compresses about as state does.
func restoredRecord(n int) stream.Record {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	payload := make([]byte, restoredValue-30)
	for i := 0; i < len(payload)/2; i += 8 {
		binary.LittleEndian.PutUint64(payload[i:], rng.Uint64())
	}
	key := topics.Key("bench", fmt.Sprintf("%016x", rng.Uint64()))
	return stream.Record{Key: []byte(key), Value: &avro.PartnerMessage{Tenant: "bench", Payload: payload, ReceivedAt: avro.MicrosOf(time.Unix(int64(1_790_000_000+n), 0))}}
}

// bareDiscard reads every partition of the changelog as a restore does, each with a client of its own, and drops what it reads.
func bareDiscard(ctx context.Context, o order, m *meter) (trial, error) {
	topic := string(restored.changelog().Name)
	bytes := make([]int, partitions)
	err := m.over(o.Records, func() error {
		var group errgroup.Group
		for p := range int32(partitions) {
			group.Go(func() (err error) {
				bytes[p], err = discard(ctx, o, topic, p)
				return err
			})
		}
		return group.Wait()
	})
	total := 0
	for _, n := range bytes {
		total += n
	}
	return trial{"MB/s": float64(total) / 1e6 / m.used[wallSeconds]}, err
}

func discard(ctx context.Context, o order, topic string, partition int32) (bytes int, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(o.Brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	for n := 0; n < o.Records/partitions; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return bytes, fmt.Errorf("read %s/%d: %w", topic, partition, err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			if r := it.Next(); r.Key[0] != 0 { // fences of trials before do not count
				n, bytes = n+1, bytes+len(r.Key)+len(r.Value)
			}
		}
	}
	return bytes, nil
}

// restorePart starts the stage on an empty directory. Time is counted from when the first task was fenced until the last is ready to work,
// CPU from the engine's start on.
func restorePart(ctx context.Context, o order, m *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	clock := restoreClock{over: make(chan struct{})}
	began := time.Now()
	var engine *running
	err = m.over(o.Records, func() error {
		engine, err = start(ctx, engineConfig(o), runtime.Deps{Decoder: codec, Encoder: codec, Restoring: clock.note}, restored.stage)
		if err != nil {
			return err
		}
		return wait(engine, clock.over)
	})
	if err == nil {
		err = engine.until(func(s runtime.Stats) bool { return s.Tasks == partitions && s.Restoring == 0 })
	}
	ready := time.Since(began)
	s := engine.Stats()[0]
	if err := engine.halted(err); err != nil {
		return nil, err
	}
	if s.Restored != int64(o.Records) {
		return nil, fmt.Errorf("the engine restored %d records of %d", s.Restored, o.Records)
	}
	took := clock.end.Sub(clock.begun).Seconds()
	return trial{wallSeconds: took, rate: float64(o.Records) / took, readySeconds: ready.Seconds()}, nil
}

// restoreClock notes when the restoring of tasks begins and ends.
type restoreClock struct {
	mu         sync.Mutex
	begun, end time.Time
	ready      int
	over       chan struct{}
}

func (c *restoreClock) note(p runtime.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = time.Now()
	if begun := c.end.Add(-p.Took); c.begun.IsZero() || begun.Before(c.begun) {
		c.begun = begun
	}
	if !p.Over {
		return
	}
	if c.ready++; c.ready == partitions {
		close(c.over)
	}
}
