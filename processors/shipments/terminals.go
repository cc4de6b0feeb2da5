package shipments

import (
	"slices"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// Freight that changes loads. What a carrier delivers at a terminal is delivered to the next carrier, not to the customer.

// halt is a stop of a load.
type halt struct {
	load string
	stop int32
}

// terminals are the delivery stops from whose place another load, planned or seen, is to take the shipment on.
func terminals(st state) []halt {
	var out []halt
	for _, leg := range st.loads.All() {
		for i := range leg.Stops {
			if s := &leg.Stops[i]; s.Type == avro.StopTypeDelivery && goesOn(st, leg, s) {
				out = append(out, halt{leg.LoadID, s.Sequence})
			}
		}
	}
	return out
}

func goesOn(st state, from *avro.LoadView, at *avro.Stop) bool {
	for _, next := range st.loads.All() {
		if next.LoadID != from.LoadID && !next.Cancelled && next.Aboard != avro.ClassifierUnspecified && takesOn(next, at) {
			return true
		}
	}
	return false
}

// takesOn says whether a load is to pick up where and when another has delivered.
func takesOn(next *avro.LoadView, at *avro.Stop) bool {
	return slices.ContainsFunc(next.Stops, func(s avro.Stop) bool {
		return s.Type == avro.StopTypePickup && s.PlaceID == at.PlaceID && s.PlaceID != "" && !before(&s, at)
	})
}

// passes says whether one load hands its freight to another.
func passes(from, to *avro.LoadView) bool {
	return !from.Cancelled && !to.Cancelled && slices.ContainsFunc(from.Stops, func(s avro.Stop) bool { return s.Type == avro.StopTypeDelivery && takesOn(to, &s) })
}

// before says whether one stop is planned before another; where a plan has no time, nothing says so.
func before(a, b *avro.Stop) bool {
	return a.WindowFrom.Ok && b.WindowFrom.Ok && a.WindowFrom.V < b.WindowFrom.V
}

func (s *consist) terminal(load string, stop int32) bool {
	return slices.Contains(s.terminals, halt{load, stop})
}

// meant gives a delivery at a terminal its meaning: INTERLINED (X12 1650 code J1, delivered to connecting line).
func (s *consist) meant(f *avro.Fact) *avro.Fact {
	if len(s.terminals) == 0 || f.Milestone != avro.MilestoneCodeDelivered && f.Milestone != avro.MilestoneCodeDeliveredPartial {
		return f
	}
	if load, stop, ok := s.place(f); !ok || !s.terminal(load, stop) {
		return f
	}
	g := *f
	g.Milestone = avro.MilestoneCodeInterlined
	return &g
}

// proOf is a PRO number that a load's plan gives the shipment.
type proOf struct {
	pro  avro.Identifier
	load string
}

// prosByLoad reads the plans. A carrier's status names its PRO number and seldom the load.
func (s *consist) prosByLoad() []proOf {
	var out []proOf
	for _, f := range s.facts {
		for _, aboard := range f.Load.V.Shipments {
			if aboard.PRO != "" && ids.Normalise(avro.IdentifierKindShipment, aboard.ShipmentID) == s.id.Value {
				out = append(out, proOf{ids.Of(avro.IdentifierKindPRO, f.Load.V.Carrier, aboard.PRO), f.Load.V.LoadID})
			}
		}
	}
	return out
}
