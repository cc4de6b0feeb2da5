// Package hsl turns lines of Helsinki's vehicle feeds into positions and facts: HFP (positions, stops, doors, sign-ons) and
// APC (passenger counts).
//
//	2023-10-29T13:24:10.7Z /hfp/v2/journey/ongoing/vp/bus/0012/01913/4400/1/… {"VP":{"tst":"…","lat":60.17,…}}
//
// A line is the time the server received it, the topic, and one event by name. Every line becomes one record: a VP with a
// fix a position, anything else a fact.
//
// The vehicle is keyed by the topic's operator and vehicle number: numbers repeat between operators, and the payload's oper
// is the operator that runs the journey, not the vehicle's owner. In the recorded dumps it differs from the topic's for one
// vehicle from journey to journey and is null on dead runs. The topic's is always there and never changes. APC lines carry no
// oper at all.
package hsl

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/adapter"
	"waybill/topics/fault"
)

// Format is the adapter's name in partner messages.
const Format = "hsl"

//go:embed codes.json
var codeTable []byte

// Adapter adapts lines. What events mean is said by codes.json; what it does not name is VEHICLE_REPORTED.
type Adapter struct{ codes map[string]avro.MilestoneCode }

// New reads the code table.
func New() (*Adapter, error) {
	codes, err := adapter.Codes(codeTable)
	if err != nil {
		return nil, fmt.Errorf("read hsl/codes.json: %w", err)
	}
	return &Adapter{codes}, nil
}

// line is one line taken apart.
type line struct {
	received avro.Micros
	operator string // of the topic
	vehicle  string // of the topic
	event    string
	fields   map[string]any // numbers as json.Number, so that they stay as written
}

// Adapt implements adapter.Adapter: one position or one fact per line.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	l, err := cut(msg)
	if err != nil {
		return nil, err
	}
	r := reader{line: l}
	at := r.time()
	var rec avro.Record
	if l.event == "VP" && l.fields["lat"] != nil && l.fields["long"] != nil {
		rec = r.position(msg.Tenant, at)
	} else {
		rec = r.fact(a.codes, at)
	}
	if err := r.Err(msg); err != nil {
		return nil, err
	}
	return []avro.Record{rec}, nil
}

// cut takes a line apart. The topic's text may hold blanks (stop and headsign names do), so it ends at the first " {".
func cut(msg *avro.PartnerMessage) (line, error) {
	var l line
	head, body, ok := bytes.Cut(msg.Payload, []byte(" {"))
	if !ok {
		return l, fault.Poisonf("BAD_LINE", "%s: the line has no JSON object after its topic: want time, topic, {\"EVENT\":{…}}", adapter.Where(msg))
	}
	stamp, topic, _ := strings.Cut(string(head), " ")
	var report adapter.Report
	var err error
	if l.received, err = adapter.Instant(stamp, adapter.Zoned, nil); err != nil {
		report.Addf("receive time", "%v", err)
	}
	if err := l.readTopic(topic); err != nil {
		report.Addf("topic", "%v", err)
	}
	if err := l.readBody(body); err != nil {
		report.Addf("body", "%v", err)
	}
	return l, report.Err(msg)
}

// readTopic reads /hfp/v2/<journey type>/<temporal type>/<event>/<mode>/<operator>/<vehicle>/…
func (l *line) readTopic(topic string) error {
	parts := strings.Split(topic, "/")
	if len(parts) < 9 || parts[1] != "hfp" {
		return fmt.Errorf("%s is not /hfp/v2/type/temporal/event/mode/operator/vehicle", adapter.Quote(topic))
	}
	l.operator, l.vehicle = unpad(parts[7]), unpad(parts[8])
	if l.operator == "" || l.vehicle == "" {
		return fmt.Errorf("%s names operator %q and vehicle %q: both are needed to tell vehicles apart", adapter.Quote(topic), parts[7], parts[8])
	}
	return nil
}

func unpad(s string) string {
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return s[:min(len(s), 1)]
}

func (l *line) readBody(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(append([]byte("{"), body...)))
	d.UseNumber()
	var events map[string]map[string]any
	if err := d.Decode(&events); err != nil {
		return err
	}
	if len(events) != 1 || d.More() {
		return fmt.Errorf("want one event, have %d", len(events))
	}
	for l.event, l.fields = range events {
	}
	if l.event == "" || l.fields == nil {
		return fmt.Errorf("event %q holds no fields", l.event)
	}
	return nil
}

// id is the vehicle as an identifier of a kind.
func (l *line) id(kind avro.IdentifierKind) avro.Identifier {
	return ids.Of(kind, "HSL/"+l.operator, l.vehicle)
}

// consumed are the fields that have a place of their own; the rest are attributes. veh repeats the topic.
var consumed = []string{"tst", "lat", "long", "veh", "messageId", "stop"}

// fact tells any event that is no position. A VP without a fix is one too: that the vehicle was heard is worth knowing.
func (r *reader) fact(codes map[string]avro.MilestoneCode, at avro.Micros) *avro.Fact {
	f := &avro.Fact{
		Milestone: adapter.Meaning(codes, r.event, avro.MilestoneCodeVehicleReported), HasMilestone: true, Code: r.event, Classifier: avro.ClassifierActual,
		Source: avro.Source{System: avro.SourceSystemTelematics}, Identifiers: []avro.Identifier{r.id(avro.IdentifierKindVehicle)},
		OccurredAt: at, DeviceAt: avro.Some(at), ReceivedAt: r.received, Location: r.location(), EventID: r.text("messageId"),
	}
	if r.event != "APC" { // the counter is another device, which no line names
		f.Identifiers = append(f.Identifiers, r.id(avro.IdentifierKindDevice))
	}
	if stop := r.text("stop"); stop != "" {
		f.PlaceID = "HSL/" + stop
	}
	for _, k := range slices.Sorted(maps.Keys(r.fields)) {
		if !slices.Contains(consumed, k) {
			f.Attributes = append(f.Attributes, adapter.Flatten(k, r.fields[k])...)
		}
	}
	return f
}
