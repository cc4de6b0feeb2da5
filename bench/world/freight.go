package world

import (
	"fmt"
	"time"

	"waybill/avro"
)

// What is carried, and the times at which people do something about it.

// shape makes the load's shipments and its stops with what happens there, still without places and times.
func (p *planner) shape(l *load) []*stop {
	if from := p.transfer(l); from != nil {
		return p.onward(l, from)
	}
	alone := 1 - p.w.cfg.Damage.Consolidated
	share := p.r.Float64()
	among := (share - alone) / max(1-alone, 1e-9) // the share among consolidated loads
	switch {
	case share < alone*5/6: // one shipment from one place to another
		return p.stops(l, p.shipments(l, 1), "P", "D")
	case share < alone: // one shipment collected at two places
		return p.stops(l, p.shipments(l, 1), "P", "P", "D")
	case among < 3./7: // consolidated, then delivered one by one
		all := p.shipments(l, whole(p.r, 2, 3))
		return p.stops(l, all, []string{"P", "D1", "D2", "D3"}[:len(all)+1]...)
	case among < 5./7: // collected one by one, delivered one by one
		return p.stops(l, p.shipments(l, 2), "P1", "P2", "D1", "D2")
	}
	return p.stops(l, p.shipments(l, whole(p.r, 2, 3)), "P", "D") // consolidated from one place to another
}

// stops reads a shape: pickup or delivery, and the number of the shipment it concerns; none is all.
func (p *planner) stops(l *load, all []*leg, shape ...string) []*stop {
	var out []*stop
	for _, word := range shape {
		s := &stop{kind: avro.StopTypePickup, legs: all}
		if word[0] == 'D' {
			s.kind = avro.StopTypeDelivery
		}
		if len(word) == 2 {
			s.legs = all[word[1]-'1' : word[1]-'0']
		}
		for _, aboard := range s.legs {
			aboard.calls(s)
		}
		out = append(out, s)
	}
	return out
}

func (l *leg) calls(at *stop) {
	if at.kind == avro.StopTypePickup {
		l.pickups = append(l.pickups, at)
		return
	}
	l.drop = at
}

// board puts a shipment aboard a load; n counts within the load.
func (p *planner) board(l *load, s *shipment, n int) *leg {
	out := &leg{shipment: s, load: l, pro: p.pro(p.numbered(l), n)}
	s.legs, l.legs = append(s.legs, out), append(l.legs, out)
	return out
}

// shipments makes n of them. In every third consolidated load the first two are of one order.
func (p *planner) shipments(l *load, n int) []*leg {
	for i := range n {
		serial := (100_001+l.index)*10 + i + 1
		units := (100_001+p.packed(l))*10 + i + 1
		s := &shipment{id: fmt.Sprintf("SH%d", serial), delivery: fmt.Sprintf("80%d", units)}
		for range whole(p.r, 1, 6) {
			s.sscc = append(s.sscc, sscc(units%10_000_000*30+len(s.sscc)))
		}
		s.untold = p.w.lonely(s.id)
		s.bol = p.bol(l, i)
		p.board(l, s, i)
		if split := hit(p.r, 0.33); split && i == 1 && p.w.cfg.Damage.SplitOrder > 0 {
			join(l.legs[0].shipment.order, s)
			continue
		}
		join(p.order(serial), s)
	}
	return l.legs
}

func (p *planner) order(serial int) *order {
	o := &order{id: fmt.Sprintf("SO%d", serial), po: fmt.Sprintf("PO-%d", whole(p.r, 10_000, 99_999)), customer: pick(p.r, p.w.customers).id}
	for i := range whole(p.r, 1, 4) {
		o.lines = append(o.lines, avro.OrderLine{
			LineID: fmt.Sprintf("%s-%d", o.id, 10*(i+1)), Product: fmt.Sprintf("SKU-%d", whole(p.r, 100, 999)),
			Quantity: avro.Some(avro.Quantity{Value: avro.Unscaled(whole(p.r, 1, 400)) * 10_000, Unit: "EA"}),
		})
	}
	return o
}

// handle gives the shipment and its order their times. The order is released four to five hours before the vehicle arrives.
func (p *planner) handle(l *leg) {
	s := l.shipment
	if !l.isFirst() {
		l.loaded, l.unloaded = p.during(l.pickups[0], 0.4, 0.9), p.during(l.drop, 0.6, 0.95)
		s.pod = l.unloaded.Add(p.paperwork())
		return
	}
	base, leave := l.pickups[0].arrive, l.pickups[0].depart
	ago := func(least, most time.Duration) time.Time { return base.Add(-between(p.r, least, most)) }
	s.picked = ago(96*time.Minute, 132*time.Minute)
	s.packed = ago(60*time.Minute, 78*time.Minute)
	s.staged = ago(20*time.Minute, 50*time.Minute)
	l.loaded = p.during(l.pickups[0], 0.4, 0.9)
	s.confirmed = leave.Add(between(p.r, 2*time.Minute, 12*time.Minute))
	l.unloaded = p.during(l.drop, 0.6, 0.95)
	s.pod = l.unloaded.Add(p.paperwork())
	if s.order.shipments[0] == s {
		p.sell(s.order, ago(252*time.Minute, 294*time.Minute))
	}
	s.allocated = ago(150*time.Minute, 200*time.Minute)
}

func (p *planner) sell(o *order, released time.Time) {
	o.released = released
	o.confirmed = released.Add(between(p.r, 5*time.Minute, 15*time.Minute))
	after := between(p.r, 20*time.Minute, 40*time.Minute)
	if hit(p.r, 0.10) {
		o.changed = o.confirmed.Add(after)
	}
	s := o.shipments[0]
	l := s.first()
	o.requestedPickup, o.requestedDelivery = l.pickups[0].arrive.Truncate(time.Hour), l.drop.arrive.Truncate(time.Hour).Add(2*time.Hour)
}

func (p *planner) during(s *stop, from, to float64) time.Time {
	return s.arrive.Add(time.Duration(uniform(p.r, from, to) * float64(s.depart.Sub(s.arrive)))).Truncate(time.Second)
}

// paperwork takes more than a day for one delivery in ten.
func (p *planner) paperwork() time.Duration {
	quick, slow, never, share := between(p.r, time.Hour, 6*time.Hour), between(p.r, 6*time.Hour, 23*time.Hour), between(p.r, 25*time.Hour, 40*time.Hour), p.r.Float64()
	switch {
	case share < 0.75:
		return quick
	case share < 0.90:
		return slow
	}
	return never
}

// manage gives the load its times. One tender in seven is accepted too late.
func (p *planner) manage(l *load) {
	base := l.stops[0].arrive
	l.planned = base.Add(-between(p.r, 236*time.Minute, 246*time.Minute))
	l.tendered = l.planned.Add(between(p.r, 2*time.Minute, 8*time.Minute))
	soon, late := between(p.r, 10*time.Minute, 90*time.Minute), between(p.r, 121*time.Minute, 170*time.Minute)
	l.accepted = l.tendered.Add(soon)
	if hit(p.r, 0.15) {
		l.accepted = l.tendered.Add(late)
	}
	l.assigned = base.Add(-between(p.r, 30*time.Minute, 50*time.Minute))
	l.dispatched = base.Add(-between(p.r, 15*time.Minute, 28*time.Minute))
}
