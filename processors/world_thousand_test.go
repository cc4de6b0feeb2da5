package processors_test

import (
	"fmt"
	"os"
	"testing"

	"waybill/bench/world"
	"waybill/processors/sim"
)

// A thousand loads with all that the field does to them, and with twice as much: equal to the oracle. In every run a part of it; all of
// it where WAYBILL_LAW_SEEDS is set, as make law does.
func TestLawThousandLoads(t *testing.T) {
	loads, vehicles := 200, 50
	if os.Getenv("WAYBILL_LAW_SEEDS") != "" {
		loads, vehicles = 1000, 125
	}
	for _, damage := range []float64{1, 2} {
		t.Run(fmt.Sprintf("damage %g", damage), func(t *testing.T) {
			cfg := world.DefaultConfig()
			cfg.Seed, cfg.Vehicles, cfg.Loads, cfg.Days = 41, vehicles, loads, 2
			cfg.Damage = cfg.Damage.Times(damage)
			w, err := world.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(w.Struck())
			judge(t, w.Truth(), live(t, w, sim.Options{Seed: 41, Partitions: 4, Batch: 2000}))
		})
	}
}
