package processors_test

import (
	"os"
	"testing"
	"time"

	"waybill/bench/world"
	"waybill/processors/sim"
)

// What the field does to joins: a test for each of its seventeen kinds, over a small world that suffers from that kind more than
// from anything else. DESIGN.md lists for each what copes with it, and which mutation of that turns the test red.

// field judges small worlds under a damage, of which one kind must have struck.
func field(t *testing.T, kind string, d world.Field, change ...func(*world.Config)) {
	t.Helper()
	afford := uint64(2)
	if kind == "recycled" {
		afford = 1 // a quarter of a year takes its time
	}
	for seed := range seeds(t, afford) {
		cfg := world.DefaultConfig()
		cfg.Seed, cfg.Vehicles, cfg.Loads, cfg.Days, cfg.PositionEvery, cfg.Damage = seed, 6, 24, 2, time.Minute, world.Damage{Field: d}
		for _, c := range change {
			c(&cfg)
		}
		w, err := world.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		struck := w.Struck()[kind]
		t.Logf("seed %d: %d times %s", seed, struck, kind)
		if struck < 3 {
			t.Errorf("%s struck %d times: there is nothing to see", kind, struck)
		}
		judge(t, w.Truth(), live(t, w, sim.Options{Seed: seed, Partitions: 3, Batch: 500}))
	}
}

func TestField01SplitOrders(t *testing.T) {
	field(t, "split order", world.Field{SplitOrder: 1, Consolidated: 0.3})
}

func TestField02ConsolidatedLoads(t *testing.T) {
	field(t, "consolidated", world.Field{Consolidated: 1, SplitOrder: 0.3})
}

func TestField04VehicleSwap(t *testing.T) {
	field(t, "swapped", world.Field{Swapped: 0.6, Consolidated: 0.3})
}

func TestField06CrossDock(t *testing.T) {
	field(t, "cross-dock", world.Field{CrossDock: 1, Consolidated: 0.7})
}

func TestField03PlaceVisitedTwice(t *testing.T) {
	field(t, "revisited", world.Field{Revisited: 1, Consolidated: 0.7}, func(c *world.Config) { c.Damage.TelematicsOutage = 0.15 })
}

func TestField05WrongTrip(t *testing.T) {
	field(t, "wrong trip", world.Field{WrongTrip: 0.7, Consolidated: 0.2})
}

// A quarter of a year with few loads: numbers come back after months.
func TestField08RecycledNumbers(t *testing.T) {
	field(t, "recycled", world.Field{Recycled: 0.8, Consolidated: 0.2}, func(c *world.Config) { c.Vehicles, c.Days, c.Loads = 1, 110, 110 })
}

// A year and more: SSCCs and delivery numbers come back, too. It takes its time, so it is make law that runs it.
func TestLawYearOfRecycledUnits(t *testing.T) {
	if os.Getenv("WAYBILL_LAW_SEEDS") == "" {
		t.Skip("set WAYBILL_LAW_SEEDS: a year of one vehicle takes minutes; TestUnitsAndDeliveriesComeBack is the small form of it")
	}
	t.Setenv("WAYBILL_LAW_SEEDS", "1")
	field(t, "recycled units", world.Field{Recycled: 0.8, Consolidated: 0.2}, func(c *world.Config) { c.Vehicles, c.Days, c.Loads = 1, 390, 390 })
}

func TestField09Reissued(t *testing.T) {
	field(t, "reissued", world.Field{Reissued: 0.7, Consolidated: 0.2})
}

func TestField12SkewedClocks(t *testing.T) {
	field(t, "skewed", world.Field{Skewed: 0.6, Consolidated: 0.2})
}

func TestField14Corrections(t *testing.T) {
	field(t, "corrected", world.Field{Corrected: 0.8, Consolidated: 0.2})
}

func TestField07LinksDaysLate(t *testing.T) {
	field(t, "link days late", world.Field{LinkDaysLate: 0.7, Consolidated: 0.2})
}

func TestField10DuplicatesAndHistories(t *testing.T) {
	field(t, "resent", world.Field{Resent: 0.8, Consolidated: 0.2, Corrected: 0.2}, func(c *world.Config) { c.Damage.Duplicated, c.Damage.NewEnvelope = 0.5, 0.8 })
}

func TestField11DaysOutOfOrder(t *testing.T) {
	field(t, "days late", world.Field{DaysLate: 0.4, Consolidated: 0.2, Reissued: 0.2, WrongTrip: 0.2, Corrected: 0.2})
}

// Summer time begins on the second day, and in the second world ends.
func TestField13LocalTimes(t *testing.T) {
	for _, start := range []time.Time{time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC)} {
		field(t, "local time", world.Field{LocalTime: 0.8, Consolidated: 0.2}, func(c *world.Config) { c.Start = start })
	}
}

func TestField15Reception(t *testing.T) {
	field(t, "noisy", world.Field{Noisy: 0.8, Consolidated: 0.2}, func(c *world.Config) { c.PositionEvery, c.Damage.GPSGap = 20*time.Second, 0.5 })
}

func TestField16Notations(t *testing.T) {
	field(t, "notation", world.Field{Notation: 0.6, Consolidated: 0.3}, func(c *world.Config) { c.Damage.Duplicated = 0.3 })
}

func TestField17RecordedAfterClose(t *testing.T) {
	field(t, "after close", world.Field{AfterClose: 0.6, Consolidated: 0.2})
}
