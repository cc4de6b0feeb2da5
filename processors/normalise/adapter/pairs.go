package adapter

import (
	"waybill/avro"
	"waybill/processors/model/hops"
)

// Pairs links the identifiers of a fact that its source names together: each kind with each kind that a hop leads to. Of two
// kinds that both have several it stays open which belongs to which: none are made.
func Pairs(f *avro.Fact, list []avro.Identifier, c avro.Classifier) {
	count := map[avro.IdentifierKind]int{}
	for _, id := range list {
		count[id.Kind]++
	}
	for _, a := range list {
		for _, b := range list {
			if hops.Rank(a.Kind) >= hops.Rank(b.Kind) || count[a.Kind] > 1 && count[b.Kind] > 1 {
				continue
			}
			if l, ok := hops.Link(a, b, c); ok {
				f.Links = append(f.Links, l)
			}
		}
	}
}
