// Package stream is the contract a processor's author writes against.
//
// A processor reads one inbox: a topic that holds, in one order per partition, everything the stage reads. For each record
// one handler runs; it sees the record, its key, the broker's time, and the stores scoped to that key; it returns what to
// emit. Handlers see no wall clock, no randomness and no map order, and do no I/O, so that the same inbox always leads to
// the same state and the same output, record for record.
package stream

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"waybill/avro"
	"waybill/topics"
)

// Event is one record as a handler sees it.
type Event[V any] struct {
	Value  *V        // valid until the handler returns; Clone what is kept elsewhere than in a store
	Time   time.Time // the broker's append time: when it was said to this stage
	Source Source
}

// Source is where a record was read.
type Source struct {
	Topic     topics.Name
	Partition int32
	Offset    int64
}

// Handler works on one record. An error marked poison makes the record a dead letter and leaves no trace of the handler in
// state or output; any other error stops the stage.
type Handler[V, S any] func(ctx context.Context, key string, ev Event[V], st S) (Emits, error)

// Firing is a timer that has come due.
type Firing struct {
	Name    string    // as given to Timers.Set
	Due     time.Time // as given to Timers.Set
	Now     time.Time // the broker's time of the tick that fired it
	Lagging bool      // stages up the line were behind when the tick was sent: what is concluded from silence may be hasty
}

// TimerHandler works on one timer.
type TimerHandler[S any] func(ctx context.Context, key string, f Firing, st S) (Emits, error)

// SweepHandler revisits one key that depends on reference data that changed.
type SweepHandler[S any] func(ctx context.Context, key, reference string, now time.Time, st S) (Emits, error)

// Processor declares a stage.
type Processor[S any] struct {
	Name    string
	Inbox   topics.Topic    // the one topic a keyed stage reads
	Feeds   []topics.Topic  // instead of Inbox, for a stage without state
	State   func(*Binder) S // opens the stores; nil for a stage without state
	Inputs  []Input[S]      // a handler per record type
	Outputs []topics.Name   // the topics it may emit to
	Timers  TimerHandler[S] // nil: no timers
	Sweep   SweepHandler[S] // nil: depends on no reference data

	// Reuse: handlers keep nothing of a record in stores or emits without cloning it. All records of a type are then decoded into one struct,
	// whose strings and bytes lie in the record's own.
	Reuse bool
	// Snapshots: for inboxes of high volume, where every commit would write nearly every key. State goes to the changelog at
	// intervals only; a restore reads the last of them and then works through the inbox from there again, saying nothing.
	Snapshots bool
	// SweepChunk is how many keys a sweep visits in one go; 0: 500.
	SweepChunk int
	// Ledger: it writes entries that nobody may see twice, so it runs exactly once or not at all.
	Ledger bool
}

// Input ties a record type to its handler.
type Input[S any] struct {
	record string
	bind   func(S) handleFunc
}

// On ties V to its handler.
func On[V, S any, P interface {
	*V
	avro.Record
}](h Handler[V, S]) Input[S] {
	return Input[S]{
		record: P(new(V)).AvroName(),
		bind: func(st S) handleFunc {
			return func(ctx context.Context, key string, r *Record) (Emits, error) {
				return h(ctx, key, Event[V]{Value: (*V)(r.Value.(P)), Time: r.Time, Source: r.Source}, st)
			}
		},
	}
}

// Emit is one record to send.
type Emit struct {
	Topic     topics.Name
	Key       string
	Value     avro.Record // read before the next handler runs
	Broadcast bool        // one copy to every partition, for reference data
	Here      bool        // to the partition of its topic that the task itself reads
	Of        avro.Record // of a dead letter: what died, which the driver writes into it as it would lie in the letter's topic
}

// Emits is what a handler sends, in order, and the references whose dependents are to be swept.
type Emits struct {
	Records []Emit
	Sweeps  []string
	buried  []buried
}

// buried is a record given up, and why.
type buried struct {
	value avro.Record
	why   error
}

// Bury makes a dead letter of a record of the inbox that the stage kept for the running key and gives up, with its bytes: replayed,
// it comes again under that key. why is an error marked poison. Nothing may be left in the stores that would take it for known.
func (e *Emits) Bury(v avro.Record, why error) { e.buried = append(e.buried, buried{v, why}) }

// To sends a record to the partition of its key.
func (e *Emits) To(t topics.Name, key string, v avro.Record) {
	e.Records = append(e.Records, Emit{Topic: t, Key: key, Value: v})
}

// Broadcast sends a record to every partition.
func (e *Emits) Broadcast(t topics.Name, key string, v avro.Record) {
	e.Records = append(e.Records, Emit{Topic: t, Key: key, Value: v, Broadcast: true})
}

// Sweep asks for the Sweep handler to run for every key that depends on the reference.
func (e *Emits) Sweep(reference string) { e.Sweeps = append(e.Sweeps, reference) }

// Spec is a processor ready for a driver, its state type forgotten.
type Spec struct {
	Name      string
	Inboxes   []topics.Topic
	Keyed     bool // has state: a changelog, ticks, timers
	Outputs   []topics.Name
	Records   []string      // full names of the record types it handles
	Reuse     bool          // as declared
	Snapshots bool          // as declared
	Ledger    bool          // as declared
	chunk     int           // keys that a sweep visits in one go
	MaxSkew   time.Duration // ticks whose stamp and sender's clock lie further apart move no time; 0: all move it
	task      func(*Binder) program
}

// program is one task's bound handlers.
type program struct {
	handlers []handler
	timer    func(ctx context.Context, key string, f Firing) (Emits, error)
	sweep    func(ctx context.Context, key, reference string, now time.Time) (Emits, error)
}

type handler struct {
	record string
	handle handleFunc
}

type handleFunc func(ctx context.Context, key string, r *Record) (Emits, error)

// Define checks a declaration and makes it a Spec. A faulty declaration is a programmer's error: it panics.
func Define[S any](p Processor[S]) Spec {
	spec := Spec{Name: p.Name, Inboxes: p.Feeds, Keyed: p.State != nil, Outputs: p.Outputs, Reuse: p.Reuse, Snapshots: p.Snapshots, Ledger: p.Ledger, chunk: cmp.Or(p.SweepChunk, sweepChunk)}
	if spec.Keyed {
		spec.Inboxes = []topics.Topic{p.Inbox}
	}
	if err := p.check(); err != nil {
		panic(fmt.Sprintf("stream: processor %q: %v", p.Name, err))
	}
	for _, in := range p.Inputs {
		spec.Records = append(spec.Records, in.record)
	}
	spec.task = func(b *Binder) program { return p.bind(b) }
	return spec
}

func (p Processor[S]) check() error {
	switch {
	case p.Name == "":
		return fmt.Errorf("has no name")
	case p.State != nil && len(p.Feeds) > 0:
		return fmt.Errorf("has state and feeds: a keyed stage reads its inbox alone")
	case p.State == nil && p.Snapshots:
		return fmt.Errorf("has no state to take snapshots of")
	case p.State == nil && (p.Timers != nil || p.Sweep != nil || len(p.Feeds) == 0):
		return fmt.Errorf("has no state: it reads feeds and can have neither timers nor sweeps")
	}
	var names []string
	for _, in := range p.Inputs {
		if slices.Contains(names, in.record) {
			return fmt.Errorf("handles %s twice", in.record)
		}
		names = append(names, in.record)
	}
	return nil
}

func (p Processor[S]) bind(b *Binder) program {
	var st S
	if p.State != nil {
		st = p.State(b)
	}
	var prog program
	for _, in := range p.Inputs {
		prog.handlers = append(prog.handlers, handler{in.record, in.bind(st)})
	}
	if p.Timers != nil {
		prog.timer = func(ctx context.Context, key string, f Firing) (Emits, error) { return p.Timers(ctx, key, f, st) }
	}
	if p.Sweep != nil {
		prog.sweep = func(ctx context.Context, key, ref string, now time.Time) (Emits, error) {
			return p.Sweep(ctx, key, ref, now, st)
		}
	}
	return prog
}
