package processors_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/bench/world"
	"waybill/processors"
	"waybill/processors/sim"
)

// The law of convergence over small worlds that suffer from everything at once: the same inputs in the order of delivery, and in any
// other, with duplicates, delays, batch boundaries, ticks in between, aborted and crashed cycles, over one to eight partitions, end in
// the same content, and in what the oracle says. A seed that fails shrinks to a small script. `make law SEEDS=…` tries more.
func TestLawField(t *testing.T) {
	for seed := range seeds(t, 4) {
		if !t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { lawOf(t, seed) }) {
			return
		}
	}
}

// lawful is a world for the law: small, and with twice the damage. It is over within the window in which late positions are used.
func lawful(t *testing.T, seed uint64) *world.World {
	t.Helper()
	cfg := world.DefaultConfig()
	cfg.Seed, cfg.Vehicles, cfg.PositionEvery = seed, 2+int(seed%4), time.Minute
	cfg.Loads = cfg.Vehicles + int(seed%11)%(2*cfg.Vehicles) // three a vehicle at most
	cfg.Damage = cfg.Damage.Times(3)
	w, err := world.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func lawOf(t *testing.T, seed uint64) {
	w := lawful(t, seed)
	var script []sim.Message
	for d := range w.Deliveries() {
		script = append(script, sim.Message{Topic: d.Topic, Key: d.Key, Value: d.Record})
	}
	mixed := sim.Duplicated(seed, 0.2, sim.Shuffled(seed, script))
	j := journey{seed: seed, start: w.Config().Start.AddDate(0, 0, 3)}
	s := j.play(t, mixed)
	judge(t, w.Truth(), s)
	told, want := content(s), content(journey{start: j.start}.play(t, script))
	if told == want {
		return
	}
	small := sim.Shrink(mixed, 400, func(part []sim.Message) bool {
		return content(j.play(t, part)) != content(journey{start: j.start}.play(t, inOrder(script, part)))
	})
	t.Errorf("seed %d: two orders of delivery end in two contents; %d of %d messages are enough:\n%s\n%s", seed, len(small), len(mixed), listed(small), diff(told, want))
}

// journey is how messages come in: in order and in one go, or with a seed as that decides.
type journey struct {
	seed  uint64
	start time.Time
}

func (j journey) play(t *testing.T, script []sim.Message) *sim.Sim {
	t.Helper()
	opt := sim.Options{Start: j.start}
	if j.seed != 0 {
		opt = sim.Options{Start: j.start, Seed: j.seed, Partitions: int32(1 + j.seed%8), Faults: 0.02, Batch: int(1 + j.seed*37%400)}
	}
	cfg := processors.DefaultConfig()
	cfg.Resolve.Horizon, cfg.Resolve.Keep = 10*365*24*time.Hour, 10*365*24*time.Hour // the law is of what comes within the horizon; the last tick is far behind it
	s := sim.New(opt, processors.All(cfg)...)
	run := func() {
		if err := s.Run(); err != nil {
			t.Fatalf("seed %d: %v", j.seed, err)
		}
	}
	for rng := rand.New(rand.NewPCG(j.seed, 9)); j.seed != 0 && len(script) > 0; {
		n := 1 + rng.IntN(len(script))
		s.Play(script[:n])
		script = script[n:]
		s.Advance(time.Duration(rng.IntN(48)) * time.Hour)
		if rng.IntN(2) == 0 {
			run()
			s.Tick(s.Now())
		}
	}
	s.Play(script)
	for range 4 {
		run()
		s.Tick(j.start.AddDate(2, 0, 0))
	}
	run()
	return s
}

// inOrder is a part of a script in the script's own order, each message once.
func inOrder(script, part []sim.Message) []sim.Message {
	return slices.DeleteFunc(slices.Clone(script), func(m sim.Message) bool {
		return !slices.ContainsFunc(part, func(p sim.Message) bool { return p.Value == m.Value })
	})
}

func listed(script []sim.Message) string {
	var b strings.Builder
	for _, m := range script {
		fmt.Fprintf(&b, "  %s %s %+v\n", m.Topic, m.Key, m.Value)
	}
	return b.String()
}

func diff(got, want string) string {
	var b strings.Builder
	lines := func(text string) map[string]bool {
		out := map[string]bool{}
		for l := range strings.Lines(text) {
			out[l] = true
		}
		return out
	}
	g, w := lines(got), lines(want)
	for l := range strings.Lines(got) {
		if !w[l] {
			b.WriteString("got  " + l)
		}
	}
	for l := range strings.Lines(want) {
		if !g[l] {
			b.WriteString("want " + l)
		}
	}
	return b.String()
}
