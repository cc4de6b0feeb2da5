package mapped_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/mapped"
	"waybill/topics/fault"
)

// with gives an adapter that has a mapping beside those that ship.
func with(t testing.TB, mapping string) *mapped.Adapter {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := mapped.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func adapt(a *mapped.Adapter, m avro.PartnerMessage) (string, error) {
	m.Tenant, m.Name, m.Line = "acme", "in", 2
	said, err := a.Adapt(&m)
	var out []string
	for _, r := range said {
		out = append(out, written(r.(*avro.Fact)))
	}
	return strings.Join(out, "\n"), err
}

func written(f *avro.Fact) string {
	var b strings.Builder
	what := "-"
	if f.HasMilestone {
		what = f.Milestone.String()
	}
	fmt.Fprintf(&b, "%s %s %s %s", what, f.Source.System, f.Classifier, f.OccurredAt.Time().Format("2006-01-02T15:04:05"))
	for _, x := range []struct{ label, v string }{{"code", f.Code}, {"event", f.EventID}, {"place", f.PlaceID}, {"reason", f.ReasonCode}} {
		if x.v != "" {
			b.WriteString(" " + x.label + " " + x.v)
		}
	}
	if f.StopSequence.Ok {
		fmt.Fprintf(&b, " stop %d", f.StopSequence.V)
	}
	if f.Location.Ok {
		fmt.Fprintf(&b, " at %d,%d", f.Location.V.LatE6, f.Location.V.LonE6)
	}
	if f.Quantity.Ok {
		fmt.Fprintf(&b, " quantity %d %s", f.Quantity.V.Value, f.Quantity.V.Unit)
	}
	b.WriteString(";")
	for _, id := range f.Identifiers {
		b.WriteString(" " + ids.Key("", id))
	}
	b.WriteString(";")
	for _, l := range f.Links {
		fmt.Fprintf(&b, " %s>%s %s", ids.Key("", l.From), ids.Key("", l.To), l.Classifier)
	}
	for _, a := range f.Attributes {
		b.WriteString("; " + a.K + "=" + a.V)
	}
	return b.String()
}

const carrier = `
name: carrier
format: json
system: CARRIER
event_id: {from: id}
place: {from: where.place}
reason: {from: reason}
stop: {from: stop}
latitude: {from: where.lat}
longitude: {from: where.lon}
quantity: {from: units, unit: {from: unit, codes: {pallets: PX, each: EA}}}
identifiers:
  - {kind: PRO, from: pro, issuer: {from: scac}}
  - {kind: SHIPMENT, from: shipment}
  - {kind: SSCC, from: units_scanned, split: " "}
links:
  - {from: PRO, to: SHIPMENT}
  - {from: SSCC, to: SHIPMENT, classifier: PLANNED}
attributes:
  carrier: {from: scac}
facts:
  - milestone: {from: status, codes: {D1: DELIVERED, X6: IN_TRANSIT}}
    occurred_at: {from: at, layouts: ["2006-01-02 15:04", "2006-01-02T15:04:05Z07:00", unix], zone: America/New_York}
  - milestone: {constant: ETA}
    classifier: ESTIMATED
    identifiers: [SHIPMENT]
    occurred_at: {from: eta, layouts: [unix_ms], absent: ["0"]}
    optional: true
ignore: [envelope]
`

func TestObjects(t *testing.T) {
	a := with(t, carrier)
	const base = `"pro":"007","scac":"SCAC","shipment":"S1","envelope":{"a":[1,2]}`
	for _, c := range []struct{ name, in, want string }{
		{"all of it", `{"id":"e1",` + base + `,"status":"D1","at":"2026-01-02 10:00","eta":1767225600000,"where":{"place":"p","lat":40.5,"lon":-74},"reason":"NS","stop":2,"units":1.5,"unit":"pallets","units_scanned":"a b"}`,
			`DELIVERED CARRIER ACTUAL 2026-01-02T15:00:00 code D1 event e1 place p reason NS stop 2 at 40500000,-74000000 quantity 15000 PX; |PRO|SCAC|7 |SHIPMENT||S1 |SSCC||a |SSCC||b; |PRO|SCAC|7>|SHIPMENT||S1 ACTUAL |SSCC||a>|SHIPMENT||S1 PLANNED |SSCC||b>|SHIPMENT||S1 PLANNED; carrier=SCAC
ETA CARRIER ESTIMATED 2026-01-01T00:00:00 event e1 place p reason NS stop 2 at 40500000,-74000000 quantity 15000 PX; |SHIPMENT||S1;; carrier=SCAC`},
		{"a code that no table knows is UNMAPPED with its raw form", `{` + base + `,"status":"ZZ","at":"2026-01-02T10:00:00+02:00","eta":0}`,
			`UNMAPPED CARRIER ACTUAL 2026-01-02T08:00:00 code ZZ; |PRO|SCAC|7 |SHIPMENT||S1; |PRO|SCAC|7>|SHIPMENT||S1 ACTUAL; carrier=SCAC`},
		{"clocks went back", `{` + base + `,"status":"X6","at":"2026-11-01 01:30"}`,
			`IN_TRANSIT CARRIER ACTUAL 2026-11-01T05:30:00 code X6; |PRO|SCAC|7 |SHIPMENT||S1; |PRO|SCAC|7>|SHIPMENT||S1 ACTUAL; carrier=SCAC; occurred_at=ambiguous local time, the earlier of two`},
		{"no identifier", `{"id":"e1","status":"X6","at":1767225600}`, `IN_TRANSIT CARRIER ACTUAL 2026-01-01T00:00:00 code X6 event e1;;; source_event_id=e1`},
	} {
		got, err := adapt(a, avro.PartnerMessage{Format: "json", Mapping: "carrier", Payload: []byte(c.in)})
		if err != nil || got != c.want {
			t.Errorf("%s: %v: got\n%s\nwant\n%s", c.name, err, got, c.want)
		}
	}
}

func TestFaultsNameEachField(t *testing.T) {
	a := with(t, carrier)
	for _, c := range []struct{ name, in, reason, want string }{
		{"no JSON", `{"a":`, "BAD_JSON", "json message in:2: unexpected EOF: want one JSON object"},
		{"two", `{}{}`, "BAD_JSON", "something follows the object"},
		{"a field that nobody uses", `{"status":"D1","at":"2026-01-02 10:00","new":{"x":1}}`, "BAD_FIELDS", "json message in:2: new.x: mapping carrier does not use it: map it, or name it under ignore"},
		{"no time", `{"status":"D1"}`, "BAD_FIELDS", "at: facts[0].occurred_at needs it, and it is empty: send it, or make the fact optional"},
		{"all at once", `{"status":"D1","at":"soon","units":"1.23456","unit":"boxes","stop":-1,"where":{"lat":91,"lon":0}}`, "BAD_FIELDS",
			`stop: "-1" is not from 0 to 1e+06; where.lat: "91" is not from -90 to 90; units: "1.23456" is no number of up to 14 digits before the point and 4 after it; unit: "boxes" is no code that mapping carrier knows: add it to the table; at: "soon" is not a time written as 2006-01-02 15:04 or 2006-01-02T15:04:05Z07:00 or unix`},
		{"clocks went forward", `{"status":"D1","at":"2026-03-08 02:30"}`, "BAD_FIELDS", `at: "2026-03-08 02:30" does not exist in America/New_York`},
	} {
		got, err := adapt(a, avro.PartnerMessage{Format: "json", Mapping: "carrier", Payload: []byte(c.in)})
		if err == nil || fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %s, %v, want %s with %q", c.name, got, err, c.reason, c.want)
		}
	}
}

// The mapping that ships, on a sample of what it is for.
func TestShippedMapping(t *testing.T) {
	raw, err := os.ReadFile("testdata/scms.csv")
	if err != nil {
		t.Fatal(err)
	}
	a, err := mapped.New("")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	var got []string
	for _, l := range lines[1:] {
		text, err := adapt(a, avro.PartnerMessage{Format: "csv", Mapping: "scms", Header: lines[0], Payload: []byte(l)})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, text)
	}
	want, err := os.ReadFile("testdata/scms.want")
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(got, "\n") + "\n"; text != string(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestMappingFaultsAreAllReported(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"unknown keys, by path", "name: x\nformt: csv\nidentifiers:\n  - {kind: ORDER, frm: a}\nfacts:\n  - occurred_at: {from: t, layout: x}\nquantity: {unit: {frm: x}}\nattributes: {a: {form: x}}", []string{
			"formt: unknown key (line 2); there are attributes,", "identifiers[0].frm: unknown key (line 4)", "facts[0].occurred_at.layout: unknown key (line 6)", "quantity.unit.frm: unknown key", "attributes.a.form: unknown key"}},
		{"meanings", "format: xml\nsystem: SAP\nlatitude: {from: y}\nidentifiers:\n  - {kind: ODER, from: a}\n  - {kind: ORDER}\n  - {kind: ORDER, from: b}\nlinks:\n  - {from: ORDER, to: LOAD, classifier: SURE}\nfacts:\n  - {milestone: {constant: GONE}, identifiers: [LOAD], classifier: X, system: Y, occurred_at: {from: t, layouts: [2006]}}\n  - {milestone: {from: s}, occurred_at: {from: t, layouts: [unix], zone: Mars}}\n  - {milestone: {from: s, codes: {a: NO}}, occurred_at: {}}", []string{
			"name: must be set", `format: is "xml", want csv or json`, `system: "SAP" is no source system`, "latitude: latitude and longitude must be set together",
			`identifiers[0].kind: "ODER"`, "identifiers[1]: needs from or constant", `identifiers[2].name: "ORDER" is taken`, `links[0].to: "LOAD" is the name of no identifier`, `links[0].classifier: "SURE"`,
			`facts[0].milestone: "GONE" is no milestone`, `facts[0].identifiers[0]: "LOAD"`, `facts[0].classifier: "X"`, `facts[0].system: "Y"`, `facts[0].occurred_at.zone: must be set: layout "2006" has none`,
			`facts[1].milestone.codes: must say what the codes of "s" mean`, `facts[1].occurred_at.zone: "Mars"`, `facts[2].milestone: "NO"`, "facts[2].occurred_at.from: must be set", "facts[2].occurred_at.layouts: must be set"}},
		{"nothing", "name: x\nformat: csv\nsystem: ERP", []string{"facts: must tell at least one"}},
		{"no YAML", "a: [", []string{"it is no YAML or JSON"}},
		{"wrong shape", "name: [x]", []string{"cannot unmarshal"}},
		{"empty", "", []string{"it is no YAML or JSON"}},
	} {
		_, err := mapped.Parse([]byte(c.in))
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\ndoes not report %s", c.name, err, want)
			}
		}
	}
}

func TestMappingFolder(t *testing.T) {
	if _, err := mapped.New(filepath.Join(t.TempDir(), "gone")); err == nil || !strings.Contains(err.Error(), "list mappings of") {
		t.Errorf("a folder that is not there gives %v", err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "name: scms\nformat: csv\nsystem: ERP\nfacts: [{occurred_at: {from: t, layouts: [unix]}}]", "b.json": `{"nam":"x"}`, "notes.txt": "no mapping"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := mapped.New(dir)
	for _, want := range []string{`a.yaml: name: "scms" is taken by another mapping`, "b.json: nam: unknown key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not report %s", err, want)
		}
	}
}

func FuzzAdapt(f *testing.F) {
	a := with(f, carrier)
	f.Add("json", "carrier", "", []byte(`{"id":"e1","pro":"007","scac":"SCAC","shipment":"S1","status":"D1","at":"2026-01-02 10:00","units":1.5,"unit":"pallets","units_scanned":"a b"}`))
	f.Add("json", "carrier", "", []byte(`{"envelope":{"a":[[[{"b":[null]}]]]},"at":"2026-03-08 02:30"}`))
	f.Add("csv", "scms", "ID,PO / SO #,ASN/DN #,Scheduled Delivery Date,Delivered to Client Date", []byte("1,2,3,02-Jun-06,6/2/06"))
	f.Add("csv", "scms", "ID,ID", []byte("\"1,\xff"))
	f.Fuzz(func(t *testing.T, format, mapping, header string, payload []byte) {
		said, err := a.Adapt(&avro.PartnerMessage{Tenant: "acme", Format: format, Mapping: mapping, Header: header, Payload: payload})
		if (err == nil) != (len(said) > 0) {
			t.Fatalf("%d facts and error %v", len(said), err)
		}
		if err != nil && fault.Of(err) != fault.Poison {
			t.Fatalf("%v is not poison", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(carrier))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("{name: {name: [0x1, ~]}}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := mapped.Parse(raw); err == nil && m.Name == "" {
			t.Fatal("a mapping without a name was accepted")
		}
	})
}
