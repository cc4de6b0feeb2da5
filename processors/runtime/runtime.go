// Package runtime runs stages on Kafka, exactly once: what a cycle reads, says and remembers is one transaction.
//
// A stage has one lane in a process: a member of the stage's consumer group with a transactional id of its own. A lane runs
// cycles: poll, unframe, decode, fire due timers, handle, encode, produce, commit. Each partition it owns is a task with a
// goroutine in each cycle and a store on local disk, which is written only after the transaction is committed.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"waybill/avro"
	"waybill/processors/state"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// Decoder reads framed records. Its errors are marked: poison where the bytes are at fault, retryable where the registry is.
type Decoder interface {
	// Decode gives a record that shares no memory with value.
	Decode(ctx context.Context, value []byte) (avro.Record, error)
	// DecodeInto gives a record of the scratch, whose strings and bytes lie in value. It is valid until the next call.
	DecodeInto(ctx context.Context, value []byte, scratch *wire.Scratch) (avro.Record, error)
}

// Encoder writes framed records.
type Encoder interface {
	// Append appends the record to dst as it goes onto the topic.
	Append(ctx context.Context, dst []byte, topic topics.Name, rec avro.Record) ([]byte, error)
}

// Deps is what the engine needs from others.
type Deps struct {
	Decoder   Decoder
	Encoder   Encoder
	Log       *slog.Logger   // nil: silent
	Kafka     []kgo.Opt      // how to reach the brokers: TLS, SASL, dialer, hooks
	Tracer    Tracer         // nil: what a record leads to carries its trace on unchanged
	Restoring func(Progress) // nil, or told how a restore gets on; called from several goroutines
	Line      []stream.Spec  // all stages of the deployment, of which some run here; nil: those that run here

	crash     func(point string) bool // tests only: true drops everything at that point, as kill -9 would
	anyStamps bool                    // tests only: the clock of the inbox is the test's own
	youth     time.Duration           // tests only: how long a process is young, 0: a minute

	mendWithin time.Duration // tests only: see there
}

// Progress of restoring one task from its changelog.
type Progress struct {
	Stage     string
	Partition int32
	Done      int64 // offsets of changelog and inbox behind us, counted from where the local state ended
	Total     int64
	Took      time.Duration // so far
	Over      bool          // no more comes of it: the task is restored, or was taken away
}

// Left is how long the rest takes if it goes on as it went; 0 where nobody can know.
func (p Progress) Left() time.Duration {
	if p.Done <= 0 {
		return 0
	}
	return time.Duration(float64(p.Took) / float64(p.Done) * float64(p.Total-p.Done))
}

// Engine runs stages in this process.
type Engine struct {
	cfg    Config
	deps   Deps
	stages []*stage
	tasks  atomic.Int64 // open in all stages
}

// stage is one spec in this process.
type stage struct {
	cfg     Config
	deps    Deps
	spec    stream.Spec
	log     *slog.Logger
	disk    *state.Disk
	crumbs  *crumbs
	stats   counters
	trouble trouble
	tasks   *atomic.Int64 // open in all stages of the process

	ids map[string][16]byte // of the topics, when a lane was last opened

	restores  chan struct{} // holds one for each task that reads its changelog
	changelog string        // the topic; not there for a stage without state
}

// New checks the configuration.
func New(cfg Config, deps Deps, specs ...stream.Spec) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("engine configuration: %w", err)
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Restoring == nil {
		deps.Restoring = func(Progress) {}
	}
	if deps.Line == nil {
		deps.Line = specs
	}
	e := &Engine{cfg: cfg, deps: deps}
	for _, spec := range specs {
		if spec.Ledger && cfg.Mode != ExactlyOnce {
			return nil, fmt.Errorf("stage %s writes the ledger, which must not say anything twice: run it with runtime.mode %s, in a process of its own where others are to run %s", spec.Name, ExactlyOnce, cfg.Mode)
		}
		spec.MaxSkew = cfg.MaxSkew
		e.stages = append(e.stages, &stage{
			cfg: cfg, deps: deps, spec: spec, tasks: &e.tasks, log: deps.Log.With("stage", spec.Name),
			changelog: string(topics.Changelog(cfg.App, spec.Name, 0).Name), restores: make(chan struct{}, atOnce()),
		})
	}
	return e, nil
}

// Run runs all stages until ctx ends or one of them meets a fatal error, which ends the others too. When ctx ends each stage
// finishes and commits its cycle, then leaves its group; the error is nil.
func (e *Engine) Run(ctx context.Context) (err error) {
	disk, err := state.NewDisk(e.cfg.StateDir, e.cfg.CacheBytes, e.deps.Log)
	if err != nil {
		return err
	}
	defer disk.Close()
	crumbs, err := openCrumbs(e.cfg.StateDir, e.deps.Log)
	if err != nil {
		return err
	}
	defer func() {
		if !errors.Is(err, errCrashed) {
			err = errors.Join(err, crumbs.close())
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range e.stages {
		s.disk, s.crumbs = disk, crumbs
		group.Go(func() error { return s.run(ctx) })
	}
	return group.Wait()
}

// errCrashed is what a crash injected by a test ends with.
var errCrashed = errors.New("crashed on request")

// run keeps a lane alive: a retryable end of one is followed by the next.
func (s *stage) run(ctx context.Context) error {
	pause := newBackoff()
	s.trouble.born = time.Now()
	for ctx.Err() == nil {
		s.stats.alive()
		begun := s.stats.commits.Load()
		err := s.lane(ctx)
		if err == nil {
			return nil
		}
		mends, err := s.mends(err, time.Now())
		if !mends && fault.Of(err) != fault.Retryable && !errors.Is(err, state.ErrDamaged) {
			return fmt.Errorf("stage %s: %w", s.spec.Name, err)
		}
		if err := s.twin(err, time.Now()); err != nil {
			return fmt.Errorf("stage %s: %w", s.spec.Name, err)
		}
		if s.stats.commits.Load() > begun {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		s.stats.rebuilds.Add(1)
		s.failed("lane closed, opening another", err, wait)
		sleep(ctx, wait)
	}
	return nil
}

// budget is how many bytes a task may keep decoded.
func (s *stage) budget() int { return int(s.cfg.HotBytes / max(1, s.tasks.Load())) }

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 15*time.Second
	return b
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
