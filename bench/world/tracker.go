package world

import (
	"time"

	"github.com/paulmach/orb"
)

// tracker is a device that reports over [from, to). Over [joins, leaves) it goes the day's way; before that it comes to where it
// joins, after that it stands where it was left.
type tracker struct {
	number           int // within the day
	vehicle          *vehicle
	provider, device string
	from, to         time.Time
	joins, leaves    time.Time
	approach         *drive    // to where it joins; nil for one that is there from the beginning
	left             orb.Point // where it stands from leaves on
	skew             time.Duration
}

// track gives the day its vehicle's own device.
func (w *World) track(d *day) {
	v := d.vehicle
	d.trackers = []*tracker{{vehicle: v, provider: v.provider, device: v.device, from: d.begin, to: d.end, joins: d.begin, leaves: d.end}}
}

// spotAt is where the day's way leads at an instant.
func (d *day) spotAt(t time.Time) orb.Point {
	at := d.vehicle.yard
	for _, leg := range d.drives {
		switch {
		case t.Before(leg.depart):
			return leg.arc.at(0)
		case t.Before(leg.arrive):
			return leg.at(t)
		}
		at = leg.arc.at(1)
	}
	return at
}

// abandon ends a tracker's part in the day's way; it stays where it is and falls silent after a while.
func (d *day) abandon(t *tracker, at time.Time, silence time.Duration) {
	t.leaves, t.to, t.left = at, at.Add(silence), d.spotAt(at)
}

// skew sets clocks wrong: field problem 12. A handheld's is off by an hour or so; a device's is behind, so far that its times and
// others' disagree. A day on which a place is visited twice, or vehicles change, has right devices: there the times alone tell what
// belongs where.
func (w *World) skew(d *day) {
	for _, l := range d.loads {
		r := w.source("handheld", l.index)
		off, ahead := between(r, 45*time.Minute, 3*time.Hour), r.IntN(2) == 0
		if !ahead {
			off = -off
		}
		if hit(r, w.cfg.Damage.Skewed) {
			l.handheld = off
		}
	}
	r := w.source("device-clock", d.vehicle.index, d.number)
	off := between(r, 40*time.Minute, 55*time.Minute)
	if hit(r, w.cfg.Damage.Skewed) && len(d.trackers) == 1 && !d.returns() {
		d.trackers[0].skew = -off
	}
}

// returns says whether the day visits a place twice.
func (d *day) returns() bool {
	seen := map[*place]bool{}
	for _, s := range d.stops {
		if seen[s.place] {
			return true
		}
		seen[s.place] = true
	}
	return false
}
