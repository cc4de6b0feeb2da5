// Package traccar turns what Traccar forwards to Kafka into positions and facts.
//
//	{"position":{"deviceId":7,"fixTime":"2026-01-01T00:00:00.000+00:00","latitude":60.1,"longitude":24.9,"speed":10.0,…},"device":{…}}
//	{"event":{"type":"geofenceEnter","eventTime":"…","deviceId":7,…},"position":{…},"device":{…},"geofence":{…}}
//
// A position message becomes a position, an event message a fact; the position in an event message has come, or will come,
// in a message of its own. Fields are those of Traccar's OpenAPI schemas Position, Event and Device.
//
// The device is keyed by Traccar's own numeric id, which is the forwarded record's key and stands in every message; the
// hardware's uniqueId, the name and the unit are not, and other messages lack them. Its issuer is the partner: another
// Traccar numbers its devices from 1 as well.
package traccar

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"waybill/avro"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/adapter"
	"waybill/topics/fault"
)

// Format is the adapter's name in partner messages.
const Format = "traccar"

// knot is 1,852 m/h in mm/s: Traccar's speeds are in knots.
const knot = 1_852_000.0 / 3600

//go:embed codes.json
var codeTable []byte

// Adapter adapts forwarded messages. What events mean is said by codes.json; what it does not name is VEHICLE_REPORTED.
type Adapter struct{ codes map[string]avro.MilestoneCode }

// New reads the code table.
func New() (*Adapter, error) {
	codes, err := adapter.Codes(codeTable)
	if err != nil {
		return nil, fmt.Errorf("read traccar/codes.json: %w", err)
	}
	return &Adapter{codes}, nil
}

// object is a decoded JSON object, numbers as json.Number.
type object map[string]any

type message struct {
	Position, Event, Device, Geofence, Maintenance object
}

// Adapt implements adapter.Adapter: one position or one fact per message.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	m, err := decode(msg.Payload)
	if err != nil {
		return nil, fault.Poisonf("BAD_JSON", "%s: %v: want an object with position or event, as Traccar forwards", adapter.Where(msg), err)
	}
	r := reader{issuer: issuer(msg)}
	var rec avro.Record
	switch {
	case m.Event != nil:
		rec = r.event(a.codes, m)
	case m.Position["latitude"] == nil || m.Position["longitude"] == nil:
		rec = r.withoutFix(m)
	default:
		rec = r.position(msg.Tenant, m.Position)
	}
	if err := r.Err(msg); err != nil {
		return nil, err
	}
	return []avro.Record{rec}, nil
}

func issuer(msg *avro.PartnerMessage) string {
	if msg.Partner != "" {
		return msg.Partner
	}
	return Format
}

func decode(payload []byte) (message, error) {
	var m message
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return m, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return m, errors.New("something follows the object")
	}
	if m.Position == nil && m.Event == nil {
		return m, errors.New("it has neither position nor event")
	}
	return m, nil
}

// reader reads objects and gathers what is wrong with their fields.
type reader struct {
	adapter.Report
	issuer string
}

// position reads a fix. Its time is the fix's own, then the device's, then the server's; older versions wrote the last
// alone.
func (r *reader) position(tenant string, o object) *avro.Position {
	lat := r.number32(o, "latitude", 1e6, -90_000_000, 90_000_000)
	lon := r.number32(o, "longitude", 1e6, -180_000_000, 180_000_000)
	attributes, _ := o["attributes"].(map[string]any)
	p := &avro.Position{
		Tenant: tenant, Issuer: r.issuer, DeviceID: r.device(o), DeviceAt: r.time(o, "fixTime", "deviceTime", "serverTime"), ReceivedAt: r.received(o),
		LatE6: lat.V, LonE6: lon.V, SpeedMmS: r.number32(o, "speed", knot, 0, math.MaxInt32), HeadingDeg: r.number32(o, "course", 1, 0, 360),
		AccuracyMm: r.number32(o, "accuracy", 1000, 0, math.MaxInt32), Ignition: r.flag(attributes, "ignition"), DoorOpen: r.flag(attributes, "door"),
		Valid: r.flag(o, "valid").Or(true) && !r.flag(o, "outdated").Or(false),
	}
	p.HeadingDeg.V %= 360
	p.OdometerM = r.odometer(attributes)
	return p
}

// odometer is the vehicle's own in metres, or else the distance that Traccar added up.
func (r *reader) odometer(attributes object) avro.Opt[int64] {
	for _, field := range []string{"odometer", "totalDistance"} {
		if v, ok := r.number(attributes, field, 1, 0, math.MaxInt64/2); ok {
			return avro.Some(v)
		}
	}
	return avro.Opt[int64]{}
}

// event tells an event of a device. Older versions wrote serverTime instead of eventTime.
func (r *reader) event(codes map[string]avro.MilestoneCode, m message) *avro.Fact {
	f := r.fact(m.Event, r.time(m.Event, "eventTime", "serverTime"))
	f.Code = text(m.Event["type"])
	if f.Code == "" {
		r.Addf("event.type", "is missing: it says what happened")
	}
	f.Milestone = adapter.Meaning(codes, f.Code, avro.MilestoneCodeVehicleReported)
	f.EventID = text(m.Event["id"])
	if fence := text(m.Event["geofenceId"]); fence != "" && fence != "0" {
		f.PlaceID = r.issuer + "/" + fence
	}
	r.where(f, m.Position)
	for _, k := range []string{"maintenanceId", "attributes"} {
		f.Attributes = append(f.Attributes, adapter.Flatten(k, m.Event[k])...)
	}
	for _, o := range []struct {
		key  string
		from any
	}{{"device.name", m.Device["name"]}, {"device.uniqueId", m.Device["uniqueId"]}, {"geofence.name", m.Geofence["name"]}, {"maintenance.name", m.Maintenance["name"]}} {
		f.Attributes = append(f.Attributes, adapter.Flatten(o.key, o.from)...)
	}
	return f
}

// withoutFix tells that a device was heard without saying where.
func (r *reader) withoutFix(m message) *avro.Fact {
	f := r.fact(m.Position, r.time(m.Position, "fixTime", "deviceTime", "serverTime"))
	f.Milestone, f.Code = avro.MilestoneCodeVehicleReported, "position"
	for _, k := range slices.Sorted(maps.Keys(m.Position)) {
		if !slices.Contains([]string{"id", "deviceId", "fixTime", "deviceTime", "serverTime"}, k) {
			f.Attributes = append(f.Attributes, adapter.Flatten(k, m.Position[k])...)
		}
	}
	return f
}

func (r *reader) fact(o object, at avro.Micros) *avro.Fact {
	return &avro.Fact{
		HasMilestone: true, Classifier: avro.ClassifierActual, Source: avro.Source{System: avro.SourceSystemTelematics},
		Identifiers: []avro.Identifier{ids.Of(avro.IdentifierKindDevice, r.issuer, r.device(o))},
		OccurredAt:  at, DeviceAt: avro.Some(at), ReceivedAt: r.received(o),
	}
}

// where sets the place of an event by the position that came with it, where it has one.
func (r *reader) where(f *avro.Fact, o object) {
	lat := r.number32(o, "latitude", 1e6, -90_000_000, 90_000_000)
	lon := r.number32(o, "longitude", 1e6, -180_000_000, 180_000_000)
	if lat.Ok && lon.Ok {
		f.Location = avro.Some(avro.GeoPoint{LatE6: lat.V, LonE6: lon.V})
	}
}
