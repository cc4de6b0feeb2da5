package world

import (
	"slices"
	"time"

	"waybill/avro"
)

// Untold is what nobody ever says, whoever would know it: links that other words need. What was said under the identifiers that are left
// alone with it is determined by nothing. Each is a rate from 0 to 1.
type Untold struct {
	UntoldInstallation float64 // of vehicles: which devices are built into it
	UntoldAssignment   float64 // of loads: what carries it
	UntoldDelivery     float64 // of shipments: that the delivery is in it; of every second one also of which order it is
	UntoldUnit         float64 // of shipments: what SSCCs the delivery was packed into
}

func (u *Untold) rates() []rate {
	return []rate{
		{"untold installation", &u.UntoldInstallation}, {"untold assignment", &u.UntoldAssignment}, {"untold delivery", &u.UntoldDelivery}, {"untold unit", &u.UntoldUnit},
	}
}

// lonely is what of a shipment's references nobody joins to it.
type lonely struct {
	delivery bool // to the shipment
	order    bool // the delivery to its order
	units    bool // the SSCCs to the delivery
}

func (w *World) lonely(shipment string) lonely {
	r := w.source("untold", "shipment", shipment)
	delivery, order, units := hit(r, w.cfg.Damage.UntoldDelivery), hit(r, 0.5), hit(r, w.cfg.Damage.UntoldUnit)
	return lonely{delivery: delivery, order: delivery && order, units: units}
}

// fitted says whether anybody tells which devices are built into a vehicle.
func (w *World) fitted(v *vehicle) bool {
	return !hit(w.source("untold", "installation", v.carrier.scac, v.id), w.cfg.Damage.UntoldInstallation)
}

// given says whether anybody tells what carries a load.
func (w *World) given(l *load) bool {
	return !hit(w.source("untold", "assignment", l.index), w.cfg.Damage.UntoldAssignment)
}

// unsaid takes back what was said last, or leaves it. It was never said then, and yet draws as much luck as if it had been.
func (t *teller) unsaid(is bool) { t.out[len(t.out)-1].unsaid = is }

// WaitTruth is what the delivered evidence leads nowhere: a fact that waits under an identifier of which nobody says what it belongs to.
type WaitTruth struct {
	At         avro.Identifier
	Milestone  avro.MilestoneCode
	OccurredAt time.Time
	Until      time.Time // of what a device saw: it stood there from OccurredAt until then, and may have told so in several parts; else zero
	Optional   bool      // it may be told, and need not: what was seen in the yard
	Missed     bool      // a gap says that its link is missing; what a vehicle does between two loads is not missed
}

// BusyTruth is when a vehicle was a load's, as far as anybody said: nothing that it did then waits.
type BusyTruth struct {
	Vehicle  avro.Identifier
	From, To time.Time
}

func identifier(kind avro.IdentifierKind, issuer, value string) avro.Identifier {
	return avro.Identifier{Kind: kind, Issuer: issuer, Value: value}
}

// knows says whether what a scan names leads to the shipment.
func (s *shipment) knows(rec *avro.WarehouseEvent) bool {
	byUnit := len(rec.SSCC) > 0 && !s.untold.units
	return rec.ShipmentID != "" || rec.BOL != "" || !s.untold.delivery && (rec.DeliveryNumber != "" || byUnit)
}

// alone are the identifiers under which a word about the shipment waits that names units and a delivery, and neither shipment nor order.
func (s *shipment) alone(units []string, delivery string) []avro.Identifier {
	var out []avro.Identifier
	if s.untold.units && delivery == "" {
		for _, u := range units {
			out = append(out, identifier(avro.IdentifierKindSSCC, "", u))
		}
		return out
	}
	if s.untold.order {
		out = append(out, identifier(avro.IdentifierKindDelivery, "", s.delivery))
	}
	return out
}

// wait notes what waits: once, however often it is said.
func (e *evidence) wait(t WaitTruth) {
	if !slices.Contains(e.waiting, t) {
		e.waiting = append(e.waiting, t)
	}
}

// waitUnder notes that a word waits under identifiers; voided: that it does not any more, since it was taken back.
func (e *evidence) waitUnder(list []avro.Identifier, code avro.MilestoneCode, at avro.Micros, voided bool) {
	for _, id := range list {
		t := WaitTruth{At: id, Milestone: code, OccurredAt: at.Time(), Missed: true}
		if voided {
			e.released = append(e.released, t)
			continue
		}
		e.wait(t)
	}
}

// scan takes what a warehouse says: of the shipment where that is known, else of the order where that is, else of nobody.
func (e *evidence) scan(rec *avro.WarehouseEvent) {
	s, r := e.scanned(rec), report{code: rec.Milestone, load: rec.LoadID, at: rec.OccurredAt.Time(), source: avro.SourceSystemWMS}
	if rec.OrderID == "" && rec.ShipmentID == "" {
		e.waitUnder(s.alone(rec.SSCC, rec.DeliveryNumber), rec.Milestone, rec.OccurredAt, rec.Voided)
	}
	if rec.Milestone == avro.MilestoneCodeShipVoided { // the one confirmation before it, ten minutes ago
		early := r
		early.code, early.at = avro.MilestoneCodeShipConfirmed, r.at.Add(-10*time.Minute)
		e.taken[s] = append(e.taken[s], early)
	}
	to := e.reports
	switch {
	case s.knows(rec):
	case s.untold.units && rec.DeliveryNumber == "" || s.untold.order && rec.OrderID == "":
		return
	default:
		to = e.orders
	}
	if rec.Voided {
		e.taken[s] = append(e.taken[s], r)
		return
	}
	add(to, s, r)
}

// prove takes what a driver says.
func (e *evidence) prove(rec *avro.ProofOfDelivery) {
	s := e.byDelivery[rec.DeliveryNumber]
	r := report{code: proofMilestones[rec.Outcome], load: rec.LoadID, stop: rec.StopSequence, at: rec.OccurredAt.Time(), source: avro.SourceSystemEpod}
	e.correct(s, r, rec.CorrectsAt)
	if !s.untold.delivery {
		add(e.reports, s, r)
		return
	}
	if !s.untold.order {
		add(e.orders, s, r)
		return
	}
	under := s.alone(rec.SSCC, rec.DeliveryNumber)
	e.waitUnder(under, r.code, rec.OccurredAt, false)
	if rec.CorrectsAt.Ok {
		e.waitUnder(under, r.code, rec.CorrectsAt.V, true)
	}
}

// idle notes what was seen while a vehicle stood in its yard or came to take over, and is its device's alone where nobody says whose the
// device is.
func (w *World) idle(e *evidence, d *day) {
	for i, t := range d.trackers {
		if w.fitted(t.vehicle) {
			continue
		}
		seen := func(from, to time.Time) {
			if !from.Before(to) {
				return
			}
			e.wait(WaitTruth{At: t.id(), OccurredAt: from.Add(t.skew), Until: to.Add(t.skew), Optional: true, Missed: true})
		}
		if i > 0 && t.approach != nil {
			seen(t.approach.arrive, t.to)
		}
		if len(d.drives) == 0 {
			seen(d.begin, d.end)
			continue
		}
		seen(d.begin, d.drives[0].depart)
		seen(d.drives[len(d.drives)-1].arrive, d.end)
		seen(t.leaves, t.to)
	}
}

func (t *tracker) id() avro.Identifier {
	return identifier(avro.IdentifierKindDevice, t.provider, t.device)
}

// there is when a tracker stands where it joins the day's way.
func (t *tracker) there() time.Time {
	if t.approach != nil {
		return t.approach.arrive
	}
	return t.joins
}

// by is the tracker that goes the day's way at an instant.
func (d *day) by(at time.Time) *tracker {
	for _, t := range d.trackers[1:] {
		if !at.Before(t.joins) {
			return t
		}
	}
	return d.trackers[0]
}

// unseen notes what a tracker saw of a stop and nobody can say of which load: it waits at the device, or at the vehicle.
func (w *World) unseen(e *evidence, l *load, t *tracker, first, last time.Time) {
	r := WaitTruth{At: t.id(), OccurredAt: first.Add(t.skew), Until: last.Add(t.skew), Missed: true}
	switch {
	case !w.fitted(t.vehicle):
		e.wait(r)
	case !w.given(l):
		r.At, r.Missed = identifier(avro.IdentifierKindVehicle, t.vehicle.carrier.scac, t.vehicle.id), false
		e.wait(r)
	}
}

// busy notes when vehicles were given to a load, whoever said so.
func (e *evidence) busy(rec *avro.Assignment) {
	if !rec.Revoked {
		e.driven = append(e.driven, BusyTruth{identifier(avro.IdentifierKindVehicle, rec.VehicleIssuer, rec.VehicleID), rec.ValidFrom.Time(), rec.ValidTo.V.Time()})
	}
}

// unlink leaves out what waits no more in the end: what was taken back, and what a vehicle did while anybody said that it was a load's.
func (t *Truth) unlink(waiting, released []WaitTruth, busy []BusyTruth) {
	t.Busy = busy
	t.Waiting = slices.DeleteFunc(waiting, func(x WaitTruth) bool {
		return slices.Contains(released, x) || slices.ContainsFunc(busy, func(b BusyTruth) bool {
			return b.Vehicle == x.At && x.OccurredAt.Before(b.To) && x.Until.After(b.From)
		})
	})
}
