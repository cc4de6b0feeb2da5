package track_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/model/geo"
	"waybill/processors/sim"
	"waybill/processors/track"
	"waybill/topics"
)

// leg is a stretch of a script: fixes every step seconds until the end, moving north at ms metres a second.
type leg struct {
	until, step, ms float64
	says            float64 // the speed the fixes state; below 0: none
}

const silent = -1

func drive(legs ...leg) []avro.Position {
	var out []avro.Position
	now, north := 0.0, 0.0
	for _, l := range legs {
		for ; now < l.until; now += l.step {
			p := at(now, north, 0)
			if l.says >= 0 {
				p = speed(p, l.says)
			}
			out = append(out, p)
			north += l.ms * l.step
		}
	}
	return out
}

func TestStays(t *testing.T) {
	shifted := func(ps []avro.Position, i int, north, east float64) []avro.Position {
		ps[i].LatE6 += int32(north * metre)
		ps[i].LonE6 += int32(east * metre)
		return ps
	}
	for _, c := range []struct {
		name string
		in   []avro.Position
		want string
	}{
		{"nothing from one fix", []avro.Position{at(0, 0, 0)}, ""},
		{"stands, drives, stands", drive(leg{120, 10, 0, 0}, leg{180, 10, 15, 15}, leg{300, 10, 0, 0}), "0-110 180-"},
		{"shorter than the minimum dwell", drive(leg{60, 10, 15, 15}, leg{110, 10, 0, 0}, leg{200, 10, 15, 15}), ""},
		{"without speeds", drive(leg{120, 10, 0, silent}, leg{180, 10, 15, silent}, leg{300, 10, 0, silent}), "0-120 180-"},
		{"a missing speed is not standing still", drive(leg{600, 10, 15, silent}), ""},
		{"a missing speed is not standing still, slow", drive(leg{600, 1, 2, silent}), ""},
		{"fast within the radius is not standing", drive(leg{200, 1, 0, 8}), ""},
		{"creeping speed inside does not end it", drive(leg{100, 10, 0, 0}, leg{120, 10, 0, 2}, leg{200, 10, 0, 0}), "0-"},
		{"a gap is not a departure", append(drive(leg{120, 10, 0, 0}), at(7200, 0, 0), at(7210, 0, 0)), "0-"},
		{"left during a gap", append(drive(leg{120, 10, 0, 0}), at(7200, 5000, 0), at(7230, 5000, 0), at(7290, 5000, 0)), "0-110 7200-"},
		{"a gap after moving is not standing", []avro.Position{speed(at(0, 0, 0), 15), speed(at(3600, 2, 0), 15), speed(at(7200, 4, 0), 15)}, ""},
		{"one outlier", shifted(drive(leg{200, 10, 0, 0}), 10, 500, 0), "0-"},
		{"an outlier at the end of a gap", append(drive(leg{120, 10, 0, 0}), at(300, 50_000, 0), at(310, 0, 0), at(320, 0, 0)), "0-"},
		{"far away after a gap that was long enough", append(drive(leg{120, 10, 0, 0}), at(1300, 50_000, 0), at(1310, 50_000, 0), at(1390, 50_000, 0)), "0-110 1300-"},
		{"one outlier before the minimum dwell", shifted(drive(leg{200, 10, 0, 0}), 3, 500, 0), "0-"},
		{"noise at the rim does not flap", shifted(shifted(drive(leg{400, 10, 0, 0}), 15, 45, 0), 20, -45, 20), "0-"},
		{"shifted within the leave radius", append(drive(leg{120, 10, 0, 0}), at(130, 40, 0), at(140, 40, 0), at(150, 40, 0), at(200, 40, 0)), "0-"},
		{"shifted within the leave radius, then left", append(drive(leg{120, 10, 0, 0}), at(130, 40, 0), at(160, 40, 0), at(200, 40, 0), at(210, 300, 0), at(240, 600, 0)), "0-200"},
		{"out and back before the minimum dwell", append([]avro.Position{at(0, 0, 0), at(5, 200, 0), at(10, 200, 0), at(15, 200, 0)}, drive(leg{120, 10, 0, 0})[2:]...), "20-"},
		{"every five minutes", drive(leg{1500, 300, 0, silent}, leg{2700, 300, 15, silent}, leg{4200, 300, 0, silent}), "0-1500 2700-"},
		{"longer silence than the window", []avro.Position{at(0, 0, 0), at(100, 0, 0), at(100+49*3600, 0, 0)}, "0-100"},
	} {
		if got := spans(stays(t, run(t, track.DefaultConfig(), c.in))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// An open stay whose first fixes lie off the spot is told anew, at doublings of the minimum dwell alone, until its centre stands still.
func TestOpenStaysAreCorrected(t *testing.T) {
	var in []avro.Position
	for s := 0.0; s <= 3600; s += 10 {
		north := 0.0
		if s < 70 {
			north = 20
		}
		in = append(in, at(s, north, 0))
	}
	facts := told(t, run(t, track.DefaultConfig(), in))
	var fixes []int32
	for _, f := range facts {
		fixes = append(fixes, f.Stay.V.Fixes)
	}
	if want := []int32{7, 13, 25, 97}; !slices.Equal(fixes, want) {
		t.Errorf("told with %v fixes, want %v: at the minimum dwell and at 2, 4 and 16 times it; at 8 it had moved by less than 3 m, and after 16 as well", fixes, want)
	}
	if last := facts[len(facts)-1].Stay.V.Centre; geo.Distance(last, point(&in[len(in)-1])) > 4 {
		t.Errorf("the last centre told is %v, where the vehicle is at %v", last, point(&in[len(in)-1]))
	}
}

func TestAcross180Degrees(t *testing.T) {
	var in []avro.Position
	for i := range 20 {
		p := at(float64(i*10), 0, 0)
		p.LonE6 = 179_999_950 + int32(i%3)*50 // 5 m either side of the meridian
		if p.LonE6 > 180_000_000 {
			p.LonE6 -= 360_000_000
		}
		in = append(in, p)
	}
	got := stays(t, run(t, track.DefaultConfig(), in))
	if spans(got) != "0-" {
		t.Fatalf("got %q", spans(got))
	}
	if lon := got[0].Centre.LonE6; lon < 179_999_900 && lon > -179_999_900 {
		t.Errorf("centre at longitude %d", lon)
	}
}

func TestWhatAStaySays(t *testing.T) {
	in := drive(leg{120, 10, 0, 0}, leg{200, 10, 15, 15})
	in[0].OdometerM = avro.Some(int64(4711))
	in[4].DoorOpen = avro.Some(true)
	in[6].LatE6 += 90               // 10 m
	in = append(in[:8], in[11:]...) // silent from 70 s to 110 s
	f := standing(t, run(t, track.DefaultConfig(), in))
	if len(f) != 1 {
		t.Fatalf("got %d stays", len(f))
	}
	want := avro.Stay{
		ArrivedAt: in[0].DeviceAt, DepartedAt: avro.Some(in[8].DeviceAt), Centre: avro.GeoPoint{LatE6: 1_000_010},
		Fixes: 9, LongestSilenceS: 40, DoorOpened: true, OdometerM: avro.Some(int64(4711)),
	}
	if f[0].Stay.V != want {
		t.Errorf("got %+v\nwant %+v", f[0].Stay.V, want)
	}
	if id := f[0].Identifiers[0]; id.Issuer != issuer || id.Value != "d1" || f[0].Tenant != tenant || f[0].Source.System != avro.SourceSystemTelematics {
		t.Errorf("got %+v", f[0])
	}
}

func TestToldOnceOpenOnceEnded(t *testing.T) {
	f := told(t, run(t, track.DefaultConfig(), drive(leg{3600, 1, 0, 0}, leg{3700, 1, 15, 15})))
	if len(f) != 2 || f[0].Stay.V.DepartedAt.Ok || !f[1].Stay.V.DepartedAt.Ok || f[0].Series != f[1].Series || f[0].FactID == f[1].FactID {
		t.Errorf("%d facts: %+v", len(f), f)
	}
	if at := f[0].Origin.Offset; at != 60 {
		t.Errorf("open stay told at fix %d, want 60: as soon as it has lasted the minimum dwell", at)
	}
}

func TestDoorIsToldWhileOpen(t *testing.T) {
	in := drive(leg{300, 10, 0, 0})
	in[20].DoorOpen, in[21].DoorOpen = avro.Some(true), avro.Some(true)
	f := told(t, run(t, track.DefaultConfig(), in))
	if len(f) != 2 || f[0].Stay.V.DoorOpened || !f[1].Stay.V.DoorOpened || f[1].Stay.V.DepartedAt.Ok {
		t.Errorf("%d facts: %+v", len(f), f)
	}
}

func TestWhatIsNotUsed(t *testing.T) {
	bad := at(5, 9000, 0)
	bad.Valid = false
	rough := at(15, 9000, 0)
	rough.AccuracyMm = avro.Some(int32(200_000))
	nowhere := at(25, 0, 0)
	nowhere.LatE6 = 91_000_000
	zero := at(35, 0, 0)
	zero.LatE6, zero.LonE6 = 0, 0
	skewed := at(45, 9000, 0)
	skewed.DeviceAt = avro.MicrosOf(time.Date(2026, 1, 1, 0, 10, 1, 0, time.UTC)) // the broker's clock starts at 2026-01-01
	ancient := at(-49*3600, 0, 0)
	fine := at(50.2, 3, 0) // in the second that at 50 s began
	in := drive(leg{120, 10, 0, 0})
	in = append(in, bad, rough, nowhere, zero, skewed, ancient, fine, in[3], in[3])
	s := run(t, track.DefaultConfig(), in)
	if got := spans(stays(t, s)); got != "0-" {
		t.Errorf("got %q", got)
	}
	want := avro.TrackCounts{Used: 12, Repeated: 3, TooOld: 1, Skewed: 1, Invalid: 3, Inaccurate: 1}
	h := head(t, s, "d1")
	if h.Counts != want {
		t.Errorf("got %+v\nwant %+v", h.Counts, want)
	}
	if h.DistanceMm != 0 {
		t.Errorf("stood still for %d mm", h.DistanceMm)
	}
}

func TestLateFixesSplice(t *testing.T) {
	full := drive(leg{120, 10, 0, 0}, leg{600, 10, 15, 15}, leg{720, 10, -15 * 48 / 12.0, 15}, leg{900, 10, 0, 0})
	away := full[12:72]
	s := sim.New(sim.Options{}, track.New(track.DefaultConfig()))
	feed(t, s, append(append([]avro.Position{}, full[:12]...), full[72:]...), 0)
	if got := spans(stays(t, s)); got != "0-" {
		t.Fatalf("without the late fixes: got %q", got)
	}
	before := len(told(t, s))
	feed(t, s, away, 0)
	f := told(t, s)[before:]
	if got := spans(stays(t, s)); got != "0-110 720-" {
		t.Errorf("got %q", got)
	}
	if len(f) != 2 || f[0].Series == f[1].Series {
		t.Errorf("60 late fixes told %d facts, want 2: the first stay ended, the second new", len(f))
	}
}

func TestLateFixThatChangesNothingTellsNothing(t *testing.T) {
	in := drive(leg{120, 10, 0, 0}, leg{180, 10, 15, 15}, leg{290, 10, 0, 0})
	late := in[15]
	s := run(t, track.DefaultConfig(), append(in[:15:15], in[16:]...))
	before := len(told(t, s))
	feed(t, s, []avro.Position{late}, 0)
	if got := len(told(t, s)) - before; got != 0 || head(t, s, "d1").Counts.Late != 1 {
		t.Errorf("a late fix between two stays told %d facts", got)
	}
}

// TestLateFixAfterABlockBegan: what a block started from is not what the detector works on since. At 300 s a block begins
// while it is open whether the vehicle left at 290 s.
func TestLateFixAfterABlockBegan(t *testing.T) {
	in := append([]avro.Position{at(-100, 600, 0), at(-20, 600, 0), at(-10, 600, 0)}, drive(leg{290, 10, 0, silent})...)
	for s := 290.0; s < 500; s += 10 {
		in = append(in, at(s, 200, 0))
	}
	in[48].LatE6 += 9000 // an outlier at 450 s waits where the fix of 290 s did
	s := run(t, track.DefaultConfig(), in)
	feed(t, s, []avro.Position{at(305, 200, 0)}, 0)
	if got := spans(stays(t, s)); got != "-100--10 0-280 290-" {
		t.Errorf("got %q", got)
	}
}

func TestArrivalMovesByALateFix(t *testing.T) {
	in := drive(leg{200, 10, 0, 0})
	s := run(t, track.DefaultConfig(), in[3:])
	if got := spans(stays(t, s)); got != "30-" {
		t.Fatalf("got %q", got)
	}
	feed(t, s, in[:1], 0)
	f := told(t, s)
	if got := spans(stays(t, s)); got != "0-" || len(f) != 3 || f[1].Void || !f[2].Void || f[2].Series != f[0].Series {
		t.Errorf("%q of %d facts: %+v", got, len(f), f)
	}
}

func TestStateIsBounded(t *testing.T) {
	cfg := track.DefaultConfig()
	cfg.Window = time.Hour
	var in []avro.Position
	for i := range 4 {
		for _, p := range drive(leg{1800, 5, 0, 0}, leg{3600, 5, 15, 15}) {
			p.DeviceAt += avro.Micros(i) * 3600e6
			in = append(in, p)
		}
	}
	s := run(t, cfg, in)
	blocks, bytes := 0, 0
	for _, v := range s.State("track") {
		blocks++
		bytes += len(v)
	}
	if blocks > 2+13 || bytes > 15_000 {
		t.Errorf("%d values, %d bytes for an hour of fixes every 5 s", blocks, bytes)
	}
	if got := len(stays(t, s)); got != 4 {
		t.Errorf("%d stays told, want 4: what leaves the window still stands", got)
	}
}

// TestSilenceCostsNothing: who is silent for longer than the window is not remembered, nor is the time of silence.
func TestSilenceCostsNothing(t *testing.T) {
	s := run(t, track.DefaultConfig(), append(drive(leg{900, 10, 0, 0}), at(100*86400, 0, 0)))
	if h := head(t, s, "d1"); len(h.Kept.Bits) != 0 || len(s.State("track")) != 2 {
		t.Errorf("%d bytes about blocks kept, %d values, want none, the head and the clock", len(h.Kept.Bits), len(s.State("track")))
	}
}

func TestDistance(t *testing.T) {
	in := drive(leg{100, 10, 15, 15})
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0, 9, 4, 2, 1, 3, 8, 7, 6, 5}} {
		var ps []avro.Position
		for _, i := range order {
			ps = append(ps, in[i])
		}
		if got := head(t, run(t, track.DefaultConfig(), ps), "d1").DistanceMm; math.Abs(float64(got)-1_350_000) > 1000 {
			t.Errorf("%v: %d mm, want 1,350,000", order, got)
		}
	}
}

func TestBadKeyIsADeadLetter(t *testing.T) {
	s := sim.New(sim.Options{}, track.New(track.DefaultConfig()))
	p := at(0, 0, 0)
	s.Send(topics.Positions.Name, "acme", &p)
	if err := s.Run(); err != nil || len(s.DeadLetters()) != 1 {
		t.Errorf("%d dead letters, %v", len(s.DeadLetters()), err)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	if err := track.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	err := track.Config{Finest: 7 * time.Second, MaxSkew: -1, Settle: -1}.Validate()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 9 {
		t.Errorf("got %v", err)
	}
}
