package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// TestFaultsOnApacheKafka runs a part of the crash matrix on one broker. What takes several, or takes it down, is in
// TestChaos.
func TestFaultsOnApacheKafka(t *testing.T) {
	t.Parallel()
	v := apacheVenue(startOneApache(t), 1)
	playAll(t, "Apache Kafka, one broker", cells(4), v, func(*testing.T) venue { return v })
}

// apacheVenue is a cluster of real brokers.
func apacheVenue(k *rig.ApacheKafka, brokers int) venue {
	v := venue{brokers: k.Brokers(), replicas: int16(brokers), compact: rollSegments, tested: &faultCount{}}
	if brokers > 1 {
		v.moveLeaders, v.moveCoordinators = k.MoveLeaders, k.MoveCoordinators
	}
	return v
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
