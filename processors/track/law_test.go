package track_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/sim"
	"waybill/processors/track"
)

// journey makes hours of one device's positions: stands and drives, noise, outliers, gaps, doors, fixes not to be used.
func journey(rng *rand.Rand, device string, hours float64, step float64, speeds bool) []avro.Position {
	var out []avro.Position
	north, east, now := 0.0, 0.0, rng.Float64()*60
	for stands := true; now < hours*3600; stands = !stands {
		until := now + 20 + rng.Float64()*900
		ms := 0.0
		if !stands {
			ms = 1 + rng.Float64()*20
		}
		for ; now < until; now += step * (0.5 + rng.Float64()) {
			p := at(now, north+rng.NormFloat64()*6, east+rng.NormFloat64()*6)
			if speeds {
				p = speed(p, max(0, ms+rng.NormFloat64()*0.4))
			}
			p.DeviceID = device
			north += ms * step
			out = append(out, damaged(rng, p, stands))
		}
		if rng.IntN(6) == 0 {
			now += rng.Float64() * 2000
		}
	}
	return out
}

func damaged(rng *rand.Rand, p avro.Position, stands bool) avro.Position {
	switch rng.IntN(40) {
	case 0:
		p.LatE6 += 5000
	case 1:
		p.Valid = false
	case 2:
		p.AccuracyMm = avro.Some(int32(500_000))
	case 3, 4:
		p.DoorOpen = avro.Some(stands)
	case 5:
		p.OdometerM = avro.Some(rng.Int64N(1e6))
	}
	return p
}

// shuffled delays each position by up to so many places and repeats a share of them.
func shuffled(rng *rand.Rand, in []avro.Position, delay time.Duration) []avro.Position {
	type arrival struct {
		at avro.Micros
		p  avro.Position
	}
	var list []arrival
	for _, p := range in {
		for range 1 + rng.IntN(5)/4 {
			list = append(list, arrival{p.DeviceAt + avro.Micros(rng.Int64N(delay.Microseconds())), p})
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return int(a.at - b.at) })
	var out []avro.Position
	for _, a := range list {
		out = append(out, a.p)
	}
	return out
}

// TestAnyOrderEndsInTheSameStays is the law of convergence for this stage: any order, duplication, batching, crash.
func TestAnyOrderEndsInTheSameStays(t *testing.T) {
	for _, c := range []struct {
		name        string
		window      time.Duration
		hours, step float64
		delay       time.Duration
	}{
		{"all orders of three hours", 48 * time.Hour, 3, 10, 1000 * time.Hour},
		{"a little late", 48 * time.Hour, 2, 2, 2 * time.Minute},
		{"finer than the finest sampling", 48 * time.Hour, 0.3, 0.6, 1000 * time.Hour},
		{"nearly as late as the window", time.Hour, 6, 20, 59 * time.Minute},
	} {
		cfg := track.DefaultConfig()
		cfg.Window = c.window
		restated := 0
		for seed := range uint64(12) {
			rng := rand.New(rand.NewPCG(seed, 7))
			in := journey(rng, "d1", c.hours, c.step, seed%2 == 0)
			in = append(in, journey(rng, "d2", c.hours, c.step, seed%3 == 0)...)
			ordered := slices.Clone(in)
			slices.SortStableFunc(ordered, func(a, b avro.Position) int { return int(a.DeviceAt - b.DeviceAt) })
			want := run(t, cfg, ordered)

			s := sim.New(sim.Options{Partitions: int32(1 + seed%3), Seed: seed + 1, Faults: 0.1, Batch: 40}, track.New(cfg))
			feed(t, s, shuffled(rng, in, c.delay), 1+int(rng.IntN(400)))
			if got, want := content(standing(t, s)), content(standing(t, want)); got != want {
				t.Fatalf("%s, seed %d: got\n%swant\n%s", c.name, seed, got, want)
			}
			for _, device := range []string{"d1", "d2"} {
				if got, want := head(t, s, device), head(t, want, device); got.DistanceMm != want.DistanceMm || fmt.Sprint(got.Scan) != fmt.Sprint(want.Scan) {
					t.Fatalf("%s, seed %d, %s: state\n%+v\nwant\n%+v", c.name, seed, device, got.Scan, want.Scan)
				}
			}
			if len(standing(t, want)) == 0 {
				t.Fatalf("%s, seed %d: %d stays are nothing to compare", c.name, seed, len(standing(t, want)))
			}
			restated += len(told(t, s)) - len(told(t, want))
		}
		if restated <= 0 {
			t.Errorf("%s: no run told more than the one in order; the late path was not walked", c.name)
		}
		t.Logf("%s: %d facts told beyond those of the runs in order", c.name, restated)
	}
}

// TestAnySamplingGivesTheSameStays thins a drive at 1 s to 15 s and 5 min: the same stays, within a sample.
func TestAnySamplingGivesTheSameStays(t *testing.T) {
	for seed := range uint64(8) {
		for _, speeds := range []bool{true, false} {
			full := errands(rand.New(rand.NewPCG(seed, 8)), speeds)
			base := stays(t, run(t, track.DefaultConfig(), full))
			if len(base) != 7 {
				t.Fatalf("seed %d: %d stays at 1 s, want 7: %s", seed, len(base), spans(base))
			}
			for _, step := range []int{15, 300} {
				var thin []avro.Position
				for i := 0; i < len(full); i += step {
					thin = append(thin, full[i])
				}
				got := stays(t, run(t, track.DefaultConfig(), thin))
				if !sameWithin(got, base, avro.Micros(step)*1e6) {
					t.Errorf("seed %d, speeds %v, every %d s:\n%s, at 1 s\n%s", seed, speeds, step, spans(got), spans(base))
				}
			}
		}
	}
}

// errands is a day at 1 s: seven stands of 15 to 40 minutes, drives of 12 to 20 between them.
func errands(rng *rand.Rand, speeds bool) []avro.Position {
	var out []avro.Position
	now, north := 0.0, 0.0
	stretch := func(seconds, ms float64) {
		for end := now + seconds; now < end; now++ {
			p := at(now, north+rng.NormFloat64()*5, rng.NormFloat64()*5)
			if speeds {
				p = speed(p, max(0, ms+rng.NormFloat64()*0.3))
			}
			out = append(out, p)
			north += ms
		}
	}
	for range 7 {
		stretch(720+float64(rng.IntN(480)), 8+rng.Float64()*14)
		stretch(900+float64(rng.IntN(1500)), 0)
	}
	stretch(900, 10)
	return out
}

func sameWithin(got, want []avro.Stay, tolerance avro.Micros) bool {
	return slices.EqualFunc(got, want, func(a, b avro.Stay) bool {
		return near(a.ArrivedAt, b.ArrivedAt, tolerance) && a.DepartedAt.Ok == b.DepartedAt.Ok && near(a.DepartedAt.V, b.DepartedAt.V, tolerance)
	})
}

func near(a, b, tolerance avro.Micros) bool { return max(a-b, b-a) <= tolerance }

// A device whose clock is ahead is refused for what its records say, not for when they come: a broker that is days behind or ahead changes
// nothing. A fix that was on its way for long is used, as it is where it came at once.
func TestSkewIsTheRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	in := journey(rng, "d1", 3, 10, true)
	for i := range in {
		in[i].ReceivedAt = in[i].DeviceAt + 2_000_000
		if i%40 == 39 { // by a second device behind the same name, or a clock that jumped
			in[i].DeviceAt += avro.Micros((11 * time.Minute).Microseconds())
		}
	}
	var want string
	for i, start := range []time.Time{t0.Add(-20 * time.Hour), t0, t0.AddDate(0, 0, 3)} {
		for seed := range uint64(4) {
			list := in
			if seed > 0 {
				list = shuffled(rand.New(rand.NewPCG(seed, 1)), in, 2*time.Hour)
			}
			s := sim.New(sim.Options{Start: start, Seed: seed}, track.New(track.DefaultConfig()))
			feed(t, s, list, 100)
			got := content(standing(t, s))
			if i == 0 && seed == 0 {
				want = got
				if n := head(t, s, "d1").Counts; n.Skewed == 0 || n.Used == 0 {
					t.Fatalf("%+v: the test shows nothing", n)
				}
			}
			if got != want {
				t.Fatalf("broker from %v, seed %d: got\n%s\nwant\n%s", start, seed, got, want)
			}
		}
	}
}

// A gateway's fix of a day that is years away is refused: it would make all that is true too late.
func TestAFixOfAnotherAgeIsRefused(t *testing.T) {
	in := journey(rand.New(rand.NewPCG(7, 7)), "d1", 3, 10, true)
	for i := range in {
		in[i].ReceivedAt = in[i].DeviceAt
	}
	alone := sim.New(sim.Options{Start: t0}, track.New(track.DefaultConfig()))
	feed(t, alone, in, 100)
	wrong := in[0]
	wrong.DeviceAt = avro.MicrosOf(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))
	wrong.ReceivedAt = wrong.DeviceAt
	behind := sim.New(sim.Options{Start: t0}, track.New(track.DefaultConfig()))
	feed(t, behind, append([]avro.Position{wrong}, in...), 100)
	if got, want := content(standing(t, behind)), content(standing(t, alone)); got != want || want == "" {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := head(t, behind, "d1").Counts; n.Skewed != 1 {
		t.Errorf("%+v: want one that is skewed", n)
	}
}
