package track_test

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/track"
)

// goal is one piece of the GOAL set: some minutes of a delivery agent's fixes, each labelled.
type goal struct {
	fixes  []avro.Position
	dwells []bool // the label is not Driving
	raw    []bool // the speed from the fix before is at most the threshold
}

func readGoal(t *testing.T, path string, threshold float64) (out []*goal) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	last := ""
	for _, row := range rows[1:] {
		if row[0] != last {
			out, last = append(out, &goal{}), row[0]
		}
		out[len(out)-1].add(t, row, threshold)
	}
	return out
}

// epoch is the day that all pieces begin on; the dates of the set are made up.
var epoch = time.Date(1964, 1, 12, 0, 0, 0, 0, time.UTC)

func (g *goal) add(t *testing.T, row []string, threshold float64) {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04:05.999999999", row[1])
	east, errX := strconv.ParseFloat(row[2], 64)
	north, errY := strconv.ParseFloat(row[3], 64)
	if err != nil || errX != nil || errY != nil {
		t.Fatalf("row %v: %v, %v, %v", row, err, errX, errY)
	}
	g.fixes = append(g.fixes, at(when.Sub(epoch).Seconds(), north, east))
	g.dwells = append(g.dwells, row[4] != "Driving")
	g.raw = append(g.raw, len(g.fixes) > 1 && g.speed() <= threshold)
	if len(g.fixes) == 2 { // the first has no speed of its own
		g.raw[0] = g.raw[1]
	}
}

// speed is that of the last fix, from the one before it, in m/s.
func (g *goal) speed() float64 {
	a, b := g.fixes[len(g.fixes)-2], g.fixes[len(g.fixes)-1]
	metres := math.Hypot(float64(b.LatE6-a.LatE6), float64(b.LonE6-a.LonE6)) / metre
	return metres / (float64(b.DeviceAt-a.DeviceAt) / 1e6)
}

// found says of each fix whether it lies in a stay of the detector.
func (g *goal) found(t *testing.T, cfg track.Config) []bool {
	out := make([]bool, len(g.fixes))
	for _, s := range stays(t, run(t, cfg, g.fixes)) {
		for i := range g.fixes {
			out[i] = out[i] || covers(&s, g.fixes[i].DeviceAt, 0)
		}
	}
	return out
}

// score is how well one says of each fix whether the agent dwells.
type score struct{ hit, false, missed, spurious, changes int }

func (s score) f1() float64 { return 2 * float64(s.hit) / float64(2*s.hit+s.false+s.missed) }

// add compares one piece. A change that is said is spurious unless the label changes the same way within three samples of it; each change
// of the label answers for one.
func (s *score) add(g *goal, said []bool) {
	for i, is := range g.dwells {
		switch {
		case is && said[i]:
			s.hit++
		case said[i]:
			s.false++
		case is:
			s.missed++
		}
	}
	free := changes(g.dwells)
	for _, c := range changes(said) {
		s.changes++
		if !claim(g, &free, c) {
			s.spurious++
		}
	}
}

type change struct {
	fix int
	to  bool
}

func changes(of []bool) (out []change) {
	for i := 1; i < len(of); i++ {
		if of[i] != of[i-1] {
			out = append(out, change{i, of[i]})
		}
	}
	return out
}

// claim takes the nearest true change that c may be.
func claim(g *goal, free *[]change, c change) bool {
	best, nearest := -1, avro.Micros(15e6+1)
	for i, f := range *free {
		away := g.fixes[f.fix].DeviceAt - g.fixes[c.fix].DeviceAt
		if away = max(away, -away); f.to == c.to && away < nearest {
			best, nearest = i, away
		}
	}
	if best < 0 {
		return false
	}
	*free = append((*free)[:best:best], (*free)[best+1:]...)
	return true
}

// TestOutsideGOAL: with the shipped parameters stays tell dwelling from driving at least as well as the shipped StandSpeed does by itself, and
// change their mind without cause at most half as often, even against thresholds that were fitted to the set. The set has no speeds, so
// the threshold is one of the way between fixes. How well a fitted one does is logged, not hidden: it finds dwells of less than a minute,
// of which the set is half full, and which are no stays.
func TestOutsideGOAL(t *testing.T) {
	cfg := track.DefaultConfig()
	for _, path := range outside(t, "amazon-goal/*.csv") {
		shipped, ours := rawScore(t, path, cfg.StandSpeed), score{}
		for _, g := range readGoal(t, path, cfg.StandSpeed) {
			ours.add(g, g.found(t, cfg))
		}
		t.Logf("stays: F1 %.3f, %d of %d changes spurious; raw threshold of %g m/s: F1 %.3f, %d of %d", ours.f1(), ours.spurious, ours.changes, cfg.StandSpeed, shipped.f1(), shipped.spurious, shipped.changes)
		if ours.f1() < shipped.f1() {
			t.Errorf("F1 is %.3f, below the threshold's %.3f", ours.f1(), shipped.f1())
		}
		for _, threshold := range []float64{0.5, cfg.StandSpeed, 1.5, 2, 2.5, cfg.MoveSpeed, 4} {
			raw := rawScore(t, path, threshold)
			t.Logf("raw threshold of %g m/s: F1 %.3f, %d of %d changes spurious", threshold, raw.f1(), raw.spurious, raw.changes)
			if 2*ours.spurious > raw.spurious {
				t.Errorf("%d changes are spurious, more than half of the %d of a threshold of %g m/s", ours.spurious, raw.spurious, threshold)
			}
		}
	}
}

func rawScore(t *testing.T, path string, threshold float64) (s score) {
	t.Helper()
	for _, g := range readGoal(t, path, threshold) {
		s.add(g, g.raw)
	}
	return s
}
