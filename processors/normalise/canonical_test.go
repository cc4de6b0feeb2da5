package normalise_test

import (
	"fmt"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise"
	"waybill/processors/sim"
	"waybill/topics"
	"waybill/topics/fault"
)

const noon = avro.Micros(1_700_000_000_000_000)

func TestCanonicalRecordsBecomeFacts(t *testing.T) {
	for _, c := range []struct {
		name  string
		topic topics.Name
		in    avro.Record
		want  string
	}{
		{"order", topics.Orders.Name, &avro.Order{
			Tenant: "acme", Partner: "erp1", OrderID: "0042", Event: avro.OrderEventReleased, OccurredAt: noon,
			DeliveryNumbers: []string{"0080"}, Lines: []avro.OrderLine{{LineID: "42-1"}, {LineID: "42-2"}},
		}, `ORDER_RELEASED ERP/erp1 ACTUAL code RELEASED
names ORDER:42 ORDER_LINE:42-1 ORDER_LINE:42-2 DELIVERY:80
links ORDER_LINE:42-1 > ORDER:42 ACTUAL
links ORDER_LINE:42-2 > ORDER:42 ACTUAL
links DELIVERY:80 > ORDER:42 ACTUAL
filed 4 times`},
		{"order cancelled", topics.Orders.Name, &avro.Order{Tenant: "acme", OrderID: "42", Event: avro.OrderEventCancelled, OccurredAt: noon}, `ORDER_CANCELLED ERP/ ACTUAL code CANCELLED
names ORDER:42
filed 1 times`},
		{"order event that says nothing", topics.Orders.Name, &avro.Order{Tenant: "acme", OrderID: "42", OccurredAt: noon}, `UNMAPPED ERP/ ACTUAL code UNSPECIFIED
names ORDER:42
filed 1 times`},
		{"order without number", topics.Orders.Name, &avro.Order{Tenant: "acme", OccurredAt: noon}, "dead NO_IDENTIFIER"},
		{"order without tenant", topics.Orders.Name, &avro.Order{OrderID: "42", OccurredAt: noon}, "dead NO_TENANT"},
		{"order without time", topics.Orders.Name, &avro.Order{Tenant: "acme", OrderID: "42"}, "dead NO_TIME"},

		{"loading scan", topics.WarehouseEvents.Name, &avro.WarehouseEvent{
			Tenant: "acme", Milestone: avro.MilestoneCodeLoaded, PlaceID: "dc1", SSCC: []string{"(00)000000000000000017", "000000000000000024"}, LoadID: "L1", TrailerID: "T9",
			Quantity: avro.Some(avro.Quantity{Value: 20_000, Unit: "PX"}), OccurredAt: noon,
		}, `LOADED WMS/ ACTUAL code LOADED place dc1 quantity 20000 PX
names SSCC:000000000000000017 SSCC:000000000000000024 LOAD:L1 TRAILER:T9
links SSCC:000000000000000017 > LOAD:L1 ACTUAL
links SSCC:000000000000000024 > LOAD:L1 ACTUAL
filed 4 times`},
		{"ship confirmation is of the shipment", topics.WarehouseEvents.Name, &avro.WarehouseEvent{
			Tenant: "acme", Milestone: avro.MilestoneCodeShipConfirmed, DeliveryNumber: "80", ShipmentID: "S1", LoadID: "L1", BOL: "007", OrderID: "42", OccurredAt: noon,
		}, `SHIP_CONFIRMED WMS/ ACTUAL code SHIP_CONFIRMED
names SHIPMENT:S1 DELIVERY:80 BOL:7 LOAD:L1 ORDER:42
links ORDER:42 > SHIPMENT:S1 ACTUAL
links DELIVERY:80 > ORDER:42 ACTUAL
links DELIVERY:80 > SHIPMENT:S1 ACTUAL
links DELIVERY:80 > LOAD:L1 ACTUAL
links LOAD:L1 > SHIPMENT:S1 ACTUAL
links BOL:7 > SHIPMENT:S1 ACTUAL
filed 5 times`},
		{"short pick", topics.WarehouseEvents.Name, &avro.WarehouseEvent{
			Tenant: "acme", Milestone: avro.MilestoneCodeShorted, OrderID: "42", OrderLineIDs: []string{"42-1"}, ReasonCode: "OOS", OccurredAt: noon,
		}, `SHORTED WMS/ ACTUAL code SHORTED reason OOS
names ORDER_LINE:42-1 ORDER:42
links ORDER_LINE:42-1 > ORDER:42 ACTUAL
filed 2 times`},
		{"scan of nothing but a trailer", topics.WarehouseEvents.Name, &avro.WarehouseEvent{Tenant: "acme", TrailerID: "T9", OccurredAt: noon}, "dead NO_IDENTIFIER"},

		{"load planned", topics.Loads.Name, &avro.Load{
			Tenant: "acme", LoadID: "L1", Event: avro.LoadEventPlanned, Carrier: "SCAC", OccurredAt: noon,
			Shipments: []avro.LoadShipment{{ShipmentID: "S1", OrderIDs: []string{"42"}, DeliveryNumbers: []string{"80"}, BOL: "7", PRO: "00123"}, {ShipmentID: "S2"}},
		}, `PLANNED TMS/ ACTUAL code PLANNED
names LOAD:L1 SHIPMENT:S1 SHIPMENT:S2
links ORDER:42 > SHIPMENT:S1 ACTUAL
links DELIVERY:80 > SHIPMENT:S1 ACTUAL
links LOAD:L1 > SHIPMENT:S1 PLANNED
links LOAD:L1 > SHIPMENT:S2 PLANNED
links BOL:7 > SHIPMENT:S1 ACTUAL
links PRO:SCAC/123 > SHIPMENT:S1 ACTUAL
filed 7 times`},
		{"load changed", topics.Loads.Name, &avro.Load{Tenant: "acme", LoadID: "L1", Event: avro.LoadEventChanged, ReasonCode: "X", OccurredAt: noon}, `no milestone TMS/ ACTUAL code CHANGED reason X
names LOAD:L1
filed 1 times`},
		{"load cancelled", topics.Loads.Name, &avro.Load{Tenant: "acme", LoadID: "L1", Event: avro.LoadEventCancelled, OccurredAt: noon}, `SHIPMENT_CANCELLED TMS/ ACTUAL code CANCELLED
names LOAD:L1
filed 1 times`},
		{"load with a nameless shipment", topics.Loads.Name, &avro.Load{Tenant: "acme", LoadID: "L1", OccurredAt: noon, Shipments: []avro.LoadShipment{{BOL: "7"}}}, "dead NO_IDENTIFIER"},

		{"assignment", topics.Assignments.Name, &avro.Assignment{
			Tenant: "acme", LoadID: "L1", VehicleIssuer: "SCAC", VehicleID: "17", TrailerID: "T9", DriverID: "D", ValidFrom: 5, ValidTo: avro.Some(avro.Micros(9)), OccurredAt: noon,
		}, `ASSIGNED TMS/ ACTUAL
names LOAD:L1 VEHICLE:SCAC/17 TRAILER:T9
links VEHICLE:SCAC/17 > LOAD:L1 ACTUAL from 5 to 9
links TRAILER:T9 > LOAD:L1 ACTUAL from 5 to 9
says driver: D
filed 3 times`},
		{"assignment revoked", topics.Assignments.Name, &avro.Assignment{Tenant: "acme", LoadID: "L1", VehicleID: "17", ValidFrom: 5, Revoked: true, OccurredAt: noon}, `ASSIGNED TMS/ ACTUAL
names LOAD:L1 VEHICLE:17
links VEHICLE:17 > LOAD:L1 ACTUAL from 5 to -1 revoked
says revoked: true
filed 2 times`},
		{"assignment of nothing", topics.Assignments.Name, &avro.Assignment{Tenant: "acme", LoadID: "L1", ValidFrom: 5, OccurredAt: noon}, "dead NO_IDENTIFIER"},
		{"assignment that ends before it begins", topics.Assignments.Name, &avro.Assignment{Tenant: "acme", LoadID: "L1", VehicleID: "17", ValidFrom: 5, ValidTo: avro.Some(avro.Micros(5)), OccurredAt: noon}, "dead BAD_PERIOD"},

		{"installation", topics.Installations.Name, &avro.DeviceInstallation{Tenant: "acme", DeviceIssuer: "tele", DeviceID: "1", VehicleIssuer: "SCAC", VehicleID: "17", ValidFrom: 5}, `no milestone TELEMATICS/ ACTUAL
names DEVICE:tele/1 VEHICLE:SCAC/17
links DEVICE:tele/1 > VEHICLE:SCAC/17 ACTUAL from 5 to -1
filed 2 times`},
		{"installation in nothing", topics.Installations.Name, &avro.DeviceInstallation{Tenant: "acme", DeviceID: "1", ValidFrom: 5}, "dead NO_IDENTIFIER"},

		{"carrier status", topics.CarrierStatuses.Name, &avro.CarrierStatus{
			Tenant: "acme", Scac: "SCAC", PRO: "0123", ShipmentID: "S1", BOL: "7", StatusCode: "X6", ReasonCode: "NS", Milestone: avro.MilestoneCodeInTransit,
			Classifier: avro.ClassifierEstimated, StopSequence: avro.Some(int32(2)), City: "Turku", OccurredAt: noon,
		}, `IN_TRANSIT CARRIER/ ESTIMATED code X6 reason NS stop 2
names PRO:SCAC/123 SHIPMENT:S1 BOL:7
links BOL:7 > SHIPMENT:S1 ACTUAL
links PRO:SCAC/123 > SHIPMENT:S1 ACTUAL
says carrier: SCAC
says city: Turku
filed 3 times`},
		{"carrier status that no table knows", topics.CarrierStatuses.Name, &avro.CarrierStatus{Tenant: "acme", Scac: "SCAC", PRO: "1", StatusCode: "ZZ", OccurredAt: noon}, `UNMAPPED CARRIER/ ACTUAL code ZZ
names PRO:SCAC/1
says carrier: SCAC
filed 1 times`},
		{"PRO without carrier", topics.CarrierStatuses.Name, &avro.CarrierStatus{Tenant: "acme", PRO: "1", OccurredAt: noon}, "dead NO_ISSUER"},

		{"door", topics.VehicleEvents.Name, &avro.VehicleEvent{
			Tenant: "acme", Issuer: "SCAC", VehicleID: "17", DeviceID: "1", TripID: "t", Type: avro.VehicleEventTypeDoorOpened, RawType: "DOO", PlaceID: "p",
			Location: avro.Some(avro.GeoPoint{LatE6: 60_000_000, LonE6: -1}), OccurredAt: noon,
		}, `DOOR_OPENED TELEMATICS/ ACTUAL code DOO place p at 60000000,-1
names VEHICLE:SCAC/17 DEVICE:SCAC/1 TRIP:SCAC/t
filed 2 times`},
		{"other vehicle event", topics.VehicleEvents.Name, &avro.VehicleEvent{Tenant: "acme", DeviceID: "1", Type: avro.VehicleEventTypeIgnitionOn, OccurredAt: noon}, `VEHICLE_REPORTED TELEMATICS/ ACTUAL code IGNITION_ON
names DEVICE:1
filed 1 times`},
		{"vehicle event of nobody", topics.VehicleEvents.Name, &avro.VehicleEvent{Tenant: "acme", TripID: "t", OccurredAt: noon}, "dead NO_IDENTIFIER"},
		{"vehicle event off the map", topics.VehicleEvents.Name, &avro.VehicleEvent{Tenant: "acme", DeviceID: "1", OccurredAt: noon, Location: avro.Some(avro.GeoPoint{LatE6: 90_000_001})}, "dead BAD_COORDINATES"},

		{"proof of delivery", topics.Deliveries.Name, &avro.ProofOfDelivery{
			Tenant: "acme", LoadID: "L1", StopSequence: avro.Some(int32(2)), ShipmentID: "S1", DeliveryNumber: "80", SSCC: []string{"000000000000000017"},
			Outcome: avro.DeliveryOutcomePartial, ReasonCode: "D", SignedBy: "Kim", Receipts: []avro.Receipt{{ReceiptID: "r1", Kind: "LUMPER", AmountMinor: 12000, Currency: "USD"}}, OccurredAt: noon,
		}, `DELIVERED_PARTIAL EPOD/ ACTUAL code PARTIAL reason D stop 2
names LOAD:L1 SHIPMENT:S1 DELIVERY:80 SSCC:000000000000000017
links DELIVERY:80 > SHIPMENT:S1 ACTUAL
links DELIVERY:80 > LOAD:L1 ACTUAL
links LOAD:L1 > SHIPMENT:S1 ACTUAL
links SSCC:000000000000000017 > DELIVERY:80 ACTUAL
links SSCC:000000000000000017 > SHIPMENT:S1 ACTUAL
links SSCC:000000000000000017 > LOAD:L1 ACTUAL
says receipt/1: r1 LUMPER 12000 USD
says signed_by: Kim
filed 4 times`},
		{"stop of no load", topics.Deliveries.Name, &avro.ProofOfDelivery{Tenant: "acme", StopSequence: avro.Some(int32(2)), ShipmentID: "S1", OccurredAt: noon}, "dead NO_IDENTIFIER"},
		{"proof of nothing", topics.Deliveries.Name, &avro.ProofOfDelivery{Tenant: "acme", OccurredAt: noon}, "dead NO_IDENTIFIER"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := tellings(t, through(t, c.topic, c.in)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// A re-sent message is the same fact: envelope and order of listing do not count.
func TestReSentScanIsTheSameFact(t *testing.T) {
	scan := func(eventID string, sscc ...string) *avro.WarehouseEvent {
		return &avro.WarehouseEvent{Tenant: "acme", EventID: eventID, Milestone: avro.MilestoneCodeLoaded, SSCC: sscc, LoadID: "L1", OccurredAt: noon}
	}
	id := func(e *avro.WarehouseEvent) string {
		return through(t, topics.WarehouseEvents.Name, e).Log(topics.ResolveInbox.Name)[0].Value.(*avro.Fact).FactID
	}
	one := id(scan("e1", "000000000000000017", "000000000000000024"))
	if again := id(scan("e2", "000000000000000024", "(00)000000000000000017", "000000000000000024")); again != one {
		t.Errorf("the same scan sent again is fact %s, was %s", again, one)
	}
	if other := id(scan("e1", "000000000000000017")); other == one {
		t.Error("a scan of fewer units is the same fact")
	}
}

func TestFactsKeepWhereTheyCameFrom(t *testing.T) {
	s := through(t, topics.Orders.Name, &avro.Order{Tenant: "acme", OrderID: "42", EventID: "e", OccurredAt: noon, ReceivedAt: 7})
	f := s.Log(topics.ResolveInbox.Name)[0].Value.(*avro.Fact)
	if f.Origin.Topic != string(topics.Orders.Name) || f.EventID != "e" || f.ReceivedAt != 7 || f.Order.V.OrderID != "42" {
		t.Errorf("got %+v", f)
	}
	s = through(t, topics.Orders.Name, &avro.Order{Tenant: "acme", OrderID: "42", OccurredAt: noon})
	if f = s.Log(topics.ResolveInbox.Name)[0].Value.(*avro.Fact); f.ReceivedAt != avro.MicrosOf(s.Now()) {
		t.Errorf("received at %s, want the broker's time", f.ReceivedAt.Time())
	}
}

func TestReferenceGoesEverywhere(t *testing.T) {
	here := avro.GeoPoint{LatE6: 1, LonE6: 2}
	for _, c := range []struct {
		name     string
		from, to topics.Name
		in       avro.Record
		key      string
		reason   string
	}{
		{"place", topics.Places.Name, topics.LoadsInbox.Name, &avro.Place{Tenant: "acme", PlaceID: "p", Location: here, RadiusM: 100}, "acme|p", ""},
		{"place without radius", topics.Places.Name, "", &avro.Place{Tenant: "acme", PlaceID: "p", Location: here}, "", "BAD_GEOFENCE"},
		{"place off the map", topics.Places.Name, "", &avro.Place{Tenant: "acme", PlaceID: "p", Location: avro.GeoPoint{LonE6: 180_000_001}, RadiusM: 100}, "", "BAD_COORDINATES"},
		{"default service level", topics.ServiceLevels.Name, topics.ShipmentsInbox.Name, &avro.ServiceLevel{Name: "truckload"}, "|truckload", ""},
		{"service level without name", topics.ServiceLevels.Name, "", &avro.ServiceLevel{Tenant: "acme"}, "", "NO_IDENTIFIER"},
		{"contract", topics.Contracts.Name, topics.ShipmentsInbox.Name, &avro.Contract{Tenant: "acme", ContractID: "c", Version: 3, Party: "CUST", Currency: "USD"}, "acme|c|3", ""},
		{"contract of no day", topics.Contracts.Name, "", &avro.Contract{Tenant: "acme", ContractID: "c", ValidFrom: 5, ValidTo: avro.Some(avro.Micros(5))}, "", "BAD_CONTRACT"},
		{"contract of no price", topics.Contracts.Name, "", &avro.Contract{Tenant: "acme", ContractID: "c", Version: 1, Party: "CUST", Currency: "UDS", Clauses: []avro.Clause{{Clause: "1", Type: avro.ChargeTypeDetention, On: avro.OccasionVisit, Measure: avro.MeasureDwell}}}, "", "BAD_CONTRACT"},
	} {
		s := through(t, c.from, c.in)
		if c.reason != "" {
			if dead := s.DeadLetters(); len(dead) != 1 || dead[0].Reason != c.reason {
				t.Errorf("%s: got %+v, want %s", c.name, dead, c.reason)
			}
			continue
		}
		log := s.Log(c.to)
		if len(log) != 2 || log[0].Key != c.key || log[0].Partition == log[1].Partition {
			t.Errorf("%s: got %+v, want one in each of 2 partitions", c.name, log)
		}
	}
}

func TestPositionsOnAPartnerFeed(t *testing.T) {
	for _, c := range []struct{ name, payload, want string }{
		{"good", `{"position":{"deviceId":7,"fixTime":"2026-01-01T00:00:00Z","latitude":60.1,"longitude":24.9}}`, ""},
		{"off the map", `{"position":{"deviceId":7,"fixTime":"2026-01-01T00:00:00Z","latitude":91,"longitude":24.9}}`, "BAD_FIELDS"},
		{"of nobody", `{"position":{"fixTime":"2026-01-01T00:00:00Z","latitude":9,"longitude":24.9}}`, "BAD_FIELDS"},
		{"of no time", `{"position":{"deviceId":7,"latitude":9,"longitude":24.9}}`, "BAD_FIELDS"},
	} {
		s := through(t, topics.PartnerMessages.Name, &avro.PartnerMessage{Tenant: "acme", Format: "traccar", Partner: "fleet", Payload: []byte(c.payload)})
		log := s.Log(topics.Positions.Name)
		switch dead := s.DeadLetters(); {
		case c.want == "" && (len(log) != 1 || log[0].Key != "acme|fleet|7"):
			t.Errorf("%s: got %+v, %+v", c.name, log, dead)
		case c.want != "" && (len(dead) != 1 || dead[0].Reason != c.want):
			t.Errorf("%s: got %+v, want %s", c.name, dead, c.want)
		}
	}
}

func TestPartnerMessagesThatGoNowhere(t *testing.T) {
	for _, c := range []struct {
		in   avro.PartnerMessage
		want string
	}{
		{avro.PartnerMessage{Format: "hsl"}, "NO_TENANT"},
		{avro.PartnerMessage{Tenant: "acme", Format: "xml"}, "UNKNOWN_FORMAT"},
		{avro.PartnerMessage{Tenant: "acme", Format: "ocel", Mapping: "none"}, "NO_MAPPING"},
		{avro.PartnerMessage{Tenant: "acme", Format: "csv", Mapping: "none"}, "NO_MAPPING"},
		{avro.PartnerMessage{Tenant: "acme", Format: "json", Mapping: "scms"}, "NO_MAPPING"}, // a csv mapping
		{avro.PartnerMessage{Tenant: "acme", Format: "oversize", Header: "2000000 bytes, the limit is 900000"}, "OVERSIZE"},
		{avro.PartnerMessage{Tenant: "acme", Format: "hsl", Payload: make([]byte, 1<<20+1)}, "OVERSIZE"},
		{avro.PartnerMessage{Tenant: "acme", Format: "traccar", Payload: []byte("{")}, "BAD_JSON"},
		{avro.PartnerMessage{Tenant: "acme", Format: "hsl", Payload: []byte("x")}, "BAD_LINE"},
		{avro.PartnerMessage{Tenant: "acme", Format: "ocel", Mapping: "ocel-p2p", Header: "id,type,time", Payload: []byte(`1,"`)}, "BAD_CSV"},
	} {
		s := through(t, topics.PartnerMessages.Name, &c.in)
		if dead := s.DeadLetters(); len(dead) != 1 || dead[0].Reason != c.want || len(dead[0].Value.V) == 0 {
			t.Errorf("%s: got %+v, want %s", c.in.Format, dead, c.want)
		}
	}
}

// Every format that is named can be read, and no other.
func TestFormatsAreThoseOfTheAdapters(t *testing.T) {
	for _, f := range append(normalise.Formats(), "oversize") {
		s := through(t, topics.PartnerMessages.Name, &avro.PartnerMessage{Tenant: "acme", Format: f})
		if dead := s.DeadLetters(); len(dead) != 1 || dead[0].Reason == "UNKNOWN_FORMAT" {
			t.Errorf("%s: got %+v", f, dead)
		}
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	if err := normalise.DefaultConfig().Validate(); err != nil {
		t.Errorf("the default configuration is at fault: %v", err)
	}
	err := normalise.Config{MappingDir: t.TempDir() + "/gone"}.Validate()
	if err == nil || !strings.Contains(err.Error(), "normalise.mapping_dir: list mappings of") {
		t.Errorf("a folder that is not there gives %v", err)
	}
}

// A stage whose mappings cannot be read stops; it makes no dead letters of what a mended mapping would take.
func TestUnreadableMappingsStopTheStage(t *testing.T) {
	s := sim.New(sim.Options{}, normalise.New(normalise.Config{MappingDir: t.TempDir() + "/gone"}))
	s.Send(topics.PartnerMessages.Name, "key", &avro.PartnerMessage{Tenant: "acme", Format: "hsl"})
	if err := s.Run(); err == nil || fault.Of(err) != fault.Fatal {
		t.Errorf("got %v, want a fatal error", err)
	}
}

// What names or says too much for one fact is refused, not sent on to where it could not be written.
func TestTooLarge(t *testing.T) {
	var many []string
	for i := range 6000 {
		many = append(many, fmt.Sprintf("%018d", i))
	}
	wide := avro.Load{Tenant: "acme", LoadID: "L1", OccurredAt: noon}
	for i := range 4000 {
		wide.Shipments = append(wide.Shipments, avro.LoadShipment{ShipmentID: fmt.Sprint("S", i), BOL: fmt.Sprint("B", i), PRO: fmt.Sprint("P", i)})
	}
	row := `e,Book_Vehicles,2023-05-23T08:22:17,td1,"` + strings.Join(many, ",") + `"`
	for name, in := range map[string]struct {
		topic topics.Name
		rec   avro.Record
		want  string
	}{
		"names":      {topics.WarehouseEvents.Name, &avro.WarehouseEvent{Tenant: "acme", SSCC: many, OccurredAt: noon}, "TOO_LARGE"},
		"links":      {topics.Loads.Name, &wide, "TOO_LARGE"},
		"words":      {topics.CarrierStatuses.Name, &avro.CarrierStatus{Tenant: "acme", BOL: "7", City: strings.Repeat("x", 600_000), OccurredAt: noon}, "TOO_LARGE"},
		"ids of row": {topics.PartnerMessages.Name, &avro.PartnerMessage{Tenant: "acme", Format: "ocel", Mapping: "ocel-logistics", Header: "id,type,time,Transport_Document,Vehicle", Payload: []byte(row)}, "BAD_FIELDS"},
	} {
		if dead := through(t, in.topic, in.rec).DeadLetters(); len(dead) != 1 || dead[0].Reason != in.want || !strings.Contains(dead[0].Causes[len(dead[0].Causes)-1], "split") {
			t.Errorf("%s: got %d dead letters, want %s", name, len(dead), in.want)
		}
	}
}
