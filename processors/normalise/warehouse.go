package normalise

import (
	"waybill/avro"
	"waybill/processors/stream"
)

// warehouseEvents makes one fact of a scan or confirmation, filed under the narrowest thing it names, since a scan is of
// that thing; a ship confirmation is of the shipment.
func warehouseEvents(e *avro.WarehouseEvent, r reception) (stream.Emits, error) {
	d := begin(envelope{
		tenant: e.Tenant, partner: e.Partner, eventID: e.EventID, system: avro.SourceSystemWMS, occurred: e.OccurredAt, received: e.ReceivedAt,
	}, r)
	d.milestone(e.Milestone, e.Milestone.String())
	d.local(e.LocalTime)
	d.PlaceID, d.ReasonCode, d.Quantity = e.PlaceID, e.ReasonCode, e.Quantity
	if e.Milestone == avro.MilestoneCodeShipConfirmed {
		d.name(avro.IdentifierKindShipment, "", e.ShipmentID)
	}
	d.aboard(cargo{
		sscc: d.name(avro.IdentifierKindSSCC, "", e.SSCC...), lines: d.name(avro.IdentifierKindOrderLine, "", e.OrderLineIDs...),
		delivery: d.name(avro.IdentifierKindDelivery, "", e.DeliveryNumber), bol: d.name(avro.IdentifierKindBOL, "", e.BOL),
		shipment: d.name(avro.IdentifierKindShipment, "", e.ShipmentID), load: d.name(avro.IdentifierKindLoad, "", e.LoadID),
		order: d.name(avro.IdentifierKindOrder, "", e.OrderID),
	})
	d.require(len(d.Identifiers) > 0, "NO_IDENTIFIER", "the scan names nothing: set at least one of sscc, order_line_ids, delivery_number, order_id, bol, shipment_id, load_id")
	d.name(avro.IdentifierKindTrailer, "", e.TrailerID)
	d.sayAll(e.Attributes)
	d.correct(e.CorrectsAt, e.Voided)
	return d.file()
}

// cargo is what one physical scan names. All of it but units and lines is one thing at most.
type cargo struct {
	sscc, lines, delivery, bol, shipment, load, order []avro.Identifier
}

// aboard links what a scan saw together. A trailer is not linked to the load here: a scan does not know for how long.
func (d *draft) aboard(c cargo) {
	for _, pair := range [][2][]avro.Identifier{
		{c.sscc, c.delivery}, {c.sscc, c.shipment}, {c.sscc, c.load}, {c.sscc, c.order},
		{c.lines, c.order}, {c.lines, c.shipment}, {c.delivery, c.order}, {c.delivery, c.shipment}, {c.delivery, c.load},
		{c.bol, c.shipment}, {c.order, c.shipment}, {c.load, c.shipment},
	} {
		d.link(pair[0], pair[1], avro.ClassifierActual)
	}
}
