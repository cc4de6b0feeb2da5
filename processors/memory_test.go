package processors_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"waybill/avro"
	"waybill/bench/world"
	"waybill/processors/sim"
	"waybill/processors/track"
	"waybill/topics"
)

// What a task says it holds decoded is what the heap holds of it, within a factor of two: by that estimate memory is bounded.
func TestHeldStateIsWhatTheHeapSays(t *testing.T) {
	cfg := world.DefaultConfig()
	cfg.Vehicles, cfg.Loads = 20, 120
	w, err := world.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	weigh(t, live(t, w, sim.Options{Partitions: 3, Keep: 1 << 40}), "resolve", "loads", "shipments", "orders")
	weigh(t, drive(t, 3000, 60), "track")
}

// weigh compares what each stage's tasks say with what the heap loses when they are dropped.
func weigh(t *testing.T, s *sim.Sim, stages ...string) {
	t.Helper()
	heap()
	for _, stage := range stages {
		held, before := s.Held(stage), heap()
		s.CrashStage(stage)
		takes := before - heap()
		ratio := float64(held) / float64(takes)
		t.Logf("%-10s says %5.1f MB, takes %5.1f MB: %.2f", stage, float64(held)/1e6, float64(takes)/1e6, ratio)
		if takes < 2e6 || ratio < 0.5 || ratio > 2 {
			t.Errorf("stage %s says that it holds %d bytes and takes %d", stage, held, takes)
		}
	}
	runtime.KeepAlive(s)
}

func heap() int {
	runtime.GC()
	runtime.GC() // what pools held is gone after the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// drive lets devices drive for a while, with a stand in the middle, a position every ten seconds.
func drive(t *testing.T, devices, positions int) *sim.Sim {
	t.Helper()
	s := sim.New(sim.Options{Partitions: 3, Batch: 5000, Keep: 1 << 40}, track.New(track.DefaultConfig()))
	north := int32(0)
	for i := range positions {
		if i < positions/3 || i > positions*2/3 {
			north += 1500 // micro-degrees: 17 m/s
		}
		for d := range devices {
			v := &avro.Position{Tenant: "t", Issuer: "box", DeviceID: fmt.Sprint("device-", d), Valid: true, DeviceAt: avro.MicrosOf(s.Now()), LatE6: 48_000_000 + north, LonE6: int32(d)}
			s.Send(topics.Positions.Name, topics.Key(v.Tenant, v.Issuer, v.DeviceID), v)
		}
		s.Advance(10 * time.Second)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return s
}
