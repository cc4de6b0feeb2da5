package fence

import (
	"errors"
	"fmt"

	"github.com/golang/geo/s2"
)

// nested checks what s2.Polygon takes for granted: no ring crosses or touches itself or another, holes lie in the outer ring and in
// no other hole.
func nested(loops []*s2.Loop) error {
	for i, l := range loops {
		if at, ok := crossesItself(l); ok {
			return fmt.Errorf("%s of its polygon crosses or touches itself near %s: draw it so that it does not", ringName(i), at)
		}
		for j := range i {
			if at, ok := meet(loops[j], l); ok {
				return fmt.Errorf("%s and %s of its polygon cross or touch near %s: draw them apart", ringName(j), ringName(i), at)
			}
		}
	}
	for i, hole := range loops[1:] {
		if !loops[0].ContainsPoint(hole.Vertex(0)) {
			return fmt.Errorf("%s of its polygon lies outside the outer ring: write the outer ring first, and another yard as a place of its own", ringName(i+1))
		}
		for j, other := range loops[1:] {
			if i != j && other.ContainsPoint(hole.Vertex(0)) {
				return errors.New("one hole of its polygon lies in another: an island within a hole is a place of its own")
			}
		}
	}
	return nil
}

// crossesItself compares each edge of a ring with those that are not its neighbours.
func crossesItself(l *s2.Loop) (at string, is bool) {
	n := l.NumVertices()
	for i := range n {
		crosser := s2.NewEdgeCrosser(l.Vertex(i), l.Vertex(i+1))
		for j := i + 2; j < n && (i > 0 || j < n-1); j++ {
			if crosser.CrossingSign(l.Vertex(j), l.Vertex(j+1)) != s2.DoNotCross {
				return place(l.Vertex(i)), true
			}
		}
	}
	return "", false
}

func meet(a, b *s2.Loop) (at string, do bool) {
	for i := range a.NumVertices() {
		crosser := s2.NewEdgeCrosser(a.Vertex(i), a.Vertex(i+1))
		for j := range b.NumVertices() {
			if crosser.CrossingSign(b.Vertex(j), b.Vertex(j+1)) != s2.DoNotCross {
				return place(a.Vertex(i)), true
			}
		}
	}
	return "", false
}

func place(p s2.Point) string {
	ll := s2.LatLngFromPoint(p)
	return fmt.Sprintf("%.5f %.5f", ll.Lng.Degrees(), ll.Lat.Degrees())
}
