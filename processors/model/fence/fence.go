// Package fence says whether a point lies in a place's geofence: a circle, a polygon with holes or a corridor, anywhere on the
// Earth, across the 180° meridian and about the poles too.
package fence

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"waybill/avro"
	"waybill/processors/model/geo"
)

// Fence is a place's geofence. Safe for concurrent use.
type Fence struct {
	centre  avro.GeoPoint
	radius  float64 // metres; of a circle
	polygon *s2.Polygon
	line    s2.Polyline
	reach   float64 // metres to each side of the line
}

// Holds says whether p lies in the fence. The rim of a circle and of a corridor is part of it. Of a polygon's edge it is one side's
// alone, so that of two polygons with an edge in common exactly one holds a point on it.
func (f *Fence) Holds(p avro.GeoPoint) bool {
	switch {
	case f.polygon != nil:
		return f.polygon.ContainsPoint(pointOf(p))
	case f.line != nil:
		return f.beside(pointOf(p))
	}
	return geo.Distance(p, f.centre) <= f.radius
}

// beside says whether p is near enough to a stretch of the corridor's line.
func (f *Fence) beside(p s2.Point) bool {
	limit := s1.ChordAngleFromAngle(angle(f.reach)).Successor() // Successor: the rim counts
	for i := range len(f.line) - 1 {
		if s2.IsDistanceLess(p, f.line[i], f.line[i+1], limit) {
			return true
		}
	}
	return false
}

// Area is how much ground the fence takes, in square metres. A corridor counts as long as its line is, with round ends, even where it
// runs over itself.
func (f *Fence) Area() float64 {
	switch {
	case f.polygon != nil:
		return f.polygon.Area() * geo.EarthRadius * geo.EarthRadius
	case f.line != nil:
		return 2*f.reach*metres(f.line.Length()) + math.Pi*f.reach*f.reach
	}
	return math.Pi * f.radius * f.radius
}

func pointOf(p avro.GeoPoint) s2.Point {
	return s2.PointFromLatLng(s2.LatLng{Lat: s1.Angle(p.LatE6) * s1.E6, Lng: s1.Angle(p.LonE6) * s1.E6})
}

func angle(metres float64) s1.Angle { return s1.Angle(metres / geo.EarthRadius) }

func metres(a s1.Angle) float64 { return a.Radians() * geo.EarthRadius }
