package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// feeds makes the topics that the renaming stage reads.
func (k *cluster) feeds(t *testing.T) {
	t.Helper()
	for _, topic := range []string{"test.left", "test.right"} {
		if _, err := k.adm.CreateTopic(t.Context(), 2, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
}

func (k *cluster) upline(t *testing.T, after time.Duration, line ...stream.Spec) *Upline {
	t.Helper()
	cfg := testConfig(k, "a", "")
	probe, err := NewProbe([]kgo.Opt{kgo.SeedBrokers(k.addrs...)}, cfg.Readers(line...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(probe.Close)
	return NewUpline(probe, cfg, after, line...)
}

// now looks anew, and says who is above the inbox and behind.
func (u *Upline) now(t *testing.T) string {
	t.Helper()
	u.looked = time.Time{}
	if err := u.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(u.Behind(inbox.Name))
}

func TestUplineSeesWhoLags(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.feeds(t)
	line := []stream.Spec{renaming(), counting()}
	patient, hasty := k.upline(t, time.Hour, line...), k.upline(t, time.Nanosecond, line...)
	if got := patient.now(t); got != "[]" {
		t.Errorf("behind nothing: %s", got)
	}
	feed := &kgo.Record{Topic: "test.left", Partition: byKey, Key: []byte("key-0"), Value: encoded(&avro.PartnerMessage{Name: "0"})}
	k.produce(t, feed)
	k.sent, k.want["key-0"] = 1, 1
	if got := patient.now(t); got != "[]" {
		t.Errorf("a record that came just now: %s", got)
	}
	if got := k.upline(t, time.Hour, line...).now(t); got != "[renaming]" {
		t.Errorf("at the first look: %s, want renaming", got)
	}
	if got := hasty.now(t) + hasty.now(t); got != "[renaming][renaming]" {
		t.Errorf("once it has waited: %s, want renaming", got)
	}
	in := start(t, testConfig(k, "a", t.TempDir()), nil, line...)
	k.check(t)
	eventually(t, "nobody is behind", func() bool { return hasty.now(t) == "[]" })
	k.leaveMarkers(t)
	if got := hasty.now(t) + hasty.now(t); got != "[][]" {
		t.Errorf("behind markers: %s", got)
	}
	in.halt(t)
}

// leaveMarkers aborts a transaction: what it leaves is read by nobody, and never committed.
func (k *cluster) leaveMarkers(t *testing.T) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.addrs...), kgo.TransactionalID("somebody"), kgo.RecordPartitioner(Partitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for p := range int32(2) {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "test.left", Partition: p, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func TestAboveFollowsTheLine(t *testing.T) {
	stage := func(name string, reads topics.Name, writes ...topics.Name) stream.Spec {
		return stream.Spec{Name: name, Keyed: true, Inboxes: []topics.Topic{{Name: reads}}, Outputs: writes}
	}
	line := []stream.Spec{
		stage("normalise", "feed", "positions", "facts"), stage("track", "positions", "facts"), stage("resolve", "facts", "loads", "ships"),
		stage("loads", "loads"), stage("ships", "ships", "orders"), stage("orders", "orders", "ships"), stage("beside", "feed", "else"),
	}
	u := NewUpline(nil, Config{App: "x"}, time.Second, line...)
	for inbox, want := range map[topics.Name][]string{
		"feed": nil, "positions": {"x.normalise"}, "facts": {"x.normalise", "x.track"}, "loads": {"x.normalise", "x.resolve", "x.track"},
		"ships": {"x.normalise", "x.orders", "x.resolve", "x.ships", "x.track"}, // the line leads back to it
	} {
		if got := u.above[inbox]; !slices.Equal(got, want) {
			t.Errorf("above %s are %q, want %q", inbox, got, want)
		}
	}
}

// A partition whose tick has not arrived is not sent another.
func TestStuckPartitionHoldsUpNoOther(t *testing.T) {
	way := &underway{to: map[place]bool{}}
	one, other := place{"in", 0}, place{"in", 1}
	if !way.leave(one) || way.leave(one) || !way.leave(other) {
		t.Error("want one tick under way to a partition, whatever goes to others")
	}
	way.arrive(t.Context(), one, nil)
	if !way.leave(one) {
		t.Error("want another tick once one has arrived")
	}
}

// Of those who tick an inbox the first by name goes on; when it stops, the next one does.
func TestOneTicksForAll(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	a, b := start(t, testConfig(k, "a", t.TempDir()), nil, counting()), start(t, testConfig(k, "b", t.TempDir()), nil, counting())
	k.shared(t, a, b)
	const every = 50 * time.Millisecond
	stopA := k.ticks(t, a, "a", every)
	defer k.ticks(t, b, "b", every)()
	eventually(t, "b is led", func() bool { return b.Led(inbox.Name, tickPatience*every) })
	if a.Led(inbox.Name, time.Hour) {
		t.Error("the first by name is led")
	}
	eventually(t, "only a ticks", func() bool {
		before := k.tickers(t)
		eventually(t, "ten more ticks", func() bool { return k.tickers(t)["a"] >= before["a"]+40 })
		return k.tickers(t)["b"] == before["b"]
	})
	stopA()
	before := k.tickers(t)
	eventually(t, "b ticks", func() bool { return k.tickers(t)["b"] > before["b"]+40 })
	a.halt(t)
	b.halt(t)
}

// ticks ticks for an instance until it is told to stop.
func (k *cluster) ticks(t *testing.T, in *instance, name string, every time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = Ticker{Client: k.client, Encoder: codec{}, Inboxes: Inboxes(counting()), Producer: name, Led: in.Led}.Run(ctx, every, slog.New(slog.DiscardHandler))
	}()
	return func() { cancel(); <-done }
}

// tickers counts the ticks in the inbox by who sent them.
func (k *cluster) tickers(t *testing.T) map[string]int {
	t.Helper()
	by := map[string]int{}
	for _, rs := range k.read(t, string(inbox.Name)) {
		for _, r := range rs {
			rec, err := codec{}.Decode(t.Context(), r.Value)
			if err != nil {
				t.Fatal(err)
			}
			if tick, ok := rec.(*avro.Tick); ok {
				by[tick.Producer]++
			}
		}
	}
	return by
}

func TestInboxOfSendersClocksIsRefused(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.clockByHand(t)
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	in.ended(t)
	if in.err == nil || !strings.Contains(in.err.Error(), "message.timestamp.type CreateTime") || !strings.Contains(in.err.Error(), "waybill topics apply") {
		t.Errorf("ended with %v, want what to do", in.err)
	}
}
