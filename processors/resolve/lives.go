package resolve

import (
	"cmp"
	"slices"
	"time"

	"waybill/avro"
)

// Numbers of documents come back: a carrier gives out its PRO numbers again after months, shippers their BOLs. So what is said of such a
// number belongs to the shipment that it led to at that time.

// lifetime is how far from the words that link a document's number a fact under it may lie. Words more than twice as far apart speak
// of two documents under one number. The zones do not overlap, so that no fact is ever sent to the wrong one first.
const lifetime = avro.Micros(45 * 24 * time.Hour / time.Microsecond)

// recycled are the kinds whose values come back.
var recycled = map[avro.IdentifierKind]bool{avro.IdentifierKindPRO: true, avro.IdentifierKindBOL: true}

// alive gives the links that speak of the document that a number stood for when the fact occurred; all of them where the number is
// not of a kind that comes back.
func (v *visit) alive(links []avro.NodeLink, f *avro.Fact) []avro.NodeLink {
	if !recycled[v.at.Kind] || len(links) == 0 {
		return links
	}
	var out, byTime []avro.NodeLink
	for _, l := range links {
		if l.Link.ValidFrom.Ok || l.Link.ValidTo.Ok { // it says itself when it holds
			out = append(out, l)
		} else {
			byTime = append(byTime, l)
		}
	}
	slices.SortFunc(byTime, func(a, b avro.NodeLink) int { return cmp.Compare(a.OccurredAt, b.OccurredAt) })
	first := 0
	for i := range byTime {
		if i > 0 && byTime[i].OccurredAt-byTime[i-1].OccurredAt > 2*lifetime {
			first = i
		}
		last := i+1 == len(byTime) || byTime[i+1].OccurredAt-byTime[i].OccurredAt > 2*lifetime
		if last && byTime[first].OccurredAt-lifetime <= f.OccurredAt && f.OccurredAt <= byTime[i].OccurredAt+lifetime {
			return append(out, byTime[first:i+1]...)
		}
	}
	return out
}
