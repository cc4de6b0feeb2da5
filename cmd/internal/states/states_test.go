package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/runtime"
	"waybill/processors/state"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/wire"
)

const partitions = 2

var inbox = topics.Topic{Name: "test.inbox", Partitions: partitions, Inbox: true, Retention: topics.Forever}

// plain frames nothing: every record is a PartnerMessage.
type plain struct{}

func (plain) Append(_ context.Context, dst []byte, _ topics.Name, rec avro.Record) ([]byte, error) {
	return rec.Append(dst), nil
}

func (plain) Decode(_ context.Context, value []byte) (avro.Record, error) {
	m := &avro.PartnerMessage{}
	return m, m.Decode(value)
}

func (p plain) DecodeInto(ctx context.Context, value []byte, _ *wire.Scratch) (avro.Record, error) {
	return p.Decode(ctx, value)
}

type stores struct {
	last   *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	notes  *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	shared *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	needs  *stream.Index
	timers *stream.Timers
	seen   *stream.Tally
	lines  *stream.List[avro.PartnerMessage, *avro.PartnerMessage]
}

// keeping keeps something in every kind of store.
func keeping(snapshots bool) stream.Spec {
	return stream.Define(stream.Processor[stores]{
		Name: "keeping", Inbox: inbox, Snapshots: snapshots,
		State: func(b *stream.Binder) stores {
			return stores{
				stream.ValueOf[avro.PartnerMessage](b, "last"), stream.MapOf[avro.PartnerMessage](b, "note"),
				stream.TableOf[avro.PartnerMessage](b, "shared"), stream.IndexOf(b, "needs"), b.Timers(), stream.TallyOf(b, "seen"),
				stream.ListOf[avro.PartnerMessage](b, "line", stream.TTL(time.Hour)),
			}
		},
		Inputs: []stream.Input[stores]{stream.On(func(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], st stores) (stream.Emits, error) {
			st.last.Edit().Line = ev.Value.Line
			st.notes.Edit(ev.Value.Name).Line = ev.Value.Line
			st.shared.Edit("place").Line = ev.Value.Line
			st.needs.Add("place")
			st.seen.Add(1)
			st.lines.Append().Line = ev.Value.Line
			st.lines.DropFirst(st.lines.Len() - 2)
			st.timers.Set("alarm", time.UnixMicro(1_800_000_000_000_000+ev.Value.Line))
			return stream.Emits{}, nil
		})},
		Timers: func(context.Context, string, stream.Firing, stores) (stream.Emits, error) { return stream.Emits{}, nil },
	})
}

// bed is a Kafka, and the state directory of an instance.
type bed struct {
	t      *testing.T
	spec   stream.Spec
	addrs  []string
	client *kgo.Client
	disk   Disk
	sent   int64
	unread int64 // what another app left in the inbox
}

func newBed(t *testing.T, spec stream.Spec) *bed {
	t.Helper()
	return newBedOn(t, embedded(t).ListenAddrs(), "test", spec)
}

func embedded(t *testing.T) *kfake.Cluster {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// newBedOn makes the topics of an app on a Kafka.
func newBedOn(t *testing.T, addrs []string, app string, spec stream.Spec) *bed {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(runtime.Partitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for _, topic := range append(runtime.Changelogs(app, spec), inbox, topics.DeadLetters) {
		config := map[string]*string{}
		for k, v := range topic.Config() {
			config[k] = &v
		}
		if topic.Cleanup == topics.Compact {
			config["segment.ms"], config["min.cleanable.dirty.ratio"] = kadm.StringPtr("100"), kadm.StringPtr("0.01") // a real broker compacts soon
		}
		if _, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 1, config, string(topic.Name)); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			t.Fatal(err)
		}
	}
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), string(inbox.Name))
	if err != nil {
		t.Fatal(err)
	}
	var unread int64
	ends.Each(func(o kadm.ListedOffset) { unread += o.Offset })
	root := filepath.Join(t.TempDir(), "state")
	return &bed{t: t, unread: unread, spec: spec, addrs: addrs, client: client, disk: Disk{Root: root, App: app, Specs: []stream.Spec{spec}, Log: slog.New(slog.DiscardHandler)}}
}

// work lets an instance with a state directory work on so many more records, and stops it.
func (b *bed) work(root string, n int64) {
	b.t.Helper()
	running := b.start(root)
	for range n {
		b.sent++
		rec := &avro.PartnerMessage{Name: fmt.Sprint("n", b.sent%3), Line: b.sent}
		r := &kgo.Record{Topic: string(inbox.Name), Partition: -1, Key: fmt.Appendf(nil, "key-%d", b.sent%20), Value: rec.Append(nil)}
		if err := b.client.ProduceSync(b.t.Context(), r).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
	}
	n += b.unread
	b.unread = 0
	b.until("all is worked on", func() bool {
		select {
		case err := <-running.ended:
			b.t.Fatalf("the engine ended: %v", err)
		default:
		}
		return running.engine.Stats()[0].In == n && running.engine.Stats()[0].Restoring == 0
	})
	running.stop()
}

type running struct {
	engine *runtime.Engine
	ended  chan error
	stop   func()
}

func (b *bed) start(root string) running {
	cfg := runtime.DefaultConfig()
	cfg.App, cfg.Brokers, cfg.StateDir, cfg.CommitInterval = b.disk.App, b.addrs, root, 10*time.Millisecond
	cfg.SessionTimeout, cfg.RebalanceTimeout, cfg.TransactionTimeout, cfg.SnapshotRecords = time.Second, 2*time.Second, 4*time.Second, 7
	engine, err := runtime.New(cfg, runtime.Deps{Decoder: plain{}, Encoder: plain{}}, b.spec)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	return running{engine, ended, func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Fatal(err)
		}
	}}
}

// patience is how long these tests wait for what takes a second on a free machine.
const patience = 60 * time.Second

func (b *bed) until(what string, holds func() bool) {
	b.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func (b *bed) verify() Report {
	b.t.Helper()
	r, err := b.disk.Verify(b.t.Context(), "keeping", Against{Client: b.client, Kafka: []kgo.Opt{kgo.SeedBrokers(b.addrs...)}, Most: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// tamper changes the store of a partition behind everybody's back.
func (b *bed) tamper(partition int32, move func(*state.Checkpoint), changes ...stream.Change) {
	b.t.Helper()
	disk, err := state.NewDisk(b.disk.Root, 1<<20, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	defer disk.Close()
	s, err := disk.Open(state.ID{App: b.disk.App, Stage: "keeping", Topic: string(inbox.Name), Partition: partition})
	if err != nil {
		b.t.Fatal(err)
	}
	c, _, err := s.Checkpoint()
	if err != nil {
		b.t.Fatal(err)
	}
	if move != nil {
		move(&c)
	}
	if err := errors.Join(s.Apply(changes, c), s.Flush(), s.Close()); err != nil {
		b.t.Fatal(err)
	}
}

func key(store, scope, entry string) []byte {
	return stream.StateKey{Store: store, Scope: scope, Entry: entry}.Bytes()
}

func TestWholeStateVerifies(t *testing.T) {
	for _, snapshots := range []bool{false, true} {
		b := newBed(t, keeping(snapshots))
		b.work(b.disk.Root, 100)
		b.work(b.disk.Root, 50)
		r := b.verify()
		var compared int64
		for _, p := range r.Partitions {
			compared += p.Compared
		}
		// 20 keys with a value, three entries, two elements that expire, a timer and a place in the index; a table and a tally in each partition.
		if r.Err() != nil || len(r.Partitions) != partitions || !snapshots && compared != 20*10+2*partitions {
			t.Errorf("snapshots %v: %v, %d entries compared, report %+v", snapshots, r.Err(), compared, r)
		}
	}
}

// What another instance did since is told apart from what is wrong here.
func TestWhatCameLaterIsNoDifference(t *testing.T) {
	b := newBed(t, keeping(false))
	b.work(b.disk.Root, 60)
	b.work(filepath.Join(t.TempDir(), "another's"), 3) // for key-1, key-2, key-3
	for _, c := range []struct {
		name  string
		later int64
		sound bool
	}{{"", 0, true}, {"key-2", 1, true}, {"key-9", 1, false}} {
		if c.name != "" { // as if the changelog held the later values alone
			b.tamper(b.partitionOf(c.name), nil, stream.Change{Key: key("last", c.name, "")})
		}
		r := b.verify()
		var later int64
		for _, p := range r.Partitions {
			later += p.Later
		}
		if later != c.later || (r.Err() == nil) != c.sound {
			t.Errorf("without %q: %v, %+v", c.name, r.Err(), r)
		}
	}
}

func (b *bed) partitionOf(key string) int32 {
	b.t.Helper()
	keys, err := b.disk.Get(b.t.Context(), "keeping", key, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return keys[0].Partition
}

// keyIn is a key of a partition.
func (b *bed) keyIn(partition int32) string {
	for i := range 20 {
		k := fmt.Sprint("key-", i)
		if b.partitionOf(k) == partition {
			return k
		}
	}
	b.t.Fatalf("partition %d has no key", partition)
	return ""
}

func TestDifferencesAreFound(t *testing.T) {
	b := newBed(t, keeping(false))
	b.work(b.disk.Root, 60)
	k := b.keyIn(1)
	good := append([]byte{1}, (&avro.PartnerMessage{Line: 1}).Append(nil)...)
	due := func(at byte) []byte { return append([]byte{1}, 0, 0, 0, 0, 0, 0, 0, at) }
	derived, _, _ := stream.Derive(key("timer", "stranger", "alarm"), due(9))
	for _, c := range []struct {
		name   string
		change stream.Change
		alone  int64  // differences without Kafka
		all    int64  // with it
		what   string // said of the first
	}{
		{"another value", stream.Change{Key: key("last", k, ""), Value: good}, 0, 1, "differs"},
		{"one that the changelog lacks", stream.Change{Key: key("note", k, "x"), Value: good}, 0, 1, "the changelog does not have it"},
		{"one missing", stream.Change{Key: key("note", k, "n1")}, 0, 1, "not here"},
		{"a value of bytes", stream.Change{Key: key("last", k, ""), Value: []byte("\x01rubbish")}, 1, 2, "decode"},
		{"no version", stream.Change{Key: key("last", k, ""), Value: []byte{}}, 1, 2, "has no version"},
		{"a version to come", stream.Change{Key: key("last", k, ""), Value: append([]byte{9}, good[1:]...)}, 1, 2, "version 9"},
		{"an unknown store", stream.Change{Key: key("lost", k, ""), Value: good}, 1, 2, "store lost"},
		{"no key of state", stream.Change{Key: []byte("rubbish"), Value: good}, 1, 2, "no key of state"},
		{"a table's entry under a key", stream.Change{Key: key("shared", k, "place"), Value: good}, 1, 2, "table"},
		{"an entry of a value", stream.Change{Key: key("last", k, "entry"), Value: good}, 1, 2, "no entries"},
		{"an element of a list without a number", stream.Change{Key: key("line", k, "first"), Value: good}, 1, 2, "no element"},
		{"a timer that is not derived", stream.Change{Key: key("timer", k, "alarm"), Value: due(7)}, 2, 3, "it would not fire"},
		{"an expiry of nothing", stream.Change{Key: key("timer", k, "\x00line\x00elements"), Value: due(9)}, 2, 3, "has an expiry"},
		{"derived from nothing", derived, 1, 1, "not set"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := b.kept(1, c.change.Key)
			b.tamper(1, nil, c.change)
			defer b.tamper(1, nil, stream.Change{Key: c.change.Key, Value: before})
			alone, err := b.disk.Verify(t.Context(), "keeping", Against{Most: 100})
			if err != nil {
				t.Fatal(err)
			}
			all := b.verify()
			if alone.Faults() != c.alone || all.Faults() != c.all || all.Err() == nil {
				t.Fatalf("%d differences alone and %d in all, want %d and %d: %+v", alone.Faults(), all.Faults(), c.alone, c.all, all.Differences)
			}
			if !slices.ContainsFunc(all.Differences, func(d Difference) bool { return strings.Contains(d.What, c.what) && d.Partition == 1 }) {
				t.Errorf("nothing about %q in %+v", c.what, all.Differences)
			}
		})
	}
	if r := b.verify(); r.Err() != nil {
		t.Fatalf("what was put back differs: %+v", r)
	}
}

func (b *bed) kept(partition int32, key []byte) []byte {
	b.t.Helper()
	open, err := b.disk.open("keeping")
	if err != nil {
		b.t.Fatal(err)
	}
	v, err := open[partition].Get(key)
	if err := errors.Join(err, closeAll(open)); err != nil {
		b.t.Fatal(err)
	}
	return slices.Clone(v)
}

func TestUselessCheckpointsAreTold(t *testing.T) {
	b := newBed(t, keeping(true))
	b.work(b.disk.Root, 60)
	b.tamper(0, func(c *state.Checkpoint) { c.Input-- })
	if r := b.verify(); r.Faults() != 1 || !strings.Contains(r.Differences[0].What, "last snapshot") {
		t.Errorf("a checkpoint of another snapshot gave %+v", r)
	}
	b.tamper(0, func(c *state.Checkpoint) { c.Next = 1 << 40 })
	if r := b.verify(); r.Err() == nil || !strings.Contains(r.Partitions[0].Useless, "lost records") {
		t.Errorf("a checkpoint beyond the log gave %+v", r)
	}
	b.tamper(0, func(c *state.Checkpoint) { c.Next, c.Partly = 1, true }, stream.Change{Key: key("timer", "x", "y"), Value: []byte{1, 0, 0, 0, 0, 0, 0, 0, 1}})
	r, err := b.disk.Verify(t.Context(), "keeping", Against{Most: 100})
	if err != nil || r.Err() != nil {
		t.Errorf("a restore that was interrupted gave %+v, %v", r, err)
	}
}

func TestGetShowsAllOfAKey(t *testing.T) {
	b := newBed(t, keeping(false))
	b.work(b.disk.Root, 60)
	got, err := b.disk.Get(t.Context(), "keeping", "key-7", "")
	if err != nil || len(got) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	text, err := json.Marshal(got[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"key":"key-7"`, `"last":{`, `"note":{"n0":{`, `"line":[{`, `"line":27,`, `"line":47`, `"expires":{"line 0000000000000001":"`, `"timers":{"alarm":"2027-01-15T08:00:00.000047Z"`, `"depends_on":{"needs":["place"]}`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	shared, err := b.disk.Get(t.Context(), "keeping", "", "shared")
	if err != nil || len(shared) != partitions {
		t.Errorf("what all share: %+v, %v", shared, err)
	}
	if shared, err = b.disk.Get(t.Context(), "keeping", "", "seen"); err != nil || !strings.Contains(fmt.Sprint(shared[0].Stores), "n:") {
		t.Errorf("a tally: %+v, %v", shared, err)
	}
	place, err := b.disk.Get(t.Context(), "keeping", "place", "")
	if err != nil || len(place[0].NeededBy["needs"])+len(place[1].NeededBy["needs"]) != 20 {
		t.Errorf("a reference: %+v, %v", place, err)
	}
	if _, err := b.disk.Get(t.Context(), "keeping", "nobody", ""); !errors.Is(err, ErrNone) {
		t.Errorf("nobody's state: %v", err)
	}
	if _, err := b.disk.Get(t.Context(), "keeping", "ey-1", ""); err == nil || !strings.Contains(err.Error(), "did you mean 'key-1'") {
		t.Errorf("a part of a key: %v", err)
	}
	if err := b.disk.Known("keeping", "nothing"); err == nil || !strings.Contains(err.Error(), "last, line, needs, note, seen") {
		t.Errorf("a store that is not there: %v", err)
	}
}

func TestListTellsOfEveryDirectory(t *testing.T) {
	b := newBed(t, keeping(true))
	b.work(b.disk.Root, 60)
	if err := os.MkdirAll(filepath.Join(b.disk.Root, "test", "keeping", string(inbox.Name), "1.aside-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	list, err := b.disk.List(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatalf("listed %+v, %v", list, err)
	}
	for _, l := range list[:2] {
		i := slices.IndexFunc(l.Stores, func(h Held) bool { return h.Store == "note" })
		if l.Status != whole || l.Next == 0 || l.Input == nil || l.Inbox() == "" || i < 0 || l.Stores[i].Kind != stream.MapKind || l.Stores[i].Keys == 0 {
			t.Errorf("listed %+v", l)
		}
	}
	if list[2].Status != aside {
		t.Errorf("what was set aside is %q", list[2].Status)
	}
	running := b.start(b.disk.Root)
	b.until("the stores are open", func() bool {
		list, err := b.disk.List(t.Context())
		return err == nil && list[0].Status == inUse && list[1].Status == inUse
	})
	if _, err := b.disk.Get(t.Context(), "keeping", "key-7", ""); !errors.Is(err, state.ErrLocked) && (err == nil || !strings.Contains(err.Error(), inUse)) {
		t.Errorf("a store in use: %v", err)
	}
	running.stop()
	if _, err := (Disk{Root: filepath.Join(b.disk.Root, "none")}).List(t.Context()); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("no directory: %v", err)
	}
}
