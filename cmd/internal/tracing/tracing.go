// Package tracing makes spans of the hops that records with a trace take through stages and sink, and sends them to a
// collector by OTLP over HTTP.
//
// Waybill begins no traces: it follows those that records bring in their headers (W3C Trace Context), and of those the ones
// that whoever began them wants to be sampled.
package tracing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
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
	return newTracer(sdk.NewBatchSpanProcessor(exporter), app, instance), nil
}

func newTracer(to sdk.SpanProcessor, app, instance string) *Tracer {
	about := resource.NewSchemaless(semconv.ServiceName(app), semconv.ServiceInstanceID(instance))
	p := sdk.NewTracerProvider(sdk.WithSpanProcessor(to), sdk.WithResource(about), sdk.WithIDGenerator(ids{}), sdk.WithSampler(sdk.ParentBased(sdk.NeverSample())))
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
	span := t.begin(ctx, stage, r, headers)
	if span == nil {
		return headers, nil
	}
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
	span := t.begin(ctx, sink, r, runtime.TraceOf(r))
	if span == nil {
		return nil
	}
	return func() { span.End() }
}

// begin gives nil where the headers name no trace that is sampled.
func (t *Tracer) begin(ctx context.Context, stage string, r *kgo.Record, headers carrier) trace.Span {
	ctx = t.w3c.Extract(context.WithValue(ctx, hop{}, hopOf(stage, r)), &headers)
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
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

// hopOf names a hop: what a stage makes of one record.
func hopOf(stage string, r *kgo.Record) trace.SpanID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s/%d@%d", stage, r.Topic, r.Partition, r.Offset))
	sum[0] |= 1 // all zero would be invalid
	return trace.SpanID(sum[:8])
}

// ids names spans after their hops: a cycle that is undone and done again writes the same headers, record for record.
type ids struct{}

// NewSpanID implements sdk.IDGenerator.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	id, _ := ctx.Value(hop{}).(trace.SpanID)
	return id
}

// NewIDs implements sdk.IDGenerator. No trace begins here.
func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	span := g.NewSpanID(ctx, trace.TraceID{})
	var id trace.TraceID
	binary.BigEndian.PutUint64(id[:], 1)
	return id, span
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
