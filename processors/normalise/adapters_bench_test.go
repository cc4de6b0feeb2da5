package normalise_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
	"waybill/processors/normalise/dcsa"
	"waybill/processors/normalise/edi/edifact"
	"waybill/processors/normalise/edi/x12"
	"waybill/processors/normalise/epcis"
	"waybill/processors/normalise/hsl"
	"waybill/processors/normalise/mapped"
	"waybill/processors/normalise/ocel"
	"waybill/processors/normalise/otm"
	"waybill/processors/normalise/traccar"
)

// sample is what an adapter is measured over: payloads as partners send them, about a hundred kilobytes.
type sample struct {
	adapter  adapter.Adapter
	message  avro.PartnerMessage // all but the payload
	payloads []string
	isJSON   bool
}

const (
	measured  = 100_000 // bytes
	dcsaEvent = `{"eventID":"3cecb101-7a1a-43a4-9d62-e88a131651e2","eventCreatedDateTime":"2026-03-02T12:00:00Z","eventType":"EQUIPMENT","eventClassifierCode":"ACT","eventDateTime":"2026-03-02T09:00:00Z","equipmentEventTypeCode":"LOAD","equipmentReference":"APZU 481209-0","emptyIndicatorCode":"LADEN","eventLocation":{"latitude":"48.8585500","longitude":"2.294492036","UNLocationCode":"FRPAR"},"references":[{"referenceType":"PO","referenceValue":"0047"},{"referenceType":"FF","referenceValue":"f2"},{"referenceType":"EQ","referenceValue":"APZU4812090"}]}`
	otmTrip   = `{"id":"T1","status":"requested","lastModified":"2026-03-01T08:00:00Z","vehicle":{"entity":{"id":"V1","licensePlate":"AB-12-CD"}},"actors":[{"entity":{"id":"a","name":"Ship Co"},"roles":["shipper"]},{"entity":{"id":"b","name":"Carry Co"},"roles":["carrier"]}],"actions":[{"associationType":"inline","entity":{"id":"S1","actionType":"stop","lifecycle":"planned","sequenceNr":0,"location":{"entity":{"id":"P1"}},"constraint":{"entity":{"value":{"type":"timeWindowConstraint","startTime":"2026-03-02T10:00:00Z","endTime":"2026-03-02T11:00:00Z"}}},"actions":[{"entity":{"id":"L1","actionType":"load","lifecycle":"planned","consignment":{"entity":{"id":"C1","transportOrder":{"uuid":"O1"}}}}}]}},{"associationType":"inline","entity":{"id":"S2","actionType":"stop","lifecycle":"planned","sequenceNr":1,"location":{"uuid":"P2"},"actions":[{"entity":{"id":"U1","actionType":"unload","lifecycle":"planned","consignment":{"uuid":"C1"}}}]}}]}`
	epcisJSON = `{"type":"ObjectEvent","eventTime":"2026-03-02T09:00:00.000+01:00","eventTimeZoneOffset":"+01:00","action":"OBSERVE","bizStep":"shipping","disposition":"in_transit","epcList":["urn:epc:id:sscc:4012345.3111111111","urn:epc:id:sscc:4012345.4111111111"],"readPoint":{"id":"urn:epc:id:sgln:4012345.00005.0"},"bizTransactionList":[{"type":"po","bizTransaction":"urn:epcglobal:cbv:bt:0614141073467:1"}],"ex:note":{"ex:a":["1","2"]}}`
	epcisXML  = `<ObjectEvent><eventTime>2026-03-02T09:00:00Z</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset><epcList><epc>urn:epc:id:sscc:4012345.3111111111</epc><epc>urn:epc:id:sscc:4012345.4111111111</epc></epcList><action>OBSERVE</action><bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep><readPoint><id>urn:epc:id:sgln:4012345.00005.0</id></readPoint><bizTransactionList><bizTransaction type="urn:epcglobal:cbv:btt:po">urn:epcglobal:cbv:bt:0614141073467:1</bizTransaction></bizTransactionList></ObjectEvent>`
	x12Set    = "ST*214*%04d~\nB10*0007*S1*ABCD~\nLX*1~\nAT7*X1*AG***20260105*0930*ET~\nMS1*ALBANY*NY*US~\nSE*6*%04d~\n"
	iftstaSet = "UNH+1+IFTSTA:D:00B:UN'\nBGM+23+X+9'\nNAD+CA+ABCD:160++CARRIER'\nRFF+BN:S1'\nRFF+BM:B1'\nCNI+1'\nSTS+1+21::HS:Delivered+more'\nRFF+EQ:TRHU4561222'\nDTM+334:202601050930:203'\nLOC+175+DEHAM:139::HAMBURG+DE:162'\nTDT+1++2+25+:::OPERATOR'\nUNT+12+1'\n"
	hslLine   = `2023-10-29T13:24:10.749423Z /hfp/v2/journey/ongoing/vp/bus/0018/00423/2118/2/Kilon as. P/15:21/1130110/4/60;24/19/72/15 {"VP":{"oper":6,"veh":423,"tst":"2023-10-29T13:24:10.684Z","tsi":1698585850,"spd":4.53,"hdg":360,"lat":60.171325,"long":-24.9250314,"odo":746,"drst":1,"loc":"GPS","stop":null}}`
	traccarAt = `{"position":{"id":1,"deviceId":7,"fixTime":"2026-01-01T00:00:00.000+00:00","deviceTime":"2026-01-01T00:00:05Z","serverTime":"2026-01-01T00:01:01Z","valid":true,"outdated":true,"latitude":60.1,"longitude":-24.9,"speed":10.0,"course":360.0,"accuracy":3.5,"attributes":{"ignition":false,"door":true,"odometer":1234.4,"totalDistance":9}},"device":{"id":7,"uniqueId":"35"}}`
	statusOf  = `{"message":"m1","pro":"0007","scac":"ABCD","shipment":"S1","bol":"B1","stop":2,"equipment":"53FT","city":"ALBANY","state":"NY","status":{"code":"X1","reason":"AG"},"when":"2026-01-05T09:30:00-05:00"}`
	logHeader = "id,type,time,Customer_Order,Transport_Document,Vehicle,Container,Handling_Unit,Truck,Forklift"
	logRow    = `e,Book_Vehicles,2023-05-23T08:22:17,,td1,"vh1,vh4,vh1",,,,`
)

// whole repeats what stands for itself between a beginning and an end.
func whole(begin, each, between, end string) []string {
	n := measured / len(each)
	return []string{begin + strings.Repeat(each+between, n-1) + each + end}
}

func lines(each string) (out []string) {
	for range measured / len(each) {
		out = append(out, each)
	}
	return out
}

func interchange() []string {
	var b strings.Builder
	b.WriteString("ISA*00*          *00*          *02*S              *02*K              *260105*0930*U*00401*000000042*0*P*>~\nGS*QM*CARRIER*SHIPPER*20260105*0930*7*X*004010~\n")
	n := measured / len(x12Set)
	for i := range n {
		fmt.Fprintf(&b, x12Set, i+1, i+1)
	}
	fmt.Fprintf(&b, "GE*%d*7~\nIEA*1*000000042~\n", n)
	return []string{b.String()}
}

func samples(b *testing.B) map[string]sample {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	tables, err := codes.New("")
	must(err)
	d, err := dcsa.New(tables)
	must(err)
	h, err := hsl.New()
	must(err)
	t, err := traccar.New()
	must(err)
	o, err := ocel.New()
	must(err)
	log, err := o.Match(strings.Split(logHeader, ","))
	must(err)
	m, err := mapped.New("")
	must(err)
	scms, err := os.ReadFile("mapped/testdata/scms.csv")
	must(err)
	rows := strings.Split(strings.TrimSpace(string(scms)), "\n")
	return map[string]sample{
		"x12":     {adapter: x12.New(tables), payloads: interchange()},
		"edifact": {adapter: edifact.New(tables), payloads: whole("UNB+UNOC:2+SENDER:ZZZ+RECEIVER:ZZZ+260105:1021+77'\n", iftstaSet, "", "")},
		"epcis-json": {adapter: epcis.New(tables), isJSON: true, payloads: whole(
			`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://acme.com/"}],"type":"EPCISDocument","schemaVersion":"2.0","epcisBody":{"eventList":[`, epcisJSON, ",", `]}}`)},
		"epcis-xml": {adapter: epcis.New(tables), payloads: whole(
			`<?xml version="1.0"?><e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2"><EPCISBody><EventList>`, epcisXML, "\n", `</EventList></EPCISBody></e:EPCISDocument>`)},
		"dcsa":    {adapter: d, isJSON: true, payloads: whole("[", dcsaEvent, ",", "]")},
		"otm5":    {adapter: otm.New(tables), isJSON: true, payloads: whole("[", otmTrip, ",", "]")},
		"traccar": {adapter: t, isJSON: true, payloads: lines(traccarAt)},
		"hsl":     {adapter: h, payloads: lines(hslLine)},
		"ocel":    {adapter: o, message: avro.PartnerMessage{Mapping: log, Header: logHeader}, payloads: lines(logRow)},
		"csv":     {adapter: m, message: avro.PartnerMessage{Format: mapped.CSV, Mapping: "scms", Header: rows[0]}, payloads: lines(rows[1])},
		"json":    {adapter: m, message: avro.PartnerMessage{Format: mapped.JSON, Mapping: "carrier-status"}, isJSON: true, payloads: lines(statusOf)},
	}
}

// Each adapter beside encoding/json over the same bytes; what is no JSON is given to that as strings of a list, a line each.
func BenchmarkAdapters(b *testing.B) {
	for name, s := range samples(b) {
		size := 0
		for _, p := range s.payloads {
			size += len(p)
		}
		b.Run(name+"/adapter", func(b *testing.B) {
			per(b, size, func() error { return s.adapt() })
		})
		texts := s.payloads
		if !s.isJSON {
			text, err := json.Marshal(strings.Split(strings.Join(s.payloads, "\n"), "\n"))
			if err != nil {
				b.Fatal(err)
			}
			texts = []string{string(text)}
		}
		b.Run(name+"/encoding-json", func(b *testing.B) {
			per(b, size, func() error {
				for _, text := range texts {
					var v any
					if err := json.Unmarshal([]byte(text), &v); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

func (s sample) adapt() error {
	for i, p := range s.payloads {
		m := s.message
		m.Tenant, m.Partner, m.Name, m.Line, m.ReceivedAt, m.Payload = "acme", "p", "in", int64(i+2), 1, []byte(p)
		said, err := s.adapter.Adapt(&m)
		if err != nil {
			return err
		}
		if len(said) == 0 {
			return fmt.Errorf("%s says nothing", adapter.Where(&m))
		}
	}
	return nil
}

// per reports nanoseconds, allocations and bytes allocated for each byte of input.
func per(b *testing.B, size int, work func() error) {
	b.SetBytes(int64(size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if err := work(); err != nil {
			b.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	bytes := float64(size) * float64(b.N)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/bytes, "ns/B")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/bytes, "B-allocated/B")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/bytes*1000, "allocs/kB")
}
