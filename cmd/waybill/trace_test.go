package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/runtime"
	"waybill/topics"
)

// A record that brings a trace leads to records that belong to it, whether spans are made of it or not.
func TestATraceGoesThroughThePipeline(t *testing.T) {
	parts(t)
	ctx := within(t, time.Minute)
	asked := make(chan struct{}, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" {
			asked <- struct{}{}
		}
	}))
	defer collector.Close()
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	line := opened(t, ctx)
	letter := 0
	next := func() string {
		r := &kgo.Record{
			Topic: string(topics.PartnerMessages.Name), Partition: -1, Key: []byte("k"), Value: []byte("no frame"),
			Headers: []kgo.RecordHeader{{Key: runtime.TraceParent, Value: []byte("00-" + trace + "-" + parent + "-01")}},
		}
		if err := line.Client.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		var carried []string
		waitFor(t, ctx, "the dead letter", func() bool {
			carried = nil
			err := line.Scan(ctx, []topics.Name{topics.DeadLetters.Name}, func(r *kgo.Record) error {
				for _, h := range r.Headers {
					carried = append(carried, h.Key+"="+string(h.Value))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return len(carried) > letter
		})
		letter++
		return carried[len(carried)-1]
	}
	p := running(t, "--sink=false")
	if got := next(); got != "traceparent=00-"+trace+"-"+parent+"-01" {
		t.Errorf("without a collector it carries %s", got)
	}
	p.stop(t)
	p = running(t, "--sink=false", "--set", "tracing.endpoint="+collector.URL)
	if got := next(); !strings.HasPrefix(got, "traceparent=00-"+trace+"-") || strings.Contains(got, parent) {
		t.Errorf("with one it carries %s", got)
	}
	p.stop(t) // which sends what is left
	select {
	case <-asked:
	default:
		t.Error("the collector got no spans")
	}
}
