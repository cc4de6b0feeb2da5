package shipments

import (
	"slices"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// disown drops the facts that came by a number which the shipment shares with another: they name PRO numbers, and none of them is
// the shipment's. Two shippers count their BOLs alike; a carrier does not give out a PRO number twice at a time.
func (s *consist) disown() {
	own := s.ownPROs()
	if len(own) == 0 {
		return
	}
	s.facts = slices.DeleteFunc(s.facts, func(f *avro.Fact) bool {
		named := false
		for _, id := range f.Identifiers {
			if ids.Same(id, s.id) || id.Kind == avro.IdentifierKindPRO && slices.ContainsFunc(own, func(o avro.Identifier) bool { return ids.Same(o, id) }) {
				return false
			}
			named = named || id.Kind == avro.IdentifierKindPRO
		}
		return named
	})
}

// ownPROs are the PRO numbers that anybody said are the shipment's.
func (s *consist) ownPROs() []avro.Identifier {
	var out []avro.Identifier
	for _, f := range s.facts {
		for _, l := range f.Links {
			if l.From.Kind == avro.IdentifierKindPRO && ids.Same(l.To, s.id) && !l.Revoked {
				out = append(out, l.From)
			}
		}
	}
	return out
}
