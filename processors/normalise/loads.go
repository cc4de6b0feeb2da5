package normalise

import (
	"waybill/avro"
	"waybill/processors/stream"
)

var loadMilestones = map[avro.LoadEvent]avro.MilestoneCode{
	avro.LoadEventPlanned:    avro.MilestoneCodePlanned,
	avro.LoadEventTendered:   avro.MilestoneCodeTendered,
	avro.LoadEventAccepted:   avro.MilestoneCodeAccepted,
	avro.LoadEventDispatched: avro.MilestoneCodeDispatched,
	avro.LoadEventCancelled:  avro.MilestoneCodeShipmentCancelled,
}

// loads makes one fact of a load message: it carries the whole plan. What is put aboard is planned; which references a
// shipment goes by is the TMS's own word.
func loads(l *avro.Load, r reception) (stream.Emits, error) {
	d := begin(envelope{
		tenant: l.Tenant, partner: l.Partner, eventID: l.EventID, system: avro.SourceSystemTMS, occurred: l.OccurredAt, received: l.ReceivedAt,
	}, r)
	if l.Event != avro.LoadEventChanged {
		d.milestone(loadMilestones[l.Event], l.Event.String())
	}
	d.Code, d.ReasonCode = l.Event.String(), l.ReasonCode
	load := d.name(avro.IdentifierKindLoad, "", l.LoadID)
	d.require(len(load) > 0, "NO_IDENTIFIER", "the load has no load_id: set it to the load number")
	for i := range l.Shipments {
		s := &l.Shipments[i]
		shipment := d.name(avro.IdentifierKindShipment, "", s.ShipmentID)
		d.require(len(shipment) > 0, "NO_IDENTIFIER", "shipment %d of load %q has no shipment_id: set it, the plan's references lead to it", i+1, l.LoadID)
		d.link(load, shipment, avro.ClassifierPlanned)
		d.references(s, l.Carrier, shipment)
	}
	d.sayAll(l.Remarks)
	d.Load = avro.Some(plainLoad(*l))
	return d.file()
}

// references links a planned shipment to what it goes by. They are links, not identifiers: the message is about the load.
func (d *draft) references(s *avro.LoadShipment, carrier string, shipment []avro.Identifier) {
	d.link(identifiers(avro.IdentifierKindOrder, "", s.OrderIDs...), shipment, avro.ClassifierActual)
	d.link(identifiers(avro.IdentifierKindDelivery, "", s.DeliveryNumbers...), shipment, avro.ClassifierActual)
	d.link(identifiers(avro.IdentifierKindBOL, "", s.BOL), shipment, avro.ClassifierActual)
	d.link(identifiers(avro.IdentifierKindPRO, carrier, s.PRO), shipment, avro.ClassifierActual)
}

// identifiers makes identifiers that are linked to but that the fact is not filed under.
func identifiers(kind avro.IdentifierKind, issuer string, values ...string) []avro.Identifier {
	return new(draft).name(kind, issuer, values...)
}
