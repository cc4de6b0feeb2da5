package fence

import (
	"errors"
	"fmt"
	"math"

	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"

	"waybill/avro"
	"waybill/processors/model/geo"
)

const (
	// maxPoints of a fence: a yard drawn by hand has dozens, a motorway's exit hundreds. Its edges are compared each with each.
	maxPoints = 1_000
	// maxAway in metres from a place's location is where its fence must end. Who swaps latitude and longitude ends up farther away
	// nearly everywhere; and no edge can be so long that its shorter way round the Earth is in doubt.
	maxAway = 500_000
	// leastArea of a polygon in square metres.
	leastArea = 1
)

// Of makes a place's fence, and checks it: an error says what is wrong with it and what to do, without the place's name. A fence is
// WKT (OGC 06-103r4, section 7), longitude before latitude, in degrees of WGS 84: POLYGON, whose first ring is the outer one and whose
// others are holes, or LINESTRING with the place's width_m. No fence is the circle of radius_m about the location.
func Of(p *avro.Place) (*Fence, error) {
	f := &Fence{centre: p.Location, radius: float64(p.RadiusM)}
	if p.Fence == "" {
		if p.RadiusM <= 0 {
			return nil, fmt.Errorf("it has a radius of %d m: no vehicle could ever be there, set one above zero, or a fence", p.RadiusM)
		}
		return f, nil
	}
	shape, err := wkt.Unmarshal(p.Fence)
	if err != nil {
		return nil, fmt.Errorf("its fence %s is not WKT (%w): write POLYGON((lon lat, …)) or LINESTRING(lon lat, …)", start(p.Fence), err)
	}
	switch shape := shape.(type) {
	case orb.Polygon:
		f.polygon, err = f.polygonOf(shape)
	case orb.LineString:
		f.line, err = f.lineOf(shape, p.WidthM)
		f.reach = float64(p.WidthM) / 2
	default:
		err = fmt.Errorf("its fence is a %s: write POLYGON((lon lat, …)) or LINESTRING(lon lat, …), each part of a site as a place of its own", shape.GeoJSONType())
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// start is the beginning of a text that may be long.
func start(s string) string { return fmt.Sprintf("%.40q", s) }

func (f *Fence) lineOf(line orb.LineString, width int32) (s2.Polyline, error) {
	if width <= 0 {
		return nil, fmt.Errorf("its corridor has a width of %d m: no vehicle could ever be there, set width_m above zero", width)
	}
	points, err := f.points(line, "the line")
	if err != nil {
		return nil, err
	}
	if len(points) < 2 {
		return nil, errors.New("its line has less than two different points: a corridor needs two, for one point set radius_m and no fence")
	}
	return s2.Polyline(points), nil
}

func (f *Fence) polygonOf(rings orb.Polygon) (*s2.Polygon, error) {
	var loops []*s2.Loop
	total := 0
	for i, ring := range rings {
		if total += len(ring); total > maxPoints {
			return nil, tooMany(total)
		}
		loop, err := f.loopOf(ring, ringName(i))
		if err != nil {
			return nil, err
		}
		loops = append(loops, loop)
	}
	if len(loops) == 0 {
		return nil, errors.New("its polygon is empty: give it a ring of three points or more")
	}
	if err := nested(loops); err != nil {
		return nil, err
	}
	p := s2.PolygonFromLoops(loops)
	if p.Area()*geo.EarthRadius*geo.EarthRadius < leastArea {
		return nil, fmt.Errorf("its polygon takes less than %d m²: no vehicle could ever be there, draw it about the yard", leastArea)
	}
	return p, nil
}

func tooMany(n int) error {
	return fmt.Errorf("its fence has %d points, more than %d: simplify it, a few metres do not matter to a stay", n, maxPoints)
}

func ringName(i int) string {
	if i == 0 {
		return "the outer ring"
	}
	return fmt.Sprintf("hole %d", i)
}

// loopOf gives the part of the Earth that a ring encloses: the smaller one, whichever way the ring goes.
func (f *Fence) loopOf(ring orb.Ring, name string) (*s2.Loop, error) {
	if n := len(ring); n > 0 && ring[0] != ring[n-1] {
		return nil, fmt.Errorf("%s of its polygon is not closed: repeat its first point as its last", name)
	}
	points, err := f.points(orb.LineString(ring), name)
	if err != nil {
		return nil, err
	}
	if n := len(points); n > 1 && points[0] == points[n-1] {
		points = points[:n-1]
	}
	if len(points) < 3 {
		return nil, fmt.Errorf("%s of its polygon has %d different points: a ring needs three, for a way use LINESTRING with width_m", name, len(points))
	}
	loop := s2.LoopFromPoints(points)
	loop.Normalize()
	return loop, nil
}

// points are a line's, each but once in a row.
func (f *Fence) points(line orb.LineString, name string) ([]s2.Point, error) {
	if len(line) > maxPoints {
		return nil, tooMany(len(line))
	}
	var out []s2.Point
	for i, at := range line {
		if !(math.Abs(at.Lat()) <= 90 && math.Abs(at.Lon()) <= 180) { // not a number is neither
			return nil, fmt.Errorf("point %d of %s is at longitude %v, latitude %v, which is not on Earth: write degrees of WGS 84, longitude first", i+1, name, at.Lon(), at.Lat())
		}
		p := avro.GeoPoint{LatE6: int32(math.Round(at.Lat() * 1e6)), LonE6: int32(math.Round(at.Lon() * 1e6))}
		if away := geo.Distance(p, f.centre); away > maxAway {
			return nil, fmt.Errorf("point %d of %s is %.0f km from the place's location, more than %d: write longitude before latitude, and set the location within the fence", i+1, name, away/1000, maxAway/1000)
		}
		if s := pointOf(p); len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out, nil
}
