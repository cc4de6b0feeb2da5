package resolve

import (
	"cmp"
	"slices"
	"time"

	"waybill/avro"
)

// Numbers of documents come back: a carrier gives out its PRO numbers again after months, shippers their BOLs, and a number range of
// deliveries is used up some day and begins anew; an SSCC may be given to another unit after a year (GS1 General Specifications, reuse of an SSCC). So what
// is said of such a number belongs to what it led to at that time.

// lifetimes are how far from the words that link a number a fact under it may lie, of the kinds whose values come back. Words more than twice
// as far apart speak of two things under one number. The zones do not overlap, so that no fact is ever sent to the wrong one first.
var lifetimes = map[avro.IdentifierKind]avro.Micros{
	avro.IdentifierKindPRO: days(45), avro.IdentifierKindBOL: days(45), avro.IdentifierKindSSCC: days(180), avro.IdentifierKindDelivery: days(180),
}

func days(n int) avro.Micros {
	return avro.Micros(time.Duration(n) * 24 * time.Hour / time.Microsecond)
}

// alive gives the links that speak of what a number stood for when the fact occurred; all of them where the number is not of a kind that
// comes back.
func (v *visit) alive(links []avro.NodeLink, f *avro.Fact) []avro.NodeLink {
	lifetime := lifetimes[v.at.Kind]
	if lifetime == 0 || len(links) == 0 {
		return links
	}
	out, lives := v.lives(links)
	for _, life := range lives {
		if life[0].OccurredAt-lifetime <= f.OccurredAt && f.OccurredAt <= life[len(life)-1].OccurredAt+lifetime {
			return append(out, life...)
		}
	}
	return out
}

// lives tells the links apart by what the number stood for when they were said, each life by time. Links that say themselves when they
// hold, or come without any time, are of all lives.
func (v *visit) lives(links []avro.NodeLink) (always []avro.NodeLink, lives [][]avro.NodeLink) {
	var byTime []avro.NodeLink
	for _, l := range links {
		if l.Link.ValidFrom.Ok || l.Link.ValidTo.Ok || l.OccurredAt == 0 {
			always = append(always, l)
		} else {
			byTime = append(byTime, l)
		}
	}
	slices.SortFunc(byTime, func(a, b avro.NodeLink) int { return cmp.Compare(a.OccurredAt, b.OccurredAt) })
	first := 0
	for i := range byTime {
		if i+1 == len(byTime) || byTime[i+1].OccurredAt-byTime[i].OccurredAt > 2*lifetimes[v.at.Kind] {
			lives = append(lives, byTime[first:i+1:i+1])
			first = i + 1
		}
	}
	return always, lives
}
