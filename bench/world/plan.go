package world

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paulmach/orb"

	"waybill/avro"
)

// What happens, day by day and vehicle by vehicle. A day is planned when it is needed and forgotten after it, so that memory
// grows with the fleet and not with the length of time.

type order struct {
	id, po, customer                   string
	lines                              []avro.OrderLine
	released, confirmed, changed       time.Time // changed: zero where it never was
	requestedPickup, requestedDelivery time.Time
	shipments                          []*shipment
}

type shipment struct {
	id, bol, delivery string
	sscc              []string
	order             *order
	legs              []*leg // in order
	untold            lonely

	allocated, picked, packed, staged, confirmed time.Time
	pod                                          time.Time
}

// leg is a shipment's way on one load. The last one ends where the shipment goes; the others end at a terminal, from which the
// next one sets out.
type leg struct {
	shipment *shipment
	load     *load
	pro      string
	pickups  []*stop // where it comes aboard, in order
	drop     *stop

	loaded, unloaded time.Time // unloaded: at its drop; of the last leg it is the delivery
}

func (s *shipment) first() *leg { return s.legs[0] }
func (s *shipment) last() *leg  { return s.legs[len(s.legs)-1] }

func (l *leg) isFirst() bool { return l == l.shipment.first() }
func (l *leg) isLast() bool  { return l == l.shipment.last() }

// stops are the leg's stops in order.
func (l *leg) stops() []*stop { return append(slices.Clone(l.pickups), l.drop) }

type load struct {
	index  int // over the whole world, from 0
	id     string
	rides  []ride // in order; there is one at least
	stops  []*stop
	legs   []*leg // of the shipments aboard
	metres float64

	installed []*avro.DeviceInstallation // devices exchanged under way
	wrong     *mistake                   // nil where the right driver signed on
	retender  *retender                  // nil where it was tendered once
	amended   *amendment                 // nil where nothing was taken back
	dropped   bool                       // the trailer is left at the last stop
	handheld  time.Duration              // how far the driver's clock is ahead

	planned, tendered, accepted, assigned, dispatched time.Time
	from, to                                          time.Time // the vehicle is the load's over [from, to)
	opens                                             time.Time // nothing is said about it before
}

// ride is what carries a load over [from, to).
type ride struct {
	vehicle         *vehicle
	trailer, driver string
	from, to        time.Time
}

// carrier is the same for all rides.
func (l *load) carrier() string { return l.rides[0].vehicle.carrier.scac }

type stop struct {
	seq         int32
	kind        avro.StopType
	place       *place
	spot        orb.Point // where the vehicle stands
	legs        []*leg    // that begin or end here
	noisy       bool
	again       *stop     // at whose place it is to be, if it can
	appointment time.Time // zero where none was set

	arrive, depart    time.Time // in the world
	firstFix, lastFix time.Time // first and last time that the device would report from the spot
	inbound, outbound *drive
}

// drive is a vehicle on its way along a great circle at one speed.
type drive struct {
	arc            arc
	depart, arrive time.Time
}

func (d *drive) at(t time.Time) orb.Point { return d.arc.at(d.share(t)) }

func (d *drive) share(t time.Time) float64 {
	return float64(t.Sub(d.depart)) / float64(d.arrive.Sub(d.depart))
}

// when is the instant at which a fraction of the way is done.
func (d *drive) when(f float64) time.Time {
	return d.depart.Add(time.Duration(f * float64(d.arrive.Sub(d.depart))))
}

func (d *drive) mps() float64 { return d.arc.metres / d.arrive.Sub(d.depart).Seconds() }

// day is one vehicle's working day: from its yard over its loads' stops back to its yard.
type day struct {
	vehicle *vehicle
	number  int
	loads   []*load
	drives  []*drive
	stops   []*stop // in order; drives[i] leads to stops[i], the last one home
	begin   time.Time
	end     time.Time

	trackers []*tracker
}

// days plans a vehicle's days one after the other.
func (w *World) days(v *vehicle) func() (*day, bool) {
	n, index, free := 0, v.index, time.Time{}
	var firsts []int // the first load of each of the last days
	return func() (*day, bool) {
		if n == w.cfg.Days {
			return nil, false
		}
		p := &planner{w: w, r: w.source("plan", v.index, n), v: v, d: &day{vehicle: v, number: n}}
		firsts = append(firsts, index)
		p.old, p.older = before(firsts, reuseAfter), before(firsts, reuseUnitsAfter)
		firsts = firsts[max(0, len(firsts)-reuseUnitsAfter):]
		left := max(0, (w.cfg.Loads-index+w.cfg.Vehicles-1)/w.cfg.Vehicles)
		p.plan(index, (left+w.cfg.Days-n-1)/(w.cfg.Days-n), free)
		n, index, free = n+1, index+len(p.d.loads)*w.cfg.Vehicles, p.d.end
		return p.d, true
	}
}

type planner struct {
	w *World
	r *rand.Rand
	v *vehicle
	d *day

	at    orb.Point
	now   time.Time // when the vehicle leaves at
	avoid *place    // the place it comes from

	old, older span // the loads of the days whose documents' numbers, and whose units' and deliveries', may come back
}

// handover is how long after the last stop a vehicle is free for the next load.
const handover = 2 * time.Minute

// yardTime is how long a device is awake in the yard before the first drive and after the last.
const yardTime = 10 * time.Minute

func (p *planner) plan(index, loads int, free time.Time) {
	morning := p.w.cfg.Start.AddDate(0, 0, p.d.number).Add(5*time.Hour + between(p.r, 0, 2*time.Hour))
	if earliest := free.Add(time.Hour); morning.Before(earliest) {
		morning = earliest
	}
	p.at = p.v.yard
	p.now = p.departure(p.tick(morning))
	p.d.begin = p.now.Add(-yardTime)
	for k := range loads {
		p.d.loads = append(p.d.loads, p.load(index+k*p.w.cfg.Vehicles))
	}
	p.shareOrders()
	p.d.end = p.now.Add(yardTime)
	if loads > 0 {
		p.goHome()
	}
	p.w.track(p.d)
	p.w.swap(p.d)
	p.w.skew(p.d)
	for _, l := range p.d.loads {
		p.w.mistake(l)
		p.open(l)
	}
}

func (p *planner) goHome() {
	home := p.drive(p.v.yard)
	p.d.stops[len(p.d.stops)-1].outbound = home
	p.d.end = home.arrive.Add(yardTime)
}

func (p *planner) load(index int) *load {
	l := &load{index: index, id: p.w.loadID(index), from: p.now.Add(handover)}
	l.rides = []ride{{vehicle: p.v, trailer: fmt.Sprintf("R%d", 5001+p.v.index), driver: fmt.Sprintf("D%d", 301+p.v.index), from: l.from}}
	stops := p.shape(l)
	p.revisit(l, stops)
	for _, s := range stops {
		p.visit(l, s)
	}
	for _, aboard := range l.legs {
		p.handle(aboard)
	}
	l.to = l.stops[len(l.stops)-1].depart.Add(handover)
	l.rides[0].to = l.to
	p.manage(l)
	p.w.cancel(l)
	p.w.amend(l)
	return l
}

// visit drives to the stop and stands there.
func (p *planner) visit(l *load, s *stop) {
	s.seq = int32(len(l.stops) + 1)
	if s.again != nil && p.canGo(s.again.place) {
		s.place = s.again.place
	}
	if s.place == nil {
		s.place = p.destination(s.kind)
	}
	s.spot = within(p.r, s.place.at, 0.4*float64(s.place.radius))
	if s.noisy = p.w.noisyAt(l, s.seq); s.noisy {
		turn := p.w.source("edge", l.index, s.seq).Float64() * 2 * math.Pi
		s.spot = displaced(s.place.at, edge*float64(s.place.radius)*math.Cos(turn), edge*float64(s.place.radius)*math.Sin(turn))
	}
	if drawn := s.place.shape; drawn.drawn() {
		s.spot = drawn.spot(p.w.source("spot", l.index, s.seq), s.place, s.noisy)
	}
	s.inbound = p.drive(s.spot)
	if n := len(p.d.stops); n > 0 {
		p.d.stops[n-1].outbound = s.inbound
	}
	s.arrive = s.inbound.arrive
	s.firstFix = p.tick(s.arrive)
	s.lastFix = p.tick(s.firstFix.Add(p.dwell()))
	s.depart = p.departure(s.lastFix)
	s.appointment = p.appointment(s.arrive)
	p.now, p.at, p.avoid = s.depart, s.spot, s.place
	l.stops, p.d.stops = append(l.stops, s), append(p.d.stops, s)
	l.metres += s.inbound.arc.metres
}

// destination is never nearer than the shortest drive, and so never the place the vehicle stands at.
func (p *planner) destination(kind avro.StopType) *place {
	from := p.w.sites
	if kind == avro.StopTypePickup {
		from = p.w.warehouses
	}
	for {
		if to := &from[p.r.IntN(len(from))]; p.canGo(to) {
			return to
		}
	}
}

func (p *planner) canGo(to *place) bool {
	return to != p.avoid && metres(p.at, to.at) >= nearest+float64(to.radius)
}

// drive arrives a few seconds before a tick of the device, so that the first fix at the spot is clearly there and the one
// before it clearly is not.
func (p *planner) drive(to orb.Point) *drive {
	d := &drive{arc: newArc(p.at, to), depart: p.now}
	lead := between(p.r, time.Second, p.w.cfg.PositionEvery/3)
	fastest := d.depart.Add(time.Duration(d.arc.metres / uniform(p.r, 14, 24) * float64(time.Second)))
	d.arrive = p.tick(fastest.Add(lead)).Add(-lead)
	p.d.drives = append(p.d.drives, d)
	return d
}

// tick is the device's first report at or after t.
func (p *planner) tick(t time.Time) time.Time { return p.w.tick(p.v, t) }

func (w *World) tick(v *vehicle, t time.Time) time.Time {
	every := w.cfg.PositionEvery
	origin := w.cfg.Start.Add(v.phase)
	n := (t.Sub(origin) + every - 1) / every
	return origin.Add(n * every)
}

// departure is a few seconds after the last fix.
func (p *planner) departure(last time.Time) time.Time {
	return last.Add(between(p.r, time.Second, p.w.cfg.PositionEvery/3))
}

// dwell makes two stops in five long enough for detention.
func (p *planner) dwell() time.Duration {
	switch share := p.r.Float64(); {
	case share < 0.45:
		return between(p.r, 20*time.Minute, time.Hour)
	case share < 0.80:
		return between(p.r, time.Hour, 150*time.Minute)
	case share < 0.97:
		return between(p.r, 150*time.Minute, 5*time.Hour)
	}
	return between(p.r, 5*time.Hour, 8*time.Hour)
}

// appointment is kept by most, missed by up to an hour and a half by some, and not made for a few.
func (p *planner) appointment(arrive time.Time) time.Time {
	early, late, share := between(p.r, 0, 45*time.Minute), between(p.r, 0, 90*time.Minute), p.r.Float64()
	switch {
	case share < 0.05:
		return time.Time{}
	case share < 0.30:
		return arrive.Add(-late).Round(15 * time.Minute)
	}
	return arrive.Add(early).Round(15 * time.Minute)
}

// shareOrders splits a few orders over two loads of the day.
func (p *planner) shareOrders() {
	for i := 1; i < len(p.d.loads); i++ {
		a, b := p.d.loads[i-1], p.d.loads[i]
		if !hit(p.r, p.w.cfg.Damage.SplitOrder) || !a.single() || !b.single() || len(a.legs[0].shipment.order.shipments) != 1 {
			continue
		}
		join(a.legs[0].shipment.order, b.legs[0].shipment)
		i++
	}
}

// single says that one shipment travels on the load and on no other.
func (l *load) single() bool { return len(l.legs) == 1 && len(l.legs[0].shipment.legs) == 1 }

func join(o *order, s *shipment) {
	s.order = o
	o.shipments = append(o.shipments, s)
}

// open finds when the first word about the load is said.
func (p *planner) open(l *load) {
	l.opens = l.planned
	if l.retender != nil {
		l.opens = l.retender.planned
	}
	for _, o := range l.tells() {
		l.opens = slices.MinFunc([]time.Time{l.opens, o.released}, time.Time.Compare)
	}
}

// tells are the orders whose story is told with the load: those whose first shipment is aboard.
func (l *load) tells() []*order {
	var out []*order
	for _, aboard := range l.legs {
		if s := aboard.shipment; aboard.isFirst() && s.order.shipments[0] == s {
			out = append(out, s.order)
		}
	}
	slices.SortFunc(out, func(a, b *order) int { return cmp.Compare(a.id, b.id) })
	return out
}
