package world

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/paulmach/orb"

	"waybill/avro"
	"waybill/topics"
)

// fixes yields what a vehicle's device reports over a day, in delivery order.
type fixes struct {
	w       *World
	d       *day
	t       *tracker
	noise   *rand.Rand
	luck    *rand.Rand
	silent  silences
	key     string
	at      time.Time // the next tick
	leg     int       // drives[leg] is under way, or the vehicle stands before it
	driven  float64   // metres over the legs before
	waiting pending   // delivered later than they were made
	order   int
}

func (w *World) fixes(d *day, t *tracker) *fixes {
	labels := []any{d.vehicle.index, d.number}
	if t.number > 0 {
		labels = append(labels, t.number)
	}
	return &fixes{
		w: w, d: d, t: t, noise: w.source(append([]any{"noise"}, labels...)...), luck: w.source(append([]any{"damage", "fixes"}, labels...)...),
		silent: w.silences(d), key: topics.Key(w.cfg.Tenant, t.provider, t.device), at: w.tick(d.vehicle, t.from),
	}
}

// next releases what waits as soon as nothing that is still to come can overtake it: a fix is delivered after it was made.
func (f *fixes) next() (Delivery, bool) {
	for f.at.Before(f.t.to) && (len(f.waiting) == 0 || f.waiting[0].DeliverAt.After(f.at)) {
		f.make()
	}
	if len(f.waiting) == 0 {
		return Delivery{}, false
	}
	return heap.Pop(&f.waiting).(waiting).Delivery, true
}

func (f *fixes) make() {
	at := f.at
	f.at = at.Add(f.w.cfg.PositionEvery)
	for f.leg < len(f.d.drives) && !at.Before(f.d.drives[f.leg].arrive) {
		f.driven += f.d.drives[f.leg].arc.metres
		f.leg++
	}
	rec := f.position(at)
	if _, lost := covering(f.silent.lost, at); lost {
		return
	}
	f.send(rec, at)
}

// send draws as often for a fix that is spared as for one that is hit.
func (f *fixes) send(rec avro.Position, at time.Time) {
	d := f.w.cfg.Damage
	deliver := at.Add(time.Duration(1000+f.luck.IntN(3000)) * time.Millisecond)
	overtaken, by := hit(f.luck, d.OutOfOrder), between(f.luck, 35*time.Second, 2*time.Minute)
	twice, after := hit(f.luck, d.Duplicated), between(f.luck, time.Second, 10*time.Minute)
	if overtaken {
		deliver = deliver.Add(by)
	}
	if held, ok := covering(f.silent.held, at); ok {
		deliver = held.to.Add(held.later + deliver.Sub(at))
	}
	f.put(rec, at, deliver, false)
	if twice {
		f.put(rec, at, deliver.Add(after), true)
	}
}

func (f *fixes) put(rec avro.Position, at, deliver time.Time, duplicate bool) {
	rec.ReceivedAt = avro.MicrosOf(deliver)
	f.order++
	heap.Push(&f.waiting, waiting{Delivery{Topic: topics.Positions.Name, Key: f.key, Record: &rec, OccurredAt: at, DeliverAt: deliver, Duplicate: duplicate}, f.order})
}

// position is what the device sees: the truth with up to four metres of noise. A device that is not wired tells neither
// ignition nor doors nor odometer, and some do not tell their speed.
func (f *fixes) position(at time.Time) avro.Position {
	v := f.t.vehicle
	spot, leg, odometer := f.where(at)
	scatter, accuracy, speed := f.reception(at, leg)
	if accuracy > 100_000 {
		spot = f.d.mast(f.leg).spot
	}
	seen := geoPoint(within(f.noise, spot, scatter))
	rec := avro.Position{
		Tenant: f.w.cfg.Tenant, Issuer: f.t.provider, DeviceID: f.t.device, DeviceAt: avro.MicrosOf(at.Add(f.t.skew)), LatE6: seen.LatE6, LonE6: seen.LonE6,
		AccuracyMm: avro.Some(accuracy + int32(whole(f.noise, 0, 4000))), Valid: true,
	}
	moving := leg != nil
	if v.speed {
		rec.SpeedMmS = avro.Some(speed)
	}
	if moving && v.speed {
		rec.SpeedMmS, rec.HeadingDeg = avro.Some(int32(leg.mps()*1000)), avro.Some(leg.arc.heading)
	}
	if v.wired {
		rec.Ignition, rec.DoorOpen, rec.OdometerM = avro.Some(moving), avro.Some(!moving && f.unloading(at)), avro.Some(int64(250_000+odometer))
	}
	return rec
}

// reception is how good a fix is: how far it is off in metres at most, how far it says so in millimetres, and the speed in mm/s that
// a standing vehicle seems to have.
func (f *fixes) reception(at time.Time, leg *drive) (scatter float64, accuracy, speed int32) {
	s := f.standsAt()
	switch {
	case leg != nil || s == nil || !s.noisy:
		return 4, 2000, 0
	case s.tower(at):
		return 4, 800_000, 0
	}
	return 12, 8000, int32(at.Unix() * 7919 % 900)
}

// standsAt is the stop of the day's way that the vehicle stands at or drives to next; nil in the yard.
func (f *fixes) standsAt() *stop {
	if f.leg == 0 || f.leg > len(f.d.stops) {
		return nil
	}
	return f.d.stops[f.leg-1]
}

// where is the vehicle's true spot, the drive it is on, if any, and what its odometer has counted today.
func (f *fixes) where(at time.Time) (orb.Point, *drive, float64) {
	switch come := f.t.approach; {
	case at.Before(f.t.joins) && come != nil && at.Before(come.arrive):
		return come.at(at), come, come.share(at) * come.arc.metres
	case at.Before(f.t.joins) && come != nil:
		return come.arc.at(1), nil, come.arc.metres
	case !at.Before(f.t.leaves):
		return f.t.left, nil, f.driven
	}
	if f.leg == len(f.d.drives) {
		return f.d.vehicle.yard, nil, f.driven
	}
	leg := f.d.drives[f.leg]
	if at.Before(leg.depart) {
		return leg.arc.at(0), nil, f.driven
	}
	return leg.arc.at(leg.share(at)), leg, f.driven + leg.share(at)*leg.arc.metres
}

// unloading is the middle of a dwell at a stop; doors stay shut in the yard.
func (f *fixes) unloading(at time.Time) bool {
	if f.leg == 0 || f.leg > len(f.d.stops) {
		return false
	}
	s := f.d.stops[f.leg-1]
	return at.After(s.firstFix.Add(5*time.Minute)) && at.Before(s.lastFix.Add(-5*time.Minute))
}

// waiting is a delivery with the order in which it was made: what settles ties.
type waiting struct {
	Delivery
	order int
}

type pending []waiting

func (p pending) Len() int { return len(p) }
func (p pending) Less(i, j int) bool {
	if p[i].DeliverAt.Equal(p[j].DeliverAt) {
		return p[i].order < p[j].order
	}
	return p[i].DeliverAt.Before(p[j].DeliverAt)
}
func (p pending) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pending) Push(x any)   { *p = append(*p, x.(waiting)) }
func (p *pending) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	(*p)[last] = waiting{}
	*p = (*p)[:last]
	return x
}
