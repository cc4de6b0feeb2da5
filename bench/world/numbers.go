package world

import "fmt"

// Numbers that documents go by: field problem 8. PRO numbers repeat between carriers by themselves.

// reuseAfter is how many days later a carrier gives out the numbers of a load again: a quarter of a year.
const reuseAfter = 96

// numbered is the load by whose numbers a load goes: its own, or one of the same vehicle a quarter before.
func (p *planner) numbered(l *load) int {
	r := p.w.source("recycled", l.index)
	old := p.old + len(p.d.loads)*p.w.cfg.Vehicles
	if hit(r, p.w.cfg.Damage.Recycled) && p.old >= 0 && old < p.oldEnd {
		return old
	}
	return l.index
}

func (p *planner) pro(index, n int) string {
	return itoa(int64(70_000_000 + (index/p.w.cfg.Vehicles*p.w.cfg.Vehicles+p.v.index/len(p.w.carriers))*10 + n))
}

// bol is a shipper's number. Two shippers may count alike, so that loads of two carriers go by the same one at a time.
func (p *planner) bol(l *load, n int) string {
	index := p.numbered(l)
	if index == l.index && hit(p.w.source("shared", l.index/2), p.w.cfg.Damage.Recycled) {
		index &^= 1
	}
	return fmt.Sprintf("BL%d", (100_001+index)*10+n+1)
}

func (w *World) loadID(index int) string { return fmt.Sprintf("LD%d", 100_001+index) }
