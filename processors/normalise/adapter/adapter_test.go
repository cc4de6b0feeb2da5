package adapter_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/topics/fault"
)

func TestScaled(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"60.171325", 60_171_325, true}, {"-0.0000005", -1, true}, {"90", 90_000_000, true}, {"1e1", 10_000_000, true},
		{"90.000001", 0, false}, {"NaN", 0, false}, {"Inf", 0, false}, {"1e999", 0, false}, {"", 0, false}, {"north", 0, false},
	} {
		got, err := adapter.Scaled(c.in, 1e6, -90_000_000, 90_000_000)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%q: got %d, %v", c.in, got, err)
		}
	}
}

func TestInstant(t *testing.T) {
	helsinki, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   string
		zone *time.Location
		want string // empty: refused
	}{
		{"2023-10-29T13:24:10.749423Z", nil, "2023-10-29T13:24:10.749423Z"},
		{"2023-10-29T13:24:10+0200", nil, "2023-10-29T11:24:10Z"},
		{"2023-10-29T13:24:10.5+02:00", helsinki, "2023-10-29T11:24:10.5Z"},
		{"2023-10-29T13:24:10", nil, ""},
		{"0001-01-01T00:00:00Z", nil, ""},
		{"9999-01-01T00:00:00Z", nil, ""},
		{"2023-13-29T13:24:10Z", nil, ""},
	} {
		got, err := adapter.Instant(c.in, adapter.Zoned, c.zone)
		if (err == nil) != (c.want != "") || err == nil && got.Time().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s: got %s, %v", c.in, got.Time().Format(time.RFC3339Nano), err)
		}
	}
	if got, err := adapter.Instant("2023-07-01 12:00", []string{"2006-01-02 15:04"}, helsinki); err != nil || got.Time().Hour() != 9 {
		t.Errorf("a local time in Helsinki is %s, %v", got.Time(), err)
	}
}

// A report is a sentence that a person can read, whatever the payload holds.
func TestReportIsBounded(t *testing.T) {
	msg := &avro.PartnerMessage{Format: "csv", Name: strings.Repeat("n", 10_000), Line: 3}
	var r adapter.Report
	if r.Err(msg) != nil {
		t.Error("an empty report is an error")
	}
	for i := range 1000 {
		r.Addf(strings.Repeat("f", 10_000), "%d", i)
	}
	err := r.Err(msg)
	if fault.Reason(err) != "BAD_FIELDS" || len(err.Error()) > 4000 || !strings.HasSuffix(err.Error(), "and 980 more") {
		t.Errorf("%d bytes: %v", len(err.Error()), err)
	}
}

func TestFlatten(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`null`, `[]`},
		{`1.50`, `[{k 1.50}]`},
		{`{"b":true,"a":{"c":["x",null,2]}}`, `[{k.a.c.0 x} {k.a.c.2 2} {k.b true}]`},
	} {
		if got := fmt.Sprint(adapter.Flatten("k", decode(t, c.in))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}

// A name is repeated for each leaf below it: what is nested deeply or listed at length must not grow by the square.
func TestFlattenIsBounded(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"deep", strings.Repeat(`{"abc":`, 5000) + "[" + strings.Repeat("1,", 5000) + "1]" + strings.Repeat("}", 5000)},
		{"wide under a long name", `{"` + strings.Repeat("n", 5_000) + `":{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7}}`},
		{"long", "[" + strings.Repeat("[1,2],", 20_000) + "1]"},
		{"long name", `{"` + strings.Repeat("n", 50_000) + `":{"a":[` + strings.Repeat("1,", 20_000) + "1]}}"},
	} {
		size := 0
		for _, kv := range adapter.Flatten("k", decode(t, c.in)) {
			size += len(kv.K) + len(kv.V)
		}
		if size > 4*len(c.in)+1024 {
			t.Errorf("%s: %d bytes of payload became %d", c.name, len(c.in), size)
		}
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCodes(t *testing.T) {
	codes, err := adapter.Codes([]byte(`{"DOO":"DOOR_OPENED"}`))
	if err != nil || adapter.Meaning(codes, "DOO", 0) != avro.MilestoneCodeDoorOpened || adapter.Meaning(codes, "X", avro.MilestoneCodeETA) != avro.MilestoneCodeETA {
		t.Errorf("got %v, %v", codes, err)
	}
	if _, err := adapter.Codes([]byte(`{"DOO":"AJAR"}`)); err == nil || !strings.Contains(err.Error(), `"AJAR"`) {
		t.Errorf("a code table with a milestone that does not exist gives %v", err)
	}
}
