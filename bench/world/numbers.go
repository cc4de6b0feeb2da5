package world

import "fmt"

// Numbers that documents go by: field problem 8. PRO numbers repeat between carriers by themselves.

// reuseAfter is how many days later a carrier gives out the numbers of a load again: a quarter of a year.
const reuseAfter = 96

// reuseUnitsAfter is how many days later an SSCC may be given to another unit, a year by GS1, and numbers of deliveries begin anew.
const reuseUnitsAfter = 372

// span is the loads of one vehicle's day: from the first up to, and without, the first of the next day.
type span struct{ first, end int }

// before is the span of so many days ago; empty where the world was not there yet.
func before(firsts []int, days int) span {
	if n := len(firsts) - 1 - days; n >= 0 {
		return span{firsts[n], firsts[n+1]}
	}
	return span{}
}

// numbered is the load by whose numbers a load goes: its own, or one of the same vehicle a quarter before.
func (p *planner) numbered(l *load) int { return p.reused("recycled", l, p.old) }

// packed is the load by whose SSCCs and delivery numbers a load goes: its own, or one of the same vehicle a year before.
func (p *planner) packed(l *load) int { return p.reused("recycled units", l, p.older) }

func (p *planner) reused(what string, l *load, from span) int {
	r := p.w.source(what, l.index)
	old := from.first + len(p.d.loads)*p.w.cfg.Vehicles
	if hit(r, p.w.cfg.Damage.Recycled) && old < from.end {
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
