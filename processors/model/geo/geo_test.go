package geo_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	orbgeo "github.com/paulmach/orb/geo"

	"waybill/avro"
	"waybill/processors/model/geo"
)

func at(lat, lon float64) avro.GeoPoint {
	return avro.GeoPoint{LatE6: int32(math.Round(lat * 1e6)), LonE6: int32(math.Round(lon * 1e6))}
}

// oracle is orb's haversine, brought from its equatorial radius to the mean radius.
func oracle(a, b avro.GeoPoint) float64 {
	p := func(g avro.GeoPoint) orb.Point { return orb.Point{float64(g.LonE6) / 1e6, float64(g.LatE6) / 1e6} }
	return orbgeo.DistanceHaversine(p(a), p(b)) * geo.EarthRadius / orb.EarthRadius
}

func TestDistanceAgreesWithOrb(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, span := range []float64{0.0002, 0.01, 0.2, 20, 360} {
		for range 2000 {
			a := at(r.Float64()*180-90, r.Float64()*360-180)
			b := geo.Offset(a, int64((r.Float64()-.5)*span/4*1e6), int64((r.Float64()-.5)*span*1e6))
			if !geo.OnEarth(b) {
				continue
			}
			got, want := geo.Distance(a, b), oracle(a, b)
			if math.Abs(got-want) > 0.01+want*1e-4 {
				t.Fatalf("%+v to %+v: got %f m, want %f m", a, b, got, want)
			}
			if back := geo.Distance(b, a); math.Abs(back-got) > 1e-4*got+1e-6 {
				t.Fatalf("%+v to %+v is %f m, back %f m", a, b, got, back)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b avro.GeoPoint
		want float64 // metres
	}{
		{"same", at(60, 25), at(60, 25), 0},
		{"a degree of the equator", at(0, 0), at(0, 1), 111195},
		{"across 180 degrees, near", at(-17, 179.9995), at(-17, -179.9995), 106.3},
		{"across 180 degrees, far", at(0, 179), at(0, -179), 222390},
		{"180 is -180", at(10, 180), at(10, -180), 0},
		{"antipodes", at(0, 0), at(0, 180), math.Pi * geo.EarthRadius},
		{"over the pole", at(89.99, 0), at(89.99, 180), 2223.9},
	} {
		if got := geo.Distance(c.a, c.b); math.Abs(got-c.want) > 0.001*c.want+0.01 {
			t.Errorf("%s: got %f, want %f", c.name, got, c.want)
		}
	}
}

func TestInCircle(t *testing.T) {
	for _, c := range []struct {
		name      string
		p, centre avro.GeoPoint
		radius    float64
		want      bool
	}{
		{"centre", at(48, 11), at(48, 11), 0, true},
		{"north, inside", at(48.0005, 11), at(48, 11), 56, true},
		{"north, outside", at(48.0005, 11), at(48, 11), 55, false},
		{"east, inside", at(60, 25.001), at(60, 25), 56, true},
		{"east, outside", at(60, 25.001), at(60, 25), 55, false},
		{"across 180 degrees", at(-17, -179.9999), at(-17, 179.9999), 30, true},
	} {
		if got := geo.InCircle(c.p, c.centre, c.radius); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestOffsetUndoesDeltaLon(t *testing.T) {
	for _, c := range [][2]int32{{0, 5}, {179_999_999, -179_999_999}, {-180_000_000, 179_000_000}, {10, 10}} {
		d := geo.DeltaLon(c[0], c[1])
		if got := geo.Offset(avro.GeoPoint{LonE6: c[0]}, 0, d); geo.DeltaLon(got.LonE6, c[1]) != 0 {
			t.Errorf("%d + %d = %d, want %d", c[0], d, got.LonE6, c[1])
		}
	}
}

// plain has Distance's definition and none of its short cuts.
func plain(a, b avro.GeoPoint) float64 {
	const rad = math.Pi / 180e6
	lat, lon := float64(b.LatE6)-float64(a.LatE6), float64(geo.DeltaLon(a.LonE6, b.LonE6))
	if math.Abs(lat) > 100_000 || math.Abs(lon) > 100_000 || math.Abs(float64(a.LatE6)) > 80_000_000 {
		return oracle(a, b)
	}
	return geo.EarthRadius * rad * math.Hypot(lat, lon*math.Cos((float64(a.LatE6)+lat/2)*rad))
}

// nearby is a point up to so many metres north and east of another.
func nearby(r *rand.Rand, a avro.GeoPoint, metres float64) avro.GeoPoint {
	span := metres / 0.1112
	east := span / max(0.01, math.Cos(float64(a.LatE6)*math.Pi/180e6))
	return geo.Offset(a, int64((r.Float64()-.5)*2*span), int64((r.Float64()-.5)*2*east))
}

// TestShortDistancesKeepTheirDigits: the cosine's series costs less than a micrometre up to 80 degrees and 11 km.
func TestShortDistancesKeepTheirDigits(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	worst := 0.0
	for range 200_000 {
		a := at(r.Float64()*160-80, r.Float64()*360-180)
		b := nearby(r, a, math.Pow(10, r.Float64()*4))
		worst = max(worst, math.Abs(geo.Distance(a, b)-plain(a, b)))
	}
	for _, lat := range []float64{-80, 80} {
		a := at(lat, 0)
		worst = max(worst, math.Abs(geo.Distance(a, geo.Offset(a, 0, 100_000))-plain(a, geo.Offset(a, 0, 100_000))))
	}
	if t.Logf("at worst %.3f micrometres off", worst*1e6); worst >= 1e-6 {
		t.Errorf("%.3f micrometres off", worst*1e6)
	}
}

// TestCirclesDecideAsDistancesDo whichever short cut answers.
func TestCirclesDecideAsDistancesDo(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	inside := 0
	const n = 200_000
	for range n {
		a := at(r.Float64()*180-90, r.Float64()*360-180)
		radius := math.Pow(10, r.Float64()*4)
		b := nearby(r, a, radius*1.2)
		if !geo.OnEarth(b) {
			continue
		}
		d := plain(a, b)
		if math.Abs(d-radius) < 1e-6*radius { // the rim itself is for the last digits
			continue
		}
		if got := geo.InCircle(b, a, radius); got != (d < radius) {
			t.Fatalf("%+v is %f m from %+v: in a circle of %f m %v", b, d, a, radius, got)
		}
		if d < radius {
			inside++
		}
	}
	if inside < n/4 || inside > n*3/4 {
		t.Errorf("%d of %d points inside show little", inside, n)
	}
}

func ExampleDistance() {
	suva, apia := at(-18.1416, 178.4419), at(-13.8333, -171.7667)
	fmt.Printf("%.0f km\n", geo.Distance(suva, apia)/1000)
	// Output: 1151 km
}

func BenchmarkDistance(b *testing.B) {
	p, q := at(48.1, 11.5), at(48.1001, 11.5002)
	for b.Loop() {
		geo.Distance(p, q)
	}
}

func BenchmarkInCircle(b *testing.B) {
	p, q := at(48.1, 11.5), at(48.1001, 11.5002)
	for b.Loop() {
		geo.InCircle(p, q, 30)
	}
}
