package world

import "time"

// Bad reception at a stop: field problem 15.

// noisyAt says whether fixes scatter while the vehicle stands at a stop: by up to twelve metres, at a spot near the fence's edge.
func (w *World) noisyAt(l *load, seq int32) bool {
	return hit(w.source("noisy", l.index, seq), w.cfg.Damage.Noisy)
}

// edge is where in the geofence a vehicle stands that flaps: fixes lie inside and outside.
const edge = 0.95

// stray says whether a fix at a noisy stop is hundreds of metres off. It says so itself, by its accuracy; the first and last few are
// good, so that nobody can argue about when the vehicle came and went.
func (s *stop) stray(at time.Time, every time.Duration) bool {
	inside := at.After(s.firstFix.Add(3*every)) && at.Before(s.lastFix.Add(-3*every))
	return s.noisy && inside && (at.Unix()/int64(every/time.Second))%9 == 0
}
