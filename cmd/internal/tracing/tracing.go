// Package tracing makes spans of the hops that records with a trace take through stages and sink, and sends them to a
// collector by OTLP over HTTP.
//
// It follows traces that records bring in their headers (W3C Trace Context), and of those the ones that whoever began them wants to be sampled.
// Of records from outside that bring none it begins one with a share, chosen by where they stand.
package tracing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"waybill/cmd/internal/config"
	"waybill/processors/runtime"
	"waybill/sinks"
)

// Tracer implements the tracers of engine and sink.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	w3c      propagation.TraceContext
	sample   float64
}

var (
	_ runtime.Tracer = (*Tracer)(nil)
	_ sinks.Tracer   = (*Tracer)(nil)
)

// New gives nil where no endpoint is configured. A collector that is away costs spans, nothing else.
func New(ctx context.Context, c config.Tracing, app, instance string, log *slog.Logger) (*Tracer, error) {
	if c.Endpoint == "" {
		return nil, nil
	}
	at, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint: %w", err)
	}
	if strings.Trim(at.Path, "/") == "" {
		at.Path = "/v1/traces" // where collectors take them
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at.String()))
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("spans are lost", "cause", err) }))
	t := newTracer(sdk.NewBatchSpanProcessor(exporter), app, instance)
	t.sample = c.Sample
	return t, nil
}

// newTracer begins a trace wherever it is asked for a span without a parent.
func newTracer(to sdk.SpanProcessor, app, instance string) *Tracer {
	about := resource.NewSchemaless(semconv.ServiceName(app), semconv.ServiceInstanceID(instance))
	p := sdk.NewTracerProvider(sdk.WithSpanProcessor(to), sdk.WithResource(about), sdk.WithIDGenerator(ids{}), sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())))
	return &Tracer{provider: p, tracer: p.Tracer("waybill")}
}

// lastWords is how long the collector may take for what is left at the end.
const lastWords = 3 * time.Second

// Close sends what is left.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("send the last spans: %w", err)
	}
	return nil
}

// Hop implements runtime.Tracer. The span is from the append time of the record, by the broker's clock, to the commit that
// made its effects visible. What is undone leaves no span: the next try makes the same again.
func (t *Tracer) Hop(ctx context.Context, stage string, r *kgo.Record, headers []kgo.RecordHeader) ([]kgo.RecordHeader, func(bool)) {
	span := t.follow(ctx, stage, r, headers)
	if span == nil {
		return headers, nil
	}
	return t.onward(ctx, span)
}

// Begin implements runtime.Tracer. Stages that read the same record begin the same trace.
func (t *Tracer) Begin(ctx context.Context, stage string, r *kgo.Record) ([]kgo.RecordHeader, func(bool)) {
	if t.sample == 0 || fraction(r) >= t.sample {
		return nil, nil
	}
	return t.onward(ctx, t.span(ctx, stage, r))
}

// fraction is a number from 0 to just below 1 that follows from where a record stands: FNV-1a, mixed once more, since its last bytes move
// the upper bits little.
func fraction(r *kgo.Record) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.Topic))
	var at [12]byte
	binary.BigEndian.PutUint32(at[:], uint32(r.Partition))
	binary.BigEndian.PutUint64(at[4:], uint64(r.Offset))
	_, _ = h.Write(at[:])
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

func (t *Tracer) onward(ctx context.Context, span trace.Span) ([]kgo.RecordHeader, func(bool)) {
	var onward carrier
	t.w3c.Inject(trace.ContextWithSpan(ctx, span), &onward)
	return onward, func(visible bool) {
		if visible {
			span.End()
		}
	}
}

// Land implements sinks.Tracer.
func (t *Tracer) Land(ctx context.Context, sink string, r *kgo.Record) func() {
	span := t.follow(ctx, sink, r, runtime.TraceOf(r))
	if span == nil {
		return nil
	}
	return func() { span.End() }
}

// follow gives nil where the headers name no trace that is sampled.
func (t *Tracer) follow(ctx context.Context, stage string, r *kgo.Record, headers carrier) trace.Span {
	ctx = t.w3c.Extract(ctx, &headers)
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
	return t.span(ctx, stage, r)
}

func (t *Tracer) span(ctx context.Context, stage string, r *kgo.Record) trace.Span {
	ctx = context.WithValue(ctx, hop{}, hopOf(stage, r))
	begun := r.Timestamp
	if now := time.Now(); begun.After(now) { // the broker's clock is ahead
		begun = now
	}
	_, span := t.tracer.Start(ctx, stage, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(begun), trace.WithAttributes(
		semconv.MessagingSystemKafka, semconv.MessagingDestinationName(r.Topic),
		attribute.Int("messaging.kafka.partition", int(r.Partition)), attribute.Int64("messaging.kafka.offset", r.Offset)))
	return span
}

// hop is the key under which a context holds which hop it is.
type hop struct{}

// names are the ids of a hop, what a stage makes of one record, and of the trace that the record begins.
type names struct {
	span  trace.SpanID
	trace trace.TraceID
}

func hopOf(stage string, r *kgo.Record) (n names) {
	record := fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset)
	hop, begun := sha256.Sum256([]byte(stage+" "+record)), sha256.Sum256([]byte(record))
	copy(n.span[:], hop[:])
	copy(n.trace[:], begun[:])
	n.span[0] |= 1 // all zero would be invalid
	n.trace[0] |= 1
	return n
}

// ids names spans after their hops: a cycle that is undone and done again writes the same headers, record for record.
type ids struct{}

// NewSpanID implements sdk.IDGenerator.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	n, _ := ctx.Value(hop{}).(names)
	return n.span
}

// NewIDs implements sdk.IDGenerator.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	n, _ := ctx.Value(hop{}).(names)
	return n.trace, n.span
}

// carrier reads and writes trace context in record headers.
type carrier []kgo.RecordHeader

// Get implements propagation.TextMapCarrier.
func (c *carrier) Get(key string) string {
	for _, h := range *c {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c *carrier) Set(key, value string) {
	*c = append(*c, kgo.RecordHeader{Key: key, Value: []byte(value)})
}

// Keys implements propagation.TextMapCarrier.
func (c *carrier) Keys() (keys []string) {
	for _, h := range *c {
		keys = append(keys, h.Key)
	}
	return keys
}
