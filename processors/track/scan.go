package track

import (
	"math/bits"
	"slices"

	"waybill/avro"
	"waybill/processors/model/geo"
)

// detector finds stays in fixes that come in order. What it knows is in the scan it is given; it holds scratch space alone,
// so the stays of a scan are a pure function of its start and its fixes.
type detector struct {
	limits
	closed []avro.Stay     // stays that ended, until the caller takes them
	opened bool            // a stay began or saw a door open, since the caller took note
	queue  []avro.TrackFix // fixes being placed again
}

// step puts the next fix into a scan and gives the way from the last one in millimetres.
func (d *detector) step(s *avro.TrackScan, f *avro.TrackFix) (mm int64) {
	at := point(f)
	if s.Stand.Ok && d.beyondReach(&s.Stand.V, f, at) {
		return 0
	}
	if s.Last.Ok {
		mm = int64(geo.Distance(s.Last.V, at)*1000 + 0.5)
	}
	s.Last = avro.Some(at)
	if d.place(s, f) {
		d.placeAgain(s)
	}
	return mm
}

// fastest is how fast in m/s a road vehicle may have come from where it stood. Not a threshold between standing and driving: four times what
// trucks do.
const fastest = 100

// beyondReach says whether a fix lies where the vehicle that stands cannot have got to since: it is another's, or a reflection. Time passes,
// so a vehicle that is really there is believed before long.
func (d *detector) beyondReach(stand *avro.TrackStand, f *avro.TrackFix, at avro.GeoPoint) bool {
	away := float64(f.At-stand.InsideAt) / 1e6
	return !geo.InCircle(at, centre(stand), d.LeaveRadius+fastest*away)
}

// placeAgain goes over the fixes that waited until it was clear that the vehicle left: the next standing may have begun there.
func (d *detector) placeAgain(s *avro.TrackScan) {
	d.queue = append(d.queue[:0], s.Pending...)
	s.Pending = s.Pending[:0]
	for i := 0; i < len(d.queue); i++ {
		if d.place(s, &d.queue[i]) {
			d.queue = slices.Insert(d.queue, i+1, s.Pending...)
			s.Pending = s.Pending[:0]
		}
	}
}

// place puts one fix into the standing under way, or begins one with it. A fix outside may be noise, so it waits. True: it is
// clear that the vehicle left, the standing is over as of its last fix inside, and what is pending is to be placed again.
func (d *detector) place(s *avro.TrackScan, f *avro.TrackFix) (over bool) {
	if !s.Stand.Ok {
		if d.slow(f) {
			d.begin(s, f)
		}
		return false
	}
	stand := &s.Stand.V
	away := int64(f.At - stand.InsideAt)
	switch d.zone(stand, f, away) {
	case inside:
		d.absorb(s, f)
		return false
	case between:
		stand.Outs = 0
		if away >= d.leaveAfter { // it lingers here: the same stay, shifted a little
			d.absorb(s, f)
			return false
		}
	case outside:
		stand.Outs++
	}
	s.Pending = append(s.Pending, *f)
	if !d.left(stand, away) {
		return false
	}
	if stand.Open.Ok {
		d.closed = append(d.closed, ended(stand))
	}
	s.Stand = avro.Opt[avro.TrackStand]{}
	return true
}

type zone int

const (
	inside zone = iota
	between
	outside
)

// zone is the hysteresis in space and speed. A standing that is no stay yet has no second radius.
func (d *detector) zone(stand *avro.TrackStand, f *avro.TrackFix, away int64) zone {
	if away > d.window || f.SpeedMmS.Ok && f.SpeedMmS.V > d.moveSpeed {
		return outside
	}
	at, centre := point(f), centre(stand)
	if geo.InCircle(at, centre, d.Radius) {
		if d.slow(f) {
			return inside
		}
		return between
	}
	if stand.Open.Ok && geo.InCircle(at, centre, d.LeaveRadius) {
		return between
	}
	return outside
}

// left is the hysteresis in time. Before the minimum dwell two fixes outside in a row are enough: nothing was told yet.
func (d *detector) left(stand *avro.TrackStand, away int64) bool {
	return stand.Outs > 0 && (away >= d.leaveAfter || stand.Outs > 1 && !stand.Open.Ok)
}

// slow: the fix may be a standing vehicle's. A missing speed says neither; then place alone decides.
func (d *detector) slow(f *avro.TrackFix) bool {
	return !f.SpeedMmS.Ok || f.SpeedMmS.V <= d.standSpeed
}

func (d *detector) begin(s *avro.TrackScan, f *avro.TrackFix) {
	s.Stand = avro.Some(avro.TrackStand{
		ArrivedAt: f.At, InsideAt: f.At, Anchor: point(f), Fixes: 1, DoorOpened: f.DoorOpen, OdometerM: f.OdometerM,
	})
}

// absorb takes a fix into the standing. What waited since the last one was noise.
func (d *detector) absorb(s *avro.TrackScan, f *avro.TrackFix) {
	stand := &s.Stand.V
	stand.SumLat += int64(f.LatE6) - int64(stand.Anchor.LatE6)
	stand.SumLon += geo.DeltaLon(stand.Anchor.LonE6, f.LonE6)
	stand.Fixes++
	stand.SilenceUs = max(stand.SilenceUs, int64(f.At-stand.InsideAt))
	lasted := int64(stand.InsideAt - stand.ArrivedAt)
	stand.InsideAt, stand.Outs = f.At, 0
	doorOpens := f.DoorOpen && !stand.DoorOpened
	stand.DoorOpened = stand.DoorOpened || f.DoorOpen
	s.Pending = s.Pending[:0]
	switch now := int64(f.At - stand.ArrivedAt); {
	case stand.Open.Ok && !d.corrects(stand, lasted, now):
		d.opened = d.opened || doorOpens
	case now >= d.minDwell:
		stand.Open = avro.Some(avro.TrackOpen{Centre: centre(stand), Fixes: stand.Fixes, LongestSilenceS: int32(stand.SilenceUs / 1e6)})
		d.opened = true
	}
}

// corrects says whether what was told of an open stay is told anew: each time that its length has doubled since the minimum dwell, if its
// centre has moved by a tenth of the radius. The first fixes are often the worst, and at a fence's edge may lie on its other side. Which
// fixes that are depends on the set alone, and of a stay of two days it is eleven at most.
func (d *detector) corrects(stand *avro.TrackStand, lasted, now int64) bool {
	return bits.Len64(uint64(now/d.minDwell)) > bits.Len64(uint64(lasted/d.minDwell)) && !geo.InCircle(centre(stand), stand.Open.V.Centre, d.Radius/10)
}

// underWay is the stay that is told and has not ended. Doors apart, its form depends on the fixes up to the minimum dwell, or up to the
// doubling of it that corrected it last, so an open stay is no record per fix, and the same whenever it was told.
func underWay(s *avro.TrackScan) (avro.Stay, bool) {
	stand := &s.Stand.V
	open := &stand.Open.V
	return avro.Stay{
		ArrivedAt: stand.ArrivedAt, Centre: open.Centre, Fixes: open.Fixes, LongestSilenceS: open.LongestSilenceS,
		DoorOpened: stand.DoorOpened, OdometerM: stand.OdometerM,
	}, stand.Open.Ok
}

func ended(stand *avro.TrackStand) avro.Stay {
	return avro.Stay{
		ArrivedAt: stand.ArrivedAt, DepartedAt: avro.Some(stand.InsideAt), Centre: centre(stand), Fixes: stand.Fixes,
		LongestSilenceS: int32(stand.SilenceUs / 1e6), DoorOpened: stand.DoorOpened, OdometerM: stand.OdometerM,
	}
}

// centre is the mean of the fixes inside.
func centre(stand *avro.TrackStand) avro.GeoPoint {
	n := int64(stand.Fixes)
	return geo.Offset(stand.Anchor, stand.SumLat/n, stand.SumLon/n)
}

func point(f *avro.TrackFix) avro.GeoPoint { return avro.GeoPoint{LatE6: f.LatE6, LonE6: f.LonE6} }
