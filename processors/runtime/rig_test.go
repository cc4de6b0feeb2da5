package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// The tests' own topics.
var (
	inbox    = topics.Topic{Name: "test.inbox", Partitions: 4, Inbox: true}
	numbered = topics.Name("test.numbered")
	totals   = topics.Name("test.totals")
)

// codec frames records by the place of their type in avro.Names.
type codec struct{}

func (codec) Append(_ context.Context, dst []byte, _ topics.Name, rec avro.Record) ([]byte, error) {
	dst = binary.BigEndian.AppendUint32(append(dst, 0), uint32(slices.Index(avro.Names(), rec.AvroName())))
	return rec.Append(dst), nil
}

func (codec) Decode(_ context.Context, value []byte) (avro.Record, error) {
	if len(value) >= 5 && value[0] == 0 && value[4] == tomorrowID {
		return decodeTomorrow(value[5:])
	}
	if string(value) == "deadly" {
		panic("what no decoder should do")
	}
	if len(value) < 5 || value[0] != 0 || int(value[4]) >= len(avro.Names()) {
		return nil, fault.Poisonf("BAD_FRAME", "value of %d bytes is no framed record", len(value))
	}
	rec, _ := avro.New(avro.Names()[value[4]])
	if err := rec.Decode(value[5:]); err != nil {
		return nil, fault.Poisoned("AVRO", err)
	}
	return rec, nil
}

func (c codec) DecodeInto(ctx context.Context, value []byte, _ *wire.Scratch) (avro.Record, error) {
	return c.Decode(ctx, value)
}

func encoded(rec avro.Record) []byte {
	b, _ := codec{}.Append(context.Background(), nil, "", rec)
	return b
}

// counted is the state of the counting processor.
type counted struct {
	count  *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	timers *stream.Timers
}

// counting numbers the records of each key, and a minute after the last says how many there were.
func counting() stream.Spec { return countingCalls(new(atomic.Int64)) }

// countingCalls is counting, and counts how often its handler runs.
func countingCalls(calls *atomic.Int64) stream.Spec { return countingWith(calls, false) }

// countingWith is counting whose state may go to the changelog in snapshots alone.
func countingWith(calls *atomic.Int64, snapshots bool) stream.Spec {
	onMessage := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st counted) (out stream.Emits, err error) {
		calls.Add(1)
		c := st.count.Edit()
		c.Line++
		st.timers.Set("total", ev.Time.Add(time.Minute))
		out.To(numbered, key, &avro.PartnerMessage{Name: ev.Value.Name, Line: c.Line})
		switch ev.Value.Format {
		case "poison":
			return out, fault.Poisonf("BAD", "told to")
		case "oversize":
			out.To(numbered, key, &avro.PartnerMessage{Payload: make([]byte, 2_000_000)})
		case "large":
			out.Records[0].Value.(*avro.PartnerMessage).Payload = large
		case "nothing":
			out.To(numbered, key, (*avro.PartnerMessage)(nil))
		case "everyone":
			out.Broadcast(totals, key, &avro.PartnerMessage{Name: ev.Value.Name})
		case "fatal":
			return out, fmt.Errorf("told to stop")
		}
		return out, nil
	}
	onTimer := func(_ context.Context, key string, _ stream.Firing, st counted) (out stream.Emits, err error) {
		c, _ := st.count.Get()
		if strings.HasPrefix(key, "bad-timer") {
			st.count.Edit().Line = 1000
			out.To(totals, key, &avro.PartnerMessage{Name: "never said"})
			return out, fault.Poisonf("BAD", "told to")
		}
		out.To(totals, key, &avro.PartnerMessage{Name: key, Line: c.Line})
		return out, nil
	}
	return stream.Define(stream.Processor[counted]{
		Name: "counting", Inbox: inbox, Snapshots: snapshots, Outputs: []topics.Name{numbered, totals}, Timers: onTimer,
		State: func(b *stream.Binder) counted {
			return counted{stream.ValueOf[avro.PartnerMessage](b, "count"), b.Timers()}
		},
		Inputs: []stream.Input[counted]{stream.On(onMessage)},
	})
}

// largeBytes is how much the counting stage says of a record that tells it to say much.
const largeBytes = 100_000

// large does not become shorter by compression.
var large = func() []byte {
	b := make([]byte, largeBytes)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}()

// cluster is a Kafka with the tests' topics.
type cluster struct {
	*kfake.Cluster // nil on Apache Kafka
	addrs          []string
	protocol       Protocol
	mode           Mode
	dialer         func(ctx context.Context, network, address string) (net.Conn, error)
	client         *kgo.Client
	adm            *kadm.Client
	sent           int
	want           map[string]int64 // records per key
	snapshots      bool             // the stage takes snapshots
	login          []kgo.Opt        // of whoever reads
}

// counting is the stage that runs on this cluster.
func (k *cluster) counting() stream.Spec { return countingWith(new(atomic.Int64), k.snapshots) }

// newCluster is an embedded Kafka of the test's own.
func newCluster(t testing.TB, specs ...stream.Spec) *cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(200*time.Millisecond),
		kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "100", "group.consumer.session.timeout.ms": "1000"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := connect(t, c.ListenAddrs())
	k.Cluster = c
	k.create(t, specs...)
	return k
}

func connect(t testing.TB, addrs []string, opts ...kgo.Opt) *cluster {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(Partitioner()), kgo.ProducerLinger(0), kgo.MetadataMinAge(50*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &cluster{addrs: addrs, dialer: (&net.Dialer{}).DialContext, client: client, protocol: ClassicProtocol, mode: ExactlyOnce, adm: kadm.NewClient(client), want: map[string]int64{}}
}

// ours are the topics of the tests and of their stages.
func ours(specs ...stream.Spec) []topics.Topic {
	return append([]topics.Topic{inbox, {Name: numbered, Partitions: 4}, {Name: totals, Partitions: 3}, topics.DeadLetters}, Changelogs("test", specs...)...)
}

func (k *cluster) create(t testing.TB, specs ...stream.Spec) {
	t.Helper()
	for _, topic := range ours(specs...) {
		config := map[string]*string{}
		if topic.Cleanup == topics.Compact {
			config["cleanup.policy"] = kadm.StringPtr("compact")
		}
		if topic.Inbox {
			config["message.timestamp.type"] = kadm.StringPtr("LogAppendTime")
		}
		_, err := k.adm.CreateTopic(context.Background(), topic.Partitions, 1, config, string(topic.Name))
		if err != nil && !(errors.Is(err, kerr.TopicAlreadyExists) && topic.Name == topics.DeadLetters.Name) { // all tests on a cluster share that one
			t.Fatal(err)
		}
	}
	// A real broker says that a topic is made before it knows it itself.
	eventually(t, "the new topics are known", func() bool { return k.knows(specs...) })
}

// anew deletes a topic and makes it again.
func (k *cluster) anew(t testing.TB, topic string, partitions int32, config map[string]*string) {
	t.Helper()
	if _, err := k.adm.DeleteTopic(context.Background(), topic); err != nil {
		t.Fatal(err)
	}
	if _, err := k.adm.CreateTopic(context.Background(), partitions, 1, config, topic); err != nil {
		t.Fatal(err)
	}
	k.client.PurgeTopicsFromClient(topic)
}

// clockByHand lets the test say when a record of the inbox was appended. An instance that runs does not look again.
func (k *cluster) clockByHand(t testing.TB) {
	t.Helper()
	set := kadm.AlterConfig{Op: kadm.SetConfig, Name: "message.timestamp.type", Value: kadm.StringPtr("CreateTime")}
	res, err := k.adm.AlterTopicConfigs(context.Background(), []kadm.AlterConfig{set}, string(inbox.Name))
	if err != nil || res[0].Err != nil {
		t.Fatal(err, res)
	}
}

func (k *cluster) knows(specs ...stream.Spec) bool {
	for _, topic := range ours(specs...) {
		ends, err := k.adm.ListEndOffsets(context.Background(), string(topic.Name))
		if err != nil || ends.Error() != nil || len(ends[string(topic.Name)]) != int(topic.Partitions) {
			return false
		}
	}
	return true
}

// send appends records of the counting processor's to keys in turn, and remembers them.
func (k *cluster) send(t testing.TB, n, keys int) {
	t.Helper()
	var rs []*kgo.Record
	for range n {
		rs = append(rs, k.next(fmt.Sprintf("key-%d", k.sent%keys), byKey))
	}
	k.produce(t, rs...)
}

// next is one such record.
func (k *cluster) next(key string, partition int32) *kgo.Record {
	r := &kgo.Record{Topic: string(inbox.Name), Partition: partition, Key: []byte(key), Value: encoded(&avro.PartnerMessage{Name: fmt.Sprint(k.sent)})}
	k.sent++
	k.want[key]++
	return r
}

// lag is how many records of a partition are not worked on.
func (k *cluster) lag(t testing.TB, partition int32) int64 {
	t.Helper()
	ends, err := k.adm.ListEndOffsets(context.Background(), string(inbox.Name))
	if err != nil {
		t.Fatal(err)
	}
	done, err := k.adm.FetchOffsets(context.Background(), "test.counting")
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(string(inbox.Name), partition)
	at, _ := done.Lookup(string(inbox.Name), partition)
	return end.Offset - max(at.At, 0)
}

func (k *cluster) produce(t testing.TB, rs ...*kgo.Record) {
	t.Helper()
	if err := k.client.ProduceSync(context.Background(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// read gives every committed record of a topic, by partition, in order.
func (k *cluster) read(t testing.TB, topic string) map[int32][]*kgo.Record {
	t.Helper()
	ends := k.ends(t, topic)
	from := map[int32]kgo.Offset{}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().AtStart(), o.Offset
		}
	})
	out := map[int32][]*kgo.Record{}
	if len(from) == 0 {
		return out
	}
	client, err := kgo.NewClient(append(k.login, kgo.SeedBrokers(k.addrs...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.Dialer(k.dialer))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // a broker may be down, and a transaction open for as long
	defer cancel()
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %s: %v still to come of %v", topic, left, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				out[r.Partition] = append(out[r.Partition], r)
			}
		})
	}
	return out
}

// ends are the ends of a topic's partitions. Of several brokers one may be down for a moment.
func (k *cluster) ends(t testing.TB, topic string) (ends kadm.ListedOffsets) {
	t.Helper()
	eventually(t, "the brokers tell the ends of "+topic, func() bool {
		var err error
		ends, err = k.adm.ListEndOffsets(context.Background(), topic)
		return err == nil && ends.Error() == nil
	})
	return ends
}

// instance is an engine that runs.
type instance struct {
	*Engine
	stop context.CancelFunc
	done chan struct{}
	err  error
}

func testConfig(k *cluster, id, dir string) Config {
	c := DefaultConfig()
	c.App, c.Instance, c.Brokers, c.StateDir = "test", id, k.addrs, dir
	c.CommitInterval, c.CycleRecords = 20*time.Millisecond, 100
	c.SnapshotInterval, c.SnapshotRecords = 100*time.Millisecond, 60
	c.GroupProtocol, c.Mode = k.protocol, k.mode
	c.SessionTimeout, c.RebalanceTimeout, c.TransactionTimeout = time.Second, 2*time.Second, 4*time.Second
	c.Poison = Poison{} // many tests are floods
	return c
}

func start(t testing.TB, cfg Config, crash func(string) bool, specs ...stream.Spec) *instance {
	t.Helper()
	return startWith(t, cfg, Deps{crash: crash}, specs...)
}

func startWith(t testing.TB, cfg Config, deps Deps, specs ...stream.Spec) *instance {
	t.Helper()
	if deps.Decoder == nil {
		deps.Decoder = codec{}
	}
	deps.Encoder = codec{}
	if os.Getenv("RUNTIME_TEST_LOG") != "" {
		deps.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("instance", cfg.Instance)
	}
	e, err := New(cfg, deps, specs...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	in := &instance{Engine: e, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(in.done)
		in.err = e.Run(ctx)
	}()
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { stop(); <-in.done }) })
	return in
}

// halt stops the instance as SIGTERM would.
func (in *instance) halt(t testing.TB) {
	t.Helper()
	in.stop()
	in.ended(t)
	if in.err != nil {
		t.Fatalf("instance ended with %v", in.err)
	}
}

// ended waits until the instance has ended, however it did, and holds what it says to one sentence with all of what is wanted in it.
func (in *instance) ended(t testing.TB, want ...string) {
	t.Helper()
	select {
	case <-in.done:
	case <-time.After(patience):
		t.Fatalf("the instance has not ended within %v", patience)
	}
	for _, w := range want {
		if in.err == nil || !strings.Contains(in.err.Error(), w) || strings.Contains(in.err.Error(), "\n") {
			t.Errorf("ended with %v, want one sentence with %q in it", in.err, w)
		}
	}
}

// crashed waits until the instance ended as it was told to, and not otherwise.
func (in *instance) crashed(t testing.TB) {
	t.Helper()
	in.ended(t)
	if !errors.Is(in.err, errCrashed) {
		t.Fatalf("instance ended with %v, want the crash", in.err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 30 s: %s", what)
}

// outputs waits until as many records as were sent are committed in the output, and gives them.
func (k *cluster) outputs(t testing.TB) map[int32][]*kgo.Record {
	t.Helper()
	var got map[int32][]*kgo.Record
	eventually(t, fmt.Sprintf("%d outputs", k.sent), func() bool {
		got = k.read(t, string(numbered))
		n := 0
		for _, rs := range got {
			n += len(rs)
		}
		return n >= k.sent
	})
	return got
}

// check compares what is committed with the fold of what was sent: each input once, numbered without a gap in its key's
// order, and the changelog's last word on each key its count.
func (k *cluster) check(t testing.TB) {
	t.Helper()
	last, seen := map[string]int64{}, map[string]bool{}
	for _, rs := range k.outputs(t) {
		for _, r := range rs {
			m := decodeMessage(t, r.Value)
			if seen[m.Name] {
				t.Errorf("input %s came out twice", m.Name)
			}
			seen[m.Name] = true
			if last[string(r.Key)]++; m.Line != last[string(r.Key)] {
				t.Errorf("%s is numbered %d after %d", r.Key, m.Line, last[string(r.Key)]-1)
			}
		}
	}
	if len(seen) != k.sent {
		t.Errorf("%d inputs came out, want %d", len(seen), k.sent)
	}
	if k.mode == AtLeastOnce { // what is remembered comes after what is said
		eventually(t, "the changelog has every count", func() bool { return k.snapshots || mapsEqual(k.changelog(t), k.want) })
		return
	}
	if got := k.changelog(t); !mapsEqual(got, k.want) && !k.snapshots {
		t.Errorf("the changelog says %v, want %v", got, k.want)
	}
}

func mapsEqual(a, b map[string]int64) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// changelog folds the committed changelog to a count per key.
func (k *cluster) changelog(t testing.TB) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	for _, rs := range k.read(t, "test.counting.changelog") {
		for _, r := range rs {
			parts := slices.Collect(splitNUL(string(r.Key)))
			if len(parts) < 2 || parts[1] != "count" {
				continue
			}
			var m avro.PartnerMessage
			if err := m.Decode(r.Value[1:]); err != nil { // behind the version of its form
				t.Fatal(err)
			}
			got[parts[0]] = m.Line
		}
	}
	return got
}

func decodeMessage(t testing.TB, b []byte) *avro.PartnerMessage {
	t.Helper()
	rec, err := codec{}.Decode(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return rec.(*avro.PartnerMessage)
}
