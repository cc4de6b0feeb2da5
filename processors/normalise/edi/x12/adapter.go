// Package x12 turns X12 interchanges into canonical records, and says in a functional acknowledgement what it took and what
// it refused.
//
//	204 load tender           → Load
//	990 response to a tender  → fact ACCEPTED or DECLINED
//	214 shipment status       → a CarrierStatus per AT7
//	210 freight invoice       → Invoice
//	856 ship notice           → WarehouseEvent: PACKED per order, SHIP_CONFIRMED
//	940 warehouse order       → Order
//	945 ship advice           → WarehouseEvent: SHIP_CONFIRMED, SHORTED per line
//
// One payload is one interchange, several, or transaction sets without their envelope. Versions 004010 and 005010 differ for
// these sets in the envelope alone. See DESIGN.md of package edi.
package x12

import (
	"cmp"
	"fmt"
	"slices"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
	"waybill/topics/fault"
)

// Format is the adapter's name in partner messages.
const Format = "x12"

// mostRefused is how many sets of a payload may be refused one by one. Beyond, the payload is refused as a whole: each is a message of its own.
const mostRefused = 1000

// Adapter adapts payloads by code tables.
type Adapter struct{ tables *codes.Tables }

// New is an adapter that reads codes by the tables.
func New(tables *codes.Tables) *Adapter { return &Adapter{tables} }

// Adapt implements adapter.Adapter.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	return adapter.Whole(a, msg)
}

// AdaptParts implements adapter.Parted: a part is a transaction set. Of the payload as a whole it tells an Acknowledgement per interchange
// that has groups to acknowledge, and each set that was refused as a PartnerMessage of its own, which goes back to the
// partners' topic. There it is refused again, alone, and so becomes a dead letter with its own bytes, to be replayed alone.
func (a *Adapter) AdaptParts(msg *avro.PartnerMessage, take func([]avro.Record) error) ([]avro.Record, error) {
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	all, err := open(msg)
	if err != nil {
		return nil, fault.Poisonf("BAD_X12", "%s: %v: send an X12 interchange, or transaction sets from ST to SE", adapter.Where(msg), err)
	}
	d := desk{adapter: a, msg: msg, take: take, alone: count(all) == 1 && (msg.Header != "" || !enveloped(all))}
	for i := range all {
		if err := d.interchange(&all[i]); err != nil {
			return nil, err
		}
	}
	if d.sets == 0 {
		return nil, fault.Poisonf("BAD_X12", "%s: it holds no transaction set, so it tells nothing: if it is an acknowledgement of an interchange (TA1) read it at the gateway", adapter.Where(msg))
	}
	return d.out, nil
}

// open takes a message apart. The header of a part that was refused begins with its element separator and segment terminator,
// since alone it might be taken to have others; its GS follows.
func open(msg *avro.PartnerMessage) ([]interchange, error) {
	if h := msg.Header; len(h) >= 2 && !alphanumeric(h[0]) {
		return readAs(Delimiters{Element: h[0], Segment: h[1]}, h[2:]+string(msg.Payload))
	}
	return read(msg.Header + string(msg.Payload))
}

func count(all []interchange) int {
	n := 0
	for i := range all {
		for j := range all[i].groups {
			n += len(all[i].groups[j].sets)
		}
	}
	return n
}

// enveloped says whether there is a group to acknowledge.
func enveloped(all []interchange) bool {
	for i := range all {
		for j := range all[i].groups {
			if all[i].groups[j].gs.there() {
				return true
			}
		}
	}
	return false
}

// desk works through a payload.
type desk struct {
	adapter *Adapter
	msg     *avro.PartnerMessage
	take    func([]avro.Record) error
	alone   bool // one set without an envelope of its own: refused, it is the payload that is refused
	out     []avro.Record
	sets    int
	refused int
}

func (d *desk) interchange(x *interchange) error {
	ack := acknowledgement(d.msg, x)
	for i := range x.groups {
		g := &x.groups[i]
		told, err := d.group(x, g)
		if err != nil {
			return err
		}
		if g.gs.there() && g.gs.Get(1) != "FA" { // an acknowledgement is never acknowledged, or two systems never stop
			ack.Groups = append(ack.Groups, told)
		}
	}
	if len(ack.Groups) > 0 && d.msg.Header == "" {
		d.out = append(d.out, ack)
	}
	return nil
}

func (d *desk) group(x *interchange, g *group) (avro.AcknowledgedGroup, error) {
	out := avro.AcknowledgedGroup{
		FunctionalID: g.gs2(1), Sender: g.gs2(2), Receiver: g.gs2(3), Control: g.gs2(6), Version: g.gs2(8), Codes: g.codes,
		Included: int32(g.included), Received: int32(len(g.sets)),
	}
	view := d.adapter.tables.For(d.msg.Partner, out.Version)
	for i := range g.sets {
		s := &g.sets[i]
		d.sets++
		t := translator{View: view, msg: d.msg, set: s, group: g}
		told, err := d.set(x, &t)
		if err != nil {
			return out, err
		}
		if told.Status != "R" {
			out.Accepted++
		}
		out.Sets = append(out.Sets, told)
	}
	out.Status = groupStatus(&out)
	return out, nil
}

// gs2 is an element of GS; empty where there is no GS.
func (g *group) gs2(n int) string { return clip(g.gs.Get(n)) }

func groupStatus(g *avro.AcknowledgedGroup) string {
	noted := len(g.Codes) > 0
	for i := range g.Sets {
		noted = noted || g.Sets[i].Status != "A"
	}
	switch {
	case g.Accepted == 0 && g.Received > 0:
		return "R"
	case g.Accepted < g.Received:
		return "P"
	case noted:
		return "E"
	}
	return "A"
}

// set translates one, or refuses it.
func (d *desk) set(x *interchange, t *translator) (avro.AcknowledgedSet, error) {
	s := t.set
	told := avro.AcknowledgedSet{Set: clip(s.ID()), Control: clip(s.control()), Status: "A", Codes: s.codes}
	reason, why := t.translate()
	if why == "" {
		err := d.take(t.records)
		if err == nil {
			if len(s.codes) > 0 {
				told.Status = "E"
			}
			return told, nil
		}
		if fault.Of(err) != fault.Poison {
			return told, err
		}
		reason, why = fault.Reason(err), err.Error()
	}
	told.Status, told.Faults = "R", t.faults
	switch reason {
	case "UNKNOWN_SET":
		told.Codes = append(told.Codes, "1")
	case "NO_TRAILER":
		told.Codes = append(told.Codes, "2")
	default:
		told.Codes = append(told.Codes, "5")
	}
	return told, d.refuse(x, t, reason, why)
}

// translate gives the reason code and sentence of a refusal, or leaves the set's records in t.
func (t *translator) translate() (reason, why string) {
	translate, ok := translators[t.set.ID()]
	if !ok {
		return "UNKNOWN_SET", fmt.Sprintf("no adapter reads transaction set %s: there are 204, 210, 214, 856, 940, 945, 990", adapter.Quote(t.set.ID()))
	}
	if !t.set.whole {
		return "NO_TRAILER", "the set has no SE, so its end may be missing: send it whole"
	}
	translate(t)
	slices.SortStableFunc(t.faults, func(a, b avro.ElementFault) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Element, b.Element))
	})
	if t.wrong == 0 && len(t.records) == 0 {
		t.fault(t.set.segments[0], 1, 0, segmentMissing, "tells nothing: it has none of the segments that would")
	}
	if t.wrong > 0 {
		return "BAD_SEGMENTS", t.summary()
	}
	return "", ""
}

// refuse makes a set that is refused a message of its own; or where it is one already, a dead letter.
func (d *desk) refuse(x *interchange, t *translator, reason, why string) error {
	if d.alone {
		return fault.Poisonf(reason, "%s, set %s %s: %s", adapter.Where(d.msg), clip(t.set.ID()), clip(t.set.control()), why)
	}
	if d.refused++; d.refused > mostRefused {
		return fault.Poisonf("TOO_LARGE", "%s: more than %d of its sets are at fault, the last is %s: %s: mend it as a whole", adapter.Where(d.msg), mostRefused, clip(t.set.control()), why)
	}
	part := *d.msg
	part.Line, part.Header, part.Payload = int64(d.sets), string([]byte{x.d.Element, x.d.Segment}), []byte(t.set.raw)
	if len(t.group.head) <= isaLength { // it is shorter than that, or it is no GS
		part.Header += t.group.head
	}
	d.out = append(d.out, &part)
	return nil
}

// acknowledgement begins the 997 of an interchange.
func acknowledgement(msg *avro.PartnerMessage, x *interchange) *avro.Acknowledgement {
	ack := &avro.Acknowledgement{
		Tenant: msg.Tenant, Partner: msg.Partner, Name: msg.Name, Line: msg.Line, Notes: x.notes,
		SenderQualifier: "ZZ", ReceiverQualifier: "ZZ", Usage: "P",
	}
	if x.isa.there() {
		ack.SenderQualifier, ack.Sender = x.isa.Get(5), x.isa.Get(6)
		ack.ReceiverQualifier, ack.Receiver = x.isa.Get(7), x.isa.Get(8)
		ack.InterchangeControl, ack.Usage = x.isa.Get(13), x.isa.Get(15)
		return ack
	}
	for i := range x.groups { // the group's own names stand in
		if g := &x.groups[i]; g.gs.there() {
			ack.Sender, ack.Receiver = g.gs2(2), g.gs2(3)
			break
		}
	}
	return ack
}
