package world

import "time"

// Bad reception at a stop: field problem 15.

// noisyAt says whether fixes scatter while the vehicle stands at a stop: by up to twelve metres, at a spot near the fence's edge.
func (w *World) noisyAt(l *load, seq int32) bool {
	return hit(w.source("noisy", l.index, seq), w.cfg.Damage.Noisy)
}

// edge is where in the geofence a vehicle stands that flaps: fixes lie inside and outside.
const edge = 0.95

// tower says whether a fix is not of the vehicle but of a radio mast: for eight minutes in the middle of the dwell. It lies at another
// stop of the day, and says by its accuracy what it is worth.
func (s *stop) tower(at time.Time) bool {
	middle := s.firstFix.Add(s.lastFix.Sub(s.firstFix) / 2)
	return s.noisy && at.Sub(middle).Abs() <= 4*time.Minute
}

// mast is where the fix of a radio mast lies: at the next stop, or the one before the last.
func (d *day) mast(leg int) *stop {
	if leg < len(d.stops) {
		return d.stops[leg]
	}
	return d.stops[max(0, leg-2)]
}
