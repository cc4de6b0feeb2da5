// Package dcsa turns DCSA Track & Trace 2.x events into facts: SHIPMENT, TRANSPORT and EQUIPMENT events, alone, in a list, or as
// {"events": […]}.
//
//	{"eventID":"…","eventCreatedDateTime":"…","eventType":"EQUIPMENT","eventClassifierCode":"EST","eventDateTime":"…",
//	 "equipmentEventTypeCode":"LOAD","equipmentReference":"APZU4812090",…}
//
// Each event is checked against event.schema.json first; what is wrong is told by JSON pointer. Its id and when it was created
// tell of the telling: the same event under another id is the same fact. Whether it is planned, estimated, actual or requested
// is the fact's classifier, and is content: the plan of a departure and the departure are two facts.
package dcsa

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
	"waybill/topics/fault"
)

// Format is the adapter's name in partner messages.
const Format = "dcsa"

// Adapter adapts Track & Trace payloads. What codes mean is said by code tables; a code that none names is UNMAPPED.
type Adapter struct {
	tables *codes.Tables
	schema rules
}

// New reads the schema, and makes an adapter that looks codes up in the tables.
func New(tables *codes.Tables) (*Adapter, error) {
	s, err := compile()
	return &Adapter{tables, s}, err
}

// Adapt implements adapter.Adapter: a fact per event, in their order.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(msg.Payload))
	if err != nil {
		return nil, fault.Poisonf("BAD_JSON", "%s: %v: want an event, a list of events or an object with events, as DCSA Track & Trace 2 has them", adapter.Where(msg), err)
	}
	events, err := list(doc)
	if err != nil {
		return nil, fault.Poisonf("BAD_JSON", "%s: %v", adapter.Where(msg), err)
	}
	t := teller{View: a.tables.For(msg.Partner, version), partner: msg.Partner}
	var out []avro.Record
	for _, e := range events {
		if f := a.event(&t, e.pointer, e.value); f != nil {
			out = append(out, f)
		}
		if t.Full() {
			break
		}
	}
	if err := t.Err(msg); err != nil {
		return nil, err
	}
	return out, nil
}

// located is a value and the JSON pointer to it.
type located struct {
	pointer string
	value   any
}

// list gives the events of a payload.
func list(doc any) ([]located, error) {
	values, at := []any(nil), ""
	switch v := doc.(type) {
	case []any:
		values = v
	case map[string]any:
		inner, ok := v["events"].([]any)
		if !ok {
			return []located{{"", v}}, nil
		}
		values, at = inner, "/events"
	default:
		return nil, errors.New("it is neither an object nor a list")
	}
	var out []located
	for i, v := range values {
		out = append(out, located{at + "/" + strconv.Itoa(i), v})
	}
	if len(out) == 0 {
		return nil, errors.New("it holds no event: leave out payloads without any")
	}
	return out, nil
}

// longest list of references or seals that an event may have: the validator finds every fault before it tells any.
const longest = 250

// event checks an event and tells it.
func (a *Adapter) event(t *teller, path string, e any) *avro.Fact {
	o, _ := e.(object)
	for _, name := range []string{"references", "documentReferences", "seals"} {
		if list, ok := o[name].([]any); ok && len(list) > longest {
			t.Addf(path+"/"+name, "has %d elements, the limit is %d: split the event", len(list), longest)
			return nil
		}
	}
	faults, err := a.schema.validate(e)
	if err != nil {
		t.Addf(path, "%v", err)
		return nil
	}
	if len(faults) > 0 {
		explain(&t.Report, path, faults)
		return nil
	}
	return t.tell(path, o) // an object: the schema says so
}

// text is a string or number as written, or empty.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number, bool:
		return fmt.Sprint(v)
	}
	return ""
}
