package runtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// points are where an instance can be killed.
var points = []string{"processed", "produced", "flushed", "committed", "applied", "fencing", "fenced", "restored"}

// TestKillsAndMoves kills and restarts three instances at random points while leaders and coordinators move about, some on
// an empty disk, and evicts members. WAYBILL_CHAOS_SECONDS makes it longer, WAYBILL_CHAOS_SEED repeats a run.
func TestKillsAndMoves(t *testing.T) {
	seconds, seed := 4, uint64(time.Now().UnixNano())
	if s := os.Getenv("WAYBILL_CHAOS_SECONDS"); s != "" {
		seconds, _ = strconv.Atoi(s)
	}
	if s := os.Getenv("WAYBILL_CHAOS_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("WAYBILL_CHAOS_SEED=%d", seed)
	underBoth(t, func(t *testing.T, k *cluster) { k.killsAndMoves(t, seconds, seed) })
}

func (k *cluster) killsAndMoves(t *testing.T, seconds int, seed uint64) {
	k.killsAndMovesUntil(t, seconds, seed, func(t *testing.T, k *cluster) { k.check(t) })
}

func (k *cluster) killsAndMovesUntil(t *testing.T, seconds int, seed uint64, holds func(*testing.T, *cluster)) {
	var kills atomic.Int64
	ctx, stop := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer stop()
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			cfg := testConfig(k, fmt.Sprint("w", i), t.TempDir())
			for ctx.Err() == nil {
				if rng.IntN(3) == 0 {
					cfg.StateDir = t.TempDir()
				}
				if k.life(ctx, t, cfg, rng) {
					kills.Add(1)
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(seed, 99))
	for ctx.Err() == nil {
		k.send(t, 20, 50)
		switch move := rng.IntN(40); {
		case move == 0 && k.Cluster != nil:
			k.ShufflePartitionLeaders()
		case move == 1 && k.Cluster != nil:
			k.RehashCoordinators()
		case move == 2:
			k.evict(t, "test.counting")
		}
		sleep(ctx, 20*time.Millisecond)
	}
	group.Wait()
	last := start(t, testConfig(k, "last", t.TempDir()), nil, k.counting())
	holds(t, k)
	last.halt(t)
	t.Logf("%d records, %d kills", k.sent, kills.Load())
	if kills.Load() == 0 {
		t.Error("nobody was killed")
	}
}

// life runs an instance until it is killed or has lived long enough, and says whether it was killed.
func (k *cluster) life(ctx context.Context, t *testing.T, cfg Config, rng *rand.Rand) bool {
	crash := nth(points[rng.IntN(len(points))], int64(1+rng.IntN(8)), rng.IntN(2) == 0)
	e, err := New(cfg, Deps{Decoder: codec{}, Encoder: codec{}, crash: crash}, k.counting())
	if err != nil {
		t.Error(err)
		return false
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(500+rng.IntN(2500))*time.Millisecond)
	defer stop()
	err = e.Run(ctx)
	if err != nil && !errors.Is(err, errCrashed) {
		t.Errorf("%s ended with %v", cfg.Instance, err)
	}
	return err != nil
}

// failing is a codec whose registry is down for its first calls.
type failing struct {
	codec
	left *atomic.Int64
}

func (f failing) Decode(ctx context.Context, value []byte) (avro.Record, error) {
	if f.left.Add(-1) >= 0 {
		return nil, fault.Retry(errors.New("registry is down"))
	}
	return f.codec.Decode(ctx, value)
}

func TestRetryableFaultIsTriedAgain(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.send(t, 50, 3)
	var left atomic.Int64
	left.Store(3)
	e, err := New(testConfig(k, "a", t.TempDir()), Deps{Decoder: failing{left: &left}, Encoder: codec{}}, counting())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	k.check(t)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s := e.Stats()[0]; s.Aborts == 0 || s.Rebuilds != 0 || s.DeadLetters != 0 {
		t.Errorf("counters say %+v, want aborts and nothing worse", s)
	}
}

// renaming is a stage without state that reads two feeds and hands on to the counting one.
func renaming() stream.Spec {
	on := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], _ struct{}) (out stream.Emits, err error) {
		out.To(inbox.Name, key, ev.Value)
		return out, nil
	}
	return stream.Define(stream.Processor[struct{}]{
		Name: "renaming", Feeds: []topics.Topic{{Name: "test.left"}, {Name: "test.right"}}, Outputs: []topics.Name{inbox.Name},
		Inputs: []stream.Input[struct{}]{stream.On(on)},
	})
}

func TestTwoStagesInOneProcess(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	for _, topic := range []string{"test.left", "test.right"} {
		if _, err := k.adm.CreateTopic(t.Context(), 2, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	cfg := testConfig(k, "a", t.TempDir())
	first := start(t, cfg, nth("flushed", 3, true), renaming(), counting())
	for i := range 400 {
		key := fmt.Sprint("key-", i%5)
		k.produce(t, &kgo.Record{Topic: []string{"test.left", "test.right"}[i%2], Partition: byKey, Key: []byte(key), Value: encoded(&avro.PartnerMessage{Name: fmt.Sprint(i)})})
		k.want[key]++
		k.sent++
	}
	<-first.done
	second := start(t, cfg, nil, renaming(), counting())
	k.check(t)
	p, err := NewProbe([]kgo.Opt{kgo.SeedBrokers(k.addrs...)}, cfg.Readers(renaming(), counting())...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.WaitQuiet(t.Context(), 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	second.halt(t)
}
