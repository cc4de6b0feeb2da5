package runtime

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/stream"
	"waybill/topics"
)

// Tracer ties what a record leads to into the trace that the record belongs to.
type Tracer interface {
	// Hop begins a hop of the trace that the given headers of a record carry. It gives the headers that what the record leads to
	// carries on, and what to call when the hop is over: with true once its effects are visible, with false where they were
	// undone; nil: nobody wants to know. It is called by several goroutines.
	Hop(ctx context.Context, stage string, r *kgo.Record, trace []kgo.RecordHeader) (onward []kgo.RecordHeader, over func(visible bool))
	// Begin may begin a trace with a record from outside that brings none; it gives what Hop does, and nothing where it begins none. Whether it
	// does must follow from where the record stands, so that it does the same when the record is worked on again.
	Begin(ctx context.Context, stage string, r *kgo.Record) (onward []kgo.RecordHeader, over func(visible bool))
}

// The headers of W3C Trace Context (https://www.w3.org/TR/trace-context).
const (
	TraceParent = "traceparent"
	TraceState  = "tracestate"
)

// maxTrace is how many bytes of headers are carried on. W3C asks for 512 of tracestate; more is not worth what it would cost
// every record that follows.
const maxTrace = 1 << 10

// TraceOf gives the headers of a record's trace as they are; none where it belongs to none, or where they are too long.
func TraceOf(r *kgo.Record) (trace []kgo.RecordHeader) {
	parent := false
	for _, h := range r.Headers {
		if h.Key == TraceParent || h.Key == TraceState {
			trace = append(trace, h)
			parent = parent || h.Key == TraceParent
		}
	}
	if !parent || sizeOf(trace) > maxTrace {
		return nil
	}
	return trace
}

// outside says whether what is read of a topic may begin a trace: no stage writes to it. What stages write has had its chance.
func (w *work) outside(topic string) bool {
	return w.deps.Tracer != nil && !slices.ContainsFunc(w.deps.Line, func(s stream.Spec) bool { return slices.Contains(s.Outputs, topics.Name(topic)) })
}

// follow takes up the trace of the record that is worked on next, if it belongs to one or begins one: what it leads to belongs to it too.
// It costs a comparison where records have no headers and begin nothing. Ticks have no key and begin nothing.
func (w *work) follow(ctx context.Context, r *kgo.Record, outside bool) {
	w.trace = nil
	if len(r.Headers) == 0 && !outside {
		return
	}
	var over func(bool)
	w.trace = TraceOf(r)
	switch {
	case w.deps.Tracer == nil:
	case w.trace != nil:
		w.trace, over = w.deps.Tracer.Hop(ctx, w.spec.Name, r, w.trace)
	case outside && (len(r.Key) > 0 || !w.spec.Keyed):
		w.trace, over = w.deps.Tracer.Begin(ctx, w.spec.Name, r)
	}
	if over != nil {
		w.hops = append(w.hops, over)
	}
}

// arrive ends the hops of the cycle.
func (w *work) arrive(visible bool) {
	for _, over := range w.hops {
		over(visible)
	}
	clear(w.hops)
	w.hops = w.hops[:0]
}

// sizeOf is how many bytes headers take.
func sizeOf(headers []kgo.RecordHeader) (n int) {
	for _, h := range headers {
		n += len(h.Key) + len(h.Value) + 4
	}
	return n
}
