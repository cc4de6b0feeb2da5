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
	for _, aboard := range l.legs {
		t.wms(aboard)
		t.carrier(aboard)
		t.epod(aboard)
	}
	for _, rec := range l.installed {
		at := later(rec.ValidFrom, rec.ValidTo).Time()
		t.say(topics.Installations, rec, at, time.Minute, 10*time.Minute, rec.DeviceID)
		t.unsaid(!w.fitted(l.rides[0].vehicle))
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
			if !s.untold.order {
				rec.DeliveryNumbers = append(rec.DeliveryNumbers, s.delivery)
			}
		}
	}
	t.say(topics.Orders, rec, at, 5*time.Second, time.Minute, o.id)
}

// tms knows the load, its stops, what is aboard with order, delivery and BOL numbers, and the PRO once the carrier has
// accepted. Vehicle, trailer and driver come in a message of their own. No SSCC.
func (t *teller) tms() {
	l := t.l
	t.first()
	t.plan(avro.LoadEventPlanned, l.planned, false)
	t.plan(avro.LoadEventTendered, l.tendered, false)
	t.plan(avro.LoadEventAccepted, l.accepted, true)
	t.plan(avro.LoadEventDispatched, l.dispatched, true)
	if l.amends(planChanged) {
		t.plan(avro.LoadEventChanged, l.dispatched.Add(l.amended.when), true)
	}
	t.assignments()
}

func (t *teller) plan(event avro.LoadEvent, at time.Time, accepted bool) {
	rec := t.planned(event, at, accepted)
	t.say(topics.Loads, rec, at, 2*time.Second, 30*time.Second, t.l.id)
}

// planned is the plan as the TMS has it with an event.
func (t *teller) planned(event avro.LoadEvent, at time.Time, accepted bool) *avro.Load {
	l := t.l
	rec := &avro.Load{
		Tenant: t.w.cfg.Tenant, LoadID: l.id, Event: event, EventID: t.envelope("tms"), Partner: "tms", Carrier: l.carrier(), Customer: l.customer(), ServiceLevel: serviceLevel,
		DistanceM: avro.Some(int64(l.metres)), OccurredAt: avro.MicrosOf(at),
	}
	for _, s := range l.stops {
		planned := l.planOf(s)
		if a := l.amended; a != nil && a.stop == s && event != avro.LoadEventChanged {
			planned.AppointmentAt = avro.Some(avro.MicrosOf(a.was))
		}
		rec.Stops = append(rec.Stops, planned)
	}
	for _, aboard := range l.legs {
		s := aboard.shipment
		planned := avro.LoadShipment{ShipmentID: s.id, OrderIDs: []string{s.order.id}, DeliveryNumbers: []string{s.delivery}, BOL: s.bol}
		if s.untold.delivery {
			planned.DeliveryNumbers = nil
		}
		if accepted {
			planned.PRO = aboard.pro
		}
		rec.Shipments = append(rec.Shipments, planned)
	}
	return rec
}

// planOf is the stop as planned. A stop of all shipments names none of them.
func (l *load) planOf(s *stop) avro.Stop {
	out := avro.Stop{Sequence: s.seq, Type: s.kind, PlaceID: s.place.id}
	planned := s.arrive.Add(-10 * time.Minute).Round(30 * time.Minute)
	out.WindowFrom, out.WindowTo = avro.Some(avro.MicrosOf(planned)), avro.Some(avro.MicrosOf(planned.Add(2*time.Hour)))
	if !s.appointment.IsZero() {
		out.AppointmentAt = avro.Some(avro.MicrosOf(s.appointment))
	}
	if len(s.legs) < len(l.legs) {
		for _, aboard := range s.legs {
			out.ShipmentIDs = append(out.ShipmentIDs, aboard.shipment.id)
		}
	}
	return out
}

// customer is the shipper, where all freight aboard is of one.
func (l *load) customer() string {
	first := l.legs[0].shipment.order.customer
	if slices.ContainsFunc(l.legs, func(aboard *leg) bool { return aboard.shipment.order.customer != first }) {
		return ""
	}
	return first
}

// wms knows deliveries and, from packing on, SSCCs; the order only where one delivery is all of it; load and trailer at
// loading; shipment and BOL at ship confirmation. No vehicle, no PRO. A terminal scans what it loads, and no more.
func (t *teller) wms(aboard *leg) {
	s := aboard.shipment
	trailer := t.l.at(aboard.loaded).trailer
	if !aboard.isFirst() {
		t.scan(aboard, aboard.loaded, &avro.WarehouseEvent{Milestone: avro.MilestoneCodeLoaded, SSCC: s.sscc, LoadID: t.l.id, TrailerID: trailer})
		return
	}
	orderID := ""
	if len(s.order.shipments) == 1 && !s.untold.order {
		orderID = s.order.id
	}
	t.scan(aboard, s.allocated, &avro.WarehouseEvent{Milestone: avro.MilestoneCodeAllocated, OrderID: orderID, DeliveryNumber: s.delivery})
	t.scan(aboard, s.picked, &avro.WarehouseEvent{Milestone: avro.MilestoneCodePicked, OrderID: orderID, DeliveryNumber: s.delivery})
	packed := avro.WarehouseEvent{Milestone: avro.MilestoneCodePacked, DeliveryNumber: s.delivery, SSCC: s.sscc}
	if s.untold.units {
		packed.SSCC = nil
	}
	t.scan(aboard, s.packed, &packed)
	t.scan(aboard, s.staged, &avro.WarehouseEvent{Milestone: avro.MilestoneCodeStaged, SSCC: s.sscc})
	loaded := avro.WarehouseEvent{Milestone: avro.MilestoneCodeLoaded, SSCC: s.sscc, LoadID: t.l.id, TrailerID: trailer}
	confirmed := avro.WarehouseEvent{Milestone: avro.MilestoneCodeShipConfirmed, DeliveryNumber: s.delivery, ShipmentID: s.id, LoadID: t.l.id, BOL: s.bol, TrailerID: trailer}
	if s.untold.delivery {
		confirmed.ShipmentID = ""
	}
	t.misscan(aboard, loaded, confirmed)
	t.scan(aboard, aboard.loaded, &loaded)
	t.scan(aboard, s.confirmed, &confirmed)
}

func (t *teller) scan(aboard *leg, at time.Time, rec *avro.WarehouseEvent) {
	t.scanned(aboard, rec, at)
	t.say(topics.WarehouseEvents, rec, at, 5*time.Second, 2*time.Minute, rec.PlaceID)
}

func (t *teller) scanned(aboard *leg, rec *avro.WarehouseEvent, at time.Time) {
	rec.Tenant, rec.EventID, rec.Partner, rec.PlaceID, rec.OccurredAt = t.w.cfg.Tenant, t.envelope("wms"), "wms", aboard.pickups[0].place.id, avro.MicrosOf(at)
}

// carrier knows the PRO, the stop and the city; the shipper's id and the BOL not always. Its times are a driver's, told to the
// minute and up to five minutes off. No load.
func (t *teller) carrier(aboard *leg) {
	for _, at := range aboard.pickups {
		t.status(aboard, at, "X3", avro.MilestoneCodeArrivedPickup, at.arrive)
		t.status(aboard, at, "AF", avro.MilestoneCodeDepartedPickup, at.depart)
	}
	t.status(aboard, aboard.drop, "X1", avro.MilestoneCodeArrivedDelivery, aboard.drop.arrive)
	t.status(aboard, aboard.drop, "D1", avro.MilestoneCodeDelivered, aboard.unloaded) // to a carrier, a terminal is where it delivers
	t.status(aboard, aboard.drop, "CD", avro.MilestoneCodeDepartedDelivery, aboard.drop.depart)
}

func (t *teller) status(aboard *leg, at *stop, code string, milestone avro.MilestoneCode, when time.Time) {
	scac, s := t.l.carrier(), aboard.shipment
	said := when.Add(between(t.r, -5*time.Minute, 5*time.Minute)).Round(time.Minute)
	rec := &avro.CarrierStatus{
		Tenant: t.w.cfg.Tenant, Scac: scac, Partner: scac, EventID: t.envelope("edi"), PRO: aboard.pro, StatusCode: code, ReasonCode: "NS", Milestone: milestone, Classifier: avro.ClassifierActual,
		StopSequence: avro.Some(at.seq), EquipmentID: t.l.at(when).trailer, City: at.place.city, Region: "IL", Country: "US", OccurredAt: avro.MicrosOf(said),
	}
	if hit(t.r, 0.6) {
		rec.ShipmentID = s.id
	}
	if hit(t.r, 0.5) {
		rec.BOL = s.bol
	}
	t.say(topics.CarrierStatuses, t.misreported(rec), said, 6*time.Minute, 45*time.Minute, scac, aboard.pro)
}

// epod knows load, stop, delivery and SSCCs; the shipment mostly. No PRO. The paper follows hours later. At terminals nobody signs.
func (t *teller) epod(aboard *leg) {
	if !aboard.isLast() {
		return
	}
	signed := pick(t.r, signatures)
	t.proof(aboard, avro.DeliveryOutcomeDelivered, signed, aboard.unloaded)
	t.proof(aboard, avro.DeliveryOutcomePodReceived, signed, aboard.shipment.pod)
}

func (t *teller) proof(aboard *leg, outcome avro.DeliveryOutcome, signed string, at time.Time) {
	s := aboard.shipment
	rec := &avro.ProofOfDelivery{
		Tenant: t.w.cfg.Tenant, EventID: t.envelope("pod"), Partner: "epod", LoadID: t.l.id, StopSequence: avro.Some(aboard.drop.seq), DeliveryNumber: s.delivery, SSCC: s.sscc,
		Outcome: outcome, SignedBy: signed, Location: avro.Some(geoPoint(aboard.drop.spot)), OccurredAt: avro.MicrosOf(at.Add(t.l.handheld)),
	}
	if hit(t.r, 0.7) && !s.untold.delivery {
		rec.ShipmentID = s.id
	}
	if s.untold.units {
		rec.SSCC = nil
	}
	if t.l.amends(proofMoved) && outcome == avro.DeliveryOutcomeDelivered {
		wrong := *rec
		wrong.EventID, wrong.OccurredAt = t.envelope("pod"), rec.OccurredAt-avro.Micros(t.l.amended.by.Microseconds())
		t.say(topics.Deliveries, &wrong, at, 10*time.Second, 5*time.Minute, t.l.id)
		rec.CorrectsAt, at = avro.Some(wrong.OccurredAt), at.Add(t.l.amended.when)
	}
	t.say(topics.Deliveries, rec, at, 10*time.Second, 5*time.Minute, t.l.id)
}

var signatures = []string{"A. Novak", "B. Okafor", "C. Lindqvist", "D. Moreau", "E. Tanaka"}

// installed is what the fleet says about the vehicle's device.
func (w *World) installed(v *vehicle) []Delivery {
	said := w.cfg.Start.Add(-30 * time.Minute)
	all := []*vehicle{v}
	if w.cfg.Damage.Swapped > 0 {
		all = append(all, w.spare(v))
	}
	var out []Delivery
	for _, v := range all {
		out = append(out, Delivery{
			Topic: topics.Installations.Name, Key: topics.Key(w.cfg.Tenant, v.device), OccurredAt: w.bought(), DeliverAt: said, Record: installation(w.cfg.Tenant, v, w.bought()), unsaid: !w.fitted(v),
		})
	}
	return w.damaged(out, "vehicle", v.index)
}

// bought is when the vehicles' first devices were built in.
func (w *World) bought() time.Time { return w.cfg.Start.AddDate(0, 0, -30) }

func installation(tenant string, v *vehicle, from time.Time) *avro.DeviceInstallation {
	return &avro.DeviceInstallation{Tenant: tenant, DeviceIssuer: v.provider, DeviceID: v.device, VehicleIssuer: v.carrier.scac, VehicleID: v.id, ValidFrom: avro.MicrosOf(from)}
}

// at is what carries the load at an instant.
func (l *load) at(t time.Time) ride {
	for _, r := range l.rides {
		if t.Before(r.to) {
			return r
		}
	}
	return l.rides[len(l.rides)-1]
}

// later is the end of a period, or its beginning where it is open.
func later(from avro.Micros, to avro.Opt[avro.Micros]) avro.Micros { return max(from, to.V) }
