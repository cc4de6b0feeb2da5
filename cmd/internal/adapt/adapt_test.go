package adapt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/cmd/internal/adapt"
	"waybill/processors/normalise"
)

func try(t *testing.T, msg avro.PartnerMessage) adapt.Message {
	t.Helper()
	trial, err := normalise.NewTrial(normalise.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	msg.Tenant, msg.Name, msg.Line = "acme", "sample", 1
	m, err := adapt.Try(t.Context(), trial, &msg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// from gives where a field of the first record came from.
func from(m adapt.Message, path string) string {
	for _, f := range m.Records[0].Fields {
		if f.Path == path {
			return f.Value + " from " + strings.Join(f.From, ", ")
		}
	}
	return "none"
}

func paths(list []adapt.Leaf) string {
	var out []string
	for _, l := range list {
		out = append(out, l.Path)
	}
	return strings.Join(out, " ")
}

const event = `{"eventID":"3cecb101-7a1a-43a4-9d62-e88a131651e2","eventCreatedDateTime":"2026-03-02T12:00:00Z","eventType":"EQUIPMENT","eventClassifierCode":"ACT","eventDateTime":"2026-03-02T09:00:00Z",
	"equipmentEventTypeCode":"LOAD","emptyIndicatorCode":"LADEN","equipmentReference":"APZU4812090","references":[{"referenceType":"PO","referenceValue":"47","colour":"red"}]}`

func TestFieldsAreTraced(t *testing.T) {
	m := try(t, avro.PartnerMessage{Format: "dcsa", Partner: "carrier", Payload: []byte(event)})
	for path, want := range map[string]string{
		"occurred_at": "2026-03-02T09:00:00Z from eventDateTime", "event_id": "3cecb101-7a1a-43a4-9d62-e88a131651e2 from eventID",
		"identifiers[0].value": "47 from references.0.referenceType, references.0.referenceValue", "identifiers[1].kind": "CONTAINER from references.0.referenceType",
		"links[0].from.value": "APZU4812090 from equipmentReference, references.0.referenceType", "milestone": "LOADED from ", "source.partner": "carrier from ",
	} {
		if got := from(m, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if got := paths(m.Left); got != "references.0.colour" {
		t.Errorf("left over: %s", got)
	}
	if got := paths(m.Checked); got != "emptyIndicatorCode equipmentEventTypeCode eventClassifierCode eventType" {
		t.Errorf("checked: %s", got)
	}
	if len(m.Faults) > 0 || m.Note != "" {
		t.Errorf("got %v %s", m.Faults, m.Note)
	}
}

func TestRows(t *testing.T) {
	m := try(t, avro.PartnerMessage{Format: "ocel", Mapping: "ocel-logistics", Header: "id,type,time,Customer_Order,Transport_Document", Payload: []byte("e1,Register Customer Order,2023-05-22T06:01:54,co1,")})
	if got := from(m, "code"); !strings.HasSuffix(got, " from type") {
		t.Errorf("code: %s, faults %v", got, m.Faults)
	}
	if got := from(m, "occurred_at"); got != "2023-05-22T06:01:54Z from time" {
		t.Errorf("occurred_at: %s", got)
	}
}

func TestFaultsByField(t *testing.T) {
	m := try(t, avro.PartnerMessage{Format: "dcsa", Payload: []byte(strings.NewReplacer("LOAD", "LOOD", `"47"`, "47").Replace(event))})
	var fields []string
	for _, f := range m.Faults {
		fields = append(fields, f.Field)
	}
	if !slices.Equal(fields, []string{"/equipmentEventTypeCode", "/references/0/referenceValue"}) || len(m.Records) > 0 {
		t.Errorf("got %v, %d records", m.Faults, len(m.Records))
	}
	if m := try(t, avro.PartnerMessage{Format: "dcsa", Payload: []byte("{")}); len(m.Faults) != 1 || m.Faults[0].Field != "" || !strings.HasPrefix(m.Faults[0].Text, "BAD_JSON: ") {
		t.Errorf("got %v", m.Faults)
	}
}

// What is no JSON and no CSV is shown, and said not to be looked into.
func TestXML(t *testing.T) {
	m := try(t, avro.PartnerMessage{Format: "epcis", Payload: []byte(`<d><EventList><ObjectEvent><eventTime>2026-03-02T09:00:00Z</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset><action>ADD</action></ObjectEvent></EventList></d>`)})
	if len(m.Records) != 1 || m.Note == "" || len(m.Left) > 0 {
		t.Errorf("got %s", fmt.Sprint(m))
	}
}
