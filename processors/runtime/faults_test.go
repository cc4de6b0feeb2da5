package runtime

import (
	"context"
	"errors"
	"testing"

	"waybill/bench/rig"
)

// TestFaults runs a part of the crash matrix on the embedded Kafka, each run with a cluster in a process of its own. See
// DESIGN.md for what is in the matrix, and what is looked at after each run.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range covering(3) {
		v := venue{moveLeaders: func(context.Context, ...string) error { return nil }, moveCoordinators: func(context.Context) error { return nil }, restart: func(context.Context) error { return nil }}
		if !c.plays(v) {
			continue
		}
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			c.play(t, embeddedVenue(t))
		})
	}
	t.Cleanup(func() { t.Log("kfake: ", tested.String()) })
}

// embeddedVenue is a Kafka of the run's own, with three brokers, in a process of its own.
func embeddedVenue(t *testing.T) venue {
	t.Helper()
	k, err := rig.StartKafkaProcess(rig.KafkaOptions{Ports: []int{0, 0, 0}, DataDir: t.TempDir(), MinSessionTimeout: 200_000_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Kill() })
	return venue{
		name: "kfake", brokers: k.Brokers(), replicas: 1,
		moveLeaders:      func(ctx context.Context, _ ...string) error { return k.MoveLeaders(ctx) },
		moveCoordinators: k.MoveCoordinators,
		// Killed with a transaction open it would forget that: it is stopped.
		restart: func(ctx context.Context) error { return errors.Join(k.Stop(), k.Start(ctx)) },
		compact: func(ctx context.Context, _ *run) error { return k.Compact(ctx) },
	}
}
