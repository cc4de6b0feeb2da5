package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/sinks"
	sink "waybill/sinks/clickhouse"
	"waybill/topics"
)

const (
	whoChgo = "bare ch-go loop, same blocks"
	whoSink = "sinks/clickhouse from Kafka"
)

// sinkContest: positions into ClickHouse.
var sinkContest = contest{
	name: "sink", site: embeddedSink, table: true, about: "positions into ClickHouse",
	contestants: []contestant{{whoChgo, "chgo", tables}, {whoSink, "sink", tables}},
	tables: []layout{
		{held: "sink", title: "Positions into ClickHouse, CPU of the writing process", unit: cpuMillion, base: whoChgo, beside: []string{allocs, allocBytes}},
		{held: "sink", title: "Positions into ClickHouse, throughput", unit: rowRate, base: whoChgo},
	},
}

// sinkPart runs the sink from joining the group until the last block is committed. Blocks are full: the linger never ends.
func sinkPart(ctx context.Context, o order, m *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	cfg := sink.DefaultConfig()
	cfg.DSN, cfg.Consume.BlockRows, cfg.Consume.Linger = o.DSN, o.BlockRows, time.Hour
	s, err := sink.New(cfg, o.App, codec, kgo.SeedBrokers(o.Brokers...))
	if err != nil {
		return nil, err
	}
	watch, err := kgo.NewClient(kgo.SeedBrokers(o.Brokers...))
	if err != nil {
		return nil, err
	}
	defer watch.Close()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	err = m.over(o.Records, func() error {
		go func() { ended <- s.Run(ctx) }()
		return landed(ctx, watch, sink.Group(o.App), ended)
	})
	stop()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return nil, errors.Join(<-ended, s.Close())
}

// landed waits until the sink has committed every position. Looking costs three requests, 20 times a second.
func landed(ctx context.Context, watch *kgo.Client, group string, ended <-chan error) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		lag, err := sinks.Lag(ctx, watch, group, topics.Positions.Name)
		switch {
		case errors.Is(err, kerr.GroupIDNotFound): // the sink has not joined yet
		case err != nil || lag == 0:
			return err
		}
		select {
		case err := <-ended:
			return errors.Join(errors.New("the sink ended before it had read everything"), err)
		case <-look.C:
		}
	}
}

// bareInsert writes the sink's blocks through ch-go from structs that are in memory already: what no sink can undercut.
func bareInsert(ctx context.Context, o order, m *meter) (trial, error) {
	blocks, err := allBlocks(ctx, o)
	if err != nil {
		return nil, err
	}
	options, err := clickhouse.ParseDSN(o.DSN)
	if err != nil {
		return nil, errors.New("the order's DSN cannot be read")
	}
	return nil, m.over(o.Records, func() (err error) {
		client, err := ch.Dial(ctx, ch.Options{Address: options.Addr[0], Database: options.Auth.Database, User: options.Auth.Username, Password: options.Auth.Password})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, client.Close()) }()
		cols := newColumns()
		for i, b := range blocks {
			cols.fill(b)
			q := ch.Query{Body: "INSERT INTO positions " + cols.input.Columns() + " VALUES", Input: cols.input, Settings: []ch.Setting{
				ch.SettingInt("async_insert", 0), ch.SettingInt("optimize_on_insert", 0), {Key: "insert_deduplication_token", Value: fmt.Sprint("bench/", i), Important: true},
			}}
			if err := client.Do(ctx, q); err != nil {
				return fmt.Errorf("insert block %d: %w", i, err)
			}
		}
		return nil
	})
}

// stored is a position with what the table keeps of its record.
type stored struct {
	*avro.Position
	at     time.Time
	part   int32
	offset int64
}

// allBlocks reads the whole topic and cuts it as the sink does.
func allBlocks(ctx context.Context, o order) (blocks [][]stored, err error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	open := map[int32][]stored{}
	err = pollAll(ctx, o, new(meter), func(r *kgo.Record) error {
		rec, err := codec.DecodeAlias(ctx, r.Value)
		if err != nil {
			return err
		}
		b := append(open[r.Partition], stored{rec.(*avro.Position), r.Timestamp, r.Partition, r.Offset})
		if len(b) == o.BlockRows {
			blocks, b = append(blocks, b), nil
		}
		open[r.Partition] = b
		return nil
	})
	return blocks, err
}
