// Package epcis turns EPCIS events into facts (GS1 EPCIS 2.0 in JSON-LD and XML, EPCIS 1.2 in XML).
//
// A payload is a document, a query document, a list of events or one event. Each event becomes a fact that carries the
// event's hash id (CBV 2.0, 8.9): it is taken from the canonical form, so that the same event in another form, order or
// notation is the same fact. Of an event that names many things, each hundred become a fact.
//
// An errorDeclaration is a fact of its own: it supersedes what the declared event told, whichever of the two comes first, as
// the declaration repeats the event. Links state what aggregation, association and transaction events say: ADD holds from
// the event on, DELETE revokes from the event on, OBSERVE and other events say so without a time.
package epcis

import (
	"bytes"
	"errors"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
	"waybill/topics/fault"
)

// Format is the adapter's name in partner messages.
const Format = "epcis"

// HashKey is the attribute that holds an event's hash id. Attributes are part of a fact's identity.
const HashKey = "event_hash"

// Adapter adapts EPCIS payloads. What steps, dispositions and transactions mean is said by code tables; a step that none
// names is UNMAPPED.
type Adapter struct{ tables *codes.Tables }

// New makes an adapter that looks codes up in the tables.
func New(tables *codes.Tables) *Adapter { return &Adapter{tables} }

// Adapt implements adapter.Adapter: the facts of all events, in their order.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	doc, err := read(msg.Payload)
	if err != nil {
		return nil, fault.Poisonf("BAD_EPCIS", "%s: %v: want an EPCIS document, a query document, a list of events or an event, in JSON-LD or XML", adapter.Where(msg), err)
	}
	t := teller{View: a.tables.For(msg.Partner, version), msg: msg}
	for _, f := range doc.faults {
		t.Addf(f.path, "%s", f.text)
	}
	var out []avro.Record
	for _, e := range doc.events {
		for _, f := range t.tell(e) {
			out = append(out, f)
		}
	}
	if err := t.Err(msg); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fault.Poisonf("BAD_EPCIS", "%s: it holds no event: leave out documents without any", adapter.Where(msg))
	}
	return out, nil
}

func read(payload []byte) (*document, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(payload, []byte("\xef\xbb\xbf")))
	switch {
	case len(text) == 0:
		return nil, errors.New("it is empty")
	case text[0] == '<':
		return readXML(text)
	}
	return readJSON(text)
}
