package normalise

import (
	"waybill/avro"
	"waybill/processors/stream"
)

var orderMilestones = map[avro.OrderEvent]avro.MilestoneCode{
	avro.OrderEventReleased:        avro.MilestoneCodeOrderReleased,
	avro.OrderEventChanged:         avro.MilestoneCodeOrderChanged,
	avro.OrderEventConfirmed:       avro.MilestoneCodeOrderConfirmed,
	avro.OrderEventCancelled:       avro.MilestoneCodeOrderCancelled,
	avro.OrderEventInvoicePosted:   avro.MilestoneCodePosted,
	avro.OrderEventPaymentReceived: avro.MilestoneCodePaid,
}

// orders makes one fact of an order message: it carries the whole order, and says which lines and deliveries are the
// order's. An event the schema names and this table does not is UNMAPPED.
func orders(o *avro.Order, r reception) (stream.Emits, error) {
	d := begin(envelope{
		tenant: o.Tenant, partner: o.Partner, eventID: o.EventID, system: avro.SourceSystemERP, occurred: o.OccurredAt, received: o.ReceivedAt,
	}, r)
	d.milestone(orderMilestones[o.Event], o.Event.String())
	order := d.name(avro.IdentifierKindOrder, o.Issuer, o.OrderID)
	d.require(len(order) > 0, "NO_IDENTIFIER", "the order has no order_id: set it to the order number")
	for _, l := range o.Lines {
		d.link(d.name(avro.IdentifierKindOrderLine, o.Issuer, l.LineID), order, avro.ClassifierActual)
	}
	d.link(d.name(avro.IdentifierKindDelivery, "", o.DeliveryNumbers...), order, avro.ClassifierActual)
	d.sayAll(o.Remarks)
	d.Order = avro.Some(plainOrder(*o))
	return d.file()
}
