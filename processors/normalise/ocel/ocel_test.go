package ocel

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/ids"
	"waybill/topics/fault"
)

const header = "id,type,time,Customer_Order,Transport_Document,Vehicle,Container,Handling_Unit,Truck,Forklift"

func adapt(t *testing.T, mapping, header, row string) (*avro.Fact, error) {
	t.Helper()
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	said, err := a.Adapt(&avro.PartnerMessage{Tenant: "acme", Format: Format, Mapping: mapping, Name: "log.csv", Line: 2, Header: header, Payload: []byte(row)})
	if err != nil {
		return nil, err
	}
	return said[0].(*avro.Fact), nil
}

// written writes down what a fact tells.
func written(f *avro.Fact) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s;", f.Milestone, f.Source.System, f.Code, f.OccurredAt.Time().Format("2006-01-02T15:04:05"))
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

func TestRows(t *testing.T) {
	for _, c := range []struct{ name, row, want string }{
		{"a link of one to one", `e,Create_Transport_Document,2023-05-23T08:22:17,co2,td1,,,,,`,
			"SHIPMENT_CREATED TMS Create_Transport_Document 2023-05-23T08:22:17; |SHIPMENT||td1 |ORDER||co2; |ORDER||co2>|SHIPMENT||td1 ACTUAL; service_level=ocean"},
		{"booked is planned", `e,Book_Vehicles,2023-05-23T08:22:17,,td1,"vh1,vh4,vh1",,,,`,
			"ASSIGNED TMS Book_Vehicles 2023-05-23T08:22:17; |SHIPMENT||td1 |LOAD||vh1 |LOAD||vh4; |LOAD||vh1>|SHIPMENT||td1 PLANNED |LOAD||vh4>|SHIPMENT||td1 PLANNED; service_level=ocean"},
		{"a stripped link is absent", `e,Load_to_Vehicle,2023-05-23T08:22:17,,,,cr1,,,fl1`,
			"LOADED WMS Load_to_Vehicle 2023-05-23T08:22:17; |CONTAINER||cr1 |EQUIPMENT||fl1;"},
		{"seen is actual", `e,Load_to_Vehicle,2023-05-23T08:22:17,,,vh1,cr1,,,`,
			"LOADED WMS Load_to_Vehicle 2023-05-23T08:22:17; |CONTAINER||cr1 |LOAD||vh1; |CONTAINER||cr1>|LOAD||vh1 ACTUAL"},
		{"a departure links nothing", `e,Depart,2023-05-30T09:00:00,,"td1,td4",vh1,"cr2,cr3",,,`,
			"DEPARTED_PICKUP TMS Depart 2023-05-30T09:00:00; |LOAD||vh1 |SHIPMENT||td1 |SHIPMENT||td4 |CONTAINER||cr2 |CONTAINER||cr3;"},
		{"no ids at all", `e7,Collect_Goods,2023-05-23T08:22:17,,,,,,,`,
			"PICKED WMS Collect_Goods 2023-05-23T08:22:17;;; source_event_id=e7"},
		{"ids that nothing is filed under", `e7,Drive_to_Terminal,2023-05-23T08:22:17,,,,,,tr1,`,
			"TERMINAL_ARRIVED CARRIER Drive_to_Terminal 2023-05-23T08:22:17; |EQUIPMENT||tr1;; source_event_id=e7"},
		{"an unknown type is UNMAPPED", `e,Sink,2023-05-23T08:22:17,co2,,,,,,`,
			"UNMAPPED UNSPECIFIED Sink 2023-05-23T08:22:17; |ORDER||co2;"},
	} {
		f, err := adapt(t, "ocel-logistics", header, c.row)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := written(f); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// Which of several belongs to which of several, one event does not say.
func TestManyToManyLinksNothing(t *testing.T) {
	f, err := adapt(t, "ocel-p2p", "id,type,time,goods_receipt,invoice_receipt", `e,Create_Invoice_Receipt,2023-05-23T08:22:17,"g1,g2","i1,i2"`)
	if err != nil || len(f.Links) != 0 || len(f.Identifiers) != 4 {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestFaultsNameEachField(t *testing.T) {
	for _, c := range []struct{ name, header, row, reason, want string }{
		{"time and type", "id,type,time", "e,,yesterday", "BAD_FIELDS", `ocel message log.csv:2: time: "yesterday" is not a time written as 2006-01-02T15:04:05 or 2006-01-02 15:04:05 or 2006-01-02T15:04:05Z07:00; type: is empty: it is the event's type`},
		{"strange column", "id,type,time,Ship", "e,Depart,2023-05-30T09:00:00,x", "BAD_FIELDS", "Ship: mapping ocel-logistics does not know this column: add it under objects"},
		{"column twice", "id,id,type,time", "e,e,Depart,2023-05-30T09:00:00", "BAD_FIELDS", "id: stands in the header twice"},
		{"a year that cannot be", "id,type,time", "e,Depart,0001-01-01T00:00:00", "BAD_FIELDS", "is in the year 1: is it the right field?"},
		{"too few columns", "id,type,time", "e,Depart", "BAD_CSV", "row has 2 columns, the header has 3"},
		{"two rows", "id,type,time", "e,Depart,x\ne,Depart,y", "BAD_CSV", "it holds more than one row"},
		{"no row", "id,type,time", "", "BAD_CSV", "read row: it is empty"},
		{"no header", "", "e", "BAD_CSV", "send the file's first line as header"},
	} {
		f, err := adapt(t, "ocel-logistics", c.header, c.row)
		if err == nil || fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v, want %s with %q", c.name, f, err, c.reason, c.want)
		}
	}
}

func TestMappingFaultsAreAllReported(t *testing.T) {
	_, err := parseMapping([]byte(`{"name":"x","time_zone":"Mars","time_layouts":["2006"],"objects":{"o":"ODER"},
		"events":{"e":{"milestone":"GONE","system":"X","file":"p","links":[{"from":"o","to":"q","classifier":"MAYBE"}]}}}`))
	for _, want := range []string{`time_zone "Mars"`, `objects.o: "ODER"`, `milestone: "GONE"`, `system: "X"`, `file: "p"`, `links[0].classifier: "MAYBE"`, `links[0]: "q"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not report %s", err, want)
		}
	}
	if _, err := parseMapping([]byte(`{"nam":"x"}`)); err == nil || !strings.Contains(err.Error(), "nam") {
		t.Errorf("an unknown key gives %v", err)
	}
}

// Every mapping that ships gives each of its events a meaning.
func TestShippedMappings(t *testing.T) {
	names, err := fs.Glob(files, "mappings/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no mappings: %v", err)
	}
	mappings, err := load()
	if err != nil || len(mappings) != len(names) {
		t.Fatalf("%d files, %d mappings: %v", len(names), len(mappings), err)
	}
	for name, m := range mappings {
		for kind, e := range m.Events {
			if e.milestone == avro.MilestoneCodeUnmapped || e.system == avro.SourceSystemUnspecified {
				t.Errorf("%s: %s has no meaning", name, kind)
			}
		}
	}
}

func FuzzAdapt(f *testing.F) {
	a, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("ocel-logistics", header, []byte(`e,Book_Vehicles,2023-05-23T08:22:17,,td1,"vh1,vh4",,,,`))
	f.Add("ocel-p2p", "id,type,time,payment", []byte("e,Execute_Payment,2023-05-23 08:22:17,\" , ,\""))
	f.Add("ocel-order-management", "id,type,time,items", []byte(`e,"pick_item,2023`))
	f.Add("ocel-p2p", "id,id,,time", []byte("\xff,\x00,,"))
	f.Fuzz(func(t *testing.T, mapping, header string, payload []byte) {
		said, err := a.Adapt(&avro.PartnerMessage{Tenant: "acme", Format: Format, Mapping: mapping, Header: header, Payload: payload})
		if (err == nil) != (len(said) == 1) {
			t.Fatalf("%d facts and error %v", len(said), err)
		}
		if err != nil && fault.Of(err) != fault.Poison {
			t.Fatalf("%v is not poison", err)
		}
	})
}
