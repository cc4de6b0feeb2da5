package world

import (
	"cmp"
	"slices"
	"time"

	"waybill/avro"
	"waybill/topics"
)

// Afterwards is how long after the last delivery every deadline has passed and every charge is ready: the truth is what stands
// after a tick then.
const Afterwards = 48 * time.Hour

// Truth is what the delivered evidence determines, once everything has been delivered and a tick has come Afterwards.
// What a lost message would have told is not in it. All lists are sorted by their ids.
type Truth struct {
	Shipments  []ShipmentTruth
	Orders     []OrderTruth
	Accounting []Count
	Waiting    []WaitTruth
	Busy       []BusyTruth
	Sample     time.Duration // what times by telematics may be off by
}

// ShipmentTruth is everything about one shipment.
type ShipmentTruth struct {
	ID           string
	Customer     string
	Carrier      string
	OrderIDs     []string
	LoadIDs      []string
	Vehicles     []avro.Identifier // and trailers
	SSCC         []string
	Delivery     string
	BOL          string
	PRO          string
	Milestones   []MilestoneTruth
	Expectations []ExpectationTruth
	Charges      []ChargeTruth
}

// OrderTruth is which shipments serve an order.
type OrderTruth struct {
	ID          string
	ShipmentIDs []string
	LoadIDs     []string
	Milestones  []MilestoneTruth // that no shipment knows: nobody says which of them the delivery is in
}

// MilestoneTruth is one milestone as the most trusted of its delivered sources tells it.
type MilestoneTruth struct {
	Code         avro.MilestoneCode
	LoadID       string          // empty for what orders and warehouses tell
	StopSequence avro.Opt[int32] // present for what happens at stops
	OccurredAt   time.Time       // by the evidence: of telematics, the first or last delivered fix of the standing
	WorldAt      time.Time       // in the world; what the source said may be off
	Source       avro.SourceSystem
	Agreement    avro.Agreement // CONFLICT: the evidence does not determine the time, the most trusted source is named
	Tolerance    time.Duration  // one sample for telematics, otherwise none
}

// ExpectationTruth is one expectation of the service-level template after the last tick: MET, LATE or MISSED.
type ExpectationTruth struct {
	Milestone    avro.MilestoneCode
	LoadID       string
	StopSequence avro.Opt[int32]
	DueAt        time.Time
	OccurredAt   time.Time // zero: it never came
	State        avro.ExpectationState
	Billing      bool
	Tolerance    time.Duration // of DueAt and OccurredAt
}

// Count says how many records reach a topic.
type Count struct {
	Topic      topics.Name
	Delivered  int
	Duplicates int // of the delivered
}

// Truth works out the truth. It takes as long as the deliveries take to be made.
func (w *World) Truth() Truth {
	t := Truth{Sample: w.cfg.PositionEvery}
	var waiting, released []WaitTruth
	var busy []BusyTruth
	for n := range w.cfg.Vehicles {
		days := w.days(w.vehicle(n))
		for d, ok := days(); ok; d, ok = days() {
			e := w.evidenceOf(d)
			shipments, orders := w.truthOf(d, e)
			t.Shipments, t.Orders = append(t.Shipments, shipments...), append(t.Orders, orders...)
			waiting, released, busy = append(waiting, e.waiting...), append(released, e.released...), append(busy, e.driven...)
		}
	}
	slices.SortFunc(t.Shipments, func(a, b ShipmentTruth) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(t.Orders, func(a, b OrderTruth) int { return cmp.Compare(a.ID, b.ID) })
	t.unlink(waiting, released, busy)
	t.Accounting = w.account()
	return t
}

// truthOf a day: no shipment and no order reaches beyond one.
func (w *World) truthOf(d *day, e *evidence) (shipments []ShipmentTruth, orders []OrderTruth) {
	for _, l := range d.loads {
		for _, aboard := range l.legs {
			if aboard.isFirst() {
				shipments = append(shipments, w.truthAbout(aboard.shipment, e))
			}
		}
		for _, o := range l.tells() {
			orders = append(orders, w.truthAboutOrder(o, e))
		}
	}
	return shipments, orders
}

func (w *World) truthAbout(s *shipment, e *evidence) ShipmentTruth {
	t := ShipmentTruth{
		ID: s.id, Customer: s.order.customer, Carrier: s.first().load.carrier(), OrderIDs: []string{s.order.id}, LoadIDs: s.loadIDs(),
		SSCC: s.sscc, Delivery: s.delivery, BOL: s.bol, PRO: s.first().pro,
	}
	for _, aboard := range s.legs {
		for _, r := range w.ridesOf(aboard.load) {
			t.Vehicles = append(t.Vehicles, avro.Identifier{Kind: avro.IdentifierKindVehicle, Issuer: r.vehicle.carrier.scac, Value: r.vehicle.id}, avro.Identifier{Kind: avro.IdentifierKindTrailer, Value: r.trailer})
		}
	}
	t.Milestones = w.believed(e.reports[s])
	for i, m := range t.Milestones {
		t.Milestones[i].WorldAt = s.worldTime(m)
	}
	t.Expectations = w.expected(s, t.Milestones)
	t.Charges = w.charged(s, t.Milestones)
	return t
}

// worldTime is when it really happened: what is said of stops may be off, the rest is said by who did it.
func (s *shipment) worldTime(m MilestoneTruth) time.Time {
	if !m.StopSequence.Ok {
		return m.OccurredAt
	}
	on := s.on(m.LoadID)
	at := on.load.stops[m.StopSequence.V-1]
	switch m.Code {
	case avro.MilestoneCodeArrivedPickup, avro.MilestoneCodeArrivedDelivery:
		return at.arrive
	case avro.MilestoneCodeDepartedPickup, avro.MilestoneCodeDepartedDelivery:
		return at.depart
	case avro.MilestoneCodeDelivered, avro.MilestoneCodeInterlined:
		return on.unloaded
	}
	return m.OccurredAt
}

// on is the shipment's leg on a load.
func (s *shipment) on(load string) *leg {
	return s.legs[slices.IndexFunc(s.legs, func(l *leg) bool { return l.load.id == load })]
}

func (s *shipment) loadIDs() []string {
	var out []string
	for _, l := range s.legs {
		out = append(out, l.load.id)
	}
	slices.Sort(out)
	return out
}

// ridesOf are what carries a load, as far as anybody tells.
func (w *World) ridesOf(l *load) []ride {
	if !w.given(l) {
		return nil
	}
	return l.rides
}

func (w *World) truthAboutOrder(o *order, e *evidence) OrderTruth {
	t := OrderTruth{ID: o.id}
	for _, s := range o.shipments {
		t.ShipmentIDs, t.LoadIDs = append(t.ShipmentIDs, s.id), append(t.LoadIDs, s.loadIDs()...)
		t.Milestones = append(t.Milestones, w.believed(e.orders[s])...)
	}
	slices.Sort(t.ShipmentIDs)
	slices.Sort(t.LoadIDs)
	t.LoadIDs = slices.Compact(t.LoadIDs)
	return t
}

func (w *World) account() []Count {
	counts := map[topics.Name]*Count{}
	for d := range w.Deliveries() {
		c := counts[d.Topic]
		if c == nil {
			c = &Count{Topic: d.Topic}
			counts[d.Topic] = c
		}
		c.Delivered++
		if d.Duplicate {
			c.Duplicates++
		}
	}
	var out []Count
	for _, t := range topics.All() {
		if c := counts[t.Name]; c != nil {
			out = append(out, *c)
		}
	}
	return out
}
