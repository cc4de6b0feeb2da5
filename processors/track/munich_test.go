package track_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/track"
)

type trace struct {
	name  string
	fixes []avro.Position
	step  avro.Micros // median
}

func readTrace(t *testing.T, path string) (trace, bool) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Point, Time, ID string }
	if json.Unmarshal(raw, &rows) != nil || len(rows) < 2 {
		return trace{}, false
	}
	tr := trace{name: filepath.Base(path)}
	var steps []avro.Micros
	for i, r := range rows {
		var lon, lat float64
		if _, err := fmt.Sscanf(r.Point, "POINT(%g %g)", &lon, &lat); err != nil {
			return trace{}, false
		}
		when, err := time.Parse("2006-01-02 15:04:05-0700", r.Time)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		tr.fixes = append(tr.fixes, avro.Position{Tenant: tenant, Issuer: issuer, DeviceID: r.ID, Valid: true, DeviceAt: avro.MicrosOf(when), LatE6: int32(lat * 1e6), LonE6: int32(lon * 1e6)})
		if i > 0 {
			steps = append(steps, tr.fixes[i].DeviceAt-tr.fixes[i-1].DeviceAt)
		}
	}
	slices.Sort(steps)
	tr.step = steps[len(steps)/2]
	return tr, true
}

// thinned says whether b is a fifth or less of the fixes of a over the same time, of the same device.
func (a trace) thinned(b trace) bool {
	first, last := a.fixes[0], a.fixes[len(a.fixes)-1]
	return b.step >= 5*a.step && b.fixes[0].DeviceID == first.DeviceID &&
		near(b.fixes[0].DeviceAt, first.DeviceAt, 60e6) && near(b.fixes[len(b.fixes)-1].DeviceAt, last.DeviceAt, 60e6)
}

// TestOutsideMunich: the same stays from a drive at 1 s and thinned to 15 s, without speeds, within one coarse sample.
func TestOutsideMunich(t *testing.T) {
	var traces []trace
	for _, path := range outside(t, "gps-traces/barefoot/*.json", "gps-traces/*.json") {
		if tr, ok := readTrace(t, path); ok {
			traces = append(traces, tr)
		}
	}
	pairs, compared := 0, 0
	for _, fine := range traces {
		for _, coarse := range traces {
			if !fine.thinned(coarse) {
				continue
			}
			pairs++
			a, b := stays(t, run(t, track.DefaultConfig(), fine.fixes)), stays(t, run(t, track.DefaultConfig(), coarse.fixes))
			compared += len(a)
			if !sameWithin(b, a, coarse.step) {
				t.Errorf("%s: %v\n%s: %v", fine.name, a, coarse.name, b)
			}
		}
	}
	t.Logf("%d pairs of traces, %d stays compared", pairs, compared)
	if compared == 0 {
		t.Error("no stay was compared")
	}
}
