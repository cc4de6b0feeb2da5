package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"waybill/cmd/internal/cluster"
	"waybill/cmd/internal/ops"
	"waybill/cmd/internal/tracing"
	"waybill/processors/runtime"
	"waybill/processors/stream"
	"waybill/sinks/clickhouse"
	"waybill/topics"
)

// Run says what runs in this process.
type Run struct {
	Stages []string // by name; empty: all
	Sink   bool
	Ticks  bool // let time pass, every ticks.every
	// Service is a process that others watch and start: health and metrics are at ops.listen, and a sink that meets an error no
	// retry cures is tried again, less and less often, while the stages go on.
	Service   bool
	Restoring func(runtime.Progress) // nil, or told how restores get on; called from several goroutines
}

// Run runs until ctx ends or a part meets an error that no retry cures, which ends the others.
func (l *Line) Run(ctx context.Context, r Run) error {
	specs, err := l.chosen(r.Stages)
	if err != nil {
		return err
	}
	var server *ops.Server
	if r.Service {
		if server, err = ops.Listen(l.Config.Ops, l.Log); err != nil {
			return err
		}
	}
	return server.While(ctx, func() error { return l.run(ctx, r, specs, server) })
}

// drained waits for work to end by itself once ctx has ended, for the time that there is to finish what was begun. What has
// not ended by then goes on until the process ends: nobody can stop a handler that hangs.
func (l *Line) drained(ctx context.Context, p parts, work func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	enough := time.NewTimer(l.Config.Runtime.DrainTimeout)
	defer enough.Stop()
	select {
	case err := <-ended:
		return err
	case <-enough.C:
	}
	return fmt.Errorf("what was begun was not finished within runtime.drain_timeout, %s: %s. Nothing is lost: the brokers undo what is half done, and the next start does it again. Where this happens with brokers that answer, give it longer, and the container more than that",
		l.Config.Runtime.DrainTimeout, p.busy())
}

// busy says what has not ended.
func (p parts) busy() string {
	var names []string
	if p.engine != nil {
		for _, s := range p.engine.Stats() {
			if s.Joined {
				names = append(names, s.Stage)
			}
		}
	}
	if p.sink != nil && p.sink.Stats().Joined {
		names = append(names, ops.SinkStage)
	}
	if len(names) == 0 {
		return "the end of the group's members hangs"
	}
	return strings.Join(names, ", ") + " had not ended"
}

// parts is what runs.
type parts struct {
	engine *runtime.Engine  // nil: no stages
	sink   *clickhouse.Sink // nil: none
	probe  *runtime.Probe
}

func (l *Line) run(ctx context.Context, r Run, specs []stream.Spec, server *ops.Server) (err error) {
	if err := l.Codec.Prepare(ctx, topics.All()...); err != nil {
		return fmt.Errorf("prepare the schemas: run `waybill schemas register` first: %w", err)
	}
	tracer, err := tracing.New(ctx, l.Config.Tracing, l.Config.Kafka.App, l.Config.Runtime.Instance, l.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tracer.Close(ctx)) }()
	p, err := l.parts(r, specs, tracer)
	if err != nil {
		return err
	}
	defer p.probe.Close()
	server.Show(l.source(p))
	return l.drained(ctx, p, func() error { return l.work(ctx, r, specs, p) })
}

// work runs the parts.
func (l *Line) work(ctx context.Context, r Run, specs []stream.Spec, p parts) error {
	group, ctx := errgroup.WithContext(ctx)
	if p.engine != nil {
		group.Go(func() error { return p.engine.Run(ctx) })
	}
	if p.sink != nil {
		group.Go(func() error { return errors.Join(l.land(ctx, p.sink, r.Service), p.sink.Close()) })
	}
	if r.Ticks {
		group.Go(func() error { return l.tick(ctx, specs, p.engine) })
	}
	return group.Wait()
}

func (l *Line) parts(r Run, specs []stream.Spec, tracer *tracing.Tracer) (p parts, err error) {
	opts, err := cluster.Options(l.Config.Kafka)
	if err != nil {
		return p, err
	}
	readers := l.Config.Runtime.Readers(specs...)
	if len(specs) > 0 {
		deps := runtime.Deps{Decoder: l.Codec, Encoder: l.Codec, Log: l.Log, Kafka: opts, Restoring: r.Restoring, Line: l.specs}
		if tracer != nil {
			deps.Tracer = tracer
		}
		if p.engine, err = runtime.New(l.Config.Runtime, deps, specs...); err != nil {
			return p, err
		}
	}
	if r.Sink {
		if p.sink, err = l.newSink(opts, tracer); err != nil {
			return p, err
		}
		readers = append(readers, runtime.Reader{Group: clickhouse.Group(l.Config.Kafka.App), Topics: clickhouse.Topics()})
	}
	p.probe, err = runtime.NewProbe(append(slices.Clone(opts), kgo.WithLogger(runtime.ClientLog(l.Log))), readers...)
	return p, err
}

func (l *Line) newSink(opts []kgo.Opt, tracer *tracing.Tracer) (*clickhouse.Sink, error) {
	cfg := l.Config.ClickHouse
	cfg.Consume.Log = l.Log.With("stage", ops.SinkStage)
	if tracer != nil {
		cfg.Consume.Tracer = tracer
	}
	return clickhouse.New(cfg, l.Config.Kafka.App, l.Codec, append(slices.Clone(opts), kgo.WithLogger(runtime.ClientLog(cfg.Consume.Log)))...)
}

// land runs the sink. Where it stays it is tried again after an error that no retry of its own cures: what ClickHouse
// refuses for good, somebody must mend there (a missing table, a grant), and stages that ended too would lose time and
// mend nothing. Nothing is lost either way: the offset stays before what was refused.
func (l *Line) land(ctx context.Context, sink *clickhouse.Sink, stay bool) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = time.Second, time.Minute
	for {
		stored := sink.Stats().Blocks
		err := sink.Run(ctx)
		if err == nil || !stay {
			return err
		}
		if sink.Stats().Blocks > stored {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		l.Log.Error("the sink stopped and is tried again; the stages go on", "stage", ops.SinkStage, "cause", err, "in", wait)
		if rest(ctx, wait) != nil {
			return nil
		}
	}
}

// source is what the process says about itself.
func (l *Line) source(p parts) ops.Source {
	app := l.Config.Kafka.App + "."
	return ops.Source{
		Look: func() (s ops.State) {
			if p.engine != nil {
				s.Stages = p.engine.Stats()
			}
			if p.sink != nil {
				sink := p.sink.Stats()
				s.Sink = &sink
			}
			return s
		},
		Behind: func(ctx context.Context, owned ops.Owned) ([]runtime.Behind, error) {
			all, err := p.probe.Behind(ctx, func(group, topic string, partition int32) bool {
				return owned(strings.TrimPrefix(group, app), topic, partition)
			})
			for i := range all {
				all[i].Group = strings.TrimPrefix(all[i].Group, app)
			}
			return all, err
		},
	}
}
