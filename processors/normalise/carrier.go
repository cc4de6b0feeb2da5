package normalise

import (
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/stream"
)

// carrierStatuses makes one fact of a carrier status. What the partner's code means was said by its code table; a code
// without a meaning stays UNMAPPED with its raw form.
func carrierStatuses(c *avro.CarrierStatus, r reception) (stream.Emits, error) {
	d := begin(envelope{
		tenant: c.Tenant, partner: c.Partner, eventID: c.EventID, system: avro.SourceSystemCarrier, occurred: c.OccurredAt, received: c.ReceivedAt,
	}, r)
	d.milestone(c.Milestone, c.StatusCode)
	if c.Classifier != avro.ClassifierUnspecified {
		d.Classifier = c.Classifier
	}
	d.StopSequence, d.ReasonCode = c.StopSequence, c.ReasonCode
	d.PlaceID = c.PlaceID
	d.local(c.LocalTime)
	container := d.name(avro.IdentifierKindContainer, "", c.ContainerID)
	pro := d.name(avro.IdentifierKindPRO, c.Scac, c.PRO)
	shipment := d.name(avro.IdentifierKindShipment, "", c.ShipmentID)
	bol := d.name(avro.IdentifierKindBOL, "", c.BOL)
	d.require(len(d.Identifiers) > 0, "NO_IDENTIFIER", "the carrier status names nothing: set at least one of pro, shipment_id, bol, container_id")
	d.require(len(pro) == 0 || c.Scac != "", "NO_ISSUER", "PRO %q comes without a scac: PRO numbers repeat between carriers, set the carrier's", c.PRO)
	d.link(pro, shipment, avro.ClassifierActual)
	d.link(bol, shipment, avro.ClassifierActual)
	to := shipment
	if len(to) == 0 {
		to = bol
	}
	d.link(container, to, avro.ClassifierActual)
	d.link(identifiers(avro.IdentifierKindOrder, "", c.OrderIDs...), shipment, avro.ClassifierActual)
	d.link(identifiers(avro.IdentifierKindDelivery, "", c.DeliveryNumbers...), shipment, avro.ClassifierActual)
	d.at(c.Location)
	d.say("carrier", c.Scac)
	d.say("equipment", c.EquipmentID)
	d.say("city", c.City)
	d.say("region", c.Region)
	d.say("country", c.Country)
	d.sayAll(c.Attributes)
	if c.SaidAt.Ok && d.Classifier == avro.ClassifierEstimated {
		d.say(facts.SaidAt, c.SaidAt.V.Time().Format(time.RFC3339Nano))
	}
	d.correct(c.CorrectsAt, c.Voided)
	return d.file()
}
