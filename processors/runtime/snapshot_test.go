package runtime

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

// newSnapshots is an embedded Kafka for the counting stage with its state in snapshots.
func newSnapshots(t *testing.T) *cluster {
	k := newCluster(t, counting())
	k.snapshots = true
	return k
}

// Whatever crashes between two snapshots, the counts go on without gap or repetition: what came after the last one is worked through
// again, and nothing of it is said twice.
func TestSnapshotsSurviveCrashes(t *testing.T) {
	t.Parallel()
	for _, c := range crashes {
		t.Run(fmt.Sprint("restart after ", c.point, c.n), func(t *testing.T) {
			t.Parallel()
			newSnapshots(t).crashThenRestart(t, c)
		})
		if c.n != 1 {
			t.Run(fmt.Sprint("move after ", c.point, c.n), func(t *testing.T) {
				t.Parallel()
				newSnapshots(t).crashThenMove(t, c)
			})
		}
	}
}

// An abort takes a stage with snapshots back to the last one, and from there to the last commit.
func TestSnapshotsSurviveAborts(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"processed", "flushed"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			newSnapshots(t).zombieWakes(t, point)
		})
	}
	t.Run("kills and moves", func(t *testing.T) {
		t.Parallel()
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		newSnapshots(t).killsAndMoves(t, 4, seed)
	})
}

// Between snapshots nothing is written to the changelog: that is what they are for.
func TestSnapshotsSpareTheChangelog(t *testing.T) {
	t.Parallel()
	k := newSnapshots(t)
	cfg := testConfig(k, "a", t.TempDir())
	cfg.SnapshotInterval, cfg.SnapshotRecords = time.Hour, 1_000_000
	first := start(t, cfg, nil, k.counting())
	k.send(t, 500, 7)
	k.check(t)
	first.halt(t)
	for _, rs := range k.read(t, "test.counting.changelog") {
		for _, r := range rs {
			if string(r.Key) != fenceKey {
				t.Fatalf("the changelog has %q", r.Key)
			}
		}
	}
	second := start(t, cfg, nil, k.counting())
	k.send(t, 100, 7)
	k.check(t)
	second.halt(t)
}

// A record whose handler fails after it changed something is a dead letter, once, and leaves no trace, neither now nor when it is met
// again in a restore.
func TestPoisonBetweenSnapshots(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"poison", "oversize", "nothing"} { // refused by the handler, and for what it would have said
		t.Run(how, func(t *testing.T) {
			k := newSnapshots(t)
			cfg := testConfig(k, "a", t.TempDir())
			cfg.SnapshotInterval, cfg.SnapshotRecords = time.Hour, 1_000_000
			first := start(t, cfg, nil, k.counting())
			k.send(t, 50, 3)
			bad := encoded(&avro.PartnerMessage{Name: how, Format: how})
			k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: []byte("key-0"), Value: bad})
			k.send(t, 50, 3)
			k.check(t)
			first.halt(t)
			cfg.StateDir = t.TempDir()
			second := start(t, cfg, nil, k.counting())
			k.send(t, 50, 3)
			k.check(t)
			second.halt(t)
			if letters := first.Stats()[0].DeadLetters + second.Stats()[0].DeadLetters; letters != 1 {
				t.Errorf("%d dead letters, want 1", letters)
			}
		})
	}
}
