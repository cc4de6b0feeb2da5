package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/runtime"
)

const (
	whoFirst        = "bare poll loop joins its group"
	whoDrained      = "after a drain"
	whoKilled       = "after kill -9, static membership"
	whoKilledMember = "after kill -9, no static membership: its session ends first"
)

// restartContests: how long a stage with a full directory takes from its start to the commit of its first record.
func restartContests() []contest {
	on := func(name, site, kafka string) contest {
		return contest{
			name: name, site: site, about: "a warm restart on " + kafka,
			contestants: []contestant{
				{whoFirst, "firstpoll", restart(order{})}, {whoDrained, "restart", restart(order{})}, {whoKilled, "restart", restart(order{Kill: true, Static: true})},
				{whoKilledMember, "restart", restart(order{Kill: true})},
			},
			tables: []layout{{
				held: name, title: fmt.Sprintf("A restart with %s keys on disk, to the commit of the first record, on %s", number(restoredKeys), kafka),
				unit: wallSeconds, base: whoFirst, beside: []string{cpuSeconds, "changelog records read"},
			}},
		}
	}
	return []contest{on("restart", embedded, "the embedded Kafka"), on("restart-apache", apache, "Apache Kafka")}
}

// restarted is the stage; a group of static members and one of others are two, since not every broker lets one become the other.
func restarted(static bool) full {
	if static {
		return fullStage("restart-static")
	}
	return fullStage("restart")
}

// lastWords is how many records the process before worked on last: what it lost of them is read from the changelog.
const lastWords = 50_000

func restart(how order) prepare {
	return func(ctx context.Context, f *field, s *site, o *order) (undo func(bool) error, err error) {
		o.Kill, o.Static = how.Kill, how.Static
		return restarted(o.Static).prepare(ctx, f, s, o)
	}
}

// restartPart has another process fill the directory and end, and measures its successor.
func restartPart(ctx context.Context, o order, m *meter) (trial, error) {
	_, err := spawn(ctx, "before", o)
	if died := errors.Is(err, errKilled); died != o.Kill || err != nil && !died {
		return nil, fmt.Errorf("the process before: %w", err)
	}
	if err := sendRestarted(ctx, o, 1000); err != nil {
		return nil, err
	}
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	var engine *running
	err = m.over(1, func() (err error) {
		engine, err = start(ctx, engineConfig(o), runtime.Deps{Decoder: codec, Encoder: codec}, restarted(o.Static).stage)
		if err != nil {
			return err
		}
		return engine.committed(1)
	})
	s := engine.Stats()[0]
	return trial{"changelog records read": float64(s.Restored)}, engine.halted(err)
}

// beforePart restores everything, works on some records, and ends as it is told to.
func beforePart(ctx context.Context, o order, _ *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	engine, err := start(ctx, engineConfig(o), runtime.Deps{Decoder: codec, Encoder: codec}, restarted(o.Static).stage)
	if err != nil {
		return nil, err
	}
	err = engine.working()
	if err == nil {
		err = sendRestarted(ctx, o, lastWords)
	}
	if err == nil {
		err = engine.committed(lastWords)
	}
	if err == nil && o.Kill {
		err = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return nil, engine.halted(err)
}

func sendRestarted(ctx context.Context, o order, records int) error {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(o.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	var failed firstError
	for n := range records {
		r, err := message(ctx, codec, restarted(o.Static).inbox.Name, n, avro.MicrosOf(time.Now()))
		if err != nil {
			return err
		}
		client.Produce(ctx, r, func(_ *kgo.Record, err error) { failed.keep(err) })
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	return failed.get()
}

// bareFirst is a group member with nothing to restore, from its making to its first record.
func bareFirst(ctx context.Context, o order, m *meter) (trial, error) {
	if err := sendRestarted(ctx, o, 1000); err != nil {
		return nil, err
	}
	o.App = fmt.Sprint(o.App, "-bare-", time.Now().UnixNano())
	return nil, m.over(1, func() error {
		client, err := kgo.NewClient(groupOpts(o, restarted(o.Static).inbox.Name)...)
		if err != nil {
			return err
		}
		defer client.Close()
		for {
			fetches := client.PollFetches(ctx)
			if err := fetches.Err(); err != nil || fetches.NumRecords() > 0 {
				return err
			}
		}
	})
}
