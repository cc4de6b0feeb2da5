package hsl_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise/hsl"
	"waybill/topics/fault"
)

const (
	topic   = "/hfp/v2/journey/ongoing/vp/bus/0018/00423/2118/2/Kilon as. P/15:21/1130110/4/60;24/19/72/15"
	prefix  = "2023-10-29T13:24:10.749423Z " + topic + " "
	arrived = int64(1698585850749423)
)

func adapt(t *testing.T, line string) (avro.Record, error) {
	t.Helper()
	a, err := hsl.New()
	if err != nil {
		t.Fatal(err)
	}
	said, err := a.Adapt(&avro.PartnerMessage{Tenant: "acme", Format: hsl.Format, Name: "hfp.dump", Line: 7, Payload: []byte(line)})
	if err != nil {
		return nil, err
	}
	return said[0], nil
}

func TestPosition(t *testing.T) {
	got, err := adapt(t, prefix+`{"VP":{"oper":6,"veh":423,"tst":"2023-10-29T13:24:10.684Z","tsi":1698585850,"spd":4.53,"hdg":360,"lat":60.171325,"long":-24.9250314,"odo":746,"drst":1,"loc":"GPS","stop":null}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := &avro.Position{
		Tenant: "acme", Issuer: "HSL/18", DeviceID: "423", DeviceAt: 1698585850684000, ReceivedAt: avro.Micros(arrived), LatE6: 60171325, LonE6: -24925031,
		SpeedMmS: avro.Some(int32(4530)), HeadingDeg: avro.Some(int32(0)), OdometerM: avro.Some(int64(746)), DoorOpen: avro.Some(true), Valid: true,
	}
	if g, w := text(t, got), text(t, want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func TestPositionSaysOnlyWhatTheLineSays(t *testing.T) {
	got, err := adapt(t, prefix+`{"VP":{"tst":"2023-10-29T13:24:10.684Z","lat":60,"long":24,"spd":null,"hdg":null,"odo":null,"drst":null,"loc":"ODO"}}`)
	if err != nil {
		t.Fatal(err)
	}
	p := got.(*avro.Position)
	if p.SpeedMmS.Ok || p.HeadingDeg.Ok || p.OdometerM.Ok || p.DoorOpen.Ok || p.Valid {
		t.Errorf("got %+v: null is not nought, and a reckoned fix is not valid", p)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFacts(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"door", `{"DOO":{"oper":6,"veh":423,"tst":"2023-10-29T13:24:10.684Z","lat":60.1,"long":24.9,"drst":1,"stop":1130110,"jrn":663}}`,
			"DOOR_OPENED DOO HSL/1130110 60100000,24900000 VEHICLE DEVICE drst=1 jrn=663 oper=6"},
		{"door closed", `{"DOC":{"tst":"2023-10-29T13:24:10.684Z"}}`, "DOOR_CLOSED DOC  - VEHICLE DEVICE"},
		{"signed on", `{"VJA":{"tst":"2023-10-29T13:24:10.684Z"}}`, "SIGNED_ON VJA  - VEHICLE DEVICE"},
		{"signed off", `{"VJOUT":{"tst":"2023-10-29T13:24:10.684Z"}}`, "SIGNED_OFF VJOUT  - VEHICLE DEVICE"},
		{"event that no table names", `{"NEW":{"tst":"2023-10-29T13:24:10.684Z"}}`, "VEHICLE_REPORTED NEW  - VEHICLE DEVICE"},
		{"position without a fix", `{"VP":{"tst":"2023-10-29T13:24:10.684Z","lat":null,"long":null,"spd":0.00}}`, "VEHICLE_REPORTED VP  - VEHICLE DEVICE spd=0.00"},
		{"counts", `{"APC":{"tst":"2023-10-29T13:24:10.684Z","lat":60.1,"long":24.9,"vehiclecounts":{"vehicleload":3,"doorcounts":[{"door":"1","count":[{"in":3,"out":0}]}]},"messageId":"m"}}`,
			"VEHICLE_REPORTED APC  60100000,24900000 VEHICLE vehiclecounts.doorcounts.0.count.0.in=3 vehiclecounts.doorcounts.0.count.0.out=0 vehiclecounts.doorcounts.0.door=1 vehiclecounts.vehicleload=3"},
	} {
		got, err := adapt(t, prefix+c.body)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		f := got.(*avro.Fact)
		if g := written(f); g != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, g, c.want)
		}
		if f.OccurredAt != 1698585850684000 || int64(f.ReceivedAt) != arrived {
			t.Errorf("%s: occurred %s, received %s", c.name, f.OccurredAt.Time(), f.ReceivedAt.Time())
		}
	}
}

func written(f *avro.Fact) string {
	at := "-"
	if f.Location.Ok {
		at = fmt.Sprintf("%d,%d", f.Location.V.LatE6, f.Location.V.LonE6)
	}
	parts := []string{f.Milestone.String(), f.Code, f.PlaceID, at}
	for _, id := range f.Identifiers {
		if id.Issuer != "HSL/18" || id.Value != "423" {
			parts = append(parts, "STRANGER")
		}
		parts = append(parts, id.Kind.String())
	}
	for _, a := range f.Attributes {
		parts = append(parts, a.K+"="+a.V)
	}
	return strings.Join(parts, " ")
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, line, reason, want string }{
		{"no body", "2023-10-29T13:24:10Z " + topic, "BAD_LINE", "hsl message hfp.dump:7: the line has no JSON object after its topic"},
		{"all at once", "now /hfp/v2/x {\"VP\":", "BAD_FIELDS", `receive time: "now" is not a time`},
		{"topic", `2023-10-29T13:24:10Z /hfp/v2/x {"VP":{}}`, "BAD_FIELDS", `topic: "/hfp/v2/x" is not /hfp/v2/`},
		{"no vehicle", `2023-10-29T13:24:10Z /hfp/v2/journey/ongoing/vp/bus/0018// {"VP":{}}`, "BAD_FIELDS", `names operator "0018" and vehicle ""`},
		{"cut off", prefix + `{"VP":{"tst":"2023-`, "BAD_FIELDS", "body: unexpected EOF"},
		{"two events", prefix + `{"VP":{},"DOO":{}}`, "BAD_FIELDS", "want one event, have 2"},
		{"trailing", prefix + `{"VP":{}}{}`, "BAD_FIELDS", "want one event"},
		{"null event", prefix + `{"VP":null}`, "BAD_FIELDS", `event "VP" holds no fields`},
		{"no time", prefix + `{"VP":{"lat":60.1,"long":24.9}}`, "BAD_FIELDS", "tst:"},
		{"off the map and backwards", prefix + `{"VP":{"tst":"2023-10-29T13:24:10.684Z","lat":95,"long":24.9,"spd":-1}}`, "BAD_FIELDS", `lat: "95" is not from -90 to 90; spd: "-1" is not from 0 to`},
		{"words for numbers", prefix + `{"VP":{"tst":"2023-10-29T13:24:10.684Z","lat":"north","long":{}}}`, "BAD_FIELDS", `lat: "north" is not a number; long: "" is not a number`},
	} {
		got, err := adapt(t, c.line)
		if err == nil || fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v, want %s with %q", c.name, got, err, c.reason, c.want)
		}
	}
}

func FuzzAdapt(f *testing.F) {
	a, err := hsl.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(prefix + `{"VP":{"tst":"2023-10-29T13:24:10.684Z","lat":60.1,"long":24.9,"spd":4.5,"hdg":1,"odo":7,"drst":0}}`))
	f.Add([]byte(prefix + `{"APC":{"tst":"2023-10-29T13:24:10Z","vehiclecounts":{"doorcounts":[[[1,{"a":null}],true]]}}}`))
	f.Add([]byte(prefix + `{"VP":{"tst":"2023-10-29T13:24:10.684Z","lat":1e999,"long":-0}}`))
	f.Add([]byte("x /a/b {"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		said, err := a.Adapt(&avro.PartnerMessage{Tenant: "acme", Format: hsl.Format, Payload: payload})
		if (err == nil) != (len(said) == 1) {
			t.Fatalf("%d records and error %v", len(said), err)
		}
		if err != nil && fault.Of(err) != fault.Poison {
			t.Fatalf("%v is not poison", err)
		}
		if p, ok := first(said).(*avro.Position); ok && (p.LatE6 < -90_000_000 || p.LatE6 > 90_000_000 || p.DeviceAt <= 0) {
			t.Fatalf("position %+v", p)
		}
	})
}

func first(said []avro.Record) avro.Record {
	if len(said) == 0 {
		return nil
	}
	return said[0]
}
