package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/bench/rig"
)

// oneApache is the one broker that all tests on Apache Kafka share; TestMain stops it.
var oneApache struct {
	sync.Once
	dir    string
	broker *rig.ApacheKafka
	err    error
}

func startOneApache(t *testing.T) *rig.ApacheKafka {
	t.Helper()
	a := &oneApache
	a.Do(func() {
		if a.dir, a.err = os.MkdirTemp("", "apache"); a.err == nil {
			a.broker, a.err = rig.StartApacheKafka(context.Background(), a.dir)
		}
	})
	if errors.Is(a.err, rig.ErrNoApacheKafka) {
		t.Skip(a.err)
	}
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a.broker
}

func stopOneApache() {
	if oneApache.broker != nil {
		_ = oneApache.broker.Stop()
	}
	_ = os.RemoveAll(oneApache.dir)
}

// TestFaultsOnApacheKafka runs a part of the crash matrix on one broker.
func TestFaultsOnApacheKafka(t *testing.T) {
	t.Parallel()
	v := apacheVenue(startOneApache(t), 1)
	playAll(t, "Apache Kafka, one broker", cells(4), v, func(*testing.T) venue { return v })
}

// apacheVenue is a cluster of real brokers.
func apacheVenue(k *rig.ApacheKafka, brokers int) venue {
	v := venue{brokers: k.Brokers(), replicas: int16(brokers), offsetsLog: true, compact: rollSegments, tested: &faultCount{}}
	if brokers == 1 {
		return v
	}
	var one sync.RWMutex // of three brokers two must be up and in sync, and moves are for all to see before the next
	v.calm = one.RLocker()
	v.moveLeaders = func(ctx context.Context, topics ...string) error {
		one.Lock()
		defer one.Unlock()
		return k.MoveLeaders(ctx, topics...)
	}
	v.moveCoordinators = func(ctx context.Context) error {
		one.Lock()
		defer one.Unlock()
		return k.MoveCoordinators(ctx)
	}
	next := 0
	v.restart = func(ctx context.Context, down func()) error {
		one.Lock()
		defer one.Unlock()
		next = (next + 1) % brokers
		k.Kill(next)
		down()
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := k.Buried(ctx, next); err != nil {
			return errors.Join(err, k.Start(ctx, next))
		}
		if err := k.Start(ctx, next); err != nil {
			return err
		}
		return k.InSync(ctx)
	}
	v.backAtOnce = func(ctx context.Context, down func()) error {
		one.Lock()
		defer one.Unlock()
		next = (next + 1) % brokers
		k.Kill(next)
		down()
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := k.Start(ctx, next); err != nil {
			return err
		}
		return k.InSync(ctx)
	}
	return v
}

// TestFaultsOnThreeBrokers runs what takes several brokers: leaders and coordinators that move, a broker killed with -9 and
// started again.
func TestFaultsOnThreeBrokers(t *testing.T) {
	t.Parallel()
	k, err := rig.StartApacheCluster(t.Context(), t.TempDir(), rig.ApacheOptions{Brokers: 3, HeapMB: 320})
	if errors.Is(err, rig.ErrNoApacheKafka) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Stop() })
	v := apacheVenue(k, 3)
	takes := []string{"coordinator moves", "leaders move", "broker restarts", "broker back at once"}
	several := slices.DeleteFunc(cells(2), func(c cell) bool { return !slices.Contains(takes, c.cross) })
	playAll(t, "Apache Kafka, three brokers", several, v, func(*testing.T) venue { return v })
}

// rollSegments makes Apache Kafka begin new segments of the changelog, by an aborted transaction: only those that are
// written no more are compacted, soon.
func rollSegments(ctx context.Context, r *run) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.venue.brokers...), kgo.TransactionalID(r.topics.app+".roller"), kgo.RecordPartitioner(Partitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	for range 2 {
		sleep(ctx, 200*time.Millisecond) // the age at which a segment is old, and then some
		if err := client.BeginTransaction(); err != nil {
			return err
		}
		for p := range r.topics.inbox().Partitions {
			aborted := &kgo.Record{Topic: r.changelog(), Partition: p, Key: []byte("never"), Value: []byte("never")}
			if err := client.ProduceSync(ctx, aborted).FirstErr(); err != nil {
				return fmt.Errorf("roll segments: %w", err)
			}
		}
		if err := client.EndTransaction(ctx, kgo.TryAbort); err != nil {
			return err
		}
	}
	return nil
}
