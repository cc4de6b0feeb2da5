//go:build synctests

// The tag is the Kafka client's: with it its locks are channels. In a bubble of virtual time a goroutine that waits for a lock is taken to be at work, so
// that time stands still; whoever holds the lock meanwhile waits for time to pass, and the test hung now and then.

package runtime

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// ringing sets timers as it is told and says which rang, all under one key, so that they stand in the order in which they were said.
func ringing() stream.Spec {
	return stream.Define(stream.Processor[*stream.Timers]{
		Name: "ringing", Inbox: inbox, Outputs: []topics.Name{totals},
		State: func(b *stream.Binder) *stream.Timers { return b.Timers() },
		Inputs: []stream.Input[*stream.Timers]{stream.On(func(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], st *stream.Timers) (out stream.Emits, err error) {
			st.Set(ev.Value.Name, time.UnixMicro(ev.Value.Line))
			return out, nil
		})},
		Timers: func(_ context.Context, key string, f stream.Firing, _ *stream.Timers) (out stream.Emits, err error) {
			out.To(totals, "rings", &avro.PartnerMessage{Name: key, Partner: f.Name, Line: f.Due.UnixMicro(), ReceivedAt: avro.MicrosOf(f.Now)})
			return out, nil
		},
	})
}

// virtual is a Kafka without wires and with a clock of its own, that of the bubble the test runs in.
func virtual(t *testing.T, specs ...stream.Spec) *cluster {
	t.Helper()
	var wires kfake.VirtualNetwork
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(wires.Listen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := connect(t, c.ListenAddrs(), kgo.Dialer(wires.DialContext))
	k.Cluster, k.dialer = c, wires.DialContext
	k.create(t, specs...)
	return k
}

// A day of timers, in virtual time: some of the instances come and go, one ticker's clock is years ahead, devices say what they like.
func TestADayOfTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := virtual(t, ringing())
		day := &day{cluster: k, set: map[string]int64{}}
		day.run(t)
		day.check(t)
	})
}

type day struct {
	*cluster
	set map[string]int64 // due, by key and name
}

func (d *day) engine(t *testing.T, id, dir string) *instance {
	cfg := testConfig(d.cluster, id, dir)
	cfg.CommitInterval, cfg.MaxSkew = 20*time.Second, 5*time.Minute
	cfg.SessionTimeout, cfg.RebalanceTimeout, cfg.TransactionTimeout = 5*time.Minute, 5*time.Minute, 10*time.Minute
	return startWith(t, cfg, Deps{Decoder: codec{}, Encoder: codec{}, Kafka: []kgo.Opt{kgo.Dialer(d.dialer), kgo.FetchMaxWait(5 * time.Second)}}, ringing())
}

func (d *day) run(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	for _, off := range []time.Duration{0, 10 * 365 * 24 * time.Hour} {
		ticker := Ticker{Client: d.client, Encoder: codec{}, Inboxes: Inboxes(ringing()), Producer: fmt.Sprint("t", off), now: func() time.Time { return time.Now().Add(off) }}
		group.Go(func() { _ = ticker.Run(ctx, time.Minute, nil) })
	}
	home := t.TempDir()
	a := d.engine(t, "a", home)
	for hour := range 24 {
		d.alarms(t, hour)
		time.Sleep(30 * time.Minute)
		switch hour {
		case 5: // restarted in place
			a.halt(t)
			a = d.engine(t, "a", home)
		case 10: // moved
			a.halt(t)
			a = d.engine(t, "c", t.TempDir())
		case 15: // shared for a while
			b := d.engine(t, "b", t.TempDir())
			time.Sleep(20 * time.Minute)
			b.halt(t)
		}
		time.Sleep(30 * time.Minute)
	}
	if a.Stats()[0].Doubtful == 0 {
		t.Error("no tick was doubted")
	}
	a.halt(t)
}

// alarms sets timers for the hours to come: several due at once, and some moved. The records claim to be from any year.
func (d *day) alarms(t *testing.T, hour int) {
	var rs []*kgo.Record
	for i := range 12 {
		key, name := fmt.Sprintf("key-%d", i%4), fmt.Sprintf("n%d-%d", hour, i)
		due := time.Now().Add(time.Duration(10*(i%3+1)) * time.Minute).UnixMicro()
		for _, at := range []int64{due + 1, due} {
			rs = append(rs, &kgo.Record{
				Topic: string(inbox.Name), Partition: byKey, Key: []byte(key), Value: encoded(&avro.PartnerMessage{Name: name, Line: at}),
				Timestamp: time.UnixMicro(due).AddDate(i-6, 0, 0),
			})
		}
		d.set[key+" "+name] = due
	}
	d.produce(t, rs...)
}

// check: each timer rang once, when it was due and within a tick and a cycle of it, and those of a partition in order of (due, key, name).
func (d *day) check(t *testing.T) {
	rang := map[string]int{}
	last := map[int32]string{}
	for _, rs := range d.read(t, string(totals)) {
		for _, r := range rs {
			m := decodeMessage(t, r.Value)
			id := m.Name + " " + m.Partner
			rang[id]++
			if m.Line != d.set[id] {
				t.Errorf("%s rang as due at %d, it was set to %d", id, m.Line, d.set[id])
			}
			if late := time.Duration(int64(m.ReceivedAt)-m.Line) * time.Microsecond; late < 0 || late > 90*time.Second {
				t.Errorf("%s rang %v after it was due", id, late)
			}
			p := d.partitionOf(t, m.Name)
			now := fmt.Sprintf("%020d %s %s", m.Line, m.Name, m.Partner)
			if strings.Compare(now, last[p]) <= 0 {
				t.Errorf("%s rang after %s", now, last[p])
			}
			last[p] = now
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.set)) {
		if rang[id] != 1 {
			t.Errorf("%s rang %d times", id, rang[id])
		}
	}
}

// partitionOf gives the partition of the inbox in which a key lies.
func (d *day) partitionOf(t *testing.T, key string) int32 {
	t.Helper()
	for p, rs := range d.read(t, string(inbox.Name)) {
		if slices.ContainsFunc(rs, func(r *kgo.Record) bool { return string(r.Key) == key }) {
			return p
		}
	}
	t.Fatalf("no record of %s", key)
	return 0
}
