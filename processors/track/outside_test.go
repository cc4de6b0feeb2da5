package track_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/track"
)

// outside gives the files of $WAYBILL_DATA that match the patterns.
func outside(t *testing.T, patterns ...string) []string {
	t.Helper()
	root := os.Getenv("WAYBILL_DATA")
	for dir := "."; root == ""; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared", "data")
		}
	}
	var out []string
	for _, p := range patterns {
		files, err := filepath.Glob(filepath.Join(root, p))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, files...)
	}
	if len(out) == 0 {
		t.Skipf("no %v under the data folder: set WAYBILL_DATA", patterns)
	}
	return out
}

// hfp is one event of HSL High-Frequency Positioning 2.0, as the dumps hold it.
type hfp struct {
	vehicle string
	at      avro.Micros
	kind    string
	body    struct {
		Tst  time.Time
		Lat  *float64
		Long *float64
		Spd  *float64
		Drst *int
		Odo  *float64
		Stop *int
		Loc  string
	}
}

func readHFP(t *testing.T, path string) (out []hfp) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		topic, payload, ok := strings.Cut(lines.Text(), " {")
		parts := strings.Split(topic, "/")
		var events map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+payload), &events); err != nil || !ok || len(parts) < 9 {
			t.Fatalf("%s: %v in %q", path, err, lines.Text())
		}
		for kind, raw := range events {
			e := hfp{vehicle: parts[7] + "/" + parts[8], kind: kind}
			if err := json.Unmarshal(raw, &e.body); err != nil {
				t.Fatalf("%s: %v in %q", path, err, lines.Text())
			}
			e.at = avro.MicrosOf(e.body.Tst)
			out = append(out, e)
		}
	}
	return out
}

func (e *hfp) position() avro.Position {
	p := avro.Position{Tenant: tenant, Issuer: "HSL", DeviceID: e.vehicle, DeviceAt: e.at, Valid: e.body.Lat != nil && e.body.Long != nil}
	if p.Valid {
		p.LatE6, p.LonE6 = int32(*e.body.Lat*1e6), int32(*e.body.Long*1e6)
	}
	if e.body.Spd != nil {
		p = speed(p, *e.body.Spd)
	}
	if e.body.Drst != nil {
		p.DoorOpen = avro.Some(*e.body.Drst == 1)
	}
	return p
}

// feedGap is a gap in a feed that reports every second.
const feedGap = 10e6

// TestOutsideHSL: a bus whose doors open at a stop stands there. A door cycle takes a bus 5 s at least, so that is the
// minimum dwell here instead of a minute; all else is the default. The tolerance is the sample that the door falls into.
// Excused are doors that a gap in the feed follows before the minimum dwell is over: nobody knows how long the bus stood.
func TestOutsideHSL(t *testing.T) {
	cfg := track.DefaultConfig()
	cfg.MinDwell = 5 * time.Second
	compared, excused := 0, 0
	for _, path := range outside(t, "hsl-hfp-apc/hfp.dump", "hsl-hfp-apc/*/hfp.dump", "hsl-hfp-apc/*/*/hfp.dump") {
		fixes, doors := map[string][]avro.Micros{}, []hfp{}
		var in []avro.Position
		for _, e := range readHFP(t, path) {
			switch {
			case e.kind == "VP":
				in = append(in, e.position())
				fixes[e.vehicle] = append(fixes[e.vehicle], e.at)
			case e.kind == "DOO" && e.body.Stop != nil:
				doors = append(doors, e)
			}
		}
		all := standing(t, run(t, cfg, in))
		for _, d := range doors {
			sample, gap := around(fixes[d.vehicle], d.at, avro.Micros(cfg.MinDwell.Microseconds()))
			switch {
			case slices.ContainsFunc(all, func(f avro.Fact) bool { return f.Identifiers[0].Value == d.vehicle && covers(&f.Stay.V, d.at, sample) }):
				compared++
			case gap:
				excused++
				t.Logf("%s: after the door of %s at %v the feed has a gap", filepath.Base(filepath.Dir(path)), d.vehicle, d.body.Tst)
			default:
				compared++
				t.Errorf("%s: door of %s at %v lies in no stay", path, d.vehicle, d.body.Tst)
			}
		}
	}
	t.Logf("doors at a stop: %d compared, %d excused by a gap in the feed", compared, excused)
	if compared == 0 {
		t.Error("no door was compared")
	}
}

func covers(s *avro.Stay, at, tolerance avro.Micros) bool {
	return s.ArrivedAt-tolerance <= at && (!s.DepartedAt.Ok || at <= s.DepartedAt.V+tolerance)
}

// around gives the time between the fixes before and after an instant, at least a second, and whether from then on the
// feed falls silent within so long.
func around(fixes []avro.Micros, at, long avro.Micros) (sample avro.Micros, gap bool) {
	sorted := slices.Sorted(slices.Values(fixes))
	i, _ := slices.BinarySearch(sorted, at)
	sample = 1e6
	if i > 0 && i < len(sorted) {
		sample = max(sample, sorted[i]-sorted[i-1])
	}
	for last := at; last < at+long; i++ {
		if i == len(sorted) || sorted[i]-last > feedGap {
			return sample, true
		}
		last = sorted[i]
	}
	return sample, false
}
