package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"waybill/avro"
	"waybill/bench/rig"
	"waybill/sinks"
	"waybill/topics"
	"waybill/topics/wire"
)

// line is a Kafka with Waybill's topics and a registry with its schemas.
type line struct {
	kafka  *rig.Kafka
	client *kgo.Client
	codec  *wire.Codec
}

func newLine(t *testing.T) *line {
	t.Helper()
	k, err := rig.StartKafka(rig.KafkaOptions{MinSessionTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
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
	l := &line{kafka: k, codec: wire.New(registry, wire.Options{})}
	l.client = l.connect(t, kgo.TransactionalID("world"))
	for _, name := range Topics() {
		topic, _ := topics.ByName(name)
		config := map[string]*string{}
		for k, v := range topic.Config() {
			config[k] = &v
		}
		if _, err := kadm.NewClient(l.client).CreateTopic(t.Context(), 2, 1, config, string(name)); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l *line) connect(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(l.opts(), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func (l *line) opts() []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers(l.kafka.Brokers()...)} }

// produce writes records in one transaction, which ends as told.
func (l *line) produce(t *testing.T, end kgo.TransactionEndTry, records ...*kgo.Record) {
	t.Helper()
	if err := l.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := l.client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := l.client.EndTransaction(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}

func (l *line) frame(t *testing.T, topic topics.Name, key string, r avro.Record) *kgo.Record {
	t.Helper()
	value, err := l.codec.Append(t.Context(), nil, topic, r)
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Topic: string(topic), Key: []byte(key), Value: value}
}

// topicOf is where a table's records come from.
var topicOf = map[string]topics.Name{
	"milestones": topics.Milestones.Name, "timeline_history": topics.Timelines.Name, "order_timeline_history": topics.OrderTimelines.Name,
	"charges": topics.Charges.Name, "gap_events": topics.Gaps.Name, "parked_events": topics.Parked.Name, positionsTable: topics.Positions.Name,
}

var errCrash = errors.New("crash")

// crashing ends a life around an insert: before it, while it runs, or between it and the commit.
type crashing struct {
	sinks.Writer
	mu      sync.Mutex
	random  *rand.Rand
	crashes int // left
	kinds   [3]int
}

func (c *crashing) Write(ctx context.Context, b *sinks.Block) error {
	kind, after := c.roll()
	switch kind {
	case 0:
		return errCrash
	case 1:
		ctx, cancel := context.WithTimeout(ctx, after)
		defer cancel()
		_ = c.Writer.Write(ctx, b)
		return errCrash
	case 2:
		_ = c.Writer.Write(ctx, b)
		return errCrash
	}
	return c.Writer.Write(ctx, b)
}

// roll is the kind of crash, -1 for none.
func (c *crashing) roll() (kind int, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crashes == 0 || c.random.IntN(4) > 0 {
		return -1, 0
	}
	c.crashes--
	kind = c.random.IntN(3)
	c.kinds[kind]++
	return kind, time.Duration(c.random.IntN(12_000)) * time.Microsecond
}

// live runs lives of the sink until everything has landed, and returns how many there were.
func live(t *testing.T, l *line, cfg Config, c *crashing, tune func(*writer)) (lives int) {
	t.Helper()
	cfg.Consume.Linger, cfg.Consume.BlockRows = 20*time.Millisecond, 150
	cfg.Consume.SessionTimeout, cfg.Consume.RebalanceTimeout = 2*time.Second, 2*time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	watcher := l.connect(t)
	for landed := false; !landed; lives++ {
		if ctx.Err() != nil {
			t.Fatalf("not landed after %d lives", lives)
		}
		s, err := New(cfg, "crash", l.codec, l.opts()...)
		if err != nil {
			t.Fatal(err)
		}
		tune(s.writer)
		c.Writer = s.writer
		if s.consumer, err = sinks.NewConsumer(cfg.consume("crash"), c, l.codec, l.opts()...); err != nil {
			t.Fatal(err)
		}
		landed = life(ctx, t, s, watcher)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return lives
}

// life runs until a crash (false) or until the lag is 0 (true).
func life(ctx context.Context, t *testing.T, s *Sink, watcher *kgo.Client) (landed bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, errCrash) {
				t.Fatalf("the sink ended by itself: %v", err)
			}
			return false
		case <-tick.C:
		}
		lag, err := sinks.Lag(ctx, watcher, Group("crash"), Topics()...)
		if err == nil && lag == 0 {
			cancel()
			<-ended
			return true
		}
	}
}

// send produces n records for every table, some in aborted transactions, and some that nobody can read.
func send(t *testing.T, l *line, n int64) (poison uint64) {
	t.Helper()
	for from := int64(0); from < n; from += 100 {
		var records, aborted []*kgo.Record
		for i := from; i < min(from+100, n); i++ {
			for _, r := range full(i) {
				topic, ok := topicOf[tableOf(r)]
				if !ok {
					continue
				}
				records = append(records, l.frame(t, topic, fmt.Sprint(i), r))
				if i%5 == 0 {
					aborted = append(aborted, l.frame(t, topic, fmt.Sprint(i), r))
				}
			}
			if i%50 == 7 {
				records = append(records, &kgo.Record{Topic: string(topics.Charges.Name), Key: []byte("bad"), Value: []byte("{not avro}")})
				poison++
			}
			records = append(records, l.frame(t, topics.Positions.Name, "", &avro.Tick{}))
		}
		l.produce(t, kgo.TryCommit, records...)
		l.produce(t, kgo.TryAbort, aborted...)
	}
	return poison
}

func rows(t *testing.T, conn driver.Conn, table string) (plain, final, offsets uint64) {
	t.Helper()
	plain = ask[uint64](t, conn, "SELECT count() FROM "+table)
	final = ask[uint64](t, conn, "SELECT count() FROM "+table+" FINAL")
	offsets = ask[uint64](t, conn, "SELECT uniqExact(k_part, k_off) FROM "+table)
	return plain, final, offsets
}

// A row for every record, once, though the sink dies again and again around its inserts. Each of the two lines
// of defence in front of the sorting key is enough alone.
func TestEveryRecordLandsOnceThroughCrashes(t *testing.T) {
	tests := []struct {
		name       string
		ask, token bool
	}{
		{"asking and token", true, true},
		{"token alone", false, true},
	}
	const n = 600
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, conn := database(t)
			l := newLine(t)
			poison := send(t, l, n)
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			c := &crashing{random: rand.New(rand.NewPCG(seed, 1)), crashes: 25}
			lives := live(t, l, cfg, c, func(w *writer) { w.ask, w.token = tt.ask, tt.token })
			t.Logf("%d lives, crashes before, during, after the insert: %v", lives, c.kinds)
			for table := range topicOf {
				if plain, final, offsets := rows(t, conn, table); plain != n || final != n || offsets != n {
					t.Errorf("%s: %d rows, %d under FINAL, %d offsets; want %d of each", table, plain, final, offsets, n)
				}
			}
			if _, final, _ := rows(t, conn, "dead_letters"); final != poison {
				t.Errorf("%d dead letters under FINAL, want %d", final, poison)
			}
			if raw := ask[string](t, conn, "SELECT any(value || '|' || key || '|' || reason || '|' || stage) FROM dead_letters"); raw != "{not avro}|bad|BAD_MAGIC|sink.clickhouse" {
				t.Errorf("a dead letter reads %q", raw)
			}
		})
	}
}

// Mutation: without asking and without token the same crashes double rows, which only FINAL hides.
func TestWithoutBothDefencesRowsDouble(t *testing.T) {
	cfg, conn := database(t)
	l := newLine(t)
	send(t, l, 200)
	c := &crashing{random: rand.New(rand.NewPCG(3, 1)), crashes: 25}
	live(t, l, cfg, c, func(w *writer) { w.ask, w.token = false, false })
	doubled := uint64(0)
	for table := range topicOf {
		plain, final, offsets := rows(t, conn, table)
		if offsets != 200 || final != 200 {
			t.Errorf("%s: %d offsets, %d under FINAL; want 200", table, offsets, final)
		}
		doubled += plain - offsets
	}
	if doubled == 0 {
		t.Error("nothing doubled: the crash test would pass on anything")
	}
	t.Logf("%d rows too many", doubled)
}
