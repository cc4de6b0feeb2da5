package x12

import (
	"strconv"

	"waybill/avro"
	"waybill/processors/model/money"
	"waybill/processors/normalise/codes"
)

// invoice reads a 210. Amounts are N2: two implied decimals. Its lines must add up to L3, and L3 to B3, or it is refused: an
// invoice that contradicts itself is for its issuer to mend. A negative line is a correction.
func (t *translator) invoice() {
	b3, position := t.first("B3")
	if position == 0 {
		t.lack("B3", "the invoice's number and amount")
		return
	}
	in := &avro.Invoice{
		Tenant: t.msg.Tenant, Partner: t.msg.Partner, EventID: t.eventID(), ReceivedAt: t.msg.ReceivedAt,
		InvoiceID: t.need(b3, position, 2, "the invoice's number"), ShipmentID: b3.Raw(3), Payment: b3.Get(4), CorrectionCode: b3.Get(8), Issuer: b3.Get(11),
	}
	if in.Issuer == "" {
		in.Issuer = t.group.gs.Get(2)
	}
	in.Currency = t.currency()
	r := invoiceReader{t: t, in: in, digits: money.Digits(in.Currency)}
	t.issued(in, b3, position)
	for i, s := range t.set.segments {
		r.segment(s, i+1)
	}
	in.BOL, in.PRO, in.OrderIDs, in.DeliveryNumbers = r.refs.bol, r.refs.pro, r.refs.orders, r.refs.deliveries
	for _, kv := range r.refs.others {
		in.Remarks = note(in.Remarks, kv.K, kv.V)
	}
	r.check(b3, position)
	if t.wrong == 0 {
		t.records = append(t.records, in)
	}
}

// issued sets when the invoice was made: a day, whose zone the partner's table says.
func (t *translator) issued(in *avro.Invoice, b3 Segment, position int) {
	said := t.said()
	if b3.Get(6) != "" {
		m, err := t.Document(codes.Wall{Date: b3.Get(6)})
		if !t.timed(b3, position, 6, 6, err) {
			return
		}
		said = m
	}
	in.OccurredAt, in.Remarks = said.At, note(nil, "occurred_at", said.Note)
}

// currency is said once for all amounts: C3, CUR, or in each L1.
func (t *translator) currency() string {
	for _, s := range t.set.segments {
		switch {
		case s.ID() == "C3" && s.Get(1) != "":
			return s.Get(1)
		case s.ID() == "CUR" && s.Get(2) != "":
			return s.Get(2)
		case s.ID() == "L1" && len(s.Get(20)) == 3:
			return s.Get(20)
		}
	}
	return t.Currency()
}

// invoiceReader walks through a 210.
type invoiceReader struct {
	t      *translator
	in     *avro.Invoice
	digits int // of the currency's minor unit
	refs   references
	line   int
	l3     int // position of L3 in the set; 0: none
}

func (r *invoiceReader) segment(s Segment, position int) {
	switch s.ID() {
	case "LX":
		if n, err := strconv.Atoi(s.Get(1)); err == nil && n > 0 && n < 1_000_000 {
			r.line = n
		}
	case "N9":
		r.t.take(&r.refs, s, 2, 1)
	case "L1":
		r.charge(s, position)
	case "L3":
		r.l3 = position
	}
}

// charge reads an L1.
func (r *invoiceReader) charge(s Segment, position int) {
	l := avro.InvoiceLine{
		Line: int32(r.line), Code: s.Get(8), Description: s.Get(12), Rate: s.Get(2), RateUnit: s.Get(3), Quantity: s.Get(17),
		AmountMinor: r.amount(s, position, 4), AdvanceMinor: r.amount(s, position, 5), PrepaidMinor: r.amount(s, position, 6),
	}
	if n, err := strconv.Atoi(s.Get(1)); err == nil && n > 0 && n < 1_000_000 {
		l.Line = int32(n)
	}
	if meaning, ok := r.t.Meaning("210/L1-08", l.Code); ok {
		l.Type, _ = avro.ParseChargeType(meaning)
	}
	l.Correction = l.AmountMinor < 0
	r.in.Lines = append(r.in.Lines, l)
}

// amount reads an amount; none is nothing.
func (r *invoiceReader) amount(s Segment, position, element int) int64 {
	v := s.Get(element)
	if v == "" {
		return 0
	}
	n, ok := amountOf(v, r.digits)
	if !ok {
		r.t.fault(s, position, element, badCharacter, "is no amount with two implied decimals, in whole minor units of the currency %s: correct it", first(r.in.Currency, "(none said)"))
	}
	return n
}

// check holds the lines against L3 and B3.
func (r *invoiceReader) check(b3 Segment, position int) {
	t := r.t
	t.need(b3, position, 7, "the amount due")
	r.in.TotalMinor = r.amount(b3, position, 7)
	if t.wrong > 0 {
		return
	}
	var charges, advances, prepaid int64
	for i := range r.in.Lines {
		l := &r.in.Lines[i]
		charges, advances, prepaid = charges+l.AmountMinor, advances+l.AdvanceMinor, prepaid+l.PrepaidMinor
	}
	if r.l3 > 0 {
		l3 := t.set.segments[r.l3-1]
		r.sum(l3, 5, charges, "the charges of the L1 lines")
		r.sum(l3, 6, advances, "the advances of the L1 lines")
		r.sum(l3, 7, prepaid, "the prepaid amounts of the L1 lines")
	}
	if due := charges + advances - prepaid; due != r.in.TotalMinor {
		t.fault(b3, position, 7, badCode, "is %s, but the lines come to %s: correct the lines or the amount due", money.Format(r.in.TotalMinor, r.in.Currency), money.Format(due, r.in.Currency))
	}
}

// sum holds an element of L3 against what it should be; one that is left out says nothing.
func (r *invoiceReader) sum(l3 Segment, element int, want int64, what string) {
	if l3.Get(element) == "" {
		return
	}
	if got := r.amount(l3, r.l3, element); got != want && r.t.wrong == 0 {
		r.t.fault(l3, r.l3, element, badCode, "is %s, but %s come to %s: correct the lines or the total", money.Format(got, r.in.Currency), what, money.Format(want, r.in.Currency))
	}
}
