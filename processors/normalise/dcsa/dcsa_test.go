package dcsa_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/codes"
	"waybill/processors/normalise/dcsa"
	"waybill/topics/fault"
)

func adapterFor(t testing.TB) *dcsa.Adapter {
	t.Helper()
	tables, err := codes.New("")
	if err != nil {
		t.Fatal(err)
	}
	a, err := dcsa.New(tables)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func message(payload string) *avro.PartnerMessage {
	return &avro.PartnerMessage{Tenant: "acme", Format: dcsa.Format, Partner: "carrier", Name: "events", Line: 2, Payload: []byte(payload)}
}

// told gives the facts of a payload, sealed as normalise does.
func told(t testing.TB, payload string) ([]*avro.Fact, error) {
	t.Helper()
	said, err := adapterFor(t).Adapt(message(payload))
	var out []*avro.Fact
	for _, r := range said {
		f := r.(*avro.Fact)
		facts.Seal(f)
		out = append(out, f)
	}
	return out, err
}

func written(f *avro.Fact) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s %s;", f.Milestone, f.Code, f.Classifier, f.OccurredAt.Time().Format("2006-01-02T15:04:05"), f.PlaceID)
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

const (
	envelope  = `"eventID":"3cecb101-7a1a-43a4-9d62-e88a131651e2","eventCreatedDateTime":"2026-03-02T12:00:00Z"`
	transport = `{` + envelope + `,"eventType":"TRANSPORT","eventClassifierCode":"PLN","eventDateTime":"2026-03-02T09:00:00+08:30","transportEventTypeCode":"DEPA","delayReasonCode":"WEA",
		"transportCall":{"transportCallID":"t1","UNLocationCode":"FRPAR","facilityCode":"ADT","modeOfTransport":"VESSEL","vessel":{"vesselIMONumber":"9321483"}},
		"documentReferences":[{"documentReferenceType":"BKG","documentReferenceValue":"B1"},{"documentReferenceType":"TRD","documentReferenceValue":"T1"}]}`
	equipment = `{` + envelope + `,"eventType":"EQUIPMENT","eventClassifierCode":"ACT","eventDateTime":"2026-03-02T09:00:00Z","equipmentEventTypeCode":"LOAD","equipmentReference":"APZU 481209-0","emptyIndicatorCode":"LADEN",
		"eventLocation":{"latitude":"48.8585500","longitude":"2.294492036","UNLocationCode":"FRPAR"},
		"references":[{"referenceType":"PO","referenceValue":"0047"},{"referenceType":"FF","referenceValue":"f2"},{"referenceType":"FF","referenceValue":"f1"},{"referenceType":"EQ","referenceValue":"APZU4812090"}]}`
	shipment = `{` + envelope + `,"eventType":"SHIPMENT","eventClassifierCode":"ACT","eventDateTime":"2026-03-02T09:00:00Z","shipmentEventTypeCode":"CONF","documentID":"B1","documentTypeCode":"BKG"}`
)

func TestEvents(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a ship's departure, planned", transport, `TERMINAL_DEPARTED DEPA PLANNED 2026-03-02T00:30:00 FRPAR/ADT; |VEHICLE|IMO|9321483 |BOL|carrier|T1 |PRO|carrier|B1; |BOL|carrier|T1>|PRO|carrier|B1 PLANNED; ` +
			`documentReferences.BKG=B1; documentReferences.TRD=T1; eventType=TRANSPORT; transportCall.UNLocationCode=FRPAR; transportCall.facilityCode=ADT; transportCall.modeOfTransport=VESSEL; transportCall.transportCallID=t1; transportCall.vessel.vesselIMONumber=9321483`},
		{"a container loaded, references in order", equipment, `LOADED LOAD ACTUAL 2026-03-02T09:00:00 FRPAR; |ORDER||47 |CONTAINER||APZU4812090; |CONTAINER||APZU4812090>|ORDER||47 ACTUAL; ` +
			`emptyIndicatorCode=LADEN; equipmentReference=APZU 481209-0; eventLocation.UNLocationCode=FRPAR; eventLocation.latitude=48.8585500; eventLocation.longitude=2.294492036; eventType=EQUIPMENT; references.EQ=APZU4812090; references.FF=f1,f2; references.PO=0047`},
		{"a booking confirmed", shipment, `ACCEPTED CONF ACTUAL 2026-03-02T09:00:00 ; |PRO|carrier|B1;; documentID=B1; documentTypeCode=BKG; eventType=SHIPMENT`},
		{"within events", `{"events":[` + shipment + `]}`, `ACCEPTED CONF ACTUAL 2026-03-02T09:00:00 ; |PRO|carrier|B1;; documentID=B1; documentTypeCode=BKG; eventType=SHIPMENT`},
		{"a code that no table names", strings.Replace(shipment, "CONF", "DRFT", 1), `UNMAPPED DRFT ACTUAL 2026-03-02T09:00:00 ; |PRO|carrier|B1;; documentID=B1; documentTypeCode=BKG; eventType=SHIPMENT`},
		{"an empty one leaves a depot", strings.NewReplacer("LADEN", "EMPTY", "LOAD", "GTOT").Replace(equipment), `EQUIPMENT_PICKED_UP GTOT`},
	} {
		got, err := told(t, c.in)
		if err != nil || len(got) != 1 || !strings.HasPrefix(written(got[0]), c.want) {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.name, err, written(append(got, &avro.Fact{})[0]), c.want)
		}
	}
	if got, _ := told(t, equipment); got[0].Location.V != (avro.GeoPoint{LatE6: 48_858_550, LonE6: 2_294_492}) || got[0].ReceivedAt == 0 {
		t.Errorf("got %+v", got[0])
	}
}

// The event's id and when it was created are no content; all else is.
func TestIdentity(t *testing.T) {
	base, _ := told(t, transport)
	for _, c := range []struct {
		from, to string
		same     bool
	}{
		{"3cecb101-7a1a-43a4-9d62-e88a131651e2", "3cecb101-7a1a-43a4-9d62-e88a131651e3", true},
		{"2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z", true},
		{"2026-03-02T09:00:00+08:30", "2026-03-02T00:30:00Z", true},
		{`{"documentReferenceType":"BKG","documentReferenceValue":"B1"},{"documentReferenceType":"TRD","documentReferenceValue":"T1"}`, `{"documentReferenceType":"TRD","documentReferenceValue":"T1"},{"documentReferenceType":"BKG","documentReferenceValue":"B1"}`, true},
		{"PLN", "ACT", false}, {"DEPA", "ARRI", false}, {"WEA", "ACC", false}, {"t1", "t2", false}, {`"T1"`, `"T2"`, false}, {"9321483", "9321484", false},
	} {
		got, err := told(t, strings.Replace(transport, c.from, c.to, 1))
		if err != nil || (got[0].FactID == base[0].FactID) != c.same {
			t.Errorf("%s for %s: same fact %v, want %v, %v", c.to, c.from, !c.same, c.same, err)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, in, reason, want string }{
		{"no JSON", `{`, "BAD_JSON", "dcsa message events:2: unexpected EOF: want an event"},
		{"none", `[]`, "BAD_JSON", "holds no event"},
		{"text", `"a"`, "BAD_JSON", "neither an object nor a list"},
		{"no object", `[7]`, "BAD_FIELDS", "/0: got number, want object"},
		{"of no type", `{}`, "BAD_FIELDS", "/eventClassifierCode: is missing; /eventCreatedDateTime: is missing; /eventDateTime: is missing; /eventID: is missing; /eventType: is missing"},
		{"each event by its place", `{"events":[` + shipment + `,` + strings.NewReplacer(`"B1"`, "1", "CONF", "CONFIRMED").Replace(shipment) + `]}`, "BAD_FIELDS",
			`/events/1/documentID: got number, want string; /events/1/shipmentEventTypeCode: value must be one of`},
		{"an id that is none", strings.Replace(shipment, "3cecb101", "x", 1), "BAD_FIELDS", "/eventID: 'x-7a1a-43a4-9d62-e88a131651e2' is not valid uuid"},
		{"a time without zone", strings.Replace(shipment, "09:00:00Z", "09:00:00", 1), "BAD_FIELDS", "/eventDateTime: '2026-03-02T09:00:00' is not valid date-time"},
		{"a time that cannot be", strings.Replace(shipment, "2026-03-02T09:00:00Z", "1026-03-02T09:00:00Z", 1), "BAD_FIELDS", "/eventDateTime: \"1026-03-02T09:00:00Z\" is in the year 1026"},
		{"no transport call", strings.Replace(transport, `"transportCall"`, `"call"`, 1), "BAD_FIELDS", "/transportCall: is missing"},
		{"two places", strings.Replace(transport, `"modeOfTransport"`, `"location":{"UNLocationCode":"FRLEH"},"modeOfTransport"`, 1), "BAD_FIELDS", `/transportCall/location/UNLocationCode: is "FRLEH", and the transport call's own UNLocationCode is "FRPAR": send one place`},
		{"off the Earth", strings.Replace(equipment, "48.8585500", "98.8", 1), "BAD_FIELDS", `/eventLocation/latitude: "98.8" is not from -90 to 90`},
		{"a plan of a document", strings.Replace(shipment, "ACT", "PLN", 1), "BAD_FIELDS", "/eventClassifierCode: value must be 'ACT'"},
		{"a long list", strings.TrimSuffix(shipment, "}") + `,"seals":[` + strings.Repeat("1,", 250) + `1]}`, "BAD_FIELDS", "/seals: has 251 elements, the limit is 250"},
		{"many", "[" + strings.Repeat("{},", 1000) + "{}]", "BAD_FIELDS", "/3/eventDateTime: is missing"},
	} {
		got, err := adapterFor(t).Adapt(message(c.in))
		if err == nil || fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want %s with %q", c.name, got, err, c.reason, c.want)
		}
	}
}

// TestOutsideTrackAndTrace: what the standard body calls valid is accepted, what it calls wrong is refused with the fields that
// are; its messages of other standards and of version 3 are no Track & Trace 2 events.
func TestOutsideTrackAndTrace(t *testing.T) {
	root := os.Getenv("WAYBILL_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(root, "dcsa", "messages", "*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED: no dcsa data under $WAYBILL_DATA (%s): %v", root, err)
	}
	wrong := map[string][]string{ // what the name of a file says is wrong, and where that is
		"event-ids":        {"/0/eventID: got number, want string", "/1/eventID: 'incorrect' is not valid uuid"},
		"structure":        {"/0/eventType: is missing", "/0/eventID: is missing", "/1/eventType: is missing"},
		"attribute-values": {"/0/eventID: is missing", "/2/transportCall/location/UNLocationCode: is"},
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := told(t, string(raw))
		kind, isWrong := strings.CutPrefix(name, "tnt-220-response-wrong-")
		switch {
		case isWrong:
			for _, want := range wrong[kind] {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: got %v, want a fault with %q", name, err, want)
				}
			}
			t.Logf("%s: refused: %v", name, err)
		case strings.HasPrefix(name, "tnt-22"):
			distinct := map[string]bool{}
			for _, f := range got {
				distinct[f.FactID] = true
			}
			if err != nil || len(distinct) == 0 {
				t.Errorf("%s: %v", name, err)
			}
			t.Logf("%s: %d events, %d facts", name, len(got), len(distinct))
		case fault.Of(err) != fault.Poison:
			t.Errorf("%s: %d facts, %v", name, len(got), err)
		default:
			t.Logf("%s: is no Track & Trace 2 event", name)
		}
	}
}

// growth is how many bytes are allocated at most for each byte of a payload, beyond a start of 64 KiB. The dearest are references
// that are no objects: the schema finds a fault with each.
const growth = 700

func seeds() []string {
	big := func(n int, item string) string { return strings.Repeat(item+",", n-1) + item }
	with := func(field string) string { return strings.TrimSuffix(shipment, "}") + "," + field + "}" }
	return []string{
		transport, equipment, shipment, `{"events":[` + shipment + `,7]}`, `[` + strings.Replace(shipment, `"B1"`, `1e999`, 1) + `]`,
		"[" + big(2000, "{}") + "]", with(`"references":[` + big(3000, "1") + `]`), with(`"references":[` + big(250, "1") + `]`), with(`"references":[` + big(250, "{}") + `]`),
		with(`"references":[` + big(120, `{"referenceType":"PO","referenceValue":"1"},{"referenceType":"EQ","referenceValue":"2"}`) + `]`),
		with(`"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000)), with(`"x":` + strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000)),
		with(`"eventType":"TRANSPORT"`), with(`"y":1` + strings.Repeat("0", 5000) + `e-39`),
	}
}

func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestMemoryIsBounded(t *testing.T) {
	a := adapterFor(t)
	for _, in := range seeds() {
		n := allocated(func() { _, _ = a.Adapt(message(in)) })
		t.Logf("%5.0f bytes for each of %d: %.60s", float64(n)/float64(len(in)), len(in), in)
		if n > 64<<10+growth*uint64(len(in)) {
			t.Errorf("%d bytes of payload took %d: %.100s", len(in), n, in)
		}
	}
}

func FuzzAdapt(f *testing.F) {
	a := adapterFor(f)
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var said []avro.Record
		var err error
		n := allocated(func() { said, err = a.Adapt(message(string(payload))) })
		if n > 1<<20+growth*uint64(len(payload)) { // other goroutines of the fuzzer allocate too
			t.Fatalf("%d bytes of payload took %d", len(payload), n)
		}
		if (err == nil) != (len(said) > 0) || err != nil && fault.Of(err) != fault.Poison {
			t.Fatalf("%d records and error %v", len(said), err)
		}
		for _, r := range said {
			if f := r.(*avro.Fact); f.OccurredAt == 0 || f.Classifier == avro.ClassifierUnspecified {
				t.Fatalf("told %+v", f)
			}
		}
	})
}

// BenchmarkAdapt stands beside encoding/json over the same bytes.
func BenchmarkAdapt(b *testing.B) {
	payload := []byte("[" + strings.Repeat(transport+","+equipment+","+shipment+",", 100) + shipment + "]")
	b.Run("adapter", func(b *testing.B) {
		a := adapterFor(b)
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.Adapt(message(string(payload))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := json.Unmarshal(payload, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
