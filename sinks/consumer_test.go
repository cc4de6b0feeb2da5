package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/bench/rig"
	"waybill/sinks"
	"waybill/topics"
	"waybill/topics/fault"
)

const group = "test.sink"

// plain is a codec without a registry: the value is the device id, and "bad" is poison.
type plain struct{}

func (plain) DecodeAlias(_ context.Context, b []byte) (avro.Record, error) {
	if strings.HasPrefix(string(b), "bad") {
		return nil, fault.Poisonf("BAD_MAGIC", "it says bad")
	}
	return &avro.Position{DeviceID: string(b)}, nil
}

func (plain) Append(_ context.Context, dst []byte, _ topics.Name, r avro.Record) ([]byte, error) {
	return r.Append(dst), nil
}

// memory is a destination that knows blocks by their token alone: a repetition changes nothing, whatever it carries.
type memory struct {
	mu      sync.Mutex
	blocks  map[string]string // token to rows
	rows    map[string]int    // partition@offset=value to how often
	before  func(*sinks.Block) error
	after   func(*sinks.Block) error
	differs []string
}

func newMemory() *memory {
	nothing := func(*sinks.Block) error { return nil }
	return &memory{blocks: map[string]string{}, rows: map[string]int{}, before: nothing, after: nothing}
}

func (m *memory) Write(_ context.Context, b *sinks.Block) error {
	if err := m.before(b); err != nil {
		return err
	}
	m.store(b)
	return m.after(b)
}

func (m *memory) store(b *sinks.Block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []string
	for _, r := range b.Rows {
		rows = append(rows, fmt.Sprintf("%d@%d=%s", b.Partition, r.Offset, r.Value.(*avro.Position).DeviceID))
	}
	text := strings.Join(rows, " ")
	if known, ok := m.blocks[b.Token()]; ok {
		if known != text {
			m.differs = append(m.differs, b.Token())
		}
		return
	}
	m.blocks[b.Token()] = text
	for _, r := range rows {
		m.rows[r]++
	}
}

func startKafka(t *testing.T, partitions int32) (*rig.Kafka, *kgo.Client) {
	t.Helper()
	k, err := rig.StartKafka(rig.KafkaOptions{MinSessionTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.TransactionalID("producer"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if _, err := kadm.NewClient(cl).CreateTopics(t.Context(), partitions, 1, nil, string(topics.Positions.Name), string(topics.DeadLetters.Name)); err != nil {
		t.Fatal(err)
	}
	return k, cl
}

// produce sends n values in transactions of 50, every other one preceded by an aborted one.
func produce(t *testing.T, cl *kgo.Client, n int) {
	t.Helper()
	for from := 0; from < n; from += 50 {
		for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for i := from; i < min(from+50, n); i++ {
				cl.Produce(t.Context(), &kgo.Record{Topic: string(topics.Positions.Name), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, "v%d", i)}, nil)
			}
			if err := cl.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := cl.EndTransaction(t.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func config() sinks.Config {
	c := sinks.DefaultConfig()
	c.Group, c.Stage, c.Topics = group, "sink.test", []topics.Name{topics.Positions.Name}
	c.Linger, c.BlockRows, c.RetryFirst = 10*time.Millisecond, 37, time.Millisecond
	c.SessionTimeout, c.RebalanceTimeout = 2*time.Second, 2*time.Second
	return c
}

func consumer(t *testing.T, k *rig.Kafka, c sinks.Config, w sinks.Writer) *sinks.Consumer {
	t.Helper()
	s, err := sinks.NewConsumer(c, w, plain{}, kgo.SeedBrokers(k.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// untilLanded runs a consumer until nothing is left, or returns its error.
func untilLanded(t *testing.T, cl *kgo.Client, s *sinks.Consumer) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if err := landed(ctx, cl, ended); err != nil {
		return err
	}
	cancel()
	return <-ended
}

func landed(ctx context.Context, cl *kgo.Client, ended <-chan error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if lag, err := sinks.Lag(ctx, cl, group, topics.Positions.Name); err == nil && lag == 0 {
			return nil
		}
	}
}

func (m *memory) check(t *testing.T, n int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	values := map[string]int{}
	for row, times := range m.rows {
		_, value, _ := strings.Cut(row, "=")
		values[value] += times
	}
	if len(values) != n {
		t.Errorf("%d values stored, want %d", len(values), n)
	}
	for value, times := range values {
		if times != 1 {
			t.Errorf("%s is stored %d times", value, times)
		}
	}
	if len(m.differs) > 0 {
		t.Errorf("repeated with other rows under the same token: %v", m.differs)
	}
}

var errCrash = errors.New("crash")

func TestBlocksAreRepeatedAsTheyWere(t *testing.T) {
	const n = 2000
	k, cl := startKafka(t, 3)
	produce(t, cl, n)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	m := newMemory()
	crashes := 0
	crash := func(*sinks.Block) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if crashes < 40 && random.IntN(8) == 0 {
			crashes++
			return errCrash
		}
		return nil
	}
	m.before, m.after = crash, crash
	for {
		c := config()
		c.BlockRows = 20 + random.IntN(60) // another life may be configured otherwise
		err := untilLanded(t, cl, consumer(t, k, c, m))
		if err == nil {
			break
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	if crashes == 0 {
		t.Error("no life ended: nothing was tested")
	}
	t.Logf("%d crashes", crashes)
	m.check(t, n)
}

func TestMembersComeAndGo(t *testing.T) {
	k, cl := startKafka(t, 6)
	m := newMemory()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var running sync.WaitGroup
	var wrote sync.Map // members that wrote anything
	run := func(ctx context.Context, name int) {
		w := writerFunc(func(ctx context.Context, b *sinks.Block) error {
			wrote.Store(name, true)
			return m.Write(ctx, b)
		})
		running.Go(func() {
			if err := consumer(t, k, config(), w).Run(ctx); err != nil {
				t.Errorf("member %d ended: %v", name, err)
			}
		})
	}
	run(ctx, 0)
	sent := 0
	for i := 1; i <= 5; i++ {
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		run(leaving, i)
		for _, joined := wrote.Load(i); !joined; _, joined = wrote.Load(i) {
			produceCommitted(t, cl, sent, 60)
			sent += 60
			if err := landed(ctx, cl, nil); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 == 0 {
			leave() // while the next one joins
		}
	}
	if err := landed(ctx, cl, nil); err != nil {
		t.Fatal(err)
	}
	cancel()
	running.Wait()
	t.Logf("%d records while members came and went", sent)
	m.check(t, sent)
}

type writerFunc func(context.Context, *sinks.Block) error

func (f writerFunc) Write(ctx context.Context, b *sinks.Block) error { return f(ctx, b) }

// produceCommitted sends n values from first on in one transaction.
func produceCommitted(t *testing.T, cl *kgo.Client, first, n int) {
	t.Helper()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := first; i < first+n; i++ {
		cl.Produce(t.Context(), &kgo.Record{Topic: string(topics.Positions.Name), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, "v%d", i)}, nil)
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
}

func TestRetryableErrorsAreRetriedWithTheSameBlock(t *testing.T) {
	const n = 300
	k, cl := startKafka(t, 1)
	produce(t, cl, n)
	m := newMemory()
	failures := 0
	m.after = func(*sinks.Block) error {
		if failures++; failures%3 != 0 {
			return fault.Retry(errors.New("too many parts"))
		}
		return nil
	}
	if err := untilLanded(t, cl, consumer(t, k, config(), m)); err != nil {
		t.Fatal(err)
	}
	m.check(t, n)
	if failures < 3 {
		t.Errorf("%d writes", failures)
	}
}

func TestPermanentErrorEndsTheSinkAndKeepsTheOffset(t *testing.T) {
	k, cl := startKafka(t, 1)
	produce(t, cl, 10)
	m := newMemory()
	m.before = func(*sinks.Block) error { return errors.New("no such column") }
	err := untilLanded(t, cl, consumer(t, k, config(), m))
	if err == nil || !strings.Contains(err.Error(), "no such column") || !strings.Contains(err.Error(), string(topics.Positions.Name)) {
		t.Errorf("ended with %v", err)
	}
	m.before = func(*sinks.Block) error { return nil }
	if err := untilLanded(t, cl, consumer(t, k, config(), m)); err != nil {
		t.Fatal(err)
	}
	m.check(t, 10)
}

func TestUnreadableRecordsAreBuried(t *testing.T) {
	k, cl := startKafka(t, 1)
	produce(t, cl, 5)
	bad := &kgo.Record{Topic: string(topics.Positions.Name), Key: []byte("k"), Value: []byte("bad"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}}
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), bad).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	s := consumer(t, k, config(), m)
	if err := untilLanded(t, cl, s); err != nil {
		t.Fatal(err)
	}
	m.check(t, 5)
	if buried := s.Stats().DeadLetters; buried["BAD_MAGIC"] != 1 || len(buried) != 1 {
		t.Errorf("dead letters by reason: %v", buried)
	}
	l := readLetter(t, k)
	if l.Topic != bad.Topic || l.Offset != bad.Offset || l.Stage != "sink.test" || l.Reason != "BAD_MAGIC" || string(l.Value.V) != "bad" || string(l.Key.V) != "k" || len(l.Headers) != 1 {
		t.Errorf("the letter says %+v", l)
	}
}

// A letter that no broker takes would end the sink at every start.
func TestRecordsTooLongForALetterAreBuried(t *testing.T) {
	k, cl := startKafka(t, 1)
	const limit = 1_000_012
	for _, r := range []*kgo.Record{
		{Value: append([]byte("bad"), make([]byte, limit-500)...)},
		{Key: make([]byte, limit*7/10), Value: []byte("bad")},
	} {
		r.Topic = string(topics.Positions.Name)
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	if err := untilLanded(t, cl, consumer(t, k, config(), newMemory())); err != nil {
		t.Fatal(err)
	}
	if l := readLetter(t, k); l.Value.Ok || l.Reason != "BAD_MAGIC" || !strings.Contains(strings.Join(l.Causes, "\n"), "positions.v1/0@") {
		t.Errorf("the letter says %+v", l)
	}
}

func readLetter(t *testing.T, k *rig.Kafka) *avro.DeadLetter {
	t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.ConsumeTopics(string(topics.DeadLetters.Name)))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			l := &avro.DeadLetter{}
			if err := l.Decode(r.Value); err != nil {
				t.Fatal(err)
			}
			return l
		}
	}
}

func TestLostRecordsAreForAPersonToDecide(t *testing.T) {
	k, cl := startKafka(t, 1)
	produce(t, cl, 100)
	if err := untilLanded(t, cl, consumer(t, k, config(), newMemory())); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, 100)
	info := k.Cluster.PartitionInfo(string(topics.Positions.Name), 0)
	if err := k.Cluster.DeleteRecords(string(topics.Positions.Name), 0, info.HighWatermark-1); err != nil {
		t.Fatal(err)
	}
	err := consumer(t, k, config(), newMemory()).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "deleted before this sink read them") {
		t.Errorf("ended with %v", err)
	}
}

func TestAMissingTopicIsNamed(t *testing.T) {
	k, err := rig.StartKafka(rig.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Stop()
	err = consumer(t, k, config(), newMemory()).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), string(topics.Positions.Name)) || !strings.Contains(err.Error(), "waybill topics apply") {
		t.Errorf("ended with %v", err)
	}
}

func TestConfigListsEveryFault(t *testing.T) {
	err := sinks.Config{}.Validate()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) < 6 {
		t.Errorf("an empty configuration has these faults: %v", err)
	}
}

// Before the sink's first start its group does not exist: everything is left to do, and that is no error.
func TestLagOfAGroupThatNobodyJoined(t *testing.T) {
	_, cl := startKafka(t, 3)
	produce(t, cl, 100)
	lag, err := sinks.Lag(t.Context(), cl, "nobody", topics.Positions.Name)
	if err != nil || lag < 100 {
		t.Errorf("lag %d, %v, want at least 100", lag, err)
	}
}
