package epcis

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/topics/fault"
)

// growth is how many bytes are allocated at most for each byte of a payload, beyond a start of 64 KiB. The dearest are numbers
// with exponents in extensions nested as deep as may be: each level's text is made of that of the levels below it.
const growth = 1000

// seeds are shapes that the standard has, and shapes that do harm.
func seeds() []string {
	big := func(n int, item string) string { return strings.Repeat(item+",", n-1) + item }
	return []string{
		`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://acme.com/"}],"type":"EPCISDocument","epcisBody":{"eventList":[{"type":"ObjectEvent",` + at + `,"action":"OBSERVE","bizStep":"shipping","epcList":["urn:epc:id:sscc:4012345.3111111111"],"ex:a":[{"ex:b":1e3}]}]}}`,
		`{"epcisBody":{"queryResults":{"x:ignoreFields":["x:h"],"resultsBody":{"eventList":[{"type":"AggregationEvent",` + at + `,"action":"ADD","parentID":"https://a/00/340123451111111111","childEPCs":["urn:epc:id:itip:4012345.011111.01.02.987"],"x:h":1,"errorDeclaration":{"declarationTime":"2026-03-02T09:00:00Z","reason":"did_not_occur","correctiveEventIDs":["a"]}}]}}}}`,
		`[{"type":"TransformationEvent",` + at + `,"inputQuantityList":[{"epcClass":"urn:epc:idpat:cpi:4012345.A.B.*","quantity":1}],"sensorElementList":[{"sensorReport":[{"type":"Temperature","value":26.10}]}]}]`,
		`{"type":"TransactionEvent","type":"ObjectEvent",` + at + `,"action":"ADD","action":"DELETE","bizTransactionList":[{"type":"po","bizTransaction":"http://h/a/b?x"},{"bizTransaction":""},{"type":"po"}]}`,
		`<?xml version="1.0"?><e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" xmlns:x="https://x/"><EPCISBody><EventList><ObjectEvent><eventTime>2026-03-02T09:00:00Z</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset><epcList><epc>urn:epc:id:sgtin:4012345.011111.1</epc></epcList><action>ADD</action><bizTransactionList><bizTransaction type="cbv:BTT-po">urn:x</bizTransaction></bizTransactionList><extension><x:a b="c">d</x:a></extension></ObjectEvent></EventList></EPCISBody></e:EPCISDocument>`,
		"[" + big(2000, "{}") + "]",
		`{"type":"ObjectEvent",` + at + `,"action":"ADD","epcList":[` + big(2000, `""`) + `]}`,
		`{"type":"ObjectEvent",` + at + `,"action":"ADD","epcList":[` + big(2000, `"urn:epc:id:sgtin:4012345.011111.1"`) + `]}`,
		`{"type":"ObjectEvent",` + at + `,"action":"ADD","bizTransactionList":[` + big(90, `{"type":"po","bizTransaction":"a"}`) + `]}`,
		`{"type":"ObjectEvent",` + at + `,"action":"ADD","a:b":` + strings.Repeat(`{"a:b":`, 30) + "[" + big(2000, "1e20") + "]" + strings.Repeat("}", 30) + `}`,
		`{"type":"ObjectEvent",` + at + `,"action":"ADD","a:b":` + strings.Repeat(`[1,{"a:b":`, 15) + "1" + strings.Repeat("}]", 15) + `}`,
		`{"type":"ObjectEvent",` + at + `,"action":"ADD","a:b":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
		`{"type":"ObjectEvent",` + at + `,"action":"ADD","a:b":[` + big(3000, `{"c":1}`) + `]}`,
		`{"type":"ObjectEvent",` + at + `,"action":"ADD","a:b":1` + strings.Repeat("0", 5000) + `e-39}`,
		strings.Repeat("<a>", 5000), `<EventList>` + strings.Repeat("<a b=''/>", 2000) + `</EventList>`,
	}
}

// many things and much said of them: what is told of each part must not make the whole grow by the square.
func manyParts() string {
	var epcs, said []string
	for i := range 4000 {
		epcs, said = append(epcs, fmt.Sprintf(`"urn:%d"`, i)), append(said, fmt.Sprintf(`"a:%d":1`, i))
	}
	return `{"type":"ObjectEvent",` + at + `,"action":"ADD","epcList":[` + strings.Join(epcs, ",") + `],` + strings.Join(said, ",") + `}`
}

func TestMemoryIsBounded(t *testing.T) {
	a := adapterFor(t, "")
	for _, in := range append(seeds(), manyParts()) {
		n := allocated(func() { _, _ = a.Adapt(message(in)) })
		t.Logf("%5.0f bytes for each of %d: %.60s", float64(n)/float64(len(in)), len(in), in)
		if n > 64<<10+growth*uint64(len(in)) {
			t.Errorf("%d bytes of payload took %d: %.100s", len(in), n, in)
		}
	}
}

// allocated is how many bytes a function allocates, however long they are kept.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzAdapt(f *testing.F) {
	a := adapterFor(f, "")
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
		again, _ := a.Adapt(message(string(payload)))
		for i, r := range said {
			one, two := r.(*avro.Fact), again[i].(*avro.Fact)
			facts.Seal(one)
			facts.Seal(two)
			if one.FactID != two.FactID || one.OccurredAt == 0 {
				t.Fatalf("told %+v, and then %+v", one, two)
			}
		}
	})
}

// document is one of events as they are in practice.
func corpus(events int) []byte {
	var list []string
	for i := range events {
		list = append(list, fmt.Sprintf(`{"type":"ObjectEvent","eventTime":"2026-03-02T09:00:%02d.000+01:00","eventTimeZoneOffset":"+01:00","eventID":"urn:uuid:%d","action":"OBSERVE","bizStep":"shipping","disposition":"in_transit",
			"epcList":["urn:epc:id:sscc:4012345.3%09d","urn:epc:id:sscc:4012345.4%09d"],"readPoint":{"id":"urn:epc:id:sgln:4012345.00005.0"},"bizTransactionList":[{"type":"po","bizTransaction":"urn:epcglobal:cbv:bt:0614141073467:%d"}],"ex:note":{"ex:a":["1","2"]}}`, i%60, i, i, i, i))
	}
	return []byte(`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://acme.com/"}],"type":"EPCISDocument","schemaVersion":"2.0","epcisBody":{"eventList":[` + strings.Join(list, ",\n") + `]}}`)
}

// BenchmarkAdapt stands beside encoding/json over the same bytes.
func BenchmarkAdapt(b *testing.B) {
	payload := corpus(200)
	b.Run("adapter", func(b *testing.B) {
		a := adapterFor(b, "")
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
