package loads

import (
	"cmp"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/ids"
	"waybill/processors/model/timeline"
)

// manifest is what a set of facts says about a load. It is made of the set alone: the order of arrival leaves no trace.
type manifest struct {
	facts       []*avro.Fact // by time, then id
	plan        avro.Load    // the last whole plan said
	stops       []avro.Stop
	cancelled   bool
	assignments []assignment // of vehicles
	trailers    []assignment
}

// assignment is a vehicle or trailer given to the load over [from, to).
type assignment struct {
	unit     avro.Identifier
	from, to avro.Micros
	factID   string // that says so
}

const forever = avro.Micros(1<<62 - 1)

func gather(set []*avro.Fact) *manifest {
	slices.SortFunc(set, facts.Compare)
	m := &manifest{facts: standing(set)}
	m.readPlan()
	m.readAssignments()
	return m
}

// standing leaves out what the TMS said of an issue that was cancelled before the load was issued again under its number: plan,
// events and assignments of the first issue say nothing about the second.
func standing(byTime []*avro.Fact) []*avro.Fact {
	cancelled, last := avro.Micros(-1), avro.Micros(-1) // last: of the cancellations that another issue followed
	for _, f := range byTime {
		switch {
		case !f.Load.Ok:
		case f.Load.V.Event == avro.LoadEventCancelled:
			cancelled = f.OccurredAt
		case f.OccurredAt > cancelled:
			last = cancelled
		}
	}
	if last < 0 {
		return byTime
	}
	return slices.DeleteFunc(slices.Clone(byTime), func(f *avro.Fact) bool {
		return f.OccurredAt <= last && (f.Load.Ok || f.Milestone == avro.MilestoneCodeAssigned && f.HasMilestone)
	})
}

// readPlan lets the last message stand; an acceptance (X12 990) carries no stops and leaves the plan before it as it is.
func (m *manifest) readPlan() {
	for _, f := range m.facts {
		if !f.Load.Ok {
			continue
		}
		l := f.Load.V
		m.cancelled = l.Event == avro.LoadEventCancelled
		if len(l.Stops) == 0 {
			l.Stops, l.Shipments = m.plan.Stops, m.plan.Shipments
		}
		l.Carrier = cmp.Or(l.Carrier, m.plan.Carrier)
		l.Customer = cmp.Or(l.Customer, m.plan.Customer)
		l.ServiceLevel = cmp.Or(l.ServiceLevel, m.plan.ServiceLevel)
		m.plan = l
	}
	m.stops = slices.Clone(m.plan.Stops)
	slices.SortFunc(m.stops, func(a, b avro.Stop) int { return cmp.Compare(a.Sequence, b.Sequence) })
}

// readAssignments takes the assignments in the order in which they were said, less those that were taken back: they never held,
// so what they had replaced stands again.
func (m *manifest) readAssignments() {
	said := map[avro.IdentifierKind][]assignment{}
	for _, f := range m.facts {
		for _, l := range f.Links {
			if l.To.Kind != avro.IdentifierKindLoad {
				continue
			}
			a := assignment{unit: l.From, from: l.ValidFrom.Or(-forever), to: l.ValidTo.Or(forever), factID: f.FactID}
			if l.Revoked {
				said[l.From.Kind] = slices.DeleteFunc(said[l.From.Kind], func(o assignment) bool { return ids.Same(o.unit, a.unit) && o.from == a.from })
				continue
			}
			said[l.From.Kind] = append(said[l.From.Kind], a)
		}
	}
	m.assignments, m.trailers = assigned(said[avro.IdentifierKindVehicle]), assigned(said[avro.IdentifierKindTrailer])
}

// assigned lets the last one said stand from its start on; it cuts those before it short, or replaces them.
func assigned(said []assignment) []assignment {
	var out []assignment
	for _, a := range said {
		out = slices.DeleteFunc(out, func(o assignment) bool { return o.from >= a.from })
		for i := range out {
			out[i].to = min(out[i].to, a.from)
		}
		if a.from < a.to {
			out = append(out, a)
		}
	}
	return out
}

// assigns says whether a fact that says ASSIGNED does so still: nothing has taken it back or its whole place.
func (m *manifest) assigns(f *avro.Fact) bool {
	names := false
	for _, l := range f.Links {
		if l.To.Kind == avro.IdentifierKindLoad && (l.From.Kind == avro.IdentifierKindVehicle || l.From.Kind == avro.IdentifierKindTrailer) {
			names = true
		}
	}
	return !names || slices.ContainsFunc(slices.Concat(m.assignments, m.trailers), func(a assignment) bool { return a.factID == f.FactID })
}

// given finds the last of a vehicle's assignments that held at any time of a stay, but for those that it is to pass over.
func (m *manifest) given(vehicle avro.Identifier, s avro.Stay, passOver func(m *manifest, i int, s avro.Stay) bool) (last int, ok bool) {
	for i, a := range slices.Backward(m.assignments) {
		if ids.Same(a.unit, vehicle) && s.ArrivedAt < a.to && s.DepartedAt.Or(forever) > a.from && !passOver(m, i, s) {
			return i, true
		}
	}
	return 0, false
}

// relieved is when another vehicle took over from an assignment; ok is false where none did.
func (m *manifest) relieved(i int) (at avro.Micros, ok bool) {
	a := m.assignments[i]
	return a.to, i+1 < len(m.assignments) && m.assignments[i+1].from == a.to && !ids.Same(m.assignments[i+1].unit, a.unit)
}

// passenger is a shipment aboard.
type passenger struct {
	shipment avro.Identifier
	aboard   avro.Classifier
	evidence []string
}

// aboard lists the shipments that the current plan or any scan puts aboard, sorted. A plan that drops a shipment drops it;
// a scan stands until it is corrected.
func (m *manifest) aboard() []passenger {
	var out []passenger
	at := map[avro.Identifier]int{}
	for _, f := range m.facts {
		for _, l := range f.Links {
			if l.To.Kind == avro.IdentifierKindShipment && l.From.Kind == avro.IdentifierKindLoad && !l.Revoked && m.stands(f, l) {
				out = board(out, at, l, f.FactID)
			}
		}
	}
	slices.SortFunc(out, func(a, b passenger) int { return ids.Compare(a.shipment, b.shipment) })
	for i := range out {
		slices.Sort(out[i].evidence)
		out[i].evidence = slices.Compact(out[i].evidence)
	}
	return out
}

// stands says whether a link's message has not been replaced by a later plan.
func (m *manifest) stands(f *avro.Fact, l avro.Link) bool {
	return !f.Load.Ok || slices.ContainsFunc(m.plan.Shipments, func(s avro.LoadShipment) bool {
		return ids.Same(ids.Of(avro.IdentifierKindShipment, l.To.Issuer, s.ShipmentID), l.To)
	})
}

// board adds what a link says; at is where in the list each shipment is.
func board(list []passenger, at map[avro.Identifier]int, l avro.Link, factID string) []passenger {
	who := ids.Bare(l.To)
	i, known := at[who]
	if !known {
		i, at[who] = len(list), len(list)
		list = append(list, passenger{shipment: l.To})
	}
	p := &list[i]
	switch {
	case l.Classifier > p.aboard:
		p.aboard, p.evidence = l.Classifier, []string{factID}
	case l.Classifier == p.aboard:
		p.evidence = append(p.evidence, factID)
	}
	return list
}

// view is what one shipment is told.
func (m *manifest) view(tenant string, load avro.Identifier, p passenger, tells []avro.Fact) *avro.LoadView {
	v := &avro.LoadView{
		Tenant: tenant, LoadID: load.Value, Issuer: load.Issuer, ShipmentID: p.shipment.Value, Aboard: p.aboard, AboardFactIDs: p.evidence,
		Carrier: m.plan.Carrier, Customer: m.plan.Customer, ServiceLevel: m.plan.ServiceLevel, Cancelled: m.cancelled,
	}
	for _, a := range slices.Concat(m.assignments, m.trailers) {
		v.Vehicles = append(v.Vehicles, ids.Bare(a.unit))
	}
	for _, s := range m.stops {
		if concerns(s, p.shipment) {
			v.Stops = append(v.Stops, m.stopFor(s))
		}
	}
	for i := range tells {
		if m.at(&tells[i], p.shipment) {
			v.Facts = append(v.Facts, tells[i])
		}
	}
	return v
}

// stopFor names all the shipments at the stop, so that each of them sees whether it is alone there.
func (m *manifest) stopFor(s avro.Stop) avro.Stop {
	if len(s.ShipmentIDs) == 0 {
		for _, sh := range m.plan.Shipments {
			s.ShipmentIDs = append(s.ShipmentIDs, sh.ShipmentID)
		}
	}
	s.ShipmentIDs = slices.Sorted(slices.Values(s.ShipmentIDs))
	return s
}

func concerns(s avro.Stop, shipment avro.Identifier) bool {
	return len(s.ShipmentIDs) == 0 || slices.ContainsFunc(s.ShipmentIDs, func(raw string) bool {
		return ids.Normalise(avro.IdentifierKindShipment, raw) == shipment.Value
	})
}

// tells lists the milestones of the load as a whole, without the bodies they were read from: what its shipments are told, where it
// is of a stop of theirs.
func (m *manifest) tells(derived []avro.Fact) []avro.Fact {
	var out []avro.Fact
	add := func(f *avro.Fact) {
		if !f.HasMilestone || f.Milestone == avro.MilestoneCodeAssigned && !m.assigns(f) || !timeline.Concerns(f) {
			return
		}
		g := *f
		g.Load, g.Order, g.Links, g.Origin, g.ReceivedAt, g.EventID = avro.Opt[avro.Load]{}, avro.Opt[avro.Order]{}, nil, avro.Origin{}, 0, ""
		out = append(out, g)
	}
	for _, f := range m.facts {
		add(f)
	}
	for i := range derived {
		add(&derived[i])
	}
	slices.SortFunc(out, func(a, b avro.Fact) int { return strings.Compare(a.FactID, b.FactID) })
	return out
}

// at says whether a fact's stop, if it names one, is one of the shipment's.
func (m *manifest) at(f *avro.Fact, shipment avro.Identifier) bool {
	if !f.StopSequence.Ok {
		return true
	}
	i := slices.IndexFunc(m.stops, func(s avro.Stop) bool { return s.Sequence == f.StopSequence.V })
	return i < 0 || concerns(m.stops[i], shipment)
}
