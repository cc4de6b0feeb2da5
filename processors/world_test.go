package processors_test

import (
	"fmt"
	"testing"

	"waybill/avro"
	"waybill/bench/world"
	"waybill/processors"
	"waybill/processors/sim"
	"waybill/topics"
)

// The whole line against the seeded world's own truth, with which it shares no code.
func TestWorld(t *testing.T) {
	for _, c := range []struct {
		seed   uint64
		damage float64
	}{{1, 0}, {1, 1}, {2, 1}, {3, 2}} {
		t.Run(fmt.Sprintf("seed %d damage %g", c.seed, c.damage), func(t *testing.T) {
			cfg := world.DefaultConfig()
			cfg.Seed, cfg.Vehicles, cfg.Loads, cfg.Damage = c.seed, 12, 48, cfg.Damage.Times(c.damage)
			w, err := world.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			judge(t, w.Truth(), live(t, w, sim.Options{Seed: c.seed, Partitions: 3, Batch: 500}))
		})
	}
}

func live(t *testing.T, w *world.World, opt sim.Options) *sim.Sim {
	t.Helper()
	cfg := w.Config()
	opt.Start = cfg.Start
	s := sim.New(opt, processors.All(patient())...)
	end := cfg.Start
	for d := range w.Deliveries() {
		s.Advance(d.DeliverAt.Sub(s.Now()))
		s.Send(d.Topic, d.Key, d.Record)
		end = d.DeliverAt
	}
	for range 4 {
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		end = end.AddDate(0, 0, 10)
		s.Tick(end)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return s
}

// patient is the default, with a horizon that nothing passes: the truth is of what comes within it.
func patient() processors.Config {
	cfg := processors.DefaultConfig()
	cfg.Resolve.Horizon = cfg.Resolve.Keep
	return cfg
}

func judge(t *testing.T, truth world.Truth, s *sim.Sim) {
	t.Helper()
	for _, d := range sim.Out[avro.DeadLetter](s, topics.DeadLetters.Name) {
		t.Errorf("dead letter of %s from %s: %.200v", d.Stage, d.Topic, d.Causes)
	}
	differences := map[string][]string{
		"timelines":    world.CompareTimelines(truth, values[avro.Timeline](s, topics.Timelines)),
		"orders":       world.CompareOrders(truth, values[avro.OrderTimeline](s, topics.OrderTimelines)),
		"expectations": world.CompareExpectations(truth, values[avro.Timeline](s, topics.Timelines)),
		"gaps":         world.CompareGaps(truth, values[avro.Gap](s, topics.Gaps)),
		"charges":      world.CompareCharges(truth, values[avro.Charge](s, topics.Charges)),
		"parked":       world.CompareParked(truth, values[avro.Parked](s, topics.Parked)),
		"unlinked":     world.CompareUnlinked(truth, values[avro.Gap](s, topics.Gaps)),
	}
	for what, list := range differences {
		for i, d := range list {
			if i == 12 {
				t.Errorf("%s: and %d more", what, len(list)-i)
				break
			}
			t.Errorf("%s: %s", what, d)
		}
	}
	t.Logf("%d shipments, %d charge lines, %d gap transitions", len(truth.Shipments), len(sim.Out[avro.Charge](s, topics.Charges.Name)), len(sim.Out[avro.Gap](s, topics.Gaps.Name)))
}

func values[V any, P interface {
	*V
	avro.Record
}](s *sim.Sim, topic topics.Topic) []V {
	var out []V
	for _, v := range sim.Out[V, P](s, topic.Name) {
		out = append(out, *v)
	}
	return out
}

// The law of convergence over a damaged world: everything in any order, with faults, over any number of partitions.
func TestLawWorld(t *testing.T) {
	for seed := range seeds(t, 3) {
		cfg := world.DefaultConfig()
		cfg.Seed, cfg.Vehicles, cfg.Loads = seed, 4, 12
		w, err := world.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var script []sim.Message
		for d := range w.Deliveries() {
			script = append(script, sim.Message{Topic: d.Topic, Key: d.Key, Value: d.Record})
		}
		script = sim.Duplicated(seed, 0.1, sim.Shuffled(seed, script))
		s := sim.New(sim.Options{Seed: seed, Partitions: int32(1 + seed%8), Faults: 0.02, Start: cfg.Start.AddDate(0, 0, 2)}, processors.All(patient())...)
		s.Play(script)
		for day := range 4 {
			if err := s.Run(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			s.Tick(cfg.Start.AddDate(0, 0, 10+day))
		}
		if err := s.Run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		t.Logf("seed %d: %d records, %+v", seed, len(script), s.Stats)
		judge(t, w.Truth(), s)
	}
}
