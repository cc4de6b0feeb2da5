package runtime

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}

// traced sends a record of each kind, with its kind as its name.
func (k *cluster) traced(t *testing.T, headers ...kgo.RecordHeader) {
	t.Helper()
	for _, format := range []string{"plain", "poison", "everyone"} {
		k.produce(t, &kgo.Record{
			Topic: string(inbox.Name), Partition: 1, Key: []byte("key-1"), Value: encoded(&avro.PartnerMessage{Name: format, Format: format}), Headers: headers,
		})
	}
}

// carried reads what each output carries, as text; it waits until n are there.
func (k *cluster) carried(t *testing.T, n int, of ...topics.Name) []string {
	t.Helper()
	var out []string
	eventually(t, fmt.Sprintf("%d outputs", n), func() bool {
		out = nil
		for _, topic := range of {
			for _, rs := range k.read(t, string(topic)) {
				for _, r := range rs {
					var s []string
					for _, h := range r.Headers {
						s = append(s, h.Key+"="+string(h.Value))
					}
					out = append(out, strings.Join(s, " "))
				}
			}
		}
		return len(out) >= n
	})
	return out
}

// outputs of what traced sends: two numbered, a dead letter, and one to each of three partitions.
const tracedOutputs = 2 + 1 + 3

func TestATraceIsCarriedOnUnchanged(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.traced(t, header("other", "x"), header(TraceState, "s=1"), header(TraceParent, "00-a"))
	for _, got := range k.carried(t, tracedOutputs, numbered, totals, topics.DeadLetters.Name) {
		if want := "tracestate=s=1 traceparent=00-a"; got != want {
			t.Errorf("an output carries %q, want %q", got, want)
		}
	}
	// The next record must not carry the last one's trace on, nor what is none, nor what is longer than any trace.
	k.traced(t)
	k.traced(t, header(TraceState, "s=1"))
	k.traced(t, header(TraceParent, "00-b"), header(TraceState, strings.Repeat("x", 2_000)))
	bare := 0
	for _, got := range k.carried(t, 4*tracedOutputs, numbered, totals, topics.DeadLetters.Name) {
		if got == "" {
			bare++
		}
	}
	if bare != 3*tracedOutputs {
		t.Errorf("%d outputs carry nothing, want %d", bare, 3*tracedOutputs)
	}
	in.halt(t)
}

// hops is a tracer that numbers hops.
type hops struct {
	mu    sync.Mutex
	begun []string
	over  map[string]bool // by hop, whether its effects became visible

	begins bool // traces of records without one
}

func (h *hops) Hop(_ context.Context, stage string, r *kgo.Record, trace []kgo.RecordHeader) ([]kgo.RecordHeader, func(bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hop := fmt.Sprintf("%s after %s, try %d", stage, trace[0].Value, len(h.begun))
	h.begun = append(h.begun, hop)
	return []kgo.RecordHeader{header(TraceParent, hop)}, func(visible bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.over[hop] = visible
	}
}

func (h *hops) Begin(ctx context.Context, stage string, r *kgo.Record) ([]kgo.RecordHeader, func(bool)) {
	if !h.begins {
		return nil, nil
	}
	return h.Hop(ctx, stage, r, []kgo.RecordHeader{header(TraceParent, fmt.Sprint("nothing at ", at(r)))})
}

// A record from outside may begin a trace, as long as it is one: no tick does, and nothing that a stage of the line has written.
func TestATraceBeginsOutside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		writer []topics.Name // to the inbox
		want   int
	}{{"from outside", []topics.Name{totals}, 3}, {"from another stage", []topics.Name{inbox.Name}, 0}} {
		k := newCluster(t, counting())
		tracer := &hops{over: map[string]bool{}, begins: true}
		k.traced(t)
		k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: 1, Value: encoded(&avro.Tick{})})
		other := counting()
		other.Name, other.Outputs = "other", c.writer
		in := startWith(t, testConfig(k, "a", t.TempDir()), Deps{Tracer: tracer, Line: []stream.Spec{counting(), other}}, counting())
		with := 0
		for _, got := range k.carried(t, tracedOutputs, numbered, totals, topics.DeadLetters.Name) {
			if got != "" {
				with++
			}
		}
		eventually(t, "all is read", func() bool { return in.Stats()[0].In == 4 })
		in.halt(t)
		visible := 0
		for _, is := range tracer.over {
			if is {
				visible++
			}
		}
		if visible != c.want || (with == tracedOutputs) != (c.want > 0) || (with == 0) != (c.want == 0) {
			t.Errorf("%s: %d hops are visible, want %d; %d of %d outputs carry a trace", c.name, visible, c.want, with, tracedOutputs)
		}
	}
}

// The poison in the batch makes the cycle be worked on twice: of the first time nothing may be left.
func TestATracerSeesEachHopOnce(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	tracer := &hops{over: map[string]bool{}}
	k.traced(t, header(TraceParent, "root"))
	k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: 1, Key: []byte("key-1"), Value: encoded(&avro.PartnerMessage{Name: "bare"})})
	e, err := New(testConfig(k, "a", t.TempDir()), Deps{Decoder: codec{}, Encoder: codec{}, Tracer: tracer}, counting())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	out := k.carried(t, tracedOutputs+1, numbered, totals, topics.DeadLetters.Name)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	visible := map[string]bool{}
	for hop, is := range tracer.over {
		if is {
			visible["traceparent="+hop] = true
		}
	}
	if len(visible) != 3 || len(tracer.over) != len(tracer.begun) || len(tracer.begun) <= 3 {
		t.Errorf("of %d hops begun, %d ended, %d with success, want 3: %v", len(tracer.begun), len(tracer.over), len(visible), tracer.over)
	}
	bare := 0
	for _, got := range out {
		if got == "" {
			bare++
		} else if !visible[got] {
			t.Errorf("an output carries %q, which is no hop of a committed cycle", got)
		}
	}
	if bare != 1 {
		t.Errorf("%d outputs carry no trace, want the one of the record without", bare)
	}
}
