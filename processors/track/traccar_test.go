package track_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/track"
)

const knot = 1852.0 / 3600

type span struct{ Start, End time.Time }

// tripStop is a test case of Traccar's ReportUtilsTest: positions cut into trips or stops.
type tripStop struct {
	Name, Kind string
	Config     struct {
		Parking float64 `json:"minimal_parking_duration_s"`
		NoData  float64 `json:"minimal_no_data_duration_s"`
	}
	Positions []struct {
		Time     time.Time
		Knots    float64 `json:"speed_knots"`
		Distance float64 `json:"total_distance_m"`
	}
	Expected []span `json:"expected_first_items"`
}

func readVectors[V any](t *testing.T, pattern string) (out []V) {
	t.Helper()
	for _, path := range outside(t, pattern) {
		raw, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(raw, &out)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return out
}

// gap says whether the case rests on Traccar's rule that a trip ends where data lack: ours has none, a gap is not standing.
func (v *tripStop) gap() bool {
	for i := 1; i < len(v.Positions); i++ {
		moving := v.Positions[i-1].Knots*knot > 1
		if moving && v.Positions[i].Time.Sub(v.Positions[i-1].Time).Seconds() >= v.Config.NoData {
			return true
		}
	}
	return false
}

func (v *tripStop) stays(t *testing.T) (out []span) {
	var in []avro.Position
	for _, p := range v.Positions {
		in = append(in, speed(at(p.Time.Sub(t0).Seconds(), p.Distance, 0), p.Knots*knot))
	}
	for _, s := range stays(t, run(t, track.DefaultConfig(), in)) {
		end := v.Positions[len(v.Positions)-1].Time
		if s.DepartedAt.Ok {
			end = s.DepartedAt.V.Time()
		}
		out = append(out, span{s.ArrivedAt.Time(), end})
	}
	return out
}

// next is the time of the fix after an instant: Traccar ends a stop at the first moving fix, we at the last standing one.
func (v *tripStop) next(at time.Time) time.Time {
	for _, p := range v.Positions {
		if p.Time.After(at) {
			return p.Time
		}
	}
	return at
}

func (v *tripStop) agrees(got []span) bool {
	if v.Kind == "stops" {
		return slices.EqualFunc(got, v.Expected, func(ours, theirs span) bool {
			return ours.Start.Equal(theirs.Start) && (ours.End.Equal(theirs.End) || v.next(ours.End).Equal(theirs.End))
		})
	}
	var trips []span
	for i := 1; i < len(got); i++ {
		trips = append(trips, span{v.next(got[i-1].End), got[i].Start})
	}
	return slices.EqualFunc(trips, v.Expected, func(a, b span) bool { return a.Start.Equal(b.Start) && a.End.Equal(b.End) })
}

// TestOutsideTraccarStops compares with Traccar's trips and stops, to the fix.
func TestOutsideTraccarStops(t *testing.T) {
	agree, differ := 0, 0
	for _, v := range readVectors[tripStop](t, "traccar/trip_stop*.json") {
		got := v.stays(t)
		switch {
		case v.agrees(got):
			agree++
		case v.gap():
			differ++
			t.Logf("%s: Traccar ends a trip where data lack, we do not: %v, not %v", v.Name, got, v.Expected)
		default:
			t.Errorf("%s: got stays %v, want %s %v", v.Name, got, v.Kind, v.Expected)
		}
	}
	t.Logf("%d cases agree, %d differ by rule", agree, differ)
	if agree == 0 {
		t.Error("no case was compared")
	}
}

// motion is a test case of Traccar's NewMotionProcessorTest: positions east of a point, events moving and stopped.
type motion struct {
	Name      string
	Distance  float64  `json:"min_distance_m"`
	Duration  int64    `json:"min_duration_ms"`
	StopGap   *float64 `json:"stop_gap_ms"`
	Moving    bool     `json:"initially_moving"`
	Positions []struct {
		Time time.Time
		East float64 `json:"east_m"`
	}
	Events []string `json:"expected_events"`
}

// gap says whether the case rests on Traccar's rule that who comes out of a long silence far away has stopped there.
func (v *motion) gap() bool {
	for i := 1; v.StopGap != nil && i < len(v.Positions); i++ {
		a, b := v.Positions[i-1], v.Positions[i]
		if float64(b.Time.Sub(a.Time).Milliseconds()) >= *v.StopGap && b.East-a.East >= v.Distance {
			return true
		}
	}
	return false
}

// events is what the stays told say in Traccar's words. A vehicle that stands at first has stood there for long enough.
func (v *motion) events(t *testing.T) (out []string) {
	cfg := track.DefaultConfig()
	cfg.Radius, cfg.LeaveRadius, cfg.MinDwell, cfg.LeaveAfter = v.Distance, v.Distance, time.Duration(v.Duration)*time.Millisecond, time.Second
	var in []avro.Position
	first := v.Positions[0]
	if start := first.Time.Add(-2 * cfg.MinDwell).Sub(t0).Seconds(); !v.Moving {
		in = append(in, at(start, 0, first.East), at(start+cfg.MinDwell.Seconds(), 0, first.East))
	}
	for _, p := range v.Positions {
		in = append(in, at(p.Time.Sub(t0).Seconds(), 0, p.East))
	}
	for _, s := range stays(t, run(t, cfg, in)) {
		if s.ArrivedAt >= avro.MicrosOf(first.Time) {
			out = append(out, "stopped")
		}
		if s.DepartedAt.Ok {
			out = append(out, "moving")
		}
	}
	return out
}

// TestOutsideTraccarMotion compares the events. Traccar measures from where the vehicle was a while ago, we from where it
// stands, so cases near the thresholds may differ; DESIGN.md says which do and why.
func TestOutsideTraccarMotion(t *testing.T) {
	agree, differ, byRule := 0, 0, 0
	for _, v := range readVectors[motion](t, "traccar/motion*.json") {
		got := v.events(t)
		switch {
		case slices.Equal(got, v.Events):
			agree++
		case v.gap():
			byRule++
			t.Logf("%s: Traccar takes a silence for a stop, we do not: %v, not %v", v.Name, got, v.Events)
		default:
			differ++
			t.Logf("%s: differs: %v, not %v", v.Name, got, v.Events)
		}
	}
	t.Logf("%d cases agree, %d differ by rule, %d at the thresholds", agree, byRule, differ)
	if agree <= byRule+differ {
		t.Error("most cases differ")
	}
}
