package epcis

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/codes"
	"waybill/topics/fault"
)

func adapterFor(t testing.TB, dir string) *Adapter {
	t.Helper()
	tables, err := codes.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return New(tables)
}

// told gives the facts of a payload, sealed as normalise does.
func told(t testing.TB, a *Adapter, payload string) ([]*avro.Fact, error) {
	t.Helper()
	said, err := a.Adapt(message(payload))
	var out []*avro.Fact
	for _, r := range said {
		f := r.(*avro.Fact)
		f.Tenant, f.Source.Partner = "acme", "wms"
		facts.Seal(f)
		out = append(out, f)
	}
	return out, err
}

func message(payload string) *avro.PartnerMessage {
	return &avro.PartnerMessage{Tenant: "acme", Format: Format, Partner: "wms", Name: "events", Line: 2, Payload: []byte(payload)}
}

// written is what a fact says, for people.
func written(f *avro.Fact) string {
	var b strings.Builder
	if f.HasMilestone {
		b.WriteString(f.Milestone.String() + " ")
	}
	fmt.Fprintf(&b, "%s %s %s %s;", f.Code, f.Source.System, f.OccurredAt.Time().Format("15:04:05.000"), f.PlaceID)
	for _, id := range f.Identifiers {
		b.WriteString(" " + ids.Key("", id))
	}
	b.WriteString(";")
	for _, l := range f.Links {
		fmt.Fprintf(&b, " %s>%s", ids.Key("", l.From), ids.Key("", l.To))
		if l.ValidFrom.Ok {
			b.WriteString(" from " + l.ValidFrom.V.Time().Format("15:04"))
		}
		if l.Revoked {
			b.WriteString(" revoked")
		}
	}
	if f.Quantity.Ok {
		fmt.Fprintf(&b, "; %d %s", f.Quantity.V.Value, f.Quantity.V.Unit)
	}
	return b.String()
}

const at = `"eventTime":"2026-03-02T09:00:00+01:00","eventTimeZoneOffset":"+01:00"`

func TestEvents(t *testing.T) {
	a := adapterFor(t, "")
	for _, c := range []struct{ name, in, want string }{
		{"ships units of an order, bare word", `{"type":"ObjectEvent",` + at + `,"action":"OBSERVE","bizStep":"shipping","epcList":["urn:epc:id:sscc:4012345.3111111111"],
			"readPoint":{"id":"urn:epc:id:sgln:4012345.00005.0"},"bizTransactionList":[{"type":"po","bizTransaction":"urn:epcglobal:cbv:bt:0614141073467:0004711"},{"type":"desadv","bizTransaction":"http://tx.acme.com/da/55"}]}`,
			`SHIP_CONFIRMED shipping WMS 08:00:00.000 4012345000054; |SSCC||340123451111111111 |ORDER|0614141073467|4711 |DELIVERY|tx.acme.com/da|55; ` +
				`|DELIVERY|tx.acme.com/da|55>|ORDER|0614141073467|4711 |SSCC||340123451111111111>|ORDER|0614141073467|4711 |SSCC||340123451111111111>|DELIVERY|tx.acme.com/da|55`},
		{"step as CURIE, other kinds of transactions say nothing", `{"type":"ObjectEvent",` + at + `,"action":"OBSERVE","bizStep":"cbv:BizStep-loading","epcList":["https://example.com/00/340123451111111111"],"bizTransactionList":[{"type":"cert","bizTransaction":"urn:x"}]}`,
			`LOADED loading WMS 08:00:00.000 ; |SSCC||340123451111111111;`},
		{"step as URN of CBV 1", `{"type":"ObjectEvent",` + at + `,"action":"OBSERVE","bizStep":"urn:epcglobal:cbv:bizstep:void_shipping","epcList":["https://id.gs1.org/00/340123451111111111"]}`,
			`SHIP_VOIDED void_shipping WMS 08:00:00.000 ; |SSCC||340123451111111111;`},
		{"step as full URI that no table knows", `{"type":"ObjectEvent",` + at + `,"action":"ADD","bizStep":"https://acme.com/steps/wrapping","epcList":["urn:epc:id:sgtin:4012345.011111.9876"]}`,
			`UNMAPPED https://acme.com/steps/wrapping WMS 08:00:00.000 ; |ITEM||01/04012345111118/21/9876;`},
		{"no step is no milestone, a kind of goods has a quantity", `{"type":"ObjectEvent",` + at + `,"action":"ADD","quantityList":[{"epcClass":"urn:epc:class:lgtin:4012345.012345.Lot987","quantity":200.5,"uom":"KGM"}]}`,
			` WMS 08:00:00.000 ; |PRODUCT||01/04012345123456/10/Lot987;; 2005000 KGM`},
		{"damaged", `{"type":"ObjectEvent",` + at + `,"action":"OBSERVE","bizStep":"inspecting","disposition":"damaged","epcList":["urn:epc:id:bic:CSQU3054383"]}`,
			`DAMAGED inspecting WMS 08:00:00.000 ; |CONTAINER||CSQU3054383;`},
		{"packed", `{"type":"AggregationEvent",` + at + `,"action":"ADD","bizStep":"packing","parentID":"urn:epc:id:sscc:4012345.3111111111","childEPCs":["urn:epc:id:sgtin:4012345.011111.2","urn:epc:id:sgtin:4012345.011111.1"]}`,
			`PACKED packing WMS 08:00:00.000 ; |SSCC||340123451111111111 |ITEM||01/04012345111118/21/1 |ITEM||01/04012345111118/21/2; ` +
				`|ITEM||01/04012345111118/21/1>|SSCC||340123451111111111 from 08:00 |ITEM||01/04012345111118/21/2>|SSCC||340123451111111111 from 08:00`},
		{"unpacked", `{"type":"AggregationEvent",` + at + `,"action":"DELETE","bizStep":"unpacking","parentID":"urn:epc:id:sscc:4012345.3111111111","childEPCs":["urn:epc:id:sgtin:4012345.011111.1"]}`,
			`UNMAPPED unpacking WMS 08:00:00.000 ; |SSCC||340123451111111111 |ITEM||01/04012345111118/21/1; |ITEM||01/04012345111118/21/1>|SSCC||340123451111111111 from 08:00 revoked`},
		{"unpacked altogether", `{"type":"AggregationEvent",` + at + `,"action":"DELETE","bizStep":"unpacking","parentID":"urn:epc:id:sscc:4012345.3111111111"}`,
			`UNMAPPED unpacking WMS 08:00:00.000 ; |SSCC||340123451111111111; |UNSPECIFIED||>|SSCC||340123451111111111 from 08:00 revoked`},
		{"unit in a container, seen", `{"type":"AssociationEvent",` + at + `,"action":"OBSERVE","parentID":"urn:epc:id:bic:CSQU3054383","childEPCs":["urn:epc:id:sscc:4012345.3111111111"]}`,
			` WMS 08:00:00.000 ; |CONTAINER||CSQU3054383 |SSCC||340123451111111111; |SSCC||340123451111111111>|CONTAINER||CSQU3054383`},
		{"transaction", `{"type":"TransactionEvent",` + at + `,"action":"ADD","bizTransactionList":[{"type":"inv","bizTransaction":"urn:epcglobal:cbv:bt:4012345000009:1"},{"type":"inv","bizTransaction":"urn:epcglobal:cbv:bt:4012345000009:2"},{"type":"po","bizTransaction":"urn:epc:id:gdti:4012345.00009.PO-4711"}],"epcList":["urn:epc:id:sscc:4012345.3111111111"]}`,
			` WMS 08:00:00.000 ; |SSCC||340123451111111111 |ORDER|GS1|253/4012345000092PO-4711 |INVOICE|4012345000009|1 |INVOICE|4012345000009|2; |SSCC||340123451111111111>|ORDER|GS1|253/4012345000092PO-4711 from 08:00`},
		{"transformed", `{"type":"TransformationEvent",` + at + `,"bizStep":"commissioning","inputEPCList":["urn:epc:id:sgtin:4012345.011111.1"],"outputQuantityList":[{"epcClass":"https://id.gs1.org/gtin/4012345666663","quantity":220}]}`,
			`UNMAPPED commissioning WMS 08:00:00.000 ; |ITEM||01/04012345111118/21/1 |PRODUCT||01/04012345666663;`},
		{"sensor", `{"type":"ObjectEvent",` + at + `,"action":"OBSERVE","bizStep":"sensor_reporting","sensorElementList":[{"sensorReport":[{"type":"Temperature","value":26.10,"uom":"CEL"}]}]}`,
			`UNMAPPED sensor_reporting TELEMATICS 08:00:00.000 ;;`},
	} {
		got, err := told(t, a, c.in)
		if err != nil || len(got) != 1 || written(got[0]) != c.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.name, err, written(append(got, &avro.Fact{})[0]), c.want)
		}
	}
}

// What has no place of its own is an attribute: extensions with their namespace, sensors, parties.
func TestAttributes(t *testing.T) {
	got, err := told(t, adapterFor(t, ""), `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://acme.com/"}],"type":"ObjectEvent",`+at+`,"action":"OBSERVE","disposition":"in_transit",
		"ex:note":{"ex:a":["2","1"]},"sourceList":[{"type":"owning_party","source":"urn:epc:id:pgln:4012345.00000"}],"rdfs:comment":"not this",
		"sensorElementList":[{"sensorReport":[{"type":"gs1:Temperature","value":26.10}]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	got[0].Attributes = slices.DeleteFunc(got[0].Attributes, func(a avro.KV) bool { return a.K == HashKey })
	want := `[{action OBSERVE} {disposition in_transit} {event ObjectEvent} {eventTimeZoneOffset +01:00} {sensorElementList.sensorElement.sensorReport.type Temperature} ` +
		`{sensorElementList.sensorElement.sensorReport.value 26.1} {sourceList.source.id https://id.gs1.org/417/4012345000009} {sourceList.source.type owning_party} ` +
		`{{https://acme.com/}note.{https://acme.com/}a.0 1} {{https://acme.com/}note.{https://acme.com/}a.1 2}]`
	if fmt.Sprint(got[0].Attributes) != want {
		t.Errorf("got  %s\nwant %s", fmt.Sprint(got[0].Attributes), want)
	}
}

// A declaration supersedes the event it repeats, is the same for the same declaration and another for another.
func TestErrorDeclaration(t *testing.T) {
	a := adapterFor(t, "")
	const event = `{"type":"ObjectEvent",` + at + `,"action":"OBSERVE","bizStep":"shipping","epcList":["urn:epc:id:sscc:4012345.3111111111"]`
	declared := func(when, reason, corrective string) *avro.Fact {
		got, err := told(t, a, event+`,"eventID":"urn:uuid:1","errorDeclaration":{"declarationTime":"`+when+`","reason":"`+reason+`","correctiveEventIDs":[`+corrective+`]}}`)
		if err != nil || len(got) != 2 {
			t.Fatal(got, err)
		}
		first, err := told(t, a, event+`}`)
		if err != nil || got[0].FactID != first[0].FactID {
			t.Fatalf("the event with a declaration is fact %s, without it %s, %v", got[0].FactID, first[0].FactID, err)
		}
		if got := got[1]; got.HasMilestone || !slices.Equal(got.Supersedes, []string{first[0].FactID}) || !slices.EqualFunc(got.Identifiers, first[0].Identifiers, ids.Same) || hashOf(got) != hashOf(first[0]) || hashOf(got) == "" {
			t.Errorf("the declaration is %+v", got)
		}
		return got[1]
	}
	one := declared("2026-03-03T09:00:00Z", "did_not_occur", "")
	if one.ReasonCode != "did_not_occur" || one.OccurredAt.Time().Day() != 3 {
		t.Errorf("got %+v", one)
	}
	two := declared("2026-03-03T09:00:00Z", "incorrect_data", `"urn:uuid:3","urn:uuid:2"`)
	for _, c := range []struct {
		name string
		f    *avro.Fact
		same bool
	}{
		{"again, ids in another order, reason in full", declared("2026-03-03T10:00:00+01:00", "https://ref.gs1.org/cbv/ER-incorrect_data", `"urn:uuid:2","urn:uuid:3"`), true},
		{"other time", declared("2026-03-03T09:00:01Z", "incorrect_data", `"urn:uuid:2","urn:uuid:3"`), false},
		{"other reason", one, false},
		{"other corrective events", declared("2026-03-03T09:00:00Z", "incorrect_data", `"urn:uuid:2"`), false},
	} {
		if (c.f.FactID == two.FactID) != c.same {
			t.Errorf("%s: same declaration %v, want %v", c.name, !c.same, c.same)
		}
	}
}

// Parts of a large event are facts of their own, the same in whatever order the event lists its things.
func TestLargeEvents(t *testing.T) {
	a := adapterFor(t, "")
	var list []string
	for i := range 250 {
		list = append(list, fmt.Sprintf(`"urn:epc:id:sgtin:4012345.011111.%d"`, i))
	}
	event := func() []string {
		got, err := told(t, a, `{"type":"AggregationEvent",`+at+`,"action":"ADD","parentID":"urn:epc:id:sscc:4012345.3111111111","childEPCs":[`+strings.Join(list, ",")+`]}`)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		names := map[string]bool{}
		for _, f := range got {
			out = append(out, f.FactID)
			for _, id := range f.Identifiers {
				names[id.Value] = true
			}
		}
		if len(names) != 251 {
			t.Errorf("the facts name %d things, want 251", len(names))
		}
		return out
	}
	first := event()
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if again := event(); len(first) != 3 || !slices.Equal(first, again) {
		t.Errorf("got %v and then %v, want three facts, the same twice", first, again)
	}
}

// A partner's own table counts more than what ships.
func TestPartnerTables(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("own.yaml", `{partner: wms, version: "2.0", codes: {epcis/bizStep: {receiving: DELIVERED}, epcis/issuer: {"0614141073467": ""}}}`)
	write("other.json", `{"partner":"other","codes":{"epcis/bizStep":{"receiving":"REFUSED"}}}`)
	got, err := told(t, adapterFor(t, dir), `{"type":"ObjectEvent",`+at+`,"action":"OBSERVE","bizStep":"receiving","bizTransactionList":[{"type":"po","bizTransaction":"urn:epcglobal:cbv:bt:0614141073467:7"}]}`)
	if err != nil || written(got[0]) != `DELIVERED receiving WMS 08:00:00.000 ; |ORDER||7;` {
		t.Errorf("got %s, %v", written(got[0]), err)
	}
}

func TestFaults(t *testing.T) {
	a := adapterFor(t, "")
	for _, c := range []struct{ name, in, reason, want string }{
		{"no JSON", `{`, "BAD_EPCIS", "epcis message events:2: unexpected EOF: want an EPCIS document"},
		{"empty", ` `, "BAD_EPCIS", "it is empty"},
		{"number", `1`, "BAD_EPCIS", "neither an object nor a list"},
		{"two", `[] []`, "BAD_EPCIS", "something follows"},
		{"none", `[]`, "BAD_EPCIS", "holds no event"},
		{"no XML", `<a`, "BAD_EPCIS", "XML syntax error"},
		{"no list", `<a/>`, "BAD_EPCIS", "no EventList"},
		{"no body", `{"epcisBody":{}}`, "BAD_FIELDS", "epcisBody.eventList: is missing"},
		{"all at once", `{"epcisBody":{"eventList":[{"type":"Objectevent","eventTime":"soon","epcList":[1]},7]}}`, "BAD_FIELDS",
			`epcisBody.eventList.0.epcList.0: want an EPC, which is text; epcisBody.eventList.1: want an event, which is an object; epcisBody.eventList.0.type: "Objectevent" is none of ObjectEvent, AggregationEvent, AssociationEvent, TransactionEvent, TransformationEvent; epcisBody.eventList.0.eventTimeZoneOffset: is missing: it is the place's, such as +01:00; epcisBody.eventList.0.eventTime: "soon" is not a time`},
		{"no zone", `{"type":"ObjectEvent","action":"ADD","eventTime":"2026-03-02T09:00:00","eventTimeZoneOffset":"+01:00"}`, "BAD_FIELDS", `eventTime: "2026-03-02T09:00:00" is not a time`},
		{"no action", `{"type":"ObjectEvent",` + at + `}`, "BAD_FIELDS", "action: is missing: an ObjectEvent has it"},
		{"no parent", `{"type":"AggregationEvent",` + at + `,"action":"ADD"}`, "BAD_FIELDS", "parentID: is missing"},
		{"no time of declaration", `{"type":"ObjectEvent",` + at + `,"action":"ADD","errorDeclaration":{}}`, "BAD_FIELDS", "errorDeclaration.declarationTime: is missing"},
		{"too much of too many", manyParts(), "BAD_FIELDS", "says too much of 4000 things: split the event"},
		{"too many", `{"type":"ObjectEvent",` + at + `,"action":"ADD","epcList":["` + strings.Join(strings.Fields(fmt.Sprint(rand.Perm(5002))), `","`) + `"]}`, "BAD_FIELDS", "things, the limit is 5000: split the event"},
		{"deep", `{"type":"ObjectEvent",` + at + `,"action":"ADD","x:y":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "BAD_FIELDS", "is nested more than 32 deep"},
	} {
		got, err := a.Adapt(message(c.in))
		if err == nil || fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want %s with %q", c.name, got, err, c.reason, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"26.10": "26.1", "007": "7", "+5": "5", "-0.50": "-0.5", "1E2": "100", "1.5e-3": "0.0015", "0.0": "0", "-0": "0", ".5": "0.5", "12345678901234567890.10": "12345678901234567890.1",
		"1e999": "1e999", "": "", ".": ".", "1_000": "1_000", "AB-12": "AB-12", "2023-10-09": "2023-10-09", "1e99999999999999999999": "1e99999999999999999999",
	} {
		if got := number(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// The same content in another order has the same hash; any change of a value has another.
func TestHashFollowsContent(t *testing.T) {
	const in = `{"type":"ObjectEvent","eventTime":"2026-03-02T09:00:00.1234+01:00","eventTimeZoneOffset":"+01:00","recordTime":"2026-03-02T09:00:00Z","eventID":"urn:uuid:1","action":"OBSERVE","bizStep":"shipping",
		"epcList":["urn:epc:id:sscc:4012345.3111111111","urn:epc:id:sgtin:4012345.011111.1"],"bizTransactionList":[{"type":"po","bizTransaction":"urn:x:1"},{"type":"inv","bizTransaction":"urn:x:2"}],
		"ilmd":{"cbvmda:lotNumber":"A"},"ex:a":[1,2],"readPoint":{"id":"urn:epc:id:sgln:4012345.00005.0","ex:door":"7"}}`
	hash := func(text string) string {
		d, err := read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return hashID(d.events[0].kind, d.events[0].node)
	}
	base := hash(in)
	for _, c := range []struct {
		from, to string
		same     bool
	}{
		{`"urn:epc:id:sscc:4012345.3111111111","urn:epc:id:sgtin:4012345.011111.1"`, `"https://id.gs1.org/01/04012345111118/21/1","https://acme.com/sscc/340123451111111111?x=1"`, true},
		{`{"type":"po","bizTransaction":"urn:x:1"},{"type":"inv","bizTransaction":"urn:x:2"}`, `{"bizTransaction":"urn:x:2","type":"inv"},{"type":"po","bizTransaction":"urn:x:1"}`, true},
		{"09:00:00.1234+01:00", "08:00:00.123Z", true},
		{"urn:uuid:1", "urn:uuid:2", true},
		{`"recordTime":"2026-03-02T09:00:00Z",`, "", true},
		{"[1,2]", "[2,1]", true},
		{"[1,2]", "[2,1.5]", false},
		{`"inv"`, `"bol"`, false},
		{`"A"`, `"B"`, false},
		{`"7"`, `"8"`, false},
		{"shipping", "loading", false},
		{"00.1234+", "00.1236+", false},
		{`"eventTimeZoneOffset":"+01:00"`, `"eventTimeZoneOffset":"+02:00"`, false},
	} {
		if got := hash(strings.Replace(in, c.from, c.to, 1)); (got == base) != c.same {
			t.Errorf("%s for %s: same hash %v, want %v", c.to, c.from, !c.same, c.same)
		}
	}
}

// TestOutsideForms: the XML and the JSON form of a document give the same facts.
func TestOutsideForms(t *testing.T) {
	a, pairs := adapterFor(t, ""), 0
	for _, file := range outside(t, "epcis-event-hash", "*.xml") {
		other, err := os.ReadFile(strings.TrimSuffix(file, ".xml") + ".jsonld")
		x, errX := told(t, a, string(load(t, file)))
		if errX != nil {
			t.Errorf("%s: %v", filepath.Base(file), errX)
		}
		if err != nil {
			continue
		}
		j, errJ := told(t, a, string(other))
		if errJ != nil || len(x) != len(j) {
			t.Errorf("%s: %d facts and %d, %v", filepath.Base(file), len(x), len(j), errJ)
			continue
		}
		for i := range x {
			if pairs++; x[i].FactID != j[i].FactID {
				t.Errorf("%s fact %d:\nXML  %s\nJSON %s", filepath.Base(file), i, asText(x[i]), asText(j[i]))
			}
		}
	}
	t.Logf("%d facts are the same of XML and of JSON", pairs)
}

func asText(f *avro.Fact) string { b, _ := json.Marshal(f); return string(b) }

func hashOf(f *avro.Fact) string {
	for _, a := range f.Attributes {
		if a.K == HashKey {
			return a.V
		}
	}
	return ""
}
