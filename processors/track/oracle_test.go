package track_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"waybill/avro"
	"waybill/processors/model/geo"
	"waybill/processors/track"
)

// oracle is the detector as plainly as it can be written: all fixes at hand, in order, each looked at with the textbook's
// cosine, an open stay told whenever it is not what was told. It shares the configuration with the processor, no code.
type oracle struct {
	cfg     track.Config
	last    *avro.Position
	stand   *spot
	pending []avro.Position
	told    avro.Opt[avro.Stay]
	tells   []avro.Stay // in order
	metres  float64
}

// spot is a standing under way.
type spot struct {
	inside []avro.Position
	outs   int
	open   avro.Opt[avro.Stay]
}

// run takes positions in order, all of them to be used.
func (o *oracle) run(in []avro.Position) {
	for _, p := range in {
		if o.stand != nil && plainDistance(point(&p), o.stand.centre()) > o.cfg.LeaveRadius+100*float64(p.DeviceAt-o.stand.until())/1e6 {
			continue // nobody drives at 360 km/h
		}
		if o.last != nil {
			o.metres += math.Floor(plainDistance(point(o.last), point(&p))*1000+0.5) / 1000
		}
		o.last = &p
		o.place(p)
		if o.stand != nil && o.stand.open.Ok && o.stand.open != o.told {
			o.told = o.stand.open
			o.tells = append(o.tells, o.told.V)
		}
	}
}

// kept are the positions used, in order: of each slice of the clock the first, and a door any of them saw open.
func (o *oracle) kept(in []avro.Position) (out []avro.Position) {
	slices.SortStableFunc(in, func(a, b avro.Position) int { return cmp.Compare(a.DeviceAt, b.DeviceAt) })
	for _, p := range in {
		if !p.Valid || p.AccuracyMm.Ok && float64(p.AccuracyMm.V) > o.cfg.MaxAccuracy*1000 {
			continue
		}
		finest := avro.Micros(o.cfg.Finest.Microseconds())
		if n := len(out); n > 0 && out[n-1].DeviceAt/finest == p.DeviceAt/finest {
			out[n-1].DoorOpen = avro.Some(out[n-1].DoorOpen.V || p.DoorOpen.V)
			continue
		}
		out = append(out, p)
	}
	return out
}

func (o *oracle) place(p avro.Position) {
	slow := !p.SpeedMmS.Ok || float64(p.SpeedMmS.V) <= o.cfg.StandSpeed*1000
	if o.stand == nil {
		if slow {
			o.stand = &spot{inside: []avro.Position{p}}
		}
		return
	}
	away := p.DeviceAt - o.stand.until()
	long := away >= avro.Micros(o.cfg.LeaveAfter.Microseconds())
	far := plainDistance(o.stand.centre(), point(&p))
	switch {
	case away > avro.Micros(o.cfg.Window.Microseconds()) || p.SpeedMmS.Ok && float64(p.SpeedMmS.V) > o.cfg.MoveSpeed*1000:
		o.stand.outs++
	case far <= o.cfg.Radius && slow:
		o.absorb(p)
		return
	case far <= o.cfg.Radius || o.stand.open.Ok && far <= o.cfg.LeaveRadius:
		o.stand.outs = 0
		if long {
			o.absorb(p)
			return
		}
	default:
		o.stand.outs++
	}
	o.pending = append(o.pending, p)
	if o.stand.outs > 0 && (long || o.stand.outs > 1 && !o.stand.open.Ok) {
		o.leave()
	}
}

func (o *oracle) absorb(p avro.Position) {
	s := o.stand
	was := s.doublings(o.cfg)
	s.inside, s.outs, o.pending = append(s.inside, p), 0, nil
	switch {
	case s.open.Ok && s.doublings(o.cfg) > was && plainDistance(s.open.V.Centre, s.centre()) > o.cfg.Radius/10:
		s.open = avro.Some(s.stay())
	case s.open.Ok:
		s.open.V.DoorOpened = s.stay().DoorOpened
	case p.DeviceAt-s.inside[0].DeviceAt >= avro.Micros(o.cfg.MinDwell.Microseconds()):
		s.open = avro.Some(s.stay())
	}
}

func (s *spot) until() avro.Micros { return s.inside[len(s.inside)-1].DeviceAt }

// doublings is how often the minimum dwell has doubled.
func (s *spot) doublings(cfg track.Config) int {
	return int(math.Log2(float64((s.until() - s.inside[0].DeviceAt) / avro.Micros(cfg.MinDwell.Microseconds()))))
}

func (o *oracle) leave() {
	if o.stand.open.Ok {
		s := o.stand.stay()
		s.DepartedAt = avro.Some(o.stand.until())
		o.tells, o.told = append(o.tells, s), avro.Opt[avro.Stay]{}
	}
	again := o.pending
	o.stand, o.pending = nil, nil
	for _, p := range again {
		o.place(p)
	}
}

func (s *spot) centre() avro.GeoPoint {
	anchor, lat, lon := point(&s.inside[0]), int64(0), int64(0)
	for i := range s.inside {
		lat += int64(s.inside[i].LatE6) - int64(anchor.LatE6)
		lon += geo.DeltaLon(anchor.LonE6, s.inside[i].LonE6)
	}
	n := int64(len(s.inside))
	return geo.Offset(anchor, lat/n, lon/n)
}

func (s *spot) stay() avro.Stay {
	out := avro.Stay{ArrivedAt: s.inside[0].DeviceAt, Centre: s.centre(), Fixes: int32(len(s.inside)), OdometerM: s.inside[0].OdometerM}
	for i := range s.inside {
		out.DoorOpened = out.DoorOpened || s.inside[i].DoorOpen.V
		if i > 0 {
			out.LongestSilenceS = max(out.LongestSilenceS, int32((s.inside[i].DeviceAt-s.inside[i-1].DeviceAt)/1e6))
		}
	}
	return out
}

func point(p *avro.Position) avro.GeoPoint { return avro.GeoPoint{LatE6: p.LatE6, LonE6: p.LonE6} }

// plainDistance has geo's definition and none of its short cuts.
func plainDistance(a, b avro.GeoPoint) float64 {
	const rad = math.Pi / 180e6
	lat, lon := float64(b.LatE6)-float64(a.LatE6), float64(geo.DeltaLon(a.LonE6, b.LonE6))
	if math.Abs(lat) <= 100_000 && math.Abs(lon) <= 100_000 && math.Abs(float64(a.LatE6)) <= 80e6 {
		x := lon * rad * math.Cos((float64(a.LatE6)+lat/2)*rad)
		return geo.EarthRadius * math.Sqrt(x*x+lat*rad*lat*rad)
	}
	y, x := math.Sin(lat*rad/2), math.Sin(lon*rad/2)
	h := y*y + math.Cos(float64(a.LatE6)*rad)*math.Cos(float64(b.LatE6)*rad)*x*x
	return 2 * geo.EarthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// wander is a track that lingers about the rims of the circles: it walks a bit, jumps, drives, stands, falls silent.
func wander(rng *rand.Rand, from avro.GeoPoint, n int) []avro.Position {
	var out []avro.Position
	now, at, scale := rng.Float64()*600, from, 0.0
	speeds, step := rng.IntN(3), 0.7+rng.Float64()*20
	east := max(0.001, math.Cos(float64(from.LatE6)*math.Pi/180e6))
	for range n {
		if rng.IntN(25) == 0 {
			scale = []float64{0, 0, 1, 4, 15, 40, 300}[rng.IntN(7)]
			step = min(max(step*(0.3+rng.Float64()*1.6), 0.4), 200)
		}
		if now += step * (0.2 + rng.Float64()); rng.IntN(300) == 0 {
			now += rng.Float64() * 10_000
		}
		move := func() float64 { return (rng.NormFloat64()*scale + rng.NormFloat64()*3) * metre }
		seen := geo.Offset(at, int64(move()), int64(move()/east))
		if rng.IntN(3) > 0 {
			at = seen
		}
		p := damaged(rng, avro.Position{
			Tenant: tenant, Issuer: issuer, DeviceID: "d1", Valid: true, DeviceAt: avro.MicrosOf(t0) + avro.Micros(now*1e6), LatE6: seen.LatE6, LonE6: seen.LonE6,
		}, rng.IntN(2) == 0)
		if speeds > 0 && rng.IntN(speeds) == 0 {
			p = speed(p, math.Abs(rng.NormFloat64())*scale/10)
		}
		out = append(out, p)
	}
	return out
}

// TestAgreesWithTheOracle: what is told of random tracks, told by told, and how far they went. A step could differ by a
// millimetre where what geo's cosine lacks decides how it is rounded; in these tracks none does.
func TestAgreesWithTheOracle(t *testing.T) {
	places := []avro.GeoPoint{
		{LatE6: 1}, {LatE6: 48_100_000, LonE6: 11_500_000}, {LatE6: -36_900_000, LonE6: 179_999_700}, {LatE6: 69_600_000, LonE6: -179_999_900},
		{LatE6: 79_999_900, LonE6: 5}, {LatE6: 84_000_000, LonE6: 40_000_000},
	}
	compared, ends, doors := 0, 0, 0
	for seed := range uint64(240) {
		rng := rand.New(rand.NewPCG(seed, 11))
		o := oracle{cfg: track.DefaultConfig()}
		all := wander(rng, places[seed%uint64(len(places))], 900)
		in := o.kept(all)
		o.run(in)
		s := run(t, o.cfg, in)
		got := told(t, s)
		for i := range min(len(got), len(o.tells)) {
			if got[i].Stay.V != o.tells[i] {
				t.Fatalf("seed %d, told %d:\n%+v, want\n%+v", seed, i, got[i].Stay.V, o.tells[i])
			}
			if o.tells[i].DepartedAt.Ok {
				ends++
			}
			if o.tells[i].DoorOpened {
				doors++
			}
		}
		if len(got) != len(o.tells) {
			t.Fatalf("seed %d: %d stays told, want %d", seed, len(got), len(o.tells))
		}
		if mm := head(t, s, "d1").DistanceMm; math.Abs(float64(mm)-o.metres*1000) > 0.5 {
			t.Errorf("seed %d: %d mm, want %.0f", seed, mm, o.metres*1000)
		}
		if got, want := spans(stays(t, run(t, o.cfg, all))), spans(stays(t, s)); got != want {
			t.Errorf("seed %d: with what is not kept %s, without %s", seed, got, want)
		}
		compared += len(got)
	}
	if ends == 0 || doors == 0 || compared < 3*ends/2 {
		t.Error("the tracks do not show what is to be compared")
	}
	t.Logf("%d told alike, %d of them ends, %d with a door", compared, ends, doors)
}
