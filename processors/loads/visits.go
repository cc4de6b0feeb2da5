package loads

import (
	"cmp"
	"slices"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/ids"
)

// visit is the load's presence at one place: consecutive stays there, with no stay at another planned place between them. Where
// one vehicle hands over to another at the place, the load came with the one and leaves with the other.
type visit struct {
	place    string
	vehicle  avro.Identifier // that was there last
	arrived  avro.Micros
	brought  avro.Identifier // the vehicle that came with the load; none where it was there before it got the load
	departed avro.Opt[avro.Micros]
	relieved avro.Opt[avro.Micros] // when another vehicle took over from the one still there
	evidence []string
}

// matched derives arrival and departure facts from the stays that match the plan's stops.
func (c Config) matched(tenant string, m *manifest, places []site) []avro.Fact {
	visits := c.visits(m, places)
	var out []avro.Fact
	for i, v := range align(m.stops, visits) {
		if v >= 0 {
			out = append(out, tellVisit(tenant, m, m.stops[i], visits[v])...)
		}
	}
	return out
}

// visits cuts the stays of the assigned vehicles into visits of planned places, in order of arrival.
func (c Config) visits(m *manifest, places []site) []visit {
	var out []visit
	for _, v := range c.staysByArrival(m, places) {
		if n := len(out); n > 0 && out[n-1].goesOn(&v) && !m.wasAway(&out[n-1], &v) {
			last := &out[n-1]
			last.vehicle, last.departed, last.relieved, last.evidence = v.vehicle, v.departed, v.relieved, append(last.evidence, v.evidence...)
			continue
		}
		out = append(out, v)
	}
	return slices.DeleteFunc(out, func(v visit) bool {
		return v.departed.Ok && v.departed.V-v.arrived < avro.Micros(c.MinStop.Microseconds())
	})
}

// goesOn says whether the next stay belongs to the same visit: the vehicle is back, or the one that took over is there.
func (v *visit) goesOn(next *visit) bool {
	return v.place == next.place && (v.vehicle == next.vehicle || v.relieved.Ok && next.arrived <= v.relieved.V)
}

// errand is the shortest time that a vehicle needs to go to another stop and come back.
const errand = avro.Micros(20 * 60 * 1_000_000)

// wasAway says whether a vehicle may have been at another stop between two stays at a place: the plan has it come back there, and it was
// away for long enough. Where the plan does not, it moved up to the dock.
func (m *manifest) wasAway(last, next *visit) bool {
	planned := 0
	for i, s := range m.stops {
		if s.PlaceID == next.place && (i == 0 || m.stops[i-1].PlaceID != s.PlaceID) {
			planned++
		}
	}
	left := last.departed
	if !left.Ok {
		left = last.relieved
	}
	return planned > 1 && left.Ok && next.arrived-left.V >= errand
}

// staysByArrival are the load's stays at planned places, each as a visit.
func (c Config) staysByArrival(m *manifest, places []site) []visit {
	var out []visit
	for _, f := range m.facts {
		if !f.Stay.Ok || len(f.Identifiers) == 0 {
			continue
		}
		i, ok := m.given(f.Identifiers[0], f.Stay.V, c.leftWithout)
		if !ok {
			continue
		}
		if p, is := placeOf(f.Stay.V.Centre, places); is {
			out = append(out, m.stayAt(p, f, i))
		}
	}
	slices.SortFunc(out, func(a, b visit) int {
		return cmp.Or(cmp.Compare(a.arrived, b.arrived), cmp.Compare(a.evidence[0], b.evidence[0]))
	})
	return out
}

// leftWithout says whether a vehicle was given the load while it stood there and taken off it before it left, or as it did, with nobody to hand over
// from or to: the driver had signed on to the wrong trip. While it still stands there nobody knows.
func (c Config) leftWithout(m *manifest, i int, s avro.Stay) bool {
	a := m.assignments[i]
	if _, relieved := m.relieved(i); relieved || !s.DepartedAt.Ok {
		return false
	}
	if i > 0 {
		if _, took := m.relieved(i - 1); took {
			return false
		}
	}
	return a.from > s.ArrivedAt && a.to <= s.DepartedAt.V+avro.Micros(c.MinStop.Microseconds())
}

// stayAt is a stay as far as it is the load's. A vehicle that was there before it took the load over did not bring it; one that
// was there when it was relieved did not take it away.
func (m *manifest) stayAt(place string, f *avro.Fact, i int) visit {
	s, vehicle := f.Stay.V, ids.Bare(f.Identifiers[0])
	v := visit{place: place, vehicle: vehicle, brought: vehicle, arrived: s.ArrivedAt, departed: s.DepartedAt, evidence: []string{f.FactID}}
	if from := m.assignments[i].from; i > 0 && s.ArrivedAt < from {
		if _, took := m.relieved(i - 1); took {
			v.arrived, v.brought = from, avro.Identifier{}
		}
	}
	if at, is := m.relieved(i); is && s.DepartedAt.Or(forever) > at {
		v.departed, v.relieved = avro.Opt[avro.Micros]{}, avro.Some(at)
	}
	for _, a := range f.Attributes { // the device came or went, not the vehicle
		switch a.K {
		case "since":
			v.brought = avro.Identifier{}
		case "until":
			v.departed, v.relieved = avro.Opt[avro.Micros]{}, s.DepartedAt
		}
	}
	return v
}

// align gives each stop the visit that is it, or -1: in the order of both, as many as possible, then as near to the plan
// as possible. One place visited twice is told apart by that order; neighbouring stops at one place share a visit.
func align(stops []avro.Stop, visits []visit) []int {
	best := make([][]score, len(stops)+1)
	for i := range best {
		best[i] = make([]score, len(visits)+1)
	}
	for i := len(stops) - 1; i >= 0; i-- {
		for j := len(visits); j >= 0; j-- {
			best[i][j] = choose(stops, visits, best, i, j)
		}
	}
	out := make([]int, len(stops))
	for i, j := 0, 0; i < len(stops); i++ {
		s := best[i][j]
		out[i] = s.visit
		j = s.next
	}
	return out
}

// score is the best that stops from i on can make of visits from j on.
type score struct {
	matched int
	off     avro.Micros // sum of deviations from the plan
	visit   int         // of stop i; -1 for none
	next    int
}

func choose(stops []avro.Stop, visits []visit, best [][]score, i, j int) score {
	rest := best[i+1][j]
	pick := score{matched: rest.matched, off: rest.off, visit: -1, next: j}
	for v := j; v < len(visits); v++ {
		if visits[v].place != stops[i].PlaceID {
			continue
		}
		next := v + 1
		if i+1 < len(stops) && stops[i+1].PlaceID == stops[i].PlaceID && !another(visits, v) {
			next = v
		}
		r := best[i+1][next]
		s := score{matched: r.matched + 1, off: r.off + deviation(stops[i], visits[v]), visit: v, next: next}
		if s.matched > pick.matched || s.matched == pick.matched && s.off < pick.off {
			pick = s
		}
	}
	return pick
}

// another says whether a later visit to the same place follows, which the next stop there may have for itself.
func another(visits []visit, v int) bool {
	return slices.ContainsFunc(visits[v+1:], func(w visit) bool { return w.place == visits[v].place })
}

func deviation(s avro.Stop, v visit) avro.Micros {
	planned := s.AppointmentAt
	if !planned.Ok {
		planned = s.WindowFrom
	}
	if !planned.Ok {
		return 0
	}
	return max(planned.V-v.arrived, v.arrived-planned.V)
}

// tellVisit makes a visit the stop's arrival and, once it ended, its departure.
func tellVisit(tenant string, m *manifest, s avro.Stop, v visit) []avro.Fact {
	arrive, depart := avro.MilestoneCodeArrivedDelivery, avro.MilestoneCodeDepartedDelivery
	if s.Type == avro.StopTypePickup {
		arrive, depart = avro.MilestoneCodeArrivedPickup, avro.MilestoneCodeDepartedPickup
	}
	var out []avro.Fact
	if v.brought.Value != "" {
		out = append(out, stopFact(tenant, m, s, v.evidence, v.brought, arrive, v.arrived))
	}
	if v.departed.Ok {
		out = append(out, stopFact(tenant, m, s, v.evidence, v.vehicle, depart, v.departed.V))
	}
	return out
}

func stopFact(tenant string, m *manifest, s avro.Stop, evidence []string, vehicle avro.Identifier, code avro.MilestoneCode, at avro.Micros) avro.Fact {
	f := avro.Fact{
		Tenant: tenant, HasMilestone: true, Milestone: code, Classifier: avro.ClassifierActual, OccurredAt: at,
		Identifiers:  []avro.Identifier{ids.Of(avro.IdentifierKindLoad, "", m.plan.LoadID), vehicle},
		Source:       avro.Source{System: avro.SourceSystemTelematics},
		StopSequence: avro.Some(s.Sequence), PlaceID: s.PlaceID, DerivedFrom: slices.Clone(evidence),
	}
	facts.Seal(&f)
	return f
}
