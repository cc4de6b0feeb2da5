// Package edifact turns EDIFACT IFTSTA messages (D.00B) into carrier statuses: one per STS and container, and one for each
// place of the transport leg whose expected time the tables give a meaning.
//
// One payload is one interchange, or messages from UNH to UNT. A message at fault does not hold up the others: see DESIGN.md
// of package edi.
package edifact

import (
	"strconv"
	"strings"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
	"waybill/topics/fault"
)

// Format is the adapter's name in partner messages.
const Format = "iftsta"

// mostRefused is how many messages of a payload may be refused one by one.
const mostRefused = 1000

// longestHeader is that of a UNB that a refused message takes along.
const longestHeader = 512

// Adapter adapts payloads by code tables.
type Adapter struct{ tables *codes.Tables }

// New is an adapter that reads codes by the tables.
func New(tables *codes.Tables) *Adapter { return &Adapter{tables} }

// message is UNH to UNT.
type message struct {
	segments []Segment
	raw      string
	whole    bool
}

// document is a payload taken apart.
type document struct {
	una, unb string // byte for byte
	messages []message
}

// Adapt implements adapter.Adapter.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	return adapter.Whole(a, msg)
}

// AdaptParts implements adapter.Parted: a part is a message. Each that was refused is told as a PartnerMessage of its own.
func (a *Adapter) AdaptParts(msg *avro.PartnerMessage, take func([]avro.Record) error) ([]avro.Record, error) {
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	doc, err := read(msg.Header + string(msg.Payload))
	if err != nil {
		return nil, fault.Poisonf("BAD_EDIFACT", "%s: %v: send an EDIFACT interchange, or messages from UNH to UNT", adapter.Where(msg), err)
	}
	if len(doc.messages) == 0 {
		return nil, fault.Poisonf("BAD_EDIFACT", "%s: it holds no message from UNH to UNT, so it tells nothing", adapter.Where(msg))
	}
	var out []avro.Record
	refused := 0
	for i := range doc.messages {
		m := &doc.messages[i]
		said, err := a.message(msg, m)
		if err == nil {
			err = take(said)
		}
		if err == nil {
			continue
		}
		if refused++; fault.Of(err) != fault.Poison || len(doc.messages) == 1 || refused > mostRefused {
			return nil, err
		}
		part := *msg
		part.Line, part.Header, part.Payload = int64(i+1), strings.TrimSpace(doc.una), []byte(m.raw)
		if len(doc.unb) <= longestHeader {
			part.Header += doc.unb
		}
		out = append(out, &part)
	}
	return out, nil
}

// read takes a payload apart.
func read(text string) (document, error) {
	d, rest, err := Detect(text)
	if err != nil {
		return document{}, err
	}
	n := 1
	for i := range len(rest) {
		if rest[i] == d.Element || rest[i] == d.Segment {
			n++
		}
	}
	l := lexer{text: rest, d: d, elements: make([]string, 0, n)}
	doc := document{una: text[:len(text)-len(rest)]}
	var m *message
	for {
		s, ok := l.next()
		if !ok {
			return doc, nil
		}
		switch tag := s.Tag(); {
		case tag == "UNH":
			doc.messages = append(doc.messages, message{segments: []Segment{s}})
			m = &doc.messages[len(doc.messages)-1]
		case m != nil:
			m.segments = append(m.segments, s)
		case tag == "UNB":
			doc.unb = rest[s.start:s.end]
			continue
		default:
			continue // UNG, UNE, UNZ: they count, and tell nothing
		}
		m.raw = rest[m.segments[0].start:s.end]
		if s.Tag() == "UNT" {
			m.whole, m = true, nil
		}
	}
}

// message translates one, or says why not.
func (a *Adapter) message(msg *avro.PartnerMessage, m *message) ([]avro.Record, error) {
	unh := m.segments[0]
	kind, version := unh.Get(2, 1), unh.Get(2, 2)+"."+unh.Get(2, 3)
	if kind != "IFTSTA" {
		return nil, fault.Poisonf("UNKNOWN_SET", "%s, message %s: no adapter reads %s: there is IFTSTA", adapter.Where(msg), adapter.Quote(unh.Get(1, 1)), adapter.Quote(kind))
	}
	if !m.whole {
		return nil, fault.Poisonf("NO_TRAILER", "%s, message %s has no UNT, so its end may be missing: send it whole", adapter.Where(msg), adapter.Quote(unh.Get(1, 1)))
	}
	t := translator{View: a.tables.For(msg.Partner, version), msg: msg}
	t.base = avro.CarrierStatus{Tenant: msg.Tenant, Partner: msg.Partner, EventID: unh.Get(1, 1), ReceivedAt: msg.ReceivedAt}
	for i, s := range m.segments {
		t.segment(s, i+1)
	}
	t.endStatus()
	if len(t.records) == 0 && t.OK() {
		t.Addf("STS", "is missing: it is the status, send it")
	}
	if !t.OK() {
		return nil, t.Err(msg)
	}
	return t.records, nil
}

// where names a component for people: segment 14, DTM 1.2.
func where(s Segment, position, element, component int) string {
	return "segment " + strconv.Itoa(position) + ", " + strings.ToValidUTF8(s.Tag(), "") + " " + strconv.Itoa(element) + "." + strconv.Itoa(component)
}
