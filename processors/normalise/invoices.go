package normalise

import (
	"fmt"

	"waybill/avro"
	"waybill/processors/model/money"
	"waybill/processors/stream"
)

// invoices makes one fact of a carrier's invoice: it says what was invoiced, and which shipment for.
func invoices(in *avro.Invoice, r reception) (stream.Emits, error) {
	d := begin(envelope{
		tenant: in.Tenant, partner: in.Partner, eventID: in.EventID, system: avro.SourceSystemCarrier, occurred: in.OccurredAt, received: in.ReceivedAt,
	}, r)
	d.milestone(avro.MilestoneCodeInvoiced, "INVOICED")
	d.ReasonCode = in.CorrectionCode
	invoice := d.name(avro.IdentifierKindInvoice, in.Issuer, in.InvoiceID)
	d.require(len(invoice) > 0, "NO_IDENTIFIER", "the invoice has no invoice_id: set it to the invoice's number")
	d.require(in.Issuer != "", "NO_ISSUER", "invoice %q comes without an issuer: invoice numbers repeat between carriers, set the carrier's SCAC", in.InvoiceID)
	shipment := d.name(avro.IdentifierKindShipment, "", in.ShipmentID)
	to := shipment
	for _, ids := range [][]avro.Identifier{
		identifiers(avro.IdentifierKindBOL, "", in.BOL), identifiers(avro.IdentifierKindPRO, in.Issuer, in.PRO),
		identifiers(avro.IdentifierKindOrder, "", in.OrderIDs...), identifiers(avro.IdentifierKindDelivery, "", in.DeliveryNumbers...),
	} {
		d.link(ids, shipment, avro.ClassifierActual)
		if len(to) == 0 {
			to = ids
		}
	}
	d.link(invoice, to, avro.ClassifierActual)
	d.say("amount", money.Format(in.TotalMinor, in.Currency))
	d.say("currency", in.Currency)
	d.say("payment", in.Payment)
	for i := range in.Lines {
		d.say(fmt.Sprintf("line/%04d", i+1), lineOf(&in.Lines[i], in.Currency))
	}
	d.sayAll(in.Remarks)
	return d.file()
}

// lineOf is a line as a person would write it.
func lineOf(l *avro.InvoiceLine, currency string) string {
	text := fmt.Sprintf("%s %s %s", l.Code, l.Type, money.Format(l.AmountMinor, currency))
	if l.AdvanceMinor != 0 {
		text += ", advance " + money.Format(l.AdvanceMinor, currency)
	}
	if l.PrepaidMinor != 0 {
		text += ", prepaid " + money.Format(l.PrepaidMinor, currency)
	}
	if l.Correction {
		text += ", correction"
	}
	return text
}
