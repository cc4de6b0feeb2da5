package traccar_test

import (
	"encoding/json"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise/traccar"
	"waybill/topics/fault"
)

func adapt(t *testing.T, payload string) (avro.Record, error) {
	t.Helper()
	a, err := traccar.New()
	if err != nil {
		t.Fatal(err)
	}
	said, err := a.Adapt(&avro.PartnerMessage{Tenant: "acme", Format: traccar.Format, Partner: "fleet", Name: "positions", Line: 3, Payload: []byte(payload)})
	if err != nil {
		return nil, err
	}
	return said[0], nil
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const second = avro.Micros(1_767_225_600_000_000) // 2026-01-01T00:00:00Z

func TestPositions(t *testing.T) {
	base := avro.Position{Tenant: "acme", Issuer: "fleet", DeviceID: "7", DeviceAt: second, LatE6: 60_100_000, LonE6: -24_900_000, Valid: true}
	full := base
	full.ReceivedAt, full.SpeedMmS, full.HeadingDeg, full.AccuracyMm = second+61_000_000, avro.Some(int32(5144)), avro.Some(int32(0)), avro.Some(int32(3500))
	full.OdometerM, full.Ignition, full.DoorOpen, full.Valid = avro.Some(int64(1_234)), avro.Some(false), avro.Some(true), false
	for _, c := range []struct {
		name, in string
		want     avro.Position
	}{
		{"all of it", `{"position":{"id":1,"deviceId":7,"fixTime":"2026-01-01T00:00:00.000+00:00","deviceTime":"2026-01-01T00:00:05Z","serverTime":"2026-01-01T00:01:01Z","valid":true,"outdated":true,
			"latitude":60.1,"longitude":-24.9,"speed":10.0,"course":360.0,"accuracy":3.5,"attributes":{"ignition":false,"door":true,"odometer":1234.4,"totalDistance":9}},"device":{"id":7,"uniqueId":"35"}}`, full},
		{"speed is in knots, absent is not nought", `{"position":{"deviceId":7,"fixTime":"2026-01-01T00:00:00Z","latitude":60.1,"longitude":-24.9}}`, base},
		{"an offset without colon", `{"position":{"deviceId":7,"fixTime":"2026-01-01T02:00:00.000+0200","latitude":60.1,"longitude":-24.9}}`, base},
	} {
		got, err := adapt(t, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if g, w := text(t, got), text(t, &c.want); g != w {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, g, w)
		}
	}
}

func TestOlderVersionsWroteServerTimeAlone(t *testing.T) {
	got, err := adapt(t, `{"event":{"type":"geofenceEnter","serverTime":"2026-01-01T00:00:00.000+0000","deviceId":7,"geofenceId":4},"position":{"latitude":1,"longitude":2}}`)
	if err != nil {
		t.Fatal(err)
	}
	f := got.(*avro.Fact)
	if f.OccurredAt != second || f.PlaceID != "fleet/4" || !f.Location.Ok || f.Milestone != avro.MilestoneCodeVehicleReported || f.Code != "geofenceEnter" {
		t.Errorf("got %+v", f)
	}
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		in   string
		want avro.MilestoneCode
		code string
	}{
		{`{"event":{"id":9,"type":"driverChanged","eventTime":"2026-01-01T00:00:00Z","deviceId":7,"attributes":{"driverUniqueId":"D"}},"device":{"name":"Truck","uniqueId":"35"}}`, avro.MilestoneCodeSignedOn, "driverChanged"},
		{`{"event":{"type":"brandNew","eventTime":"2026-01-01T00:00:00Z","deviceId":7}}`, avro.MilestoneCodeVehicleReported, "brandNew"},
		{`{"position":{"deviceId":7,"fixTime":"2026-01-01T00:00:00Z","latitude":null,"longitude":null}}`, avro.MilestoneCodeVehicleReported, "position"},
	} {
		got, err := adapt(t, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		f := got.(*avro.Fact)
		if f.Milestone != c.want || f.Code != c.code || f.OccurredAt != second || len(f.Identifiers) != 1 || f.Identifiers[0].Issuer != "fleet" || f.Identifiers[0].Value != "7" {
			t.Errorf("%s: got %+v", c.in, f)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, in, reason, want string }{
		{"no JSON", "position", "BAD_JSON", "traccar message positions:3:"},
		{"neither", `{"device":{}}`, "BAD_JSON", "it has neither position nor event"},
		{"two", `{"position":{}} {}`, "BAD_JSON", "something follows the object"},
		{"all at once", `{"position":{"latitude":91,"longitude":1,"fixTime":"soon","speed":-1,"valid":"yes"}}`, "BAD_FIELDS", `latitude: "91" is not from -90 to 90; deviceId: is missing`},
		{"no time", `{"position":{"deviceId":7,"latitude":1,"longitude":1}}`, "BAD_FIELDS", "in one of fixTime, deviceTime, serverTime"},
		{"event of no type", `{"event":{"deviceId":7,"eventTime":"2026-01-01T00:00:00Z"}}`, "BAD_FIELDS", "event.type: is missing"},
	} {
		got, err := adapt(t, c.in)
		if err == nil || fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v, want %s with %q", c.name, got, err, c.reason, c.want)
		}
	}
}

func FuzzAdapt(f *testing.F) {
	a, err := traccar.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"position":{"deviceId":7,"fixTime":"2026-01-01T00:00:00Z","latitude":60.1,"longitude":24.9,"speed":1,"attributes":{"ignition":true}},"device":{}}`))
	f.Add([]byte(`{"event":{"type":"alarm","eventTime":"2026-01-01T00:00:00Z","deviceId":7,"attributes":{"alarm":["sos",{"a":[]}]}},"geofence":{"name":1}}`))
	f.Add([]byte(`{"position":{"deviceId":{},"latitude":"x","longitude":1e400,"attributes":[]}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		said, err := a.Adapt(&avro.PartnerMessage{Tenant: "acme", Format: traccar.Format, Payload: payload})
		if (err == nil) != (len(said) == 1) {
			t.Fatalf("%d records and error %v", len(said), err)
		}
		if err != nil && fault.Of(err) != fault.Poison {
			t.Fatalf("%v is not poison", err)
		}
	})
}
