package world

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"waybill/avro"
)

// Most places are circles, some are drawn: yards about a building, and streets that vehicles wait along. Everything here is reckoned on
// the plane about the place, in metres east and north of it, and shares no code with what is tested.

// shape is a drawn fence; the zero one is none, so the place is a circle.
type shape struct {
	yard, building []orb.Point // a ring and the hole in it
	street         []orb.Point
	width          float64
}

// shapeOf gives one place in four a yard, and one in eight a street, turned by chance. radius is the size.
func shapeOf(n int, r *rand.Rand, radius float64) shape {
	turn := r.Float64() * 2 * math.Pi
	switch {
	case n%4 == 1:
		return shape{
			yard:     turned(turn, radius, -1, -0.6, 1, -0.6, 1, 0, -0.2, 0, -0.2, 0.9, -1, 0.9),
			building: turned(turn, radius, 0.2, -0.45, 0.6, -0.45, 0.6, -0.15, 0.2, -0.15),
		}
	case n%8 == 3:
		return shape{street: turned(turn, radius, -1, -0.3, 0, 0.1, 1, -0.1), width: math.Round(0.4 * radius)}
	}
	return shape{}
}

func turned(by, scale float64, at ...float64) (out []orb.Point) {
	sin, cos := math.Sincos(by)
	for i := 0; i < len(at); i += 2 {
		x, y := at[i]*scale, at[i+1]*scale
		out = append(out, orb.Point{x*cos - y*sin, x*sin + y*cos})
	}
	return out
}

// fenced writes a place's fence into its record. Whoever looks at the radius all the same misses nearly every stop.
func (p *place) fenced(rec *avro.Place) *avro.Place {
	wkt := func(way []orb.Point) string {
		var out []string
		for _, at := range way {
			g := displaced(p.at, at.X(), at.Y())
			out = append(out, fmt.Sprintf("%.6f %.6f", g.Lon(), g.Lat()))
		}
		return "(" + strings.Join(out, ", ") + ")"
	}
	switch s := p.shape; {
	case s.yard != nil:
		rec.RadiusM = 25
		rec.Fence = "POLYGON(" + wkt(closed(s.yard)) + ", " + wkt(closed(s.building)) + ")"
	case s.street != nil:
		rec.RadiusM = 25
		rec.Fence, rec.WidthM = "LINESTRING"+wkt(s.street), int32(s.width)
	}
	return rec
}

// spot is where a vehicle stands at a drawn place: clear of its edge, or right inside it.
func (s shape) spot(r *rand.Rand, p *place, atEdge bool) orb.Point {
	for {
		x, y := uniform(r, -1.5, 1.5)*float64(p.radius), uniform(r, -1.5, 1.5)*float64(p.radius)
		if deep := s.depth(orb.Point{x, y}); !atEdge && deep >= 15 || atEdge && deep >= 6 && deep <= 9 {
			return displaced(p.at, x, y)
		}
	}
}

func closed(ring []orb.Point) []orb.Point { return append(slices.Clone(ring), ring[0]) }

func (s shape) drawn() bool { return s.yard != nil || s.street != nil }

// depth is how far within the fence a point lies in metres; outside it is below zero.
func (s shape) depth(at orb.Point) float64 {
	if s.street != nil {
		return s.width/2 - toLine(at, s.street)
	}
	yard, building := closed(s.yard), closed(s.building)
	away := min(toLine(at, yard), toLine(at, building))
	if winds(at, yard) != 0 && winds(at, building) == 0 {
		return away
	}
	return -away
}

// winds is how often a closed ring goes round a point: Sunday, "Inclusion of a Point in a Polygon".
func winds(at orb.Point, ring []orb.Point) (n int) {
	for i := range len(ring) - 1 {
		a, b := ring[i], ring[i+1]
		left := (b.X()-a.X())*(at.Y()-a.Y()) - (at.X()-a.X())*(b.Y()-a.Y())
		switch {
		case a.Y() <= at.Y() && b.Y() > at.Y() && left > 0:
			n++
		case a.Y() > at.Y() && b.Y() <= at.Y() && left < 0:
			n--
		}
	}
	return n
}

// toLine is the way from a point to the nearest of a line.
func toLine(at orb.Point, line []orb.Point) float64 {
	least := math.Inf(1)
	for i := range len(line) - 1 {
		a, b := line[i], line[i+1]
		x, y := b.X()-a.X(), b.Y()-a.Y()
		share := max(0, min(1, ((at.X()-a.X())*x+(at.Y()-a.Y())*y)/(x*x+y*y)))
		least = min(least, math.Hypot(at.X()-a.X()-share*x, at.Y()-a.Y()-share*y))
	}
	return least
}
