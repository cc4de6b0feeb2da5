package world

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"waybill/avro"
)

// holds says whether a place's fence, as its record tells it, holds a point: on a plane in degrees, stretched by the latitude.
func holds(p avro.Place, at orb.Point) bool {
	middle := pointOf(p.Location.LatE6, p.Location.LonE6)
	if p.Fence == "" {
		return geo.DistanceHaversine(at, middle) <= float64(p.RadiusM)
	}
	plane := func(q orb.Point) orb.Point {
		return orb.Point{(q.Lon() - middle.Lon()) * metresPerDegree * math.Cos(middle.Lat()*math.Pi/180), (q.Lat() - middle.Lat()) * metresPerDegree}
	}
	var rings [][]orb.Point
	for _, text := range strings.Split(strings.Trim(p.Fence, "LINESTRGPOY() "), "), (") {
		var ring []orb.Point
		for _, pair := range strings.Split(text, ", ") {
			var q orb.Point
			if _, err := fmt.Sscan(pair, &q[0], &q[1]); err != nil {
				panic(fmt.Sprintf("%s: %v", p.Fence, err))
			}
			ring = append(ring, plane(q))
		}
		rings = append(rings, ring)
	}
	if p.WidthM > 0 {
		return toLine(plane(at), rings[0]) <= float64(p.WidthM)/2
	}
	inside := false
	for _, ring := range rings {
		inside = inside != (winds(plane(at), ring) != 0)
	}
	return inside
}

// Vehicles stand in the fences that the records tell, in all three kinds of them, and nearly never where a reader of radii would look.
func TestVehiclesStandInFences(t *testing.T) {
	c := small(3)
	c.Damage.Noisy = 0.3
	w := made(t, c)
	places := map[string]avro.Place{}
	for _, d := range w.reference() {
		if p, ok := d.Record.(*avro.Place); ok {
			places[p.PlaceID] = *p
		}
	}
	var circles, yards, streets, lost int
	for n := range c.Vehicles {
		days := w.days(w.vehicle(n))
		for d, ok := days(); ok; d, ok = days() {
			for _, s := range d.stops {
				p := places[s.place.id]
				if !holds(p, s.spot) {
					t.Errorf("stop %d stands at %v, outside %s", s.seq, s.spot, p.Fence)
				}
				switch {
				case p.Fence == "":
					circles++
				case p.WidthM > 0:
					streets++
				default:
					yards++
				}
				if p.Fence != "" && metres(s.spot, s.place.at) > float64(p.RadiusM) {
					lost++
				}
			}
		}
	}
	if circles == 0 || yards == 0 || streets == 0 || lost < (yards+streets)/2 {
		t.Errorf("%d stops in circles, %d in yards, %d in streets, %d of which no circle would see: too few of a kind", circles, yards, streets, lost)
	}
}
