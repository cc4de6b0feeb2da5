// Package otm turns OpenTripModel 5 trips into loads, assignments and facts.
//
//	{"id":"…","status":"requested","vehicle":{"entity":{…}},"actors":[…],"actions":[{"entity":{"actionType":"stop","lifecycle":"planned",
//	 "sequenceNr":0,"location":{…},"constraint":{…},"actions":[{"entity":{"actionType":"load","consignment":{…}}}]}}]}
//
// A payload is a trip or a list of trips. A trip's stops make a load: time windows from their constraints, shipments from what is
// loaded and unloaded. Vehicle, trailer and driver make an assignment. The times of actions make facts, whose classifier is the
// action's lifecycle: the same action in another lifecycle is told of the same stop, under the same id, as its attribute action.
//
// Sequence numbers count from 0 and stops from 1.
package otm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
	"waybill/topics/fault"
)

// Format is the adapter's name in partner messages.
const Format = "otm5"

// version of the model, as code tables name it.
const version = "5"

// Adapter adapts trips. What statuses, lifecycles and actions mean is said by code tables.
type Adapter struct{ tables *codes.Tables }

// New makes an adapter that looks codes up in the tables.
func New(tables *codes.Tables) *Adapter { return &Adapter{tables} }

// Adapt implements adapter.Adapter: of each trip its load, its assignment, and the facts of its actions.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	trips, err := decode(msg.Payload)
	if err != nil {
		return nil, fault.Poisonf("BAD_JSON", "%s: %v: want a trip or a list of trips, as OpenTripModel 5 has them", adapter.Where(msg), err)
	}
	r := &reader{View: a.tables.For(msg.Partner, version), msg: msg}
	var out []avro.Record
	for i, o := range trips {
		path := ""
		if len(trips) > 1 {
			path = strconv.Itoa(i) + "."
		}
		out = append(out, r.trip(path, o)...)
		if r.Full() {
			break
		}
	}
	if err := r.Err(msg); err != nil {
		return nil, err
	}
	return out, nil
}

// object is a decoded JSON object, numbers as json.Number.
type object = map[string]any

func decode(payload []byte) ([]object, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the trip")
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []object
	for _, e := range list {
		o, ok := e.(object)
		if !ok {
			return nil, errors.New("it holds what is no object")
		}
		out = append(out, o)
	}
	if len(out) == 0 {
		return nil, errors.New("it holds no trip")
	}
	return out, nil
}

// reader reads trips and gathers what is wrong with their fields.
type reader struct {
	adapter.Report
	codes.View
	msg *avro.PartnerMessage
}

// text is a string or number as written, or empty.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// entity is what an association leads to, and its id: the thing itself where it is inline, and else its id alone.
func entity(v any) (object, string) {
	o, _ := v.(object)
	e, _ := o["entity"].(object)
	if id := text(e["id"]); id != "" {
		return e, id
	}
	return e, text(o["uuid"])
}

// each gives the entities of a list of associations.
func each(v any) []object {
	list, _ := v.([]any)
	var out []object
	for _, a := range list {
		e, _ := entity(a)
		out = append(out, e)
	}
	return out
}

// time reads a time where there is one.
func (r *reader) time(path string, v any) avro.Opt[avro.Micros] {
	if v == nil {
		return avro.Opt[avro.Micros]{}
	}
	at, err := adapter.Instant(text(v), adapter.Zoned, nil)
	if err != nil {
		r.Addf(path, "%v", err)
	}
	return avro.Opt[avro.Micros]{V: at, Ok: err == nil}
}
