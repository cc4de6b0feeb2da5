package world

import (
	"math/rand/v2"
	"time"
)

// window is [from, to).
type window struct {
	from, to time.Time
	later    time.Duration // fixes held over the window come so long after its end
}

func (w window) covers(t time.Time) bool { return !t.Before(w.from) && t.Before(w.to) }

// silences is what becomes of a device's fixes over a day, apart from single ones: windows without any, and windows whose
// fixes are kept and sent at the window's end. A function of the day alone, so that the truth can ask for it.
type silences struct {
	lost []window
	held []window
}

func (w *World) silences(d *day) silences {
	return silences{
		lost: append(w.outages(d), w.gaps(d)...),
		held: w.buffers(d),
	}
}

// outages swallow whole stops. A load that visits one place twice loses one stop at most: of two stops at one place the one
// seen is then told by what lies before and after it.
func (w *World) outages(d *day) []window {
	r := w.source("damage", "outage", d.vehicle.index, d.number)
	var out []window
	for _, l := range d.loads {
		spare := len(l.stops)
		if l.returns() {
			spare = 1
		}
		for _, s := range l.stops {
			silent, ok := s.outage()
			if hit(r, w.cfg.Damage.TelematicsOutage) && ok && spare > 0 {
				out = append(out, silent)
				spare--
			}
		}
	}
	return out
}

// outage is from half way to the stop until well on the way to the next. The vehicle is seen driving before and after, more
// than a kilometre from the place and at two different spots, so that nothing tells that it stood; where that cannot be, there
// is none.
func (s *stop) outage() (window, bool) {
	silent := window{from: s.inbound.when(0.5), to: s.outbound.when(0.3)}
	apart := metres(s.inbound.at(silent.from), s.outbound.at(silent.to))
	return silent, apart > 1000 && s.outbound.arc.metres > nearest
}

// returns says whether the load visits one place twice.
func (l *load) returns() bool {
	seen := map[*place]bool{}
	for _, s := range l.stops {
		seen[s.place] = true
	}
	return len(seen) < len(l.stops)
}

// gaps lie strictly inside a drive or a dwell: a few minutes without a fix move neither arrival nor departure.
func (w *World) gaps(d *day) []window {
	r := w.source("damage", "gap", d.vehicle.index, d.number)
	every := w.cfg.PositionEvery
	var out []window
	for _, leg := range d.drives {
		out = append(out, w.gap(r, window{from: leg.depart.Add(3 * every), to: leg.arrive.Add(-3 * every)}, 2*time.Minute, 10*time.Minute)...)
	}
	for _, s := range d.stops {
		out = append(out, w.gap(r, window{from: s.firstFix.Add(6 * time.Minute), to: s.lastFix.Add(-6 * time.Minute)}, 3*time.Minute, 20*time.Minute)...)
	}
	return out
}

// gap is none or one, somewhere inside.
func (w *World) gap(r *rand.Rand, inside window, least, most time.Duration) []window {
	length, at := between(r, least, most), r.Float64()
	slack := inside.to.Sub(inside.from) - length
	if !hit(r, w.cfg.Damage.GPSGap) || slack < 0 {
		return nil
	}
	from := inside.from.Add(time.Duration(at * float64(slack)))
	return []window{{from: from, to: from.Add(length)}}
}

// buffers are stretches of bad reception: the device sends their fixes together when it is over.
func (w *World) buffers(d *day) []window {
	r := w.source("damage", "buffer", d.vehicle.index, d.number)
	var out []window
	for _, l := range d.loads {
		from, length := l.from.Add(time.Duration(r.Float64()*float64(l.to.Sub(l.from)))), between(r, 10*time.Minute, time.Hour)
		if hit(r, w.cfg.Damage.Buffered) {
			out = append(out, window{from: from, to: from.Add(length)})
		}
	}
	return append(out, w.offline(d)...)
}

// offline are loads of whose way the device tells half a day later or more: field problem 11.
func (w *World) offline(d *day) []window {
	r := w.source("damage", "offline", d.vehicle.index, d.number)
	var out []window
	for _, l := range d.loads {
		later := between(r, 10*time.Hour, 30*time.Hour)
		if hit(r, w.cfg.Damage.DaysLate) {
			out = append(out, window{l.from, l.to, later})
		}
	}
	return out
}

func covering(ws []window, t time.Time) (window, bool) {
	for _, w := range ws {
		if w.covers(t) {
			return w, true
		}
	}
	return window{}, false
}
