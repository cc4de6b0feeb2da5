package tracing

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"waybill/cmd/internal/config"
	"waybill/processors/runtime"
)

const (
	sampled   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// receiver is a collector.
type receiver struct {
	t    *testing.T
	mu   sync.Mutex
	got  []*spans.Span
	path string
}

func (c *receiver) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	var req collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(b, &req)
	}
	if err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.path = r.URL.Path
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.got = append(c.got, ss.Spans...)
		}
	}
}

func record(traceparent string) *kgo.Record {
	return &kgo.Record{
		Topic: "in", Partition: 3, Offset: 42, Timestamp: time.Now().Add(-time.Second),
		Headers: []kgo.RecordHeader{{Key: "other", Value: []byte("x")}, {Key: runtime.TraceParent, Value: []byte(traceparent)}, {Key: runtime.TraceState, Value: []byte("vendor=1")}},
	}
}

func started(t *testing.T, endpoint string) *Tracer {
	t.Helper()
	tr, err := New(t.Context(), config.Tracing{Endpoint: endpoint}, "waybill", "0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestHopsAreSpansOfTheRecordsTrace(t *testing.T) {
	c := &receiver{t: t}
	server := httptest.NewServer(c)
	defer server.Close()
	tr := started(t, server.URL)
	r := record(sampled)
	undone, over := tr.Hop(t.Context(), "loads", r, runtime.TraceOf(r))
	over(false)
	onward, over := tr.Hop(t.Context(), "loads", r, runtime.TraceOf(r))
	over(true)
	tr.Land(t.Context(), "sink.clickhouse", &kgo.Record{Topic: "out", Offset: 7, Timestamp: time.Now().Add(time.Hour), Headers: onward})()
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.got) != 2 || c.path != "/v1/traces" {
		t.Fatalf("the collector got %d spans at %s, want 2", len(c.got), c.path)
	}
	first, second := c.got[0], c.got[1]
	if first.Name != "loads" || second.Name != "sink.clickhouse" || string(second.ParentSpanId) != string(first.SpanId) || string(second.TraceId) != string(first.TraceId) {
		t.Errorf("they are not one behind the other: %v, %v", first, second)
	}
	if took := first.EndTimeUnixNano - first.StartTimeUnixNano; took < uint64(time.Second) {
		t.Errorf("the hop took %d ns, want the second since the record was appended", took)
	}
	if second.EndTimeUnixNano < second.StartTimeUnixNano {
		t.Error("a span ends before it begins, where the broker's clock is ahead")
	}
	get := carrier(onward)
	if get.Get(runtime.TraceState) != "vendor=1" || len(onward) != 2 {
		t.Errorf("onward go %v", onward)
	}
	for i := range onward {
		if string(onward[i].Value) != string(undone[i].Value) {
			t.Errorf("done again, the record leads to other headers: %s, %s", undone[i].Value, onward[i].Value)
		}
	}
}

// A share of records without a trace begins one, the same ones each time; stages that read the same record begin the same trace.
func TestAShareOfRecordsBeginsATrace(t *testing.T) {
	c := &receiver{t: t}
	server := httptest.NewServer(c)
	defer server.Close()
	bare := func(offset int) *kgo.Record {
		return &kgo.Record{Topic: "in", Partition: 3, Offset: int64(offset), Timestamp: time.Now()}
	}
	for _, share := range []float64{0, 0.02, 1} {
		tr, err := New(t.Context(), config.Tracing{Endpoint: server.URL, Sample: share}, "waybill", "0", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		const records = 10_000
		begun := 0
		for i := range records {
			first, _ := tr.Begin(t.Context(), "loads", bare(i))
			again, _ := tr.Begin(t.Context(), "loads", bare(i))
			if len(first) != len(again) || len(first) > 0 && string(first[0].Value) != string(again[0].Value) {
				t.Fatalf("share %v: record %d carries %s, and then %s", share, i, first, again)
			}
			begun += len(first)
		}
		if want := share * records; float64(begun) < 0.8*want || float64(begun) > 1.2*want {
			t.Errorf("share %v: %d of %d begin a trace", share, begun, records)
		}
		if err := tr.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tr, _ := New(t.Context(), config.Tracing{Endpoint: server.URL, Sample: 1}, "waybill", "0", slog.New(slog.DiscardHandler))
	onward, over := tr.Begin(t.Context(), "normalise", bare(1))
	over(true)
	_, also := tr.Begin(t.Context(), "track", bare(1))
	also(true)
	_, next := tr.Hop(t.Context(), "loads", &kgo.Record{Topic: "out", Offset: 7, Timestamp: time.Now(), Headers: onward}, onward)
	next(true)
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.got) != 3 {
		t.Fatalf("the collector got %d spans, want 3", len(c.got))
	}
	first, second, third := c.got[0], c.got[1], c.got[2]
	if len(first.ParentSpanId)+len(second.ParentSpanId) != 0 || string(first.SpanId) == string(second.SpanId) || string(third.ParentSpanId) != string(first.SpanId) ||
		string(first.TraceId) != string(second.TraceId) || string(first.TraceId) != string(third.TraceId) {
		t.Errorf("want two beginnings of one trace, and a hop behind the first: %v", c.got)
	}
}

func TestWhatIsNotSampledIsCarriedOnAsItIs(t *testing.T) {
	c := &receiver{t: t}
	server := httptest.NewServer(c)
	defer server.Close()
	tr := started(t, server.URL)
	for _, parent := range []string{unsampled, "nonsense"} {
		r := record(parent)
		onward, over := tr.Hop(t.Context(), "loads", r, runtime.TraceOf(r))
		if over != nil || len(onward) != 2 || string(onward[0].Value) != parent {
			t.Errorf("%s: onward go %v", parent, onward)
		}
		if tr.Land(t.Context(), "sink", r) != nil {
			t.Errorf("%s: a row is traced", parent)
		}
	}
	if err := tr.Close(t.Context()); err != nil || len(c.got) > 0 {
		t.Errorf("the collector got %v, %v", c.got, err)
	}
}

func TestOffUnlessConfigured(t *testing.T) {
	tr := started(t, "")
	if tr != nil || tr.Close(t.Context()) != nil {
		t.Errorf("got %v", tr)
	}
}

// A collector that is away must not hold up the end.
func TestACollectorThatIsAway(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	tr := started(t, server.URL)
	r := record(sampled)
	_, over := tr.Hop(t.Context(), "loads", r, runtime.TraceOf(r))
	over(true)
	begun := time.Now()
	if err := tr.Close(t.Context()); err != nil || time.Since(begun) > 2*lastWords {
		t.Errorf("ended after %s with %v", time.Since(begun), err)
	}
}
