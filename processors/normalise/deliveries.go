package normalise

import (
	"fmt"

	"waybill/avro"
	"waybill/processors/stream"
)

var outcomeMilestones = map[avro.DeliveryOutcome]avro.MilestoneCode{
	avro.DeliveryOutcomeDelivered:     avro.MilestoneCodeDelivered,
	avro.DeliveryOutcomePartial:       avro.MilestoneCodeDeliveredPartial,
	avro.DeliveryOutcomeRefused:       avro.MilestoneCodeRefused,
	avro.DeliveryOutcomeDamaged:       avro.MilestoneCodeDamaged,
	avro.DeliveryOutcomeAttemptFailed: avro.MilestoneCodeAttemptFailed,
	avro.DeliveryOutcomePodReceived:   avro.MilestoneCodePodReceived,
}

// deliveries makes one fact of what the driver's handheld says. It is filed under the load and stop it was made at: the
// handheld knows those, and it covers all the units scanned.
func deliveries(p *avro.ProofOfDelivery, r reception) (stream.Emits, error) {
	d := begin(envelope{
		tenant: p.Tenant, partner: p.Partner, eventID: p.EventID, system: avro.SourceSystemEpod, occurred: p.OccurredAt, received: p.ReceivedAt,
	}, r)
	d.milestone(outcomeMilestones[p.Outcome], p.Outcome.String())
	d.StopSequence, d.ReasonCode = p.StopSequence, p.ReasonCode
	load := d.name(avro.IdentifierKindLoad, "", p.LoadID)
	d.require(!p.StopSequence.Ok || len(load) > 0, "NO_IDENTIFIER", "stop %d comes without a load_id: a stop's key is its load and sequence, set both", p.StopSequence.V)
	d.aboard(cargo{
		load: load, shipment: d.name(avro.IdentifierKindShipment, "", p.ShipmentID),
		delivery: d.name(avro.IdentifierKindDelivery, "", p.DeliveryNumber), sscc: d.name(avro.IdentifierKindSSCC, "", p.SSCC...),
	})
	d.require(len(d.Identifiers) > 0, "NO_IDENTIFIER", "the proof of delivery names nothing: set at least one of load_id, shipment_id, delivery_number, sscc")
	d.at(p.Location)
	d.say("signed_by", p.SignedBy)
	for i, x := range p.Receipts {
		d.say(fmt.Sprintf("receipt/%d", i+1), fmt.Sprintf("%s %s %d %s", x.ReceiptID, x.Kind, x.AmountMinor, x.Currency))
	}
	d.correct(p.CorrectsAt, p.Voided)
	return d.file()
}
