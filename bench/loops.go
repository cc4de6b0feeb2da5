package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/runtime"
	"waybill/processors/track"
	"waybill/topics"
)

// copyTopic takes what bareCopy writes.
const copyTopic topics.Name = "bench-copy"

// cycle is the engine's default: what bareCopy puts into one transaction.
const (
	cycleRecords  = 5000
	cycleInterval = 100 * time.Millisecond
)

// groupOpts is a group member that reads the positions from their start, as the engine's does.
func groupOpts(o order) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...), kgo.ConsumerGroup(o.App), kgo.ConsumeTopics(string(topics.Positions.Name)),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.FetchMaxWait(200 * time.Millisecond),
	}
}

// barePoll reads every position and looks at none.
func barePoll(ctx context.Context, o order, measured func(func() error) error) (trial, error) {
	return nil, measured(func() error { return pollAll(ctx, o, func(*kgo.Record) error { return nil }) })
}

// bareDecode reads every position into one struct that it reuses, strings aliasing the fetch's buffer.
func bareDecode(ctx context.Context, o order, measured func(func() error) error) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	var p avro.Position
	return nil, measured(func() error {
		return pollAll(ctx, o, func(r *kgo.Record) error {
			reader, payload, err := codec.Reader(ctx, r.Value)
			if err != nil {
				return err
			}
			return reader.DecodeAlias(payload, &p)
		})
	})
}

func pollAll(ctx context.Context, o order, visit func(*kgo.Record) error) error {
	client, err := kgo.NewClient(groupOpts(o)...)
	if err != nil {
		return err
	}
	defer client.Close()
	for n := 0; n < o.Positions; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read positions: %w", err)
		}
		for it := fetches.RecordIter(); !it.Done(); n++ {
			if err := visit(it.Next()); err != nil {
				return err
			}
		}
	}
	return nil
}

// bareCopy is the least that exactly once can cost with one output a record: transactions in the engine's rhythm, bytes as
// they came.
func bareCopy(ctx context.Context, o order, measured func(func() error) error) (trial, error) {
	return nil, measured(func() error {
		sess, err := kgo.NewGroupTransactSession(append(groupOpts(o),
			kgo.TransactionalID(o.App), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...)
		if err != nil {
			return err
		}
		defer sess.Close()
		for n := 0; n < o.Positions; {
			records, err := pollCycle(ctx, sess)
			if err != nil {
				return err
			}
			if err := copyCycle(ctx, sess, records); err != nil {
				return err
			}
			n += len(records)
		}
		return nil
	})
}

func pollCycle(ctx context.Context, sess *kgo.GroupTransactSession) (records []*kgo.Record, err error) {
	until, cancel := context.WithTimeout(ctx, cycleInterval)
	defer cancel()
	for until.Err() == nil && len(records) < cycleRecords {
		fetches := sess.PollRecords(until, cycleRecords-len(records))
		if err := fetches.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("read positions: %w", err)
		}
		records = append(records, fetches.Records()...)
	}
	return records, ctx.Err()
}

func copyCycle(ctx context.Context, sess *kgo.GroupTransactSession, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	if err := sess.Begin(); err != nil {
		return err
	}
	var failed firstError
	for _, r := range records {
		sess.Produce(ctx, &kgo.Record{Topic: string(copyTopic), Partition: r.Partition, Key: r.Key, Value: r.Value}, func(_ *kgo.Record, err error) { failed.keep(err) })
	}
	if err := sess.Client().Flush(ctx); err != nil {
		return err
	}
	if err := failed.get(); err != nil {
		return err
	}
	committed, err := sess.End(ctx, kgo.TryCommit)
	if err == nil && !committed {
		err = errors.New("a transaction was aborted: the figures would be of something else")
	}
	return err
}

// trackPart runs track on the engine, from joining the group to the commit of the last position.
func trackPart(ctx context.Context, o order, measured func(func() error) error) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	cfg := runtime.DefaultConfig()
	cfg.App, cfg.Brokers, cfg.StateDir = o.App, o.Brokers, o.StateDir
	cfg.CommitInterval, cfg.CycleRecords = cycleInterval, cycleRecords
	engine, err := runtime.New(cfg, runtime.Deps{Decoder: codec, Encoder: codec}, track.New(track.DefaultConfig()))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	err = measured(func() error {
		go func() { ended <- engine.Run(ctx) }()
		return committed(engine, o.Positions, ended)
	})
	s := engine.Stats()[0]
	stop()
	if err != nil {
		return nil, err
	}
	if err := <-ended; err != nil {
		return nil, err
	}
	if s.In != int64(o.Positions) || s.DeadLetters != 0 || s.Aborts+s.Rebuilds != 0 {
		return nil, fmt.Errorf("the engine ran, but not as it should for %d positions: %+v", o.Positions, s)
	}
	if s.Out == 0 && o.Positions >= told*devices {
		return nil, fmt.Errorf("track told of no stay in %d positions: it must have refused them", o.Positions)
	}
	return trial{"records/commit": float64(s.In) / float64(s.Commits), "facts/record": float64(s.Out) / float64(s.In)}, nil
}

// committed waits until the stage has committed n records.
func committed(engine *runtime.Engine, n int, ended <-chan error) error {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for engine.Stats()[0].In < int64(n) {
		select {
		case err := <-ended:
			return errors.Join(errors.New("the engine ended before it had read everything"), err)
		case <-look.C:
		}
	}
	return nil
}
