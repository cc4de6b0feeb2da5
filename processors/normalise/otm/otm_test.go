package otm_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/codes"
	"waybill/processors/normalise/otm"
	"waybill/topics/fault"
)

func adapterFor(t testing.TB) *otm.Adapter {
	t.Helper()
	tables, err := codes.New("")
	if err != nil {
		t.Fatal(err)
	}
	return otm.New(tables)
}

func message(payload string) *avro.PartnerMessage {
	return &avro.PartnerMessage{Tenant: "acme", Format: otm.Format, Partner: "tms", Name: "trips", Line: 2, Payload: []byte(payload)}
}

// written is what an adapter says, a line each.
func written(said []avro.Record) string {
	var b strings.Builder
	clock := func(m avro.Micros) string { return m.Time().Format("02T15:04") }
	for _, r := range said {
		switch v := r.(type) {
		case *avro.Load:
			fmt.Fprintf(&b, "load %s %s %s carrier %s customer %s\n", v.LoadID, v.Event, clock(v.OccurredAt), v.Carrier, v.Customer)
			for _, s := range v.Stops {
				fmt.Fprintf(&b, " stop %d %s %s %v-%v %v\n", s.Sequence, s.Type, s.PlaceID, clock(s.WindowFrom.V), clock(s.WindowTo.V), s.ShipmentIDs)
			}
			for _, s := range v.Shipments {
				fmt.Fprintf(&b, " shipment %s %v\n", s.ShipmentID, s.OrderIDs)
			}
		case *avro.Assignment:
			fmt.Fprintf(&b, "assignment %s vehicle %s/%s trailer %s driver %s from %s\n", v.LoadID, v.VehicleIssuer, v.VehicleID, v.TrailerID, v.DriverID, clock(v.ValidFrom))
		case *avro.Fact:
			fmt.Fprintf(&b, "%s %s %s %s stop %d", v.Milestone, v.Code, v.Classifier, clock(v.OccurredAt), v.StopSequence.V)
			for _, id := range v.Identifiers {
				b.WriteString(" " + ids.Key("", id))
			}
			for _, a := range v.Attributes {
				b.WriteString(" " + a.K + "=" + a.V)
			}
			b.WriteString("\n")
		}
	}
	return strings.TrimSpace(b.String())
}

func stop(id, lifecycle, more string) string {
	return `{"associationType":"inline","entity":{"id":"` + id + `","actionType":"stop","lifecycle":"` + lifecycle + `"` + more + `}}`
}

func window(from, to string) string {
	return `,"constraint":{"entity":{"value":{"type":"timeWindowConstraint","startTime":"2026-03-02T` + from + `:00Z","endTime":"2026-03-02T` + to + `:00Z"}}}`
}

func cargo(kind, id, lifecycle, consignment, more string) string {
	return `{"entity":{"id":"` + id + `","actionType":"` + kind + `","lifecycle":"` + lifecycle + `","consignment":` + consignment + more + `}}`
}

const inline = `{"entity":{"id":"C1","transportOrder":{"uuid":"O1"}}}`

func trip(actions ...string) string {
	return `{"id":"T1","status":"requested","lastModified":"2026-03-01T08:00:00Z","vehicle":{"entity":{"id":"V1","licensePlate":"AB-12-CD"}},
		"actors":[{"entity":{"id":"a","name":"Ship Co"},"roles":["shipper"]},{"entity":{"id":"b","name":"Carry Co"},"roles":["carrier"]},{"entity":{"id":"D1","name":"Hank"},"roles":["driver"]}],"actions":[` + strings.Join(actions, ",") + `]}`
}

var (
	first  = stop("S1", "planned", `,"sequenceNr":0,"location":{"entity":{"id":"P1"}}`+window("10:00", "11:00")+`,"actions":[`+cargo("load", "L1", "planned", inline, "")+`,{"entity":{"actionType":"attachTransportEquipment","lifecycle":"planned","transportEquipment":{"entity":{"id":"E","licensePlate":"01-AAA-1"}}}}]`)
	second = stop("S2", "planned", `,"sequenceNr":1,"location":{"uuid":"P2"}`+window("14:00", "15:00")+`,"actions":[`+cargo("unload", "U1", "planned", `{"uuid":"C1"}`, "")+`]`)
	plan   = `load T1 TENDERED 01T08:00 carrier Carry Co customer Ship Co
 stop 1 PICKUP P1 02T10:00-02T11:00 [C1]
 stop 2 DELIVERY P2 02T14:00-02T15:00 [C1]
 shipment C1 [O1]
assignment T1 vehicle /AB-12-CD trailer 01-AAA-1 driver D1 from 02T10:00`
)

func TestTrips(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"planned", trip(first, second), plan},
		{"stops in another order", trip(second, first), plan},
		{"the same actions projected and realized", trip(first, second, stop("S1", "realized", `,"startTime":"2026-03-02T10:10:00Z","endTime":"2026-03-02T10:50:00Z","actions":[`+cargo("load", "L1", "actual", `{"uuid":"C1"}`, `,"endTime":"2026-03-02T10:40:00Z"`)+`]`), stop("S2", "projected", `,"startTime":"2026-03-02T16:00:00+01:00"`)),
			plan + `
ARRIVED_PICKUP stop/PICKUP/start ACTUAL 02T10:10 stop 1 |LOAD||T1 action=S1
DEPARTED_PICKUP stop/PICKUP/end ACTUAL 02T10:50 stop 1 |LOAD||T1 action=S1
LOADED load/end ACTUAL 02T10:40 stop 1 |LOAD||T1 |SHIPMENT||C1 action=L1
ARRIVED_DELIVERY stop/DELIVERY/start ESTIMATED 02T15:00 stop 2 |LOAD||T1 action=S2`},
		{"an action that no table names", trip(`{"entity":{"id":"W","actionType":"wait","lifecycle":"requested","startTime":"2026-03-02T10:00:00Z"}}`), `load T1 TENDERED 01T08:00 carrier Carry Co customer Ship Co
assignment T1 vehicle /AB-12-CD trailer  driver D1 from 01T08:00
UNMAPPED wait/start REQUESTED 02T10:00 stop 0 |LOAD||T1 action=W`},
		{"nothing said of when: the earliest time in it, and no vehicle", `[{"id":"T2","status":"cancelled","actions":[` + second + `]}]`, `load T2 CANCELLED 02T14:00 carrier  customer 
 stop 2 DELIVERY P2 02T14:00-02T15:00 [C1]
 shipment C1 []`},
	} {
		said, err := adapterFor(t).Adapt(message(c.in))
		if got := written(said); err != nil || got != c.want {
			t.Errorf("%s: %v\ngot\n%s\nwant\n%s", c.name, err, got, c.want)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, in, reason, want string }{
		{"no JSON", `{`, "BAD_JSON", "otm5 message trips:2: unexpected EOF: want a trip"},
		{"none", `[]`, "BAD_JSON", "holds no trip"},
		{"text", `["a"]`, "BAD_JSON", "what is no object"},
		{"all at once", `[{"id":"T"},{"status":"lost","actions":[{"entity":{"lifecycle":"soon","actionType":"stop","sequenceNr":-1}},{}]}]`, "BAD_FIELDS",
			`0.status: "" is no status that a table names: add it; 0.lastModified: is missing, and no action of the trip has a time: send one; 1.id: is missing: it is the trip's; 1.actions.0.entity.sequenceNr: "-1" is not from 0 to 1e+06; 1.actions.0.entity.lifecycle: "soon" is none of requested, planned, projected, actual, realized; 1.actions.1.entity.actionType: is missing`},
		{"bad window", trip(stop("S", "planned", window("10:0x", "11:00"))), "BAD_FIELDS", `actions.0.entity.constraint.entity.value.startTime: "2026-03-02T10:0x:00Z" is not a time`},
		{"two in one place of the order", trip(stop("S1", "planned", `,"sequenceNr":3`), stop("S2", "planned", `,"sequenceNr":3`)), "BAD_FIELDS", "actions: two stops have the sequenceNr 3"},
		{"deep", trip(strings.Repeat(`{"entity":{"actionType":"x","lifecycle":"planned","actions":[`, 20) + strings.Repeat(`]}}`, 20)), "BAD_FIELDS", "actions are nested more than 8 deep"},
	} {
		got, err := adapterFor(t).Adapt(message(c.in))
		if err == nil || fault.Of(err) != fault.Poison || fault.Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want %s with %q", c.name, got, err, c.reason, c.want)
		}
	}
}

// TestOutsideTrips: every trip is a load with as many stops as it has stop actions, each with its window and what is aboard.
func TestOutsideTrips(t *testing.T) {
	root := os.Getenv("WAYBILL_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(root, "otm5", "*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED: no otm5 data under $WAYBILL_DATA (%s): %v", root, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		said, err := adapterFor(t).Adapt(message(string(raw)))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		l := said[0].(*avro.Load)
		if want := strings.Count(string(raw), `"actionType": "stop"`); len(l.Stops) != want || len(l.Shipments) == 0 {
			t.Errorf("%s: %d stops and %d shipments, want %d stops", file, len(l.Stops), len(l.Shipments), want)
		}
		for _, s := range l.Stops {
			if !s.WindowFrom.Ok || !s.WindowTo.Ok || s.PlaceID == "" || s.Type == avro.StopTypeUnspecified || len(s.ShipmentIDs) == 0 {
				t.Errorf("%s: stop %+v", file, s)
			}
		}
		if strings.Contains(string(raw), `"vehicle"`) != (len(said) == 2) {
			t.Errorf("%s: %d records", file, len(said))
		}
		t.Logf("%s: %d stops, %d shipments, %d records", filepath.Base(file), len(l.Stops), len(l.Shipments), len(said))
	}
}

// growth is how many bytes are allocated at most for each byte of a payload, beyond a start of 64 KiB.
const growth = 400

func seeds() []string {
	big := func(n int, item string) string { return strings.Repeat(item+",", n-1) + item }
	return []string{
		trip(first, second), trip(second, stop("S2", "realized", `,"startTime":"2026-03-02T14:10:00Z"`)), "[" + trip(first) + "," + trip() + "]",
		trip(big(2000, "{}")), trip(big(2000, "1")), trip(big(500, stop("", "planned", ""))), trip(first + strings.Repeat("}", 9)), "[" + big(2000, "{}") + "]",
		trip(big(600, `{"entity":{"actionType":"load","lifecycle":"planned","consignment":{"uuid":"1e999"},"endTime":"2026-03-02T14:10:00Z"}}`)),
		`{"id":1` + strings.Repeat("0", 5000) + `,"status":1e9,"actions":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
		`{"id":"a","id":"b","status":"draft","creationDate":"2026-03-02T14:10:00Z","actions":[],"actors":[{"roles":["carrier"]},1,{"roles":1}],"vehicle":[]}`,
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
	})
}

// BenchmarkAdapt stands beside encoding/json over the same bytes.
func BenchmarkAdapt(b *testing.B) {
	payload := []byte("[" + strings.Repeat(trip(first, second)+",", 100) + trip(first, second) + "]")
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
