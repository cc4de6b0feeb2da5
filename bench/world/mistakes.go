package world

import (
	"time"

	"waybill/avro"
	"waybill/topics"
)

// What the dispatcher says and takes back: field problems 5 and 9.

// mistake is a driver of another vehicle who signed on to the load.
type mistake struct {
	ride      ride
	way       int // 0: before the right one, revoked; 1: before it, replaced by it; 2: after it, revoked
	corrected time.Time
}

func (w *World) mistake(l *load) {
	r := w.source("wrong-trip", l.index)
	is, way, late, share := hit(r, w.cfg.Damage.WrongTrip), r.IntN(3), between(r, time.Hour, 10*time.Hour), r.Float64()
	if !is {
		return
	}
	l.wrong = &mistake{ride: l.rides[0], way: way, corrected: l.dispatched.Add(time.Duration(share * float64(l.to.Add(late).Sub(l.dispatched)))).Truncate(time.Second)}
	l.wrong.ride.vehicle, l.wrong.ride.trailer, l.wrong.ride.driver = w.another(l.rides[0].vehicle), l.rides[0].trailer+"X", l.rides[0].driver+"X"
}

// another vehicle of the same carrier, at work at the same time where the fleet is large enough.
func (w *World) another(v *vehicle) *vehicle {
	n := (v.index + len(w.carriers)) % w.cfg.Vehicles
	if n == v.index || n%len(w.carriers) != v.index%len(w.carriers) {
		o := *v
		o.id = "T7" + v.id[1:]
		return &o
	}
	return w.vehicle(n)
}

// assignments tells who was given the load, and who never was.
func (t *teller) assignments() {
	l := t.l
	said := l.assigned
	if m := l.wrong; m != nil {
		said = t.mistaken(m)
	}
	for i, r := range l.rides {
		if later := r.from.Add(5 * time.Minute); i > 0 && later.After(said) {
			said = later
		}
		t.assign(r, said, false)
		said = said.Add(time.Minute)
	}
}

// mistaken tells the wrong assignment and what puts it right, and gives the time at which the right one is said.
func (t *teller) mistaken(m *mistake) time.Time {
	if m.way == 2 {
		t.assign(m.ride, t.l.assigned.Add(2*time.Minute), false)
		t.assign(m.ride, m.corrected, true)
		return t.l.assigned
	}
	t.assign(m.ride, t.l.assigned, false)
	if m.way == 0 {
		t.assign(m.ride, m.corrected, true)
	}
	return m.corrected.Add(time.Minute)
}

// assign gives the load to what carries it, as far as is known then: to the end.
func (t *teller) assign(r ride, said time.Time, revoked bool) {
	rec := &avro.Assignment{
		Tenant: t.w.cfg.Tenant, LoadID: t.l.id, EventID: t.envelope("tms"), Partner: "tms", VehicleIssuer: r.vehicle.carrier.scac, VehicleID: r.vehicle.id, TrailerID: r.trailer, DriverID: r.driver,
		ValidFrom: avro.MicrosOf(r.from), ValidTo: avro.Some(avro.MicrosOf(t.l.to)), Revoked: revoked, OccurredAt: avro.MicrosOf(said),
	}
	t.say(topics.Assignments, rec, said, 2*time.Second, 30*time.Second, t.l.id)
	t.unsaid(!t.w.given(t.l))
}

// stands says whether an assignment still holds when all has been said.
func (l *load) stands(a *avro.Assignment) bool {
	for _, r := range l.rides {
		if !a.Revoked && a.VehicleIssuer == r.vehicle.carrier.scac && a.VehicleID == r.vehicle.id && a.TrailerID == r.trailer {
			return true
		}
	}
	return false
}

// retender is a first issue of the load, to another carrier, that came to nothing.
type retender struct {
	vehicle *vehicle
	planned time.Time
}

func (w *World) cancel(l *load) {
	if !hit(w.source("reissued", l.index), w.cfg.Damage.Reissued) {
		return
	}
	v := *w.vehicle((l.rides[0].vehicle.index + 1) % w.cfg.Vehicles)
	if v.carrier == l.rides[0].vehicle.carrier {
		v.carrier = carrier{scac: "ZULU"}
	}
	l.retender = &retender{vehicle: &v, planned: l.planned.Add(-50 * time.Minute)}
}

// first tells the issue that came to nothing, up to its cancellation. Its carrier gave PRO numbers of its own.
func (t *teller) first() {
	r := t.l.retender
	if r == nil {
		return
	}
	at := func(m int) time.Time { return r.planned.Add(time.Duration(m) * time.Minute) }
	for _, x := range []struct {
		event avro.LoadEvent
		at    time.Time
		pros  bool
	}{{avro.LoadEventPlanned, at(0), false}, {avro.LoadEventTendered, at(5), false}, {avro.LoadEventAccepted, at(15), true}, {avro.LoadEventCancelled, at(40), true}} {
		rec := t.planned(x.event, x.at, x.pros)
		rec.Carrier = r.vehicle.carrier.scac
		for i := range rec.Shipments {
			if x.pros {
				rec.Shipments[i].PRO = "6" + rec.Shipments[i].PRO
			}
		}
		t.say(topics.Loads, rec, x.at, 2*time.Second, 30*time.Second, t.l.id)
	}
	ride := t.l.rides[0]
	ride.vehicle, ride.trailer, ride.driver = r.vehicle, "R"+r.vehicle.id, "D"+r.vehicle.id
	t.assign(ride, at(25), false)
}
