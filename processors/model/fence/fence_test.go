package fence_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/fence"
	"waybill/processors/model/geo"
)

func at(lat, lon float64) avro.GeoPoint {
	return avro.GeoPoint{LatE6: int32(math.Round(lat * 1e6)), LonE6: int32(math.Round(lon * 1e6))}
}

// polygon writes rings as WKT, closed.
func polygon(rings ...[]avro.GeoPoint) string {
	var out []string
	for _, ring := range rings {
		out = append(out, "("+points(append(slices.Clone(ring), ring[0]))+")")
	}
	return "POLYGON(" + strings.Join(out, ",") + ")"
}

func line(way ...avro.GeoPoint) string { return "LINESTRING(" + points(way) + ")" }

func points(way []avro.GeoPoint) string {
	var out []string
	for _, p := range way {
		out = append(out, fmt.Sprintf("%.6f %.6f", float64(p.LonE6)/1e6, float64(p.LatE6)/1e6))
	}
	return strings.Join(out, ", ")
}

func of(t testing.TB, p avro.Place) *fence.Fence {
	t.Helper()
	f, err := fence.Of(&p)
	if err != nil {
		t.Fatalf("%s: %v", p.Fence, err)
	}
	return f
}

func TestHolds(t *testing.T) {
	square := []avro.GeoPoint{at(10, 20), at(10, 20.02), at(10.02, 20.02), at(10.02, 20)}
	hole := []avro.GeoPoint{at(10.005, 20.005), at(10.005, 20.015), at(10.015, 20.015), at(10.015, 20.005)}
	fiji := []avro.GeoPoint{at(-17, 179.99), at(-17, -179.99), at(-16.98, -179.99), at(-16.98, 179.99)}
	pole := []avro.GeoPoint{at(89.9, 0), at(89.9, 90), at(89.9, 180), at(89.9, -90)}
	for _, c := range []struct {
		name  string
		place avro.Place
		at    avro.GeoPoint
		want  bool
	}{
		{"in a square", avro.Place{Location: at(10, 20), Fence: polygon(square)}, at(10.01, 20.01), true},
		{"beside a square", avro.Place{Location: at(10, 20), Fence: polygon(square)}, at(10.01, 20.03), false},
		{"in its hole", avro.Place{Location: at(10, 20), Fence: polygon(square, hole)}, at(10.01, 20.01), false},
		{"between hole and rim", avro.Place{Location: at(10, 20), Fence: polygon(square, hole)}, at(10.002, 20.002), true},
		{"across 180°, east of it", avro.Place{Location: at(-17, 180), Fence: polygon(fiji)}, at(-16.99, -179.995), true},
		{"across 180°, west of it", avro.Place{Location: at(-17, 180), Fence: polygon(fiji)}, at(-16.99, 179.995), true},
		{"across 180°, on it", avro.Place{Location: at(-17, 180), Fence: polygon(fiji)}, at(-16.99, -180), true},
		{"across 180°, half round the Earth", avro.Place{Location: at(-17, 180), Fence: polygon(fiji)}, at(-16.99, 0), false},
		{"about the pole, at it", avro.Place{Location: at(90, 0), Fence: polygon(pole)}, at(90, 123), true},
		{"about the pole, between its points", avro.Place{Location: at(90, 0), Fence: polygon(pole)}, at(89.95, 135), true},
		{"about the pole, beyond its edge", avro.Place{Location: at(90, 0), Fence: polygon(pole)}, at(89.905, 135), false},
		{"a corridor", avro.Place{Location: at(60, 25), Fence: line(at(60, 25), at(60, 25.1)), WidthM: 60}, at(60.0002, 25.05), true},
		{"beside a corridor", avro.Place{Location: at(60, 25), Fence: line(at(60, 25), at(60, 25.1)), WidthM: 60}, at(60.0004, 25.05), false},
		{"at the round end of a corridor", avro.Place{Location: at(60, 25), Fence: line(at(60, 25), at(60, 25.1)), WidthM: 60}, at(60, 24.9995), true},
		{"a corridor's second stretch", avro.Place{Location: at(60, 25), Fence: line(at(60, 25), at(60, 25.1), at(60.1, 25.1)), WidthM: 60}, at(60.05, 25.1004), true},
		{"a corridor across 180°", avro.Place{Location: at(66.95, 180), Fence: line(at(66.95, 179.9), at(66.95, -179.9)), WidthM: 60}, at(66.95, 180), true},
		{"a corridor over the pole", avro.Place{Location: at(90, 0), Fence: line(at(89.9, 10), at(89.9, -170)), WidthM: 60}, at(89.95, -170), true},
		{"a circle", avro.Place{Location: at(-17, 179.9995), RadiusM: 200}, at(-17, -179.9995), true},
		{"beside a circle", avro.Place{Location: at(-17, 179.9995), RadiusM: 100}, at(-17, -179.9995), false},
	} {
		if got := of(t, c.place).Holds(c.at); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestBadFences(t *testing.T) {
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("%.5f %.5f", 0.1*math.Cos(float64(i)*math.Pi/500), 0.1*math.Sin(float64(i)*math.Pi/500))
	}
	for _, c := range []struct {
		name, fence string
		radius      int32
		width       int32
		want        string
	}{
		{name: "no radius", want: "above zero"},
		{name: "not WKT", fence: "CIRCLE (55.75 37.62, 100)", want: "is not WKT"},
		{name: "JSON", fence: `{"type":"Polygon"}`, want: "is not WKT"},
		{name: "another kind", fence: "POINT(0 0)", want: "is a Point: write POLYGON"},
		{name: "no ring", fence: "POLYGON EMPTY", want: "is empty"},
		{name: "an empty ring", fence: "POLYGON(())", want: "WKT"},
		{name: "two points", fence: "POLYGON((0 0, 0.1 0, 0 0))", want: "2 different points"},
		{name: "one point often", fence: "POLYGON((0 0, 0 0, 0 0, 0 0))", want: "1 different points"},
		{name: "unclosed", fence: "POLYGON((0 0, 0.1 0, 0.1 0.1))", want: "is not closed"},
		{name: "a bow tie", fence: "POLYGON((0 0, 0.1 0.1, 0.1 0, 0 0.1, 0 0))", want: "crosses or touches itself"},
		{name: "touching itself", fence: "POLYGON((0 0, 0.1 0, 0.05 0.05, 0.1 0.1, 0 0.1, 0.05 0.05, 0 0))", want: "crosses or touches itself"},
		{name: "there and back", fence: "POLYGON((0 0, 0.1 0, 0.2 0, 0.1 0, 0 0))", want: "crosses or touches itself"},
		{name: "no area", fence: "POLYGON((0 0, 0.1 0, 0.2 0, 0 0))", want: "takes less than 1 m²"},
		{name: "a hole outside", fence: "POLYGON((0 0, 0.1 0, 0.1 0.1, 0 0.1, 0 0),(0.2 0, 0.3 0, 0.3 0.1, 0.2 0))", want: "outside the outer ring"},
		{name: "a hole that crosses", fence: "POLYGON((0 0, 0.1 0, 0.1 0.1, 0 0.1, 0 0),(0.05 0.05, 0.15 0.05, 0.05 0.06, 0.05 0.05))", want: "cross or touch"},
		{name: "a hole in a hole", fence: "POLYGON((0 0, 0.1 0, 0.1 0.1, 0 0.1, 0 0),(0.01 0.01, 0.09 0.01, 0.09 0.09, 0.01 0.09, 0.01 0.01),(0.02 0.02, 0.03 0.02, 0.03 0.03, 0.02 0.02))", want: "lies in another"},
		{name: "no width", fence: "LINESTRING(0 0, 0.1 0)", want: "set width_m"},
		{name: "negative width", fence: "LINESTRING(0 0, 0.1 0)", width: -5, want: "set width_m"},
		{name: "a line of one point", fence: "LINESTRING(0 0, 0 0)", width: 10, want: "two different points"},
		{name: "off the Earth", fence: "LINESTRING(0 0, 0 91)", width: 10, want: "not on Earth"},
		{name: "round and round", fence: "LINESTRING(0 0, 181 0)", width: 10, want: "not on Earth"},
		{name: "no number", fence: "LINESTRING(0 0, NaN 0)", width: 10, want: "not on Earth"},
		{name: "latitude first", fence: "LINESTRING(48 11, 48.1 11)", width: 10, want: "longitude before latitude"},
		{name: "too many points", fence: "POLYGON((" + strings.Join(many, ",") + "))", want: "more than 1000"},
		{name: "too many points in a line", fence: "LINESTRING(" + strings.Join(many, ",") + ")", width: 10, want: "more than 1000"},
	} {
		p := avro.Place{Location: at(0, 0), RadiusM: c.radius, Fence: c.fence, WidthM: c.width}
		if c.name == "latitude first" {
			p.Location = at(48, 11)
		}
		if _, err := fence.Of(&p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one that says %q", c.name, err, c.want)
		}
	}
}

func TestArea(t *testing.T) {
	side := 0.01 * math.Pi / 180 * geo.EarthRadius
	for _, c := range []struct {
		name  string
		place avro.Place
		want  float64
	}{
		{"circle", avro.Place{RadiusM: 100}, math.Pi * 1e4},
		{"square", avro.Place{Fence: polygon([]avro.GeoPoint{at(0, 0), at(0, 0.01), at(0.01, 0.01), at(0.01, 0)})}, side * side},
		{"corridor", avro.Place{Fence: line(at(0, 0), at(0, 0.01)), WidthM: 20}, 20*side + math.Pi*100},
	} {
		if got := of(t, c.place).Area(); math.Abs(got-c.want) > 1e-4*c.want {
			t.Errorf("%s: got %f m², want %f", c.name, got, c.want)
		}
	}
}

// somewhere makes fences and points about them, anywhere on the Earth but within half a degree of the poles.
type somewhere struct{ *rand.Rand }

func (r somewhere) point() avro.GeoPoint { return at(r.Float64()*179-89.5, r.Float64()*360-180) }

// away is a point some metres from another, by the plane about it.
func away(p avro.GeoPoint, metres, bearing float64) avro.GeoPoint {
	degrees := metres / (math.Pi / 180 * geo.EarthRadius)
	lat, lon := degrees*math.Cos(bearing), degrees*math.Sin(bearing)/math.Cos(float64(p.LatE6)*math.Pi/180e6)
	return geo.Offset(p, int64(math.Round(lat*1e6)), int64(math.Round(lon*1e6)))
}

// star is a ring about p that does not cross itself.
func (r somewhere) star(p avro.GeoPoint, n int) []avro.GeoPoint {
	var out []avro.GeoPoint
	for i := range n {
		out = append(out, away(p, 200+r.Float64()*800, 2*math.Pi*float64(i)/float64(n)))
	}
	return out
}

func TestRingMayBeginAnywhereAndGoEitherWay(t *testing.T) {
	r := somewhere{rand.New(rand.NewPCG(1, 2))}
	for range 300 {
		middle := r.point()
		ring := r.star(middle, 3+r.IntN(20))
		turned := slices.Concat(ring[len(ring)/2:], ring[:len(ring)/2])
		if r.IntN(2) == 0 {
			slices.Reverse(turned)
		}
		a, b := of(t, avro.Place{Location: middle, Fence: polygon(ring)}), of(t, avro.Place{Location: middle, Fence: polygon(turned)})
		for range 50 {
			if p := away(middle, r.Float64()*1200, r.Float64()*7); a.Holds(p) != b.Holds(p) {
				t.Fatalf("%s holds %v: %v; %s: %v", polygon(ring), p, a.Holds(p), polygon(turned), b.Holds(p))
			}
		}
	}
}

// A fence and a point moved along their parallel, or seen in a mirror, lie to each other as before, also where that brings them across
// 180°. Points within a metre of an edge may fall to either side: coordinates are rounded to a tenth of that.
func TestAcross180(t *testing.T) {
	r := somewhere{rand.New(rand.NewPCG(3, 4))}
	held := 0
	for range 300 {
		middle := at(r.Float64()*170-85, 0)
		ring := r.star(middle, 3+r.IntN(20))
		here := of(t, avro.Place{Location: middle, Fence: polygon(ring)})
		corridor := of(t, avro.Place{Location: middle, Fence: line(ring...), WidthM: 100})
		there := of(t, avro.Place{Location: moved(middle), Fence: polygon(each(ring, moved))})
		mirror := of(t, avro.Place{Location: mirrored(middle), Fence: polygon(each(ring, mirrored))})
		corridorThere := of(t, avro.Place{Location: moved(middle), Fence: line(each(ring, moved)...), WidthM: 100})
		for range 50 {
			p := away(middle, r.Float64()*1200, r.Float64()*7)
			if nearEdge(here, p) {
				continue
			}
			if here.Holds(p) {
				held++
			}
			if here.Holds(p) != there.Holds(moved(p)) || here.Holds(p) != mirror.Holds(mirrored(p)) {
				t.Fatalf("%s holds %v: %v; moved %v, mirrored %v", polygon(ring), p, here.Holds(p), there.Holds(moved(p)), mirror.Holds(mirrored(p)))
			}
			if !nearEdge(corridor, p) && corridor.Holds(p) != corridorThere.Holds(moved(p)) {
				t.Fatalf("%s holds %v: %v; moved %v", line(ring...), p, corridor.Holds(p), corridorThere.Holds(moved(p)))
			}
		}
	}
	if held < 3000 {
		t.Errorf("only %d points were held: the test sees too little", held)
	}
}

func each(ring []avro.GeoPoint, f func(avro.GeoPoint) avro.GeoPoint) []avro.GeoPoint {
	var out []avro.GeoPoint
	for _, p := range ring {
		out = append(out, f(p))
	}
	return out
}

// moved is half round the Earth along the parallel.
func moved(p avro.GeoPoint) avro.GeoPoint { return geo.Offset(p, 0, 180_000_000) }

// mirrored is on the other side of the meridian of 90°, so half round the Earth for what lies about 0°.
func mirrored(p avro.GeoPoint) avro.GeoPoint {
	return geo.Offset(avro.GeoPoint{LatE6: p.LatE6, LonE6: -p.LonE6}, 0, 180_000_000)
}

// nearEdge says whether a metre this way or that changes the answer.
func nearEdge(f *fence.Fence, p avro.GeoPoint) bool {
	for bearing := 0.0; bearing < 2*math.Pi; bearing += math.Pi / 8 {
		if f.Holds(away(p, 1, bearing)) != f.Holds(p) {
			return true
		}
	}
	return false
}

func TestCircleIsAPolygonOf64(t *testing.T) {
	r := somewhere{rand.New(rand.NewPCG(5, 6))}
	for range 300 {
		middle := r.point()
		const radius = 1000
		var ring []avro.GeoPoint
		for i := range 64 {
			ring = append(ring, away(middle, radius, 2*math.Pi*float64(i)/64))
		}
		circle, gon := of(t, avro.Place{Location: middle, RadiusM: radius}), of(t, avro.Place{Location: middle, Fence: polygon(ring)})
		for range 50 {
			p := away(middle, r.Float64()*2*radius, r.Float64()*7)
			// The polygon's edges lie up to 1.2 m within the circle; the plane that it was drawn on is a few metres off where meridians converge.
			if math.Abs(geo.Distance(p, middle)-radius) > 15 && circle.Holds(p) != gon.Holds(p) {
				t.Fatalf("%v, %.1f m from %v: circle %v, polygon %v", p, geo.Distance(p, middle), middle, circle.Holds(p), gon.Holds(p))
			}
		}
	}
}

func FuzzFence(f *testing.F) {
	for _, seed := range []string{"", "POLYGON((0 0, 0.1 0, 0.1 0.1, 0 0))", "POLYGON((0 0, 1 0, 1 1, 0 0),(0.5 0.2, 0.6 0.2, 0.6 0.3, 0.5 0.2))",
		"LINESTRING(0 0, 0.1 0)", "POLYGON((0 0, NaN 0, 1 1, 0 0))", "POLYGON EMPTY", "LINESTRING EMPTY", "POLYGON", "POLYGON(())", "POLYGON((1e400 0))", "GEOMETRYCOLLECTION(POINT(0 0))"} {
		f.Add(seed, int32(100), int32(0), int32(0))
	}
	f.Fuzz(func(t *testing.T, text string, metres, lat, lon int32) {
		p := avro.Place{Location: avro.GeoPoint{LatE6: lat % 90_000_001, LonE6: lon % 180_000_001}, RadiusM: metres, Fence: text, WidthM: metres}
		got, err := fence.Of(&p)
		if err != nil {
			return
		}
		if area := got.Area(); !(area > 0) || area > 4*math.Pi*geo.EarthRadius*geo.EarthRadius*1.01 && text != "" && !strings.Contains(strings.ToUpper(text), "LINE") {
			t.Errorf("%q has an area of %f m²", text, area)
		}
		got.Holds(p.Location)
	})
}
