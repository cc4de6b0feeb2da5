package world

import (
	"fmt"
	"math/rand/v2"
	"time"

	"waybill/avro"
)

// What changes under way: field problem 4.

// swap changes what carries one load of the day, in one of five ways: another vehicle takes over on the road or at a stop, the
// device is exchanged, trailer and driver are, or the trailer is dropped at the last stop and emptied when the vehicle is gone.
func (w *World) swap(d *day) {
	r := w.source("swap", d.vehicle.index, d.number)
	for i, l := range d.loads {
		is, way, share := hit(r, w.cfg.Damage.Swapped), r.IntN(5), uniform(r, 0.35, 0.65)
		if !is {
			continue
		}
		s := l.stops[r.IntN(len(l.stops)-1)+1]
		if s.noisy && (way == 1 || way == 2) {
			way = 3 // a stay that a silent device leaves open is known by its first fixes, which at the fence's edge say too little
		}
		standing := w.tick(d.vehicle, s.firstFix.Add(time.Duration(share*float64(s.lastFix.Sub(s.firstFix)))))
		switch way {
		case 0:
			w.relieve(d, i, s.inbound.when(share), r)
		case 1:
			w.relieve(d, i, standing, r)
		case 2:
			w.exchange(d, l, standing)
			return // one device a day
		case 3:
			l.recrew(standing)
		case 4:
			l.dropTrailer(r)
		}
		if way < 2 {
			return // one vehicle a day
		}
	}
}

// relieve has the spare vehicle carry on from an instant to the end of the day. It comes a few minutes before.
func (w *World) relieve(d *day, i int, at time.Time, r *rand.Rand) {
	old, spare := d.trackers[0], w.spare(d.vehicle)
	next := &tracker{number: 1, vehicle: spare, provider: spare.provider, device: spare.device, joins: at, leaves: old.leaves, to: old.to}
	arrive := w.tick(d.vehicle, at.Add(-between(r, 8*time.Minute, 12*time.Minute))).Add(-5 * time.Second)
	spot := d.spotAt(at)
	next.approach = &drive{arc: newArc(displaced(spot, 5_000, 7_000), spot), depart: arrive.Add(-8 * time.Minute), arrive: arrive}
	next.from = next.approach.depart
	d.abandon(old, at, 3*time.Hour)
	d.trackers = append(d.trackers, next)
	d.loads[i].change(at, func(r *ride) { r.vehicle, r.driver = spare, r.driver+"B" })
	for _, l := range d.loads[i+1:] {
		l.rides[0].vehicle, l.rides[0].driver = spare, l.rides[0].driver+"B"
	}
}

// exchange builds another device into the vehicle while it stands; in the evening the old one is back.
func (w *World) exchange(d *day, l *load, at time.Time) {
	old := d.trackers[0]
	next := *old
	next.number, next.device, next.joins, next.from = 1, fmt.Sprintf("%s-%d", old.device, d.number+2), at, at
	old.leaves, old.to = at, at
	d.trackers = append(d.trackers, &next)
	built := func(device string, from, to time.Time) {
		rec := installation(w.cfg.Tenant, d.vehicle, from)
		rec.DeviceID = device
		if !to.IsZero() {
			rec.ValidTo = avro.Some(avro.MicrosOf(to))
		}
		l.installed = append(l.installed, rec)
	}
	built(old.device, w.bought(), at)
	built(next.device, at, d.end)
	built(old.device, d.end, time.Time{})
}

// recrew gives the load another trailer and driver; the vehicle goes on.
func (l *load) recrew(at time.Time) {
	l.change(at, func(r *ride) { r.trailer, r.driver = r.trailer+"B", r.driver+"C" })
}

func (l *load) change(at time.Time, to func(*ride)) {
	next := l.rides[len(l.rides)-1]
	l.rides[len(l.rides)-1].to, next.from = at, at
	to(&next)
	l.rides = append(l.rides, next)
}

// dropTrailer leaves the freight of the last stop in its trailer: it is delivered hours after the vehicle has gone.
func (l *load) dropTrailer(r *rand.Rand) {
	l.dropped = true
	s := l.stops[len(l.stops)-1]
	later := between(r, time.Hour, 6*time.Hour)
	for _, aboard := range s.legs {
		by := s.depart.Add(later).Sub(aboard.unloaded)
		aboard.unloaded = aboard.unloaded.Add(by)
		if aboard.isLast() {
			aboard.shipment.pod = aboard.shipment.pod.Add(by)
		}
	}
}

// spare is the vehicle that takes over for another.
func (w *World) spare(v *vehicle) *vehicle {
	s := *v
	s.id, s.device = fmt.Sprintf("T%d", 90_101+v.index/len(w.carriers)), fmt.Sprintf("%d", 870_000_001+7*(v.index/4*2+v.index%2))
	return &s
}
