package world

// Struck counts how often each kind of Field struck, by the names that rates have, so that a test can see that there was something to
// cope with. It takes as long as planning and telling the world does.
func (w *World) Struck() map[string]int {
	n := map[string]int{}
	numbers := map[string]int{}
	for v := range w.cfg.Vehicles {
		days := w.days(w.vehicle(v))
		for d, ok := days(); ok; d, ok = days() {
			w.strikes(d, n, numbers)
		}
	}
	for _, uses := range numbers {
		n["recycled"] += uses - 1
	}
	return n
}

func (w *World) strikes(d *day, n, numbers map[string]int) {
	count := func(name string, is bool) { n[name] += btoi(is) }
	for _, t := range d.trackers {
		count("skewed", t.skew != 0)
	}
	for _, l := range d.loads {
		count("consolidated", len(l.legs) > 1)
		count("revisited", l.returns())
		count("swapped", len(l.rides) > 1 || len(l.installed) > 0 || l.dropped)
		count("wrong trip", l.wrong != nil)
		count("reissued", l.retender != nil)
		count("corrected", l.amended != nil)
		count("skewed", l.handheld != 0)
		for _, o := range l.tells() {
			count("split order", len(o.shipments) > 1)
		}
		for _, aboard := range l.legs {
			count("cross-dock", !aboard.isFirst())
			numbers[l.carrier()+" "+aboard.pro]++
			if aboard.isFirst() {
				numbers[aboard.shipment.bol]++
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
