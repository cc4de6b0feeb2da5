package dlq

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"waybill/avro"
	"waybill/bench/rig"
	"waybill/cmd/internal/cluster"
	"waybill/topics"
	"waybill/topics/wire"
)

// desk is a Kafka with the topics that dead letters need, and what was buried there.
type desk struct {
	brokers []string
	client  *kgo.Client
	codec   *wire.Codec
	fake    *rig.Kafka // nil on Apache Kafka
	buried  []buried
	origin  int64
}

// buried is a letter and where it lies.
type buried struct {
	*avro.DeadLetter
	id ID
}

// used are the topics of these tests.
var used = []topics.Topic{topics.Orders, topics.ResolveInbox, topics.DeadLetters, topics.DeadLetterReplays}

func newDesk(t *testing.T) *desk {
	t.Helper()
	k, err := rig.StartKafka(rig.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	d := deskOn(t, k.Brokers())
	d.fake = k
	return d
}

func deskOn(t *testing.T, brokers []string) *desk {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := cluster.Apply(t.Context(), client, used, 1); err != nil {
		t.Fatal(err)
	}
	r, err := rig.StartRegistry(rig.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	registry, err := sr.NewClient(sr.URLs(r.URL()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.RegisterAll(t.Context(), registry, wire.Subjects(topics.All()...)); err != nil {
		t.Fatal(err)
	}
	return &desk{brokers: brokers, client: client, codec: wire.New(registry, wire.Options{})}
}

// box is what one process sees. Its transactions hold three letters.
func (d *desk) box(more ...kgo.Opt) *Box {
	return &Box{
		Client: d.client, Kafka: append([]kgo.Opt{kgo.SeedBrokers(d.brokers...), kgo.MetadataMinAge(50 * time.Millisecond)}, more...), Codec: d.codec, Schemas: d.codec,
		Reads:  map[string][]topics.Name{"normalise": {topics.Orders.Name}, "resolve": {topics.ResolveInbox.Name}},
		Limits: Limits{MessageBytes: 1_000_012, Letters: 3, Bytes: 1 << 20, Timeout: 5 * time.Second},
	}
}

// letter is a record that normalise could not use, unlike any before.
func (d *desk) letter(change func(*avro.DeadLetter)) *avro.DeadLetter {
	d.origin++
	value := binary.BigEndian.AppendUint64([]byte{0xff, 0}, uint64(d.origin))
	l := &avro.DeadLetter{
		Topic: string(topics.Orders.Name), Partition: int32(d.origin % 6), Offset: d.origin, Stage: "normalise", Reason: "NO_TENANT", Causes: []string{"handle: it is bad", "it is bad"},
		Attempt: 1, Key: avro.Some([]byte(fmt.Sprintf("key-%d", d.origin%4))), Value: avro.Some(value), RecordAt: avro.MicrosOf(time.UnixMilli(1_700_000_000_000 + d.origin)),
		Headers: []avro.Header{{Key: "trace", Value: []byte{1, 0}}, {Key: "trace", Value: nil}},
	}
	if change != nil {
		change(l)
	}
	return l
}

// bury puts letters on the topic as a stage would.
func (d *desk) bury(t *testing.T, letters ...*avro.DeadLetter) []ID {
	t.Helper()
	var ids []ID
	for _, l := range letters {
		value, err := d.codec.Append(t.Context(), nil, topics.DeadLetters.Name, l)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.put(t, value))
		d.buried = append(d.buried, buried{l, ids[len(ids)-1]})
	}
	return ids
}

func (d *desk) put(t *testing.T, value []byte) ID {
	t.Helper()
	r := &kgo.Record{Topic: string(topics.DeadLetters.Name), Partition: int32(len(d.buried) % 3), Value: value}
	if err := d.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return ID{r.Partition, r.Offset}
}

func (d *desk) buryMany(t *testing.T, n int) {
	for range n {
		d.bury(t, d.letter(nil))
	}
}

func letters(t *testing.T, b *Box) []Letter {
	t.Helper()
	all, err := b.Letters(t.Context(), func(int64) func(int) { return func(int) {} })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func plan(t *testing.T, b *Box, g Guard) []Step {
	t.Helper()
	steps, err := b.Plan(t.Context(), letters(t, b), g)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// replay sends everything that is open.
func replay(t *testing.T, b *Box) (int, error) {
	t.Helper()
	return b.Send(t.Context(), plan(t, b, Guard{MaxAttempts: 3}), "test", func(int) {})
}

// read gives the committed records of a topic, by partition and in order.
func (d *desk) read(t *testing.T, topic topics.Name) []*kgo.Record {
	t.Helper()
	d.settled(t, topic)
	spans, err := cluster.Spans(t.Context(), d.client, topic)
	if err != nil {
		t.Fatal(err)
	}
	var out []*kgo.Record
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := cluster.Scan(ctx, []kgo.Opt{kgo.SeedBrokers(d.brokers...)}, spans, func(r *kgo.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(out, func(a, b *kgo.Record) int { return int(a.Partition - b.Partition) })
	return out
}

// settled waits until nothing is open on a topic: Apache Kafka says that a transaction is committed before its partitions
// know it.
func (d *desk) settled(t *testing.T, topic topics.Name) {
	t.Helper()
	adm := kadm.NewClient(d.client)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		ends, err := adm.ListEndOffsets(t.Context(), string(topic))
		if err != nil {
			t.Fatal(err)
		}
		stable, err := adm.ListCommittedOffsets(t.Context(), string(topic))
		if err != nil {
			t.Fatal(err)
		}
		open := false
		ends.Each(func(e kadm.ListedOffset) {
			s, _ := stable.Lookup(e.Topic, e.Partition)
			open = open || s.Offset < e.Offset
		})
		if !open {
			return
		}
	}
	t.Fatalf("a transaction stays open on %s", topic)
}

// check holds what came back against what was buried: each once, and marked once.
func (d *desk) check(t *testing.T) {
	t.Helper()
	back := map[string]int{}
	for _, topic := range []topics.Name{topics.Orders.Name, topics.ResolveInbox.Name} {
		for _, r := range d.read(t, topic) {
			back[string(r.Value)]++
		}
	}
	marks := map[string]int{}
	for _, r := range d.read(t, topics.DeadLetterReplays.Name) {
		marks[string(r.Key)]++
	}
	for _, l := range d.buried {
		if n := back[string(l.Value.V)]; n != 1 {
			t.Errorf("the record of letter %s came back %d times", l.id, n)
		}
		if n := marks[l.id.String()]; n != 1 {
			t.Errorf("letter %s is marked %d times", l.id, n)
		}
	}
}

// once is a crash at the nth time that a point is reached.
func once(point string, nth int64) func(string) bool {
	var seen atomic.Int64
	return func(at string) bool { return at == point && seen.Add(1) == nth }
}

// cut is a way to the brokers that breaks off for good once a request of a kind was sent: its answer is lost.
type cut struct {
	key  int16
	dead atomic.Bool
}

func (c *cut) opt() kgo.Opt {
	return kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
		if c.dead.Load() {
			return nil, errors.New("cut off")
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, host)
		return &cutConn{conn, c}, err
	})
}

type cutConn struct {
	net.Conn
	cut *cut
}

// Write sees whole requests: length in four bytes, then the request's key.
func (c *cutConn) Write(b []byte) (int, error) {
	if c.cut.dead.Load() {
		return 0, errors.New("cut off")
	}
	if len(b) > 6 && int16(binary.BigEndian.Uint16(b[4:])) == c.cut.key {
		c.cut.dead.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.cut.dead.Load() {
		return 0, errors.New("cut off")
	}
	return n, err
}

func wants(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want something about %q", err, want)
	}
}
