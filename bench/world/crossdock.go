package world

// Freight that changes loads at a terminal: field problem 6.

// transfer finds the leg that the load takes on from: the first that the load before left at a place to which the vehicle can
// come back. Nil where there is none, or it goes no further.
func (p *planner) transfer(l *load) *leg {
	r := p.w.source("cross-dock", l.index)
	if !hit(r, p.w.cfg.Damage.CrossDock) || len(p.d.loads) == 0 {
		return nil
	}
	for _, aboard := range p.d.loads[len(p.d.loads)-1].legs {
		at := aboard.drop.place
		if aboard.isLast() && len(aboard.drop.legs) == 1 && p.canGo(at) {
			return aboard
		}
	}
	return nil
}

// onward carries a shipment from the terminal where its last leg ended to where it goes.
func (p *planner) onward(l *load, from *leg) []*stop {
	all := []*leg{p.board(l, from.shipment, 0)}
	out := p.stops(l, all, "P", "D")
	out[0].place = from.drop.place
	return out
}

// revisit sends the load's last stop back to a place where it has been: field problem 3. What lies between is seen from it.
func (p *planner) revisit(l *load, stops []*stop) {
	r := p.w.source("revisit", l.index)
	if hit(r, p.w.cfg.Damage.Revisited) && len(stops) > 2 {
		stops[len(stops)-1].again = stops[r.IntN(len(stops)-2)]
	}
}
