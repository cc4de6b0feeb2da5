package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/bench/rig"
	"waybill/processors/runtime"
	"waybill/processors/track"
	sink "waybill/sinks/clickhouse"
	"waybill/topics"
)

// contestant is a part that takes part in a contest, and what must be there for it.
type contestant struct {
	contest, who string
	part         string
	stage        bool // a changelog
	table        bool // a database with Waybill's tables
}

const (
	trackContest = "track"
	sinkContest  = "sink"
)

const (
	whoPoll   = "bare poll loop"
	whoDecode = "bare poll loop, decode"
	whoCopy   = "bare transactions, copy each record"
	whoTrack  = "track on the engine, exactly once"
	whoChgo   = "bare ch-go loop, same blocks"
	whoSink   = "sinks/clickhouse from Kafka"
)

var contestants = []contestant{
	{contest: trackContest, who: whoPoll, part: "poll"},
	{contest: trackContest, who: whoDecode, part: "decode"},
	{contest: trackContest, who: whoCopy, part: "copy"},
	{contest: trackContest, who: whoTrack, part: "track", stage: true},
	{contest: sinkContest, who: whoChgo, part: "chgo", table: true},
	{contest: sinkContest, who: whoSink, part: "sink", table: true},
}

// field is what all contestants share: Kafka with the positions in it, ClickHouse.
type field struct {
	contestants []contestant
	perDevice   int
	profiles    string // where they go; empty: none

	cluster    *cluster
	clickhouse *rig.ClickHouse // nil: not installed
	client     *kgo.Client
	adm        *kadm.Client
	dir        string // state of stages
	trials     int
}

func startField(ctx context.Context, o options) (f *field, err error) {
	f = &field{perDevice: o.perDevice}
	if o.profile != "" {
		if f.profiles, err = filepath.Abs(o.profile); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.stop())
			f = nil
		}
	}()
	if f.dir, err = os.MkdirTemp("", "waybill-bench-"); err != nil {
		return f, err
	}
	if f.cluster, err = startCluster(ctx); err != nil {
		return f, err
	}
	f.clickhouse, err = rig.StartClickHouse(ctx, rig.ClickHouseOptions{})
	if err != nil && !errors.Is(err, rig.ErrNoEngine) {
		return f, err
	}
	for _, c := range contestants {
		if f.hasClickHouse() || !c.table {
			f.contestants = append(f.contestants, c)
		}
	}
	return f, f.fill(ctx)
}

func (f *field) hasClickHouse() bool { return f.clickhouse != nil }

func (f *field) positions() int { return devices * f.perDevice }

// fill makes the topics, registers the schemas and writes the positions.
func (f *field) fill(ctx context.Context) (err error) {
	f.client, err = kgo.NewClient(kgo.SeedBrokers(f.cluster.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(50_000))
	if err != nil {
		return err
	}
	f.adm = kadm.NewClient(f.client)
	for _, t := range topics.All() {
		if err := f.create(ctx, t); err != nil {
			return err
		}
	}
	if err := f.create(ctx, topics.Topic{Name: copyTopic, Cleanup: topics.Delete, Retention: topics.Forever}); err != nil {
		return err
	}
	if err := f.cluster.register(ctx); err != nil {
		return fmt.Errorf("register the schemas: %w", err)
	}
	codec, err := newCodec(f.cluster.Registry)
	if err != nil {
		return err
	}
	return load(ctx, f.client, codec, f.perDevice)
}

// create makes a topic of the catalogue, with the bench's number of partitions.
func (f *field) create(ctx context.Context, t topics.Topic) error {
	config := map[string]*string{}
	for k, v := range t.Config() {
		config[k] = &v
	}
	if _, err := f.adm.CreateTopic(ctx, partitions, 1, config, string(t.Name)); err != nil {
		return fmt.Errorf("make topic %s: %w", t.Name, err)
	}
	return nil
}

// trial runs a contestant once. What it wrote is checked and removed, so that the next finds the field as this one did.
func (f *field) trial(ctx context.Context, c contestant) (t trial, err error) {
	f.trials++
	o := order{
		App: fmt.Sprintf("bench%d", f.trials), Brokers: f.cluster.Brokers, Registry: f.cluster.Registry,
		Positions: f.positions(), BlockRows: min(fullBlock, f.positions()/partitions),
	}
	if f.profiles != "" {
		o.Profile = filepath.Join(f.profiles, c.part+".cpu.prof")
	}
	if c.stage {
		undo, failed := f.prepareStage(ctx, &o)
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, undo()) }()
	}
	if c.table {
		check, failed := f.prepareTables(ctx, &o)
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, check(err == nil)) }()
	}
	t, err = spawn(ctx, c.part, o)
	return t, errors.Join(err, f.forget(ctx))
}

// forget empties the topics that contestants write to.
func (f *field) forget(ctx context.Context) error {
	ends, err := f.adm.ListEndOffsets(ctx, string(topics.ResolveInbox.Name), string(copyTopic))
	if err == nil {
		_, err = f.adm.DeleteRecords(ctx, ends.Offsets())
	}
	if err != nil {
		return fmt.Errorf("empty the outputs: %w", err)
	}
	return nil
}

func (f *field) prepareStage(ctx context.Context, o *order) (undo func() error, err error) {
	changelogs := runtime.Changelogs(o.App, track.New(track.DefaultConfig()))
	for _, t := range changelogs {
		if err := f.create(ctx, t); err != nil {
			return nil, err
		}
	}
	if o.StateDir, err = os.MkdirTemp(f.dir, "state-"); err != nil {
		return nil, err
	}
	return func() error {
		errs := []error{os.RemoveAll(o.StateDir)}
		for _, t := range changelogs {
			_, err := f.adm.DeleteTopic(ctx, string(t.Name))
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}, nil
}

// prepareTables makes a database of the trial's own. check drops it; a trial that went well must have left every position.
func (f *field) prepareTables(ctx context.Context, o *order) (check func(complete bool) error, err error) {
	u, err := url.Parse(f.clickhouse.DSN())
	if err != nil {
		return nil, err
	}
	options, err := clickhouse.ParseDSN(u.String())
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, err
	}
	if err := conn.Exec(ctx, "CREATE DATABASE "+o.App); err != nil {
		return nil, errors.Join(fmt.Errorf("make database %s: %w", o.App, err), conn.Close())
	}
	u.Path = o.App
	o.DSN = u.String()
	cfg := sink.DefaultConfig()
	cfg.DSN = o.DSN
	check = func(complete bool) error {
		var err error
		if complete {
			err = f.complete(ctx, conn, o.App)
		}
		return errors.Join(err, conn.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+o.App+" SYNC"), conn.Close())
	}
	if _, err := sink.Migrate(ctx, cfg); err != nil {
		return nil, errors.Join(err, check(false))
	}
	return check, nil
}

func (f *field) complete(ctx context.Context, conn driver.Conn, database string) error {
	var rows uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM "+database+".positions").Scan(&rows); err != nil {
		return fmt.Errorf("count rows: %w", err)
	}
	if rows != uint64(f.positions()) {
		return fmt.Errorf("ClickHouse has %d rows of %d positions: the figures would be of something else", rows, f.positions())
	}
	return nil
}

func (f *field) stop() error {
	var errs []error
	if f.client != nil {
		f.client.Close()
	}
	errs = append(errs, f.clickhouse.Stop()) // nil is fine
	if f.cluster != nil {
		errs = append(errs, f.cluster.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(f.dir))...)
}
