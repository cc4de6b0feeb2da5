// Package hops holds the typed, one-way hops between identifiers: device to vehicle to load to shipment; item to SSCC; SSCC,
// container, delivery, BOL, PRO and order line to shipment; procurement documents to their order. Two identifiers are never merged
// into one key: a union of keys would join strangers.
package hops

import (
	"cmp"
	"slices"

	"waybill/avro"
	"waybill/processors/model/ids"
	"waybill/processors/stream"
	"waybill/topics"
)

// rank orders the kinds from the far end of the hops to the near end. A link leads from the lower rank to the higher, so
// hops cannot loop. A kind that is not here is carried along but never looked under: products, drivers and trucks in a
// yard take part in too much to correlate by.
var rank = map[avro.IdentifierKind]int{
	avro.IdentifierKindDevice:       1,
	avro.IdentifierKindTrailer:      2,
	avro.IdentifierKindVehicle:      3,
	avro.IdentifierKindPayment:      4,
	avro.IdentifierKindInvoice:      5,
	avro.IdentifierKindGoodsReceipt: 6,
	avro.IdentifierKindRequisition:  7,
	avro.IdentifierKindQuotation:    8,
	avro.IdentifierKindOrderLine:    9,
	avro.IdentifierKindItem:         10,
	avro.IdentifierKindSSCC:         11,
	avro.IdentifierKindContainer:    12,
	avro.IdentifierKindDelivery:     13,
	avro.IdentifierKindBOL:          14,
	avro.IdentifierKindPRO:          15,
	avro.IdentifierKindOrder:        16,
	avro.IdentifierKindLoad:         17,
	avro.IdentifierKindShipment:     18,
}

// Routed says whether facts are filed under identifiers of the kind.
func Routed(kind avro.IdentifierKind) bool { return rank[kind] > 0 }

// Rank is the kind's place on the way to the shipment; 0 is none.
func Rank(kind avro.IdentifierKind) int { return rank[kind] }

// Link orients a link between two identifiers from the far one to the near one; false where no hop exists between them.
func Link(a, b avro.Identifier, classifier avro.Classifier) (avro.Link, bool) {
	if rank[a.Kind] == 0 || rank[b.Kind] == 0 || rank[a.Kind] == rank[b.Kind] {
		return avro.Link{}, false
	}
	if rank[a.Kind] > rank[b.Kind] {
		a, b = b, a
	}
	return avro.Link{From: a, To: b, Classifier: classifier}, true
}

// SortLinks orders links and drops repeated ones: a source that lists the same units in another order says the same.
func SortLinks(f *avro.Fact) {
	slices.SortFunc(f.Links, compareLinks)
	f.Links = slices.CompactFunc(f.Links, func(a, b avro.Link) bool { return compareLinks(a, b) == 0 })
}

func compareLinks(a, b avro.Link) int {
	return cmp.Or(ids.Compare(a.From, b.From), ids.Compare(a.To, b.To), cmp.Compare(a.Classifier, b.Classifier),
		cmp.Compare(a.ValidFrom.V, b.ValidFrom.V), cmp.Compare(a.ValidTo.V, b.ValidTo.V))
}

// Nodes are the identifiers that a fact is filed under, each once, in the fact's order. A fact without any is filed under
// its own id, as an identifier of no kind: it waits there, visible, until somebody corrects it.
func Nodes(f *avro.Fact) []avro.Identifier {
	var out []avro.Identifier
	add := func(id avro.Identifier) {
		if Routed(id.Kind) && id.Value != "" && !slices.ContainsFunc(out, func(o avro.Identifier) bool { return ids.Same(o, id) }) {
			out = append(out, id)
		}
	}
	for _, id := range f.Identifiers {
		add(id)
	}
	for _, l := range f.Links {
		add(l.From)
		add(l.To)
	}
	if len(out) == 0 {
		out = append(out, avro.Identifier{Issuer: f.Source.Partner, Value: f.FactID})
	}
	return out
}

// Send files a sealed fact with resolve, once under each of its nodes.
func Send(out *stream.Emits, f *avro.Fact) {
	for _, id := range Nodes(f) {
		out.To(topics.ResolveInbox.Name, ids.Key(f.Tenant, id), f)
	}
}
