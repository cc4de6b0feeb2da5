package processors_test

import (
	"testing"
	"time"

	"waybill/bench/world"
	"waybill/processors/sim"
)

// What the field does to joins: a test for each of its seventeen kinds, over a small world that suffers from that kind more than
// from anything else. DESIGN.md lists for each what copes with it, and which mutation of that turns the test red.

// field judges small worlds under a damage.
func field(t *testing.T, d world.Field, change ...func(*world.Config)) {
	t.Helper()
	for seed := range seeds(t, 2) {
		cfg := world.DefaultConfig()
		cfg.Seed, cfg.Vehicles, cfg.Loads, cfg.Days, cfg.PositionEvery, cfg.Damage = seed, 6, 24, 2, time.Minute, world.Damage{Field: d}
		for _, c := range change {
			c(&cfg)
		}
		w, err := world.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("seed %d", seed)
		judge(t, w.Truth(), live(t, w, sim.Options{Seed: seed, Partitions: 3, Batch: 500}))
	}
}

func TestField01SplitOrders(t *testing.T) {
	field(t, world.Field{SplitOrder: 1, Consolidated: 0.3})
}

func TestField02ConsolidatedLoads(t *testing.T) {
	field(t, world.Field{Consolidated: 1, SplitOrder: 0.3})
}

func TestField04VehicleSwap(t *testing.T) {
	field(t, world.Field{Swapped: 0.6, Consolidated: 0.3})
}

func TestField06CrossDock(t *testing.T) {
	field(t, world.Field{CrossDock: 1, Consolidated: 0.7})
}
