package shipments

import (
	"slices"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// disown drops the facts that came by a number which the shipment shares with another. Two shippers count their BOLs alike; a carrier does
// not give out a PRO number twice at a time, and a load is one load: what names PRO numbers, none of them the shipment's, or loads, none of
// them the shipment's, is not its own, unless something else that it names is.
func (s *consist) disown(loads []string) {
	own := s.own()
	s.facts = slices.DeleteFunc(s.facts, func(f *avro.Fact) bool {
		return own.strange(f, avro.IdentifierKindPRO, func(pro avro.Identifier) bool { return own.has(pro) }) ||
			own.byBOL(f) && own.strange(f, avro.IdentifierKindLoad, func(load avro.Identifier) bool { return slices.Contains(loads, load.Value) })
	})
}

// boarded are the loads that the shipment is on by anybody's word.
func boarded(st state) []string {
	var out []string
	for _, v := range st.loads.All() {
		if v.Aboard != avro.ClassifierUnspecified {
			out = append(out, v.LoadID)
		}
	}
	return out
}

// numbers are what anybody said are the shipment's, and itself. A consignment may have thousands.
type numbers struct {
	self  avro.Identifier
	all   map[avro.Identifier]bool
	kinds map[avro.IdentifierKind]bool // of which any number is known at all
}

func (s *consist) own() numbers {
	out := numbers{s.id, map[avro.Identifier]bool{}, map[avro.IdentifierKind]bool{}}
	out.add(s.id)
	for _, f := range s.facts {
		for _, l := range f.Links {
			if ids.Same(l.To, s.id) && !l.Revoked {
				out.add(l.From)
			}
		}
	}
	return out
}

func (n numbers) add(id avro.Identifier) {
	n.all[ids.Bare(id)], n.kinds[id.Kind] = true, true
}

func (n numbers) has(id avro.Identifier) bool { return n.all[ids.Bare(id)] }

// strange says whether a fact names things of a kind, none of them the shipment's, and does not name the shipment. Where nothing of the kind
// is known to be the shipment's, nothing is strange.
func (n numbers) strange(f *avro.Fact, kind avro.IdentifierKind, mine func(avro.Identifier) bool) bool {
	named := false
	for _, id := range f.Identifiers {
		if ids.Same(id, n.self) || id.Kind == kind && mine(id) {
			return false
		}
		named = named || id.Kind == kind
	}
	return named && n.kinds[kind]
}

// byBOL says whether a fact came by its BOL alone: the shipment's, beside which it names no unit, and no delivery or PRO number of its.
func (n numbers) byBOL(f *avro.Fact) bool {
	by := false
	for _, id := range f.Identifiers {
		switch id.Kind {
		case avro.IdentifierKindBOL:
			by = by || n.has(id)
		case avro.IdentifierKindSSCC, avro.IdentifierKindContainer, avro.IdentifierKindOrderLine:
			return false
		case avro.IdentifierKindDelivery, avro.IdentifierKindPRO:
			if n.has(id) {
				return false
			}
		}
	}
	return by
}
