package normalise

import (
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// Bodies are kept with the fact and are part of its identity, so what they name is written as identifiers are: one load told in two
// notations is one fact. The raw forms stand beside the fact's identifiers.

func plainOrder(o avro.Order) avro.Order {
	o.OrderID, o.Issuer = ids.Normalise(avro.IdentifierKindOrder, o.OrderID), strings.TrimSpace(o.Issuer)
	o.DeliveryNumbers = normalised(avro.IdentifierKindDelivery, o.DeliveryNumbers)
	o.Lines = slices.Clone(o.Lines)
	for i := range o.Lines {
		o.Lines[i].LineID = ids.Normalise(avro.IdentifierKindOrderLine, o.Lines[i].LineID)
	}
	return o
}

func plainLoad(l avro.Load) avro.Load {
	l.LoadID = ids.Normalise(avro.IdentifierKindLoad, l.LoadID)
	l.Shipments, l.Stops = slices.Clone(l.Shipments), slices.Clone(l.Stops)
	for i := range l.Shipments {
		s := &l.Shipments[i]
		s.ShipmentID, s.BOL, s.PRO = ids.Normalise(avro.IdentifierKindShipment, s.ShipmentID), ids.Normalise(avro.IdentifierKindBOL, s.BOL), ids.Normalise(avro.IdentifierKindPRO, s.PRO)
		s.OrderIDs, s.DeliveryNumbers = normalised(avro.IdentifierKindOrder, s.OrderIDs), normalised(avro.IdentifierKindDelivery, s.DeliveryNumbers)
	}
	for i := range l.Stops {
		s := &l.Stops[i]
		s.PlaceID, s.ShipmentIDs = strings.TrimSpace(s.PlaceID), normalised(avro.IdentifierKindShipment, s.ShipmentIDs)
	}
	return l
}

func normalised(kind avro.IdentifierKind, raw []string) []string {
	var out []string
	for _, v := range raw {
		out = append(out, ids.Normalise(kind, v))
	}
	return out
}
