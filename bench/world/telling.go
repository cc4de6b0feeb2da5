package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"waybill/avro"
	"waybill/topics"
)

// teller writes down what the systems say about one load and the orders that came in with it.
type teller struct {
	w   *World
	r   *rand.Rand
	l   *load
	out []Delivery
}

// messages are what is delivered about the load, in delivery order: told, then damaged. A function of the load alone.
func (w *World) messages(l *load) []Delivery {
	return w.damaged(w.told(l), "load", l.index)
}

// told is what the systems say before anything happens to it.
func (w *World) told(l *load) []Delivery {
	t := &teller{w: w, r: w.source("telling", l.index), l: l}
	for _, o := range l.tells() {
		t.erp(o)
	}
	t.tms()
	for _, s := range l.shipments {
		t.wms(s)
		t.carrier(s)
		t.epod(s)
	}
	return t.out
}

// say sends a message some time after the event: between the two lags.
func (t *teller) say(topic topics.Topic, rec avro.Record, at time.Time, least, most time.Duration, key ...string) {
	t.out = append(t.out, Delivery{
		Topic: topic.Name, Key: topics.Key(t.w.cfg.Tenant, key...), Record: rec,
		OccurredAt: at, DeliverAt: at.Add(between(t.r, least, most)),
	})
}

func (t *teller) envelope(system string) string {
	return fmt.Sprintf("%s-%d-%d", system, 100_001+t.l.index, len(t.out)+1)
}

// erp knows orders, their lines, the customer's PO and, a little later, the delivery numbers. No load, no vehicle.
func (t *teller) erp(o *order) {
	t.order(o, avro.OrderEventReleased, o.released, false)
	t.order(o, avro.OrderEventConfirmed, o.confirmed, true)
	if !o.changed.IsZero() {
		t.order(o, avro.OrderEventChanged, o.changed, true)
	}
}

func (t *teller) order(o *order, event avro.OrderEvent, at time.Time, delivered bool) {
	rec := &avro.Order{
		Tenant: t.w.cfg.Tenant, OrderID: o.id, Event: event, EventID: t.envelope("erp"), Partner: "erp", Customer: o.customer, CustomerPO: o.po, ServiceLevel: serviceLevel,
		RequestedPickupAt: avro.Some(avro.MicrosOf(o.requestedPickup)), RequestedDeliveryAt: avro.Some(avro.MicrosOf(o.requestedDelivery)),
		Lines: o.lines, OccurredAt: avro.MicrosOf(at),
	}
	if delivered {
		for _, s := range o.shipments {
			rec.DeliveryNumbers = append(rec.DeliveryNumbers, s.delivery)
		}
	}
	t.say(topics.Orders, rec, at, 5*time.Second, time.Minute, o.id)
}

// tms knows the load, its stops, what is aboard with order, delivery and BOL numbers, and the PRO once the carrier has
// accepted. Vehicle, trailer and driver come in a message of their own. No SSCC.
func (t *teller) tms() {
	l := t.l
	t.plan(avro.LoadEventPlanned, l.planned, false)
	t.plan(avro.LoadEventTendered, l.tendered, false)
	t.plan(avro.LoadEventAccepted, l.accepted, true)
	t.plan(avro.LoadEventDispatched, l.dispatched, true)
	rec := &avro.Assignment{
		Tenant: t.w.cfg.Tenant, LoadID: l.id, EventID: t.envelope("tms"), Partner: "tms", VehicleIssuer: l.vehicle.carrier.scac, VehicleID: l.vehicle.id, TrailerID: l.trailer, DriverID: l.driver,
		ValidFrom: avro.MicrosOf(l.from), ValidTo: avro.Some(avro.MicrosOf(l.to)), OccurredAt: avro.MicrosOf(l.assigned),
	}
	t.say(topics.Assignments, rec, l.assigned, 2*time.Second, 30*time.Second, l.id)
}

func (t *teller) plan(event avro.LoadEvent, at time.Time, accepted bool) {
	l := t.l
	rec := &avro.Load{
		Tenant: t.w.cfg.Tenant, LoadID: l.id, Event: event, EventID: t.envelope("tms"), Partner: "tms", Carrier: l.vehicle.carrier.scac, Customer: l.customer(), ServiceLevel: serviceLevel,
		DistanceM: avro.Some(int64(l.metres)), OccurredAt: avro.MicrosOf(at),
	}
	for _, s := range l.stops {
		rec.Stops = append(rec.Stops, l.planOf(s))
	}
	for _, s := range l.shipments {
		aboard := avro.LoadShipment{ShipmentID: s.id, OrderIDs: []string{s.order.id}, DeliveryNumbers: []string{s.delivery}, BOL: s.bol}
		if accepted {
			aboard.PRO = s.pro
		}
		rec.Shipments = append(rec.Shipments, aboard)
	}
	t.say(topics.Loads, rec, at, 2*time.Second, 30*time.Second, l.id)
}

// planOf is the stop as planned. A stop of all shipments names none of them.
func (l *load) planOf(s *stop) avro.Stop {
	out := avro.Stop{Sequence: s.seq, Type: s.kind, PlaceID: s.place.id}
	planned := s.arrive.Add(-10 * time.Minute).Round(30 * time.Minute)
	out.WindowFrom, out.WindowTo = avro.Some(avro.MicrosOf(planned)), avro.Some(avro.MicrosOf(planned.Add(2*time.Hour)))
	if !s.appointment.IsZero() {
		out.AppointmentAt = avro.Some(avro.MicrosOf(s.appointment))
	}
	if len(s.shipments) < len(l.shipments) {
		for _, aboard := range s.shipments {
			out.ShipmentIDs = append(out.ShipmentIDs, aboard.id)
		}
	}
	return out
}

// customer is the shipper, where all freight aboard is of one.
func (l *load) customer() string {
	first := l.shipments[0].order.customer
	if slices.ContainsFunc(l.shipments, func(s *shipment) bool { return s.order.customer != first }) {
		return ""
	}
	return first
}

// wms knows deliveries and, from packing on, SSCCs; the order only where one delivery is all of it; load and trailer at
// loading; shipment and BOL at ship confirmation. No vehicle, no PRO.
func (t *teller) wms(s *shipment) {
	orderID := ""
	if len(s.order.shipments) == 1 {
		orderID = s.order.id
	}
	t.scan(s, s.allocated, &avro.WarehouseEvent{Milestone: avro.MilestoneCodeAllocated, OrderID: orderID, DeliveryNumber: s.delivery})
	t.scan(s, s.picked, &avro.WarehouseEvent{Milestone: avro.MilestoneCodePicked, OrderID: orderID, DeliveryNumber: s.delivery})
	t.scan(s, s.packed, &avro.WarehouseEvent{Milestone: avro.MilestoneCodePacked, DeliveryNumber: s.delivery, SSCC: s.sscc})
	t.scan(s, s.staged, &avro.WarehouseEvent{Milestone: avro.MilestoneCodeStaged, SSCC: s.sscc})
	t.scan(s, s.loaded, &avro.WarehouseEvent{Milestone: avro.MilestoneCodeLoaded, SSCC: s.sscc, LoadID: t.l.id, TrailerID: t.l.trailer})
	t.scan(s, s.confirmed, &avro.WarehouseEvent{Milestone: avro.MilestoneCodeShipConfirmed, DeliveryNumber: s.delivery, ShipmentID: s.id, LoadID: t.l.id, BOL: s.bol, TrailerID: t.l.trailer})
}

func (t *teller) scan(s *shipment, at time.Time, rec *avro.WarehouseEvent) {
	place := s.pickups[0].place.id
	rec.Tenant, rec.EventID, rec.Partner, rec.PlaceID, rec.OccurredAt = t.w.cfg.Tenant, t.envelope("wms"), "wms", place, avro.MicrosOf(at)
	t.say(topics.WarehouseEvents, rec, at, 5*time.Second, 2*time.Minute, place)
}

// carrier knows the PRO, the stop and the city; the shipper's id and the BOL not always. Its times are a driver's, told to the
// minute and up to five minutes off. No load.
func (t *teller) carrier(s *shipment) {
	for _, at := range s.pickups {
		t.status(s, at, "X3", avro.MilestoneCodeArrivedPickup, at.arrive)
		t.status(s, at, "AF", avro.MilestoneCodeDepartedPickup, at.depart)
	}
	t.status(s, s.drop, "X1", avro.MilestoneCodeArrivedDelivery, s.drop.arrive)
	t.status(s, s.drop, "D1", avro.MilestoneCodeDelivered, s.delivered)
	t.status(s, s.drop, "CD", avro.MilestoneCodeDepartedDelivery, s.drop.depart)
}

func (t *teller) status(s *shipment, at *stop, code string, milestone avro.MilestoneCode, when time.Time) {
	scac := t.l.vehicle.carrier.scac
	said := when.Add(between(t.r, -5*time.Minute, 5*time.Minute)).Round(time.Minute)
	rec := &avro.CarrierStatus{
		Tenant: t.w.cfg.Tenant, Scac: scac, Partner: scac, EventID: t.envelope("edi"), PRO: s.pro, StatusCode: code, ReasonCode: "NS", Milestone: milestone, Classifier: avro.ClassifierActual,
		StopSequence: avro.Some(at.seq), EquipmentID: t.l.trailer, City: at.place.city, Region: "IL", Country: "US", OccurredAt: avro.MicrosOf(said),
	}
	if hit(t.r, 0.6) {
		rec.ShipmentID = s.id
	}
	if hit(t.r, 0.5) {
		rec.BOL = s.bol
	}
	t.say(topics.CarrierStatuses, rec, said, 6*time.Minute, 45*time.Minute, scac, s.pro)
}

// epod knows load, stop, delivery and SSCCs; the shipment mostly. No PRO. The paper follows hours later.
func (t *teller) epod(s *shipment) {
	signed := pick(t.r, signatures)
	t.proof(s, avro.DeliveryOutcomeDelivered, signed, s.delivered)
	t.proof(s, avro.DeliveryOutcomePodReceived, signed, s.pod)
}

func (t *teller) proof(s *shipment, outcome avro.DeliveryOutcome, signed string, at time.Time) {
	rec := &avro.ProofOfDelivery{
		Tenant: t.w.cfg.Tenant, EventID: t.envelope("pod"), Partner: "epod", LoadID: t.l.id, StopSequence: avro.Some(s.drop.seq), DeliveryNumber: s.delivery, SSCC: s.sscc,
		Outcome: outcome, SignedBy: signed, Location: avro.Some(geoPoint(s.drop.spot)), OccurredAt: avro.MicrosOf(at),
	}
	if hit(t.r, 0.7) {
		rec.ShipmentID = s.id
	}
	t.say(topics.Deliveries, rec, at, 10*time.Second, 5*time.Minute, t.l.id)
}

var signatures = []string{"A. Novak", "B. Okafor", "C. Lindqvist", "D. Moreau", "E. Tanaka"}

// installed is what the fleet says about the vehicle's device.
func (w *World) installed(v *vehicle) []Delivery {
	from := w.cfg.Start.AddDate(0, 0, -30)
	said := w.cfg.Start.Add(-30 * time.Minute)
	return w.damaged([]Delivery{{
		Topic: topics.Installations.Name, Key: topics.Key(w.cfg.Tenant, v.device), OccurredAt: from, DeliverAt: said,
		Record: &avro.DeviceInstallation{
			Tenant: w.cfg.Tenant, DeviceIssuer: v.provider, DeviceID: v.device, VehicleIssuer: v.carrier.scac, VehicleID: v.id, ValidFrom: avro.MicrosOf(from),
		},
	}}, "vehicle", v.index)
}
