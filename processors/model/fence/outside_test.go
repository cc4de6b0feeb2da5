package fence_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/fence"
)

// vector is a case of Traccar's geofence tests.
type vector struct {
	Name     string
	Area     string   `json:"wkt_latlon"`
	Corridor *float64 `json:"corridor_m"` // how far the corridor goes to each side
	Checks   []struct {
		Op     string
		Args   []float64
		Expect bool
	}
}

// TestOutsideTraccarGeofences reads each area as an operator would bring it over from Traccar: pairs turned round, rings closed, a
// corridor's width twice Traccar's distance, a circle as location and radius. We have no question whether a segment meets a fence, since
// stays are matched and not drives; here it is asked of points close to each other along it.
func TestOutsideTraccarGeofences(t *testing.T) {
	compared := 0
	for _, v := range vectors(t) {
		f := of(t, v.place(t))
		for _, c := range v.Checks {
			got := false
			switch a := c.Args; c.Op {
			case "containsPoint":
				got = f.Holds(at(a[0], a[1]))
			case "intersectsSegment":
				got = meets(f, a)
			default:
				t.Fatalf("%s: nobody knows how to do %s", v.Name, c.Op)
			}
			compared++
			if got != c.Expect {
				t.Errorf("%s: %s %v: got %v, want %v", v.Name, c.Op, c.Args, got, c.Expect)
			}
		}
	}
	t.Logf("%d answers compared", compared)
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

func vectors(t *testing.T) (out []vector) {
	t.Helper()
	root := os.Getenv("WAYBILL_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	paths, err := filepath.Glob(filepath.Join(root, "traccar", "geofence*.json"))
	if err != nil || len(paths) == 0 {
		t.Skipf("SKIPPED: no traccar/geofence*.json under $WAYBILL_DATA (%s): %v", root, err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		var some []vector
		if err == nil {
			err = json.Unmarshal(raw, &some)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, some...)
	}
	return out
}

var (
	pair   = regexp.MustCompile(`(-?[\d.]+) +(-?[\d.]+)`)
	circle = regexp.MustCompile(`^CIRCLE \((-?[\d.]+) (-?[\d.]+), (\d+)\)$`)
)

func (v *vector) place(t *testing.T) (p avro.Place) {
	t.Helper()
	number := func(s string) float64 {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		return n
	}
	if c := circle.FindStringSubmatch(v.Area); c != nil {
		return avro.Place{Location: at(number(c[1]), number(c[2])), RadiusM: int32(number(c[3]))}
	}
	first := pair.FindStringSubmatch(v.Area)
	p.Location = at(number(first[1]), number(first[2]))
	p.Fence = pair.ReplaceAllString(v.Area, "$2 $1")
	if strings.HasPrefix(p.Fence, "POLYGON") {
		p.Fence = strings.TrimSuffix(p.Fence, "))") + fmt.Sprintf(", %s %s))", first[2], first[1])
	}
	if v.Corridor != nil {
		p.WidthM = max(1, int32(2**v.Corridor)) // Traccar's line of no width is for segments alone; the least that we take is a metre
	}
	return p
}

func meets(f *fence.Fence, a []float64) bool {
	const steps = 6000
	for i := range steps + 1 {
		s := float64(i) / steps
		if f.Holds(at(a[0]+s*(a[2]-a[0]), a[1]+s*(a[3]-a[1]))) {
			return true
		}
	}
	return false
}
