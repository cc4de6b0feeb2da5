package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"waybill/processors/runtime"
	"waybill/processors/stream"
)

// stages prepares what stages on the engine need: changelogs and a folder for state.
func stages(ctx context.Context, f *field, s *site, o *order, specs ...stream.Spec) (undo func(bool) error, err error) {
	changelogs := runtime.Changelogs(o.App, specs...)
	if err := s.create(ctx, changelogs...); err != nil {
		return nil, err
	}
	if o.StateDir, err = os.MkdirTemp(f.dir, "state-"); err != nil {
		return nil, err
	}
	return func(bool) error {
		errs := []error{os.RemoveAll(o.StateDir)}
		for _, t := range changelogs {
			_, err := s.adm.DeleteTopic(ctx, string(t.Name))
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}, nil
}

// running is an engine at work.
type running struct {
	*runtime.Engine
	stop  context.CancelFunc
	ended chan error
}

func engineConfig(o order) runtime.Config {
	cfg := runtime.DefaultConfig()
	cfg.App, cfg.Brokers, cfg.StateDir = o.App, o.Brokers, o.StateDir
	cfg.StaticMembership = o.Static
	if o.Mode != "" {
		cfg.Mode = o.Mode
	}
	return cfg
}

// start runs stages on the engine until they are halted.
func start(ctx context.Context, cfg runtime.Config, deps runtime.Deps, specs ...stream.Spec) (*running, error) {
	if os.Getenv("BENCH_LOG") != "" {
		deps.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	engine, err := runtime.New(cfg, deps, specs...)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	r := &running{Engine: engine, stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- engine.Run(ctx) }() // waited for by halted
	return r, nil
}

// halted ends the engine as SIGTERM would; err is what happened before.
func (r *running) halted(err error) error {
	r.stop()
	return errors.Join(err, <-r.ended)
}

// committed waits until the first stage has committed n records.
func (r *running) committed(n int) error {
	return r.until(func(s runtime.Stats) bool { return s.In >= int64(n) })
}

// until waits for something to be true of the first stage.
func (r *running) until(holds func(runtime.Stats) bool) error {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !holds(r.Stats()[0]) {
		if err := wait(r, look.C); err != nil {
			return err
		}
	}
	return nil
}

// wait waits for something to be said, but not for an engine that ended.
func wait[T any](r *running, said <-chan T) error {
	select {
	case err := <-r.ended:
		r.ended <- nil // for halted
		return errors.Join(errors.New("the engine ended before it had done its work"), err)
	case <-said:
		return nil
	}
}

// working waits until all stages work on all their partitions.
func (r *running) working() error {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for slices.ContainsFunc(r.Stats(), func(s runtime.Stats) bool { return s.Tasks < partitions || s.Restoring > 0 }) {
		if err := wait(r, look.C); err != nil {
			return err
		}
	}
	return nil
}

// in is how many records the first stage has committed.
func (r *running) in() int { return int(r.Stats()[0].In) }

// well refuses figures of an engine that did something else than its work. Transactions that were aborted and done again are counted and told: a
// stall of the machine does that.
func well(s runtime.Stats, records int) error {
	if s.In != int64(records) || s.DeadLetters != 0 || s.Rebuilds != 0 {
		return fmt.Errorf("the engine ran, but not as it should for %d records: %+v", records, s)
	}
	return nil
}

// perCommit is how many records went into one commit.
const perCommit = "records/commit"

// abortedToo is how many transactions were aborted and done again.
const abortedToo = "aborted transactions"

// stagePart runs a stage on the engine over a backlog, to the commit of its last record.
func stagePart(ctx context.Context, o order, m *meter, spec stream.Spec) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	engine, err := start(ctx, engineConfig(o), runtime.Deps{Decoder: codec, Encoder: codec}, spec)
	if err != nil {
		return nil, err
	}
	before, err := measureStage(engine, o, m)
	s := engine.Stats()[0]
	if err := engine.halted(err); err != nil {
		return nil, err
	}
	if err := well(s, o.Records); err != nil {
		return nil, err
	}
	in := float64(s.In - before.In)
	return trial{perCommit: in / float64(s.Commits-before.Commits), "facts/record": float64(s.Out-before.Out) / in, abortedToo: float64(s.Aborts)}, nil
}

// measureStage measures the engine from the end of its warming up to the commit of the last record. It gives what had happened
// before measuring.
func measureStage(engine *running, o order, m *meter) (before runtime.Stats, err error) {
	if err := engine.committed(o.Warm); err != nil {
		return before, err
	}
	err = m.start(func() int {
		before = engine.Stats()[0]
		return int(before.In)
	})
	if err != nil {
		return before, err
	}
	if err := engine.committed(o.Records); err != nil {
		return before, err
	}
	return before, m.stop(engine.in)
}
