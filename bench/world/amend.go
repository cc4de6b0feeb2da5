package world

import (
	"math/rand/v2"
	"time"

	"waybill/avro"
	"waybill/topics"
)

// What is said wrongly first: field problem 14.

// amendment is one thing that is taken back or corrected.
type amendment struct {
	way  int
	by   time.Duration // how wrong it was
	when time.Duration // after the wrong word it is put right
	stop *stop         // whose appointment was another one at first
	was  time.Time
}

const (
	voidShipping   = iota // shipping was confirmed too early and voided
	wrongLoad             // units were scanned onto another load
	statusMoved           // the carrier corrects a time, and says so
	statusRepeated        // the carrier tells another time, and does not say which is right
	planChanged           // an appointment is moved
	proofMoved            // ePOD corrects its time
	shipVoided            // shipping was confirmed too early, and a void of it is told as what happened
	amendments
)

func (w *World) amend(l *load) {
	r := w.source("corrected", l.index)
	is, way, by, when := hit(r, w.cfg.Damage.Corrected), r.IntN(amendments), between(r, 45*time.Minute, 100*time.Minute).Round(time.Minute), between(r, 10*time.Minute, 4*time.Hour)
	if !is {
		return
	}
	l.amended = &amendment{way: way, by: by, when: when}
	if way == planChanged {
		l.amended.reappoint(l, r)
	}
}

func (a *amendment) reappoint(l *load, r *rand.Rand) {
	s := l.stops[r.IntN(len(l.stops))]
	if s.appointment.IsZero() {
		return
	}
	a.stop, a.was = s, s.appointment.Add(-a.by.Round(15*time.Minute))
}

func (l *load) amends(way int) bool { return l.amended != nil && l.amended.way == way }

// misscan tells the scans that are voided later.
func (t *teller) misscan(aboard *leg, loaded, confirmed avro.WarehouseEvent) {
	switch {
	case t.l.amends(voidShipping):
		t.voided(aboard, &confirmed, aboard.shipment.confirmed.Add(-20*time.Minute))
	case t.l.amends(shipVoided):
		early := aboard.shipment.confirmed.Add(-20 * time.Minute)
		void := confirmed
		void.Milestone = avro.MilestoneCodeShipVoided
		t.scan(aboard, early, &confirmed)
		t.scan(aboard, early.Add(10*time.Minute), &void)
	case t.l.amends(wrongLoad):
		loaded.LoadID = t.w.loadID((t.l.index + 1) % t.w.cfg.Loads)
		t.voided(aboard, &loaded, aboard.loaded.Add(-5*time.Minute))
	}
}

// voided tells a scan that does not hold, and later that it does not.
func (t *teller) voided(aboard *leg, rec *avro.WarehouseEvent, at time.Time) {
	t.scanned(aboard, rec, at)
	t.say(topics.WarehouseEvents, rec, at, 5*time.Second, 2*time.Minute, rec.PlaceID)
	back := *rec
	back.EventID, back.Voided = t.envelope("wms"), true
	t.say(topics.WarehouseEvents, &back, at.Add(t.l.amended.when), 5*time.Second, 2*time.Minute, rec.PlaceID)
}

// misreported tells a carrier's first time of arrival at a delivery, where it is wrong, and gives the second.
func (t *teller) misreported(rec *avro.CarrierStatus) *avro.CarrierStatus {
	moved, repeated := t.l.amends(statusMoved), t.l.amends(statusRepeated)
	if !moved && !repeated || rec.StatusCode != "X1" {
		return rec
	}
	wrong := *rec
	wrong.EventID, wrong.OccurredAt = t.envelope("edi"), rec.OccurredAt-avro.Micros(t.l.amended.by.Microseconds())
	t.say(topics.CarrierStatuses, &wrong, rec.OccurredAt.Time(), time.Minute, 5*time.Minute, rec.Scac, rec.PRO)
	if moved {
		rec.CorrectsAt = avro.Some(wrong.OccurredAt)
	}
	return rec
}
