package world

import (
	"math"
	"math/rand/v2"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"waybill/avro"
)

// arc is the great circle between two points.
type arc struct {
	a, b    vec
	angle   float64
	metres  float64
	heading int32 // course at the start, 0 to 359
}

type vec struct{ x, y, z float64 }

func newArc(from, to orb.Point) arc {
	a, b := unit(from), unit(to)
	course := math.Mod(geo.Bearing(from, to)+360, 360)
	return arc{a: a, b: b, angle: math.Acos(min(1, a.x*b.x+a.y*b.y+a.z*b.z)), metres: geo.DistanceHaversine(from, to), heading: int32(course) % 360}
}

// at is the point a fraction of the way along.
func (c arc) at(f float64) orb.Point {
	p, q := math.Sin((1-f)*c.angle)/math.Sin(c.angle), math.Sin(f*c.angle)/math.Sin(c.angle)
	v := vec{p*c.a.x + q*c.b.x, p*c.a.y + q*c.b.y, p*c.a.z + q*c.b.z}
	return orb.Point{math.Atan2(v.y, v.x) * 180 / math.Pi, math.Atan2(v.z, math.Hypot(v.x, v.y)) * 180 / math.Pi}
}

func unit(p orb.Point) vec {
	lon, lat := p.Lon()*math.Pi/180, p.Lat()*math.Pi/180
	return vec{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
}

// metresPerDegree of latitude, near enough for noise and for laying out a map.
const metresPerDegree = 111_195

// displaced is p moved by metres east and north.
func displaced(p orb.Point, east, north float64) orb.Point {
	return orb.Point{p.Lon() + east/(metresPerDegree*math.Cos(p.Lat()*math.Pi/180)), p.Lat() + north/metresPerDegree}
}

// within is a point evenly spread over a circle around p.
func within(r *rand.Rand, p orb.Point, metres float64) orb.Point {
	d, turn := metres*math.Sqrt(r.Float64()), 2*math.Pi*r.Float64()
	return displaced(p, d*math.Cos(turn), d*math.Sin(turn))
}

func geoPoint(p orb.Point) avro.GeoPoint {
	return avro.GeoPoint{LatE6: int32(math.Round(p.Lat() * 1e6)), LonE6: int32(math.Round(p.Lon() * 1e6))}
}
