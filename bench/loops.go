package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/runtime"
	"waybill/topics"
)

// groupOpts is a group member that reads a topic from its start, as the engine's does.
func groupOpts(o order, topic topics.Name) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...), kgo.ConsumerGroup(o.App), kgo.ConsumeTopics(string(topic)),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.FetchMaxWait(200 * time.Millisecond),
	}
}

// barePoll reads every position and looks at none.
func barePoll(ctx context.Context, o order, m *meter) (trial, error) {
	return nil, pollAll(ctx, o, m, func(*kgo.Record) error { return nil })
}

// bareDecode reads every position into one struct that it reuses, strings aliasing the fetch's buffer.
func bareDecode(ctx context.Context, o order, m *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	var p avro.Position
	return nil, pollAll(ctx, o, m, func(r *kgo.Record) error {
		reader, payload, err := codec.Reader(ctx, r.Value)
		if err != nil {
			return err
		}
		return reader.DecodeAlias(payload, &p)
	})
}

// pollAll visits every position, and measures what comes behind those to warm up on.
func pollAll(ctx context.Context, o order, m *meter, visit func(*kgo.Record) error) error {
	return pollTopic(ctx, o, topics.Positions.Name, m, visit)
}

func pollTopic(ctx context.Context, o order, topic topics.Name, m *meter, visit func(*kgo.Record) error) error {
	client, err := kgo.NewClient(groupOpts(o, topic)...)
	if err != nil {
		return err
	}
	defer client.Close()
	return pace(o, m, func() (int, error) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, fmt.Errorf("read %s: %w", topic, err)
		}
		n := 0
		for it := fetches.RecordIter(); !it.Done(); n++ {
			if err := visit(it.Next()); err != nil {
				return n, err
			}
		}
		return n, nil
	})
}

// pace repeats step, which says how many records it worked on, until the order is done. The meter starts behind the warming up.
func pace(o order, m *meter, step func() (int, error)) error {
	n, measuring := 0, false
	done := func() int { return n }
	for n < o.Records {
		if !measuring && n >= o.Warm {
			measuring = true
			if err := m.start(done); err != nil {
				return err
			}
		}
		worked, err := step()
		if err != nil {
			return err
		}
		n += worked
	}
	return m.stop(done)
}

// bareCopy is the least that exactly once can cost with one output a record: transactions in the engine's rhythm, bytes as
// they came.
func bareCopy(ctx context.Context, o order, m *meter) (trial, error) {
	sess, err := kgo.NewGroupTransactSession(append(groupOpts(o, topics.Positions.Name),
		kgo.TransactionalID(o.App), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(1_000_012))...)
	if err != nil {
		return nil, err
	}
	defer sess.Close()
	aborted := 0
	err = pace(o, m, func() (int, error) {
		records, err := pollCycle(ctx, sess)
		if err != nil || len(records) == 0 {
			return 0, err
		}
		committed, err := copyCycle(ctx, sess, records)
		if err != nil || !committed { // the session reads them again
			aborted++
			return 0, err
		}
		return len(records), nil
	})
	return trial{abortedToo: float64(aborted)}, err
}

func pollCycle(ctx context.Context, sess *kgo.GroupTransactSession) (records []*kgo.Record, err error) {
	cfg := runtime.DefaultConfig()
	until, cancel := context.WithTimeout(ctx, cfg.CommitInterval)
	defer cancel()
	for until.Err() == nil && len(records) < cfg.CycleRecords {
		fetches := sess.PollRecords(until, cfg.CycleRecords-len(records))
		if err := fetches.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("read positions: %w", err)
		}
		records = append(records, fetches.Records()...)
	}
	return records, ctx.Err()
}

// copyCycle copies what was read in one transaction, and says whether it was committed.
func copyCycle(ctx context.Context, sess *kgo.GroupTransactSession, records []*kgo.Record) (committed bool, err error) {
	if err := sess.Begin(); err != nil {
		return false, err
	}
	var failed firstError
	for _, r := range records {
		sess.Produce(ctx, &kgo.Record{Topic: string(copyTopic), Partition: r.Partition, Key: r.Key, Value: r.Value}, func(_ *kgo.Record, err error) { failed.keep(err) })
	}
	if err := sess.Client().Flush(ctx); err != nil {
		return false, err
	}
	if err := failed.get(); err != nil {
		return false, err
	}
	return sess.End(ctx, kgo.TryCommit)
}
