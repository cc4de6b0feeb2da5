package runtime

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

// protocols are those a group can have.
var protocols = []Protocol{ClassicProtocol, ConsumerProtocol}

// underBoth runs a test under each protocol, each time on a Kafka of its own.
func underBoth(t *testing.T, test func(*testing.T, *cluster)) {
	t.Parallel()
	for _, p := range protocols {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			k := newCluster(t, counting())
			k.protocol = p
			test(t, k)
		})
	}
}

// What stays where it is goes on while another instance comes and goes.
func TestScaleOutAndIn(t *testing.T) {
	underBoth(t, func(t *testing.T, k *cluster) { k.scaleOutAndIn(t) })
}

func (k *cluster) scaleOutAndIn(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() { k.trickle(ctx, t) })
	seen := &sightings{}
	group.Go(func() { seen.watch(ctx, t, k) })
	a := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	seen.await(t, "all partitions speak")
	out := time.Now()
	b := start(t, testConfig(k, "b", t.TempDir()), nil, counting())
	eventually(t, "two tasks each", func() bool {
		x, y := a.Stats()[0], b.Stats()[0]
		return x.Tasks == 2 && y.Tasks == 2 && y.Restoring == 0
	})
	moved := k.fencedBy(t, "b")
	seen.await(t, "all partitions speak again")
	in := time.Now()
	b.halt(t)
	eventually(t, "four tasks", func() bool { s := a.Stats()[0]; return s.Tasks == 4 && s.Restoring == 0 })
	seen.await(t, "all partitions speak at last")
	stop()
	group.Wait()
	k.check(t) // before it stops: what was sent last is to be worked on
	a.halt(t)
	for _, phase := range []struct {
		name     string
		from, to time.Time
	}{{"out", out, in}, {"in", in, time.Now()}} {
		stayed, went := seen.pauses(phase.from, phase.to, moved)
		t.Logf("scale %s: longest pause %v where nothing moved, %v where it did", phase.name, stayed.Round(time.Millisecond), went.Round(time.Millisecond))
		if stayed > 5*time.Second {
			t.Errorf("scale %s stopped what stays for %v", phase.name, stayed)
		}
	}
}

// trickle sends a record to each partition every few milliseconds. Keys are named after the partition.
func (k *cluster) trickle(ctx context.Context, t *testing.T) {
	for ; ctx.Err() == nil; sleep(ctx, 5*time.Millisecond) {
		var rs []*kgo.Record
		for p := range inbox.Partitions {
			key := fmt.Sprint("p-", p)
			rs = append(rs, &kgo.Record{Topic: string(inbox.Name), Partition: p, Key: []byte(key), Value: encoded(&avro.PartnerMessage{Name: fmt.Sprint(k.sent)})})
			k.sent++
			k.want[key]++
		}
		k.produce(t, rs...)
	}
}

// fencedBy gives the partitions that an instance took over.
func (k *cluster) fencedBy(t *testing.T, instance string) map[int32]bool {
	t.Helper()
	of := map[int32]bool{}
	for p, rs := range k.read(t, "test.counting.changelog") {
		for _, r := range rs {
			var f avro.Fence
			if string(r.Key) == fenceKey && f.Decode(r.Value) == nil && f.Member == instance {
				of[p] = true
			}
		}
	}
	return of
}

// sightings are the times at which outputs became visible, by the partition their input came from.
type sightings struct {
	mu sync.Mutex
	at [4][]time.Time
}

func (s *sightings) watch(ctx context.Context, t *testing.T, k *cluster) {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.addrs...), kgo.ConsumeTopics(string(numbered)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		now := time.Now()
		s.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) {
			var p int
			if n, err := fmt.Sscanf(string(r.Key), "p-%d", &p); n == 1 && err == nil {
				s.at[p] = append(s.at[p], now)
			}
		})
		s.mu.Unlock()
	}
}

// await waits until each partition spoke several times after now.
func (s *sightings) await(t *testing.T, what string) {
	t.Helper()
	from := time.Now()
	eventually(t, what, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, at := range s.at {
			if len(at) < 20 || !at[len(at)-20].After(from) {
				return false
			}
		}
		return true
	})
}

// pauses gives the longest silences within a span, of partitions that stayed and of those that moved.
func (s *sightings) pauses(from, to time.Time, moved map[int32]bool) (stayed, went time.Duration) {
	for p, at := range s.at {
		last, longest := from, time.Duration(0)
		for _, x := range at {
			if x.Before(from) || x.After(to) {
				continue
			}
			longest = max(longest, x.Sub(last))
			last = x
		}
		if moved[int32(p)] {
			went = max(went, longest)
		} else {
			stayed = max(stayed, longest)
		}
	}
	return stayed, went
}

// A group changes its protocol while it works: instances are set to the new one, one after the other, and back.
func (k *cluster) migrates(t *testing.T) {
	steps := []Protocol{ClassicProtocol, ConsumerProtocol, ConsumerProtocol, ClassicProtocol, ClassicProtocol}
	var before *instance
	for i, p := range steps {
		k.protocol = p
		next := start(t, testConfig(k, fmt.Sprint("m", i), t.TempDir()), nil, counting())
		k.send(t, 100, 13)
		eventually(t, fmt.Sprintf("step %d: the newcomer has tasks", i), func() bool { s := next.Stats()[0]; return s.Tasks > 0 && s.Restoring == 0 })
		k.check(t)
		if before != nil {
			before.halt(t)
		}
		k.send(t, 100, 13)
		k.check(t)
		before = next
	}
	before.halt(t)
}
