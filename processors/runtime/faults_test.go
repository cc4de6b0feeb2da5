package runtime

import (
	"context"
	"errors"
	"testing"
	"time"

	"waybill/bench/rig"
)

// TestFaults runs a part of the crash matrix on the embedded Kafka, each run with a cluster in a process of its own. See
// DESIGN.md for what is in the matrix, and what is looked at after each run.
func TestFaults(t *testing.T) {
	t.Parallel()
	tested := &faultCount{}
	playAll(t, "embedded Kafka", cells(6), kfakeVenue(&rig.KafkaProcess{}, tested), func(t *testing.T) venue { return startKfake(t, tested) })
}

// playAll plays the cells that make sense at such a venue, several at once, and says what was done.
func playAll(t *testing.T, where string, cells []cell, such venue, start func(*testing.T) venue) {
	t.Cleanup(func() { t.Logf("%s: %s", where, such.tested) })
	for _, c := range cells {
		if c.plays(such) {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				c.play(t, start(t))
			})
		}
	}
}

// startKfake is a Kafka of the run's own, with three brokers, in a process of its own.
func startKfake(t *testing.T, tested *faultCount) venue {
	t.Helper()
	k, err := rig.StartKafkaProcess(rig.KafkaOptions{Ports: []int{0, 0, 0}, DataDir: t.TempDir(), MinSessionTimeout: 200 * time.Millisecond, ConsumerSession: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Kill() })
	return kfakeVenue(k, tested)
}

func kfakeVenue(k *rig.KafkaProcess, tested *faultCount) venue {
	return venue{
		brokers: k.Brokers(), replicas: 1, tested: tested,
		moveLeaders:      func(ctx context.Context, _ ...string) error { return k.MoveLeaders(ctx) },
		moveCoordinators: k.MoveCoordinators,
		// Killed with a transaction open it would forget that: it is stopped.
		restart: func(ctx context.Context, down func()) error {
			err := k.Stop()
			down()
			return errors.Join(err, k.Start(ctx))
		},
		compact: func(ctx context.Context, _ *run) error { return k.Compact(ctx) },
	}
}
