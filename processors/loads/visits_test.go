package loads

import (
	"slices"
	"testing"
	"time"

	"waybill/avro"
)

func hour(h int) avro.Micros { return avro.MicrosOf(time.Date(2026, 3, 2, h, 0, 0, 0, time.UTC)) }

func stopsAt(places string, appointments ...int) []avro.Stop {
	var out []avro.Stop
	for i, p := range places {
		out = append(out, avro.Stop{Sequence: int32(i + 1), PlaceID: string(p), AppointmentAt: avro.Some(hour(appointments[i]))})
	}
	return out
}

func visitsAt(places string, arrivals ...int) []visit {
	var out []visit
	for i, p := range places {
		out = append(out, visit{place: string(p), arrived: hour(arrivals[i])})
	}
	return out
}

func TestAlign(t *testing.T) {
	for _, c := range []struct {
		name   string
		stops  []avro.Stop
		visits []visit
		want   []int
	}{
		{"in order, though the plan is nearer to the first visit", stopsAt("ABA", 10, 11, 10), visitsAt("ABA", 10, 11, 20), []int{0, 1, 2}},
		{"a stop that was skipped", stopsAt("ABC", 8, 10, 12), visitsAt("AC", 8, 12), []int{0, -1, 1}},
		{"an extra visit: the one nearer to the plan", stopsAt("AB", 8, 12), visitsAt("AAB", 5, 8, 12), []int{1, 2}},
		{"neighbouring stops share one visit", stopsAt("AAB", 8, 9, 12), visitsAt("AB", 8, 12), []int{0, 0, 1}},
		{"neighbouring stops with a visit each", stopsAt("AA", 8, 12), visitsAt("AA", 8, 12), []int{0, 1}},
		{"more matched outweighs nearer", stopsAt("AB", 8, 9), visitsAt("BAB", 9, 20, 21), []int{1, 2}},
		{"nothing seen", stopsAt("A", 8), nil, []int{-1}},
	} {
		if got := align(c.stops, c.visits); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestVisits(t *testing.T) {
	at := avro.GeoPoint{LatE6: 50_000_000}
	truck := avro.Identifier{Kind: avro.IdentifierKindVehicle, Value: "V"}
	stay := func(from, minutes avro.Micros) *avro.Fact {
		return &avro.Fact{Identifiers: []avro.Identifier{truck}, Stay: avro.Some(avro.Stay{ArrivedAt: from, DepartedAt: avro.Some(from + minutes*60_000_000), Centre: at})}
	}
	place := siteOf(t, &avro.Place{PlaceID: "A", Location: at, RadiusM: 100})
	for _, c := range []struct {
		name  string
		stays []*avro.Fact
		want  int
	}{
		{"a light at the gate is no visit", []*avro.Fact{stay(hour(8), 2)}, 0},
		{"moving up to the dock stays one visit", []*avro.Fact{stay(hour(8), 2), stay(hour(9), 30)}, 1},
	} {
		m := &manifest{facts: c.stays, assignments: []assignment{{unit: truck, from: -forever, to: forever}}}
		if got := DefaultConfig().visits(m, []site{place}); len(got) != c.want {
			t.Errorf("%s: got %d visits, want %d", c.name, len(got), c.want)
		}
	}
}

// A driver who signs on to a load and off again while the vehicle stands was never there with it; who leaves with it was, and so was who is
// relieved there.
func TestLeftWithout(t *testing.T) {
	at := avro.GeoPoint{LatE6: 50_000_000}
	v := func(name string) avro.Identifier {
		return avro.Identifier{Kind: avro.IdentifierKindVehicle, Value: name}
	}
	place := siteOf(t, &avro.Place{PlaceID: "A", Location: at, RadiusM: 100})
	stay := &avro.Fact{Identifiers: []avro.Identifier{v("1")}, Stay: avro.Some(avro.Stay{ArrivedAt: hour(8), DepartedAt: avro.Some(hour(10)), Centre: at})}
	standing := &avro.Fact{Identifiers: []avro.Identifier{v("1")}, Stay: avro.Some(avro.Stay{ArrivedAt: hour(8), Centre: at})}
	for _, c := range []struct {
		name  string
		stay  *avro.Fact
		given []assignment
		want  int
	}{
		{"on and off again", stay, []assignment{{unit: v("1"), from: hour(9), to: hour(9) + 60_000_000}}, 0},
		{"off as it leaves", stay, []assignment{{unit: v("1"), from: hour(9), to: hour(10) + 60_000_000}}, 0},
		{"off when it is well away", stay, []assignment{{unit: v("1"), from: hour(9), to: hour(11)}}, 1},
		{"came with it", stay, []assignment{{unit: v("1"), from: hour(7), to: hour(9)}}, 1},
		{"relieved there", stay, []assignment{{unit: v("1"), from: hour(9), to: hour(10)}, {unit: v("2"), from: hour(10), to: forever}}, 1},
		{"stands there still", standing, []assignment{{unit: v("1"), from: hour(9), to: hour(10)}}, 1},
	} {
		m := &manifest{facts: []*avro.Fact{c.stay}, assignments: c.given}
		if got := DefaultConfig().visits(m, []site{place}); len(got) != c.want {
			t.Errorf("%s: got %d visits, want %d", c.name, len(got), c.want)
		}
	}
}

func TestAssignments(t *testing.T) {
	v := func(name string) avro.Identifier {
		return avro.Identifier{Kind: avro.IdentifierKindVehicle, Value: name}
	}
	link := func(name string, from, to int, revoked bool) avro.Link {
		l := avro.Link{From: v(name), To: avro.Identifier{Kind: avro.IdentifierKindLoad}, ValidFrom: avro.Some(hour(from)), Revoked: revoked}
		if to > 0 {
			l.ValidTo = avro.Some(hour(to))
		}
		return l
	}
	for _, c := range []struct {
		name  string
		links []avro.Link
		want  []assignment
	}{
		{"a later word cuts the one before short", []avro.Link{link("1", 6, 0, false), link("2", 10, 0, false)}, []assignment{{unit: v("1"), from: hour(6), to: hour(10)}, {unit: v("2"), from: hour(10), to: forever}}},
		{"or replaces it", []avro.Link{link("1", 10, 0, false), link("2", 8, 0, false)}, []assignment{{unit: v("2"), from: hour(8), to: forever}}},
		{"what a mistake replaced stands again", []avro.Link{link("1", 6, 0, false), link("2", 5, 0, false), link("2", 5, 0, true)}, []assignment{{unit: v("1"), from: hour(6), to: forever}}},
		{"a mistake is taken back", []avro.Link{link("1", 6, 22, false), link("1", 6, 22, true)}, nil},
	} {
		for i := range c.want {
			c.want[i].factID = "f"
		}
		m := gather([]*avro.Fact{{FactID: "f", Links: c.links}})
		if !slices.Equal(m.assignments, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, m.assignments, c.want)
		}
	}
}
