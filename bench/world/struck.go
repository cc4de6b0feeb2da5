package world

import (
	"strings"
	"time"

	"waybill/avro"
)

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
	for number, uses := range numbers {
		switch {
		case strings.HasPrefix(number, "BL"):
			n["shared"] += uses - 1
			continue
		case strings.HasPrefix(number, "delivery "):
			n["recycled units"] += uses - 1
			continue
		}
		n["recycled"] += uses - 1
	}
	return n
}

func (w *World) strikes(d *day, n, numbers map[string]int) {
	count := func(name string, is bool) { n[name] += btoi(is) }
	for _, t := range d.trackers {
		count("untold installation", !w.fitted(t.vehicle))
	}
	for _, t := range d.trackers {
		count("skewed", t.skew != 0)
	}
	n["days late"] += len(w.offline(d))
	for _, l := range d.loads {
		w.strikesOn(l, n)
		count("consolidated", len(l.legs) > 1)
		count("revisited", l.returns())
		count("swapped", len(l.rides) > 1 || len(l.installed) > 0 || l.dropped)
		count("wrong trip", l.wrong != nil)
		count("untold assignment", !w.given(l))
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
				count("untold delivery", aboard.shipment.untold.delivery)
				count("untold unit", aboard.shipment.untold.units)
				numbers[aboard.shipment.bol]++
				numbers["delivery "+aboard.shipment.delivery]++
			}
		}
	}
}

// strikesOn counts what happened to the messages about a load.
func (w *World) strikesOn(l *load, n map[string]int) {
	again := 0
	for _, m := range w.messages(l) {
		_, raw := m.Record.(*avro.PartnerMessage)
		after := m.DeliverAt.Sub(m.OccurredAt)
		_, plan := m.Record.(*avro.Load)
		n["local time"] += btoi(raw)
		n["notation"] += btoi(m.says != nil && !raw)
		n["link days late"] += btoi(plan && after > 24*time.Hour)
		n["after close"] += btoi(after > 30*24*time.Hour)
		n["days late"] += btoi(after > 2*time.Hour)
		again += btoi(m.Duplicate)
	}
	n["resent"] += btoi(again >= 20)
	for _, s := range l.stops {
		n["noisy"] += btoi(s.noisy)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
