package processors_test

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/loads"
	"waybill/processors/model/facts"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/orders"
	"waybill/processors/resolve"
	"waybill/processors/shipments"
	"waybill/processors/sim"
	"waybill/processors/stream"
	"waybill/topics"
)

// The line behind normalise and track: one truck carries shipment S for order O from place A to place B, is late at both,
// and is kept at B.

const tenant = "acme"

var day = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func clock(hour, minute int) avro.Micros {
	return avro.MicrosOf(day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute))
}

func id(kind avro.IdentifierKind, value string) avro.Identifier {
	return avro.Identifier{Kind: kind, Value: value}
}

func file(f avro.Fact) []sim.Message {
	f.Tenant = tenant
	facts.Seal(&f)
	var out stream.Emits
	hops.Send(&out, &f)
	var script []sim.Message
	for _, e := range out.Records {
		script = append(script, sim.Message{Topic: e.Topic, Key: e.Key, Value: e.Value})
	}
	return script
}

var (
	load, shipment, order = id(avro.IdentifierKindLoad, "L1"), id(avro.IdentifierKindShipment, "S1"), id(avro.IdentifierKindOrder, "O1")
	vehicle, device       = id(avro.IdentifierKindVehicle, "V1"), id(avro.IdentifierKindDevice, "D1")
	delivery, sscc        = id(avro.IdentifierKindDelivery, "80001"), id(avro.IdentifierKindSSCC, "106141412345678908")
	tms, wms              = avro.Source{System: avro.SourceSystemTMS}, avro.Source{System: avro.SourceSystemWMS}
	telematics, epod      = avro.Source{System: avro.SourceSystemTelematics}, avro.Source{System: avro.SourceSystemEpod}
	atA, atB              = avro.GeoPoint{LatE6: 50_000_000, LonE6: 8_000_000}, avro.GeoPoint{LatE6: 50_500_000, LonE6: 8_500_000}
)

func plan() avro.Load {
	return avro.Load{
		Tenant: tenant, LoadID: "L1", Event: avro.LoadEventTendered, Carrier: "SCAC", Customer: "CUST", ServiceLevel: "truckload", OccurredAt: clock(1, 0),
		Stops: []avro.Stop{
			{Sequence: 1, Type: avro.StopTypePickup, PlaceID: "A", WindowFrom: avro.Some(clock(8, 0)), AppointmentAt: avro.Some(clock(8, 0))},
			{Sequence: 2, Type: avro.StopTypeDelivery, PlaceID: "B", WindowFrom: avro.Some(clock(12, 0)), AppointmentAt: avro.Some(clock(12, 0))},
		},
		Shipments: []avro.LoadShipment{{ShipmentID: "S1", OrderIDs: []string{"O1"}}},
	}
}

func link(from, to avro.Identifier, c avro.Classifier) avro.Link {
	return avro.Link{From: from, To: to, Classifier: c}
}

func milestone(m avro.MilestoneCode, src avro.Source, at avro.Micros, list ...avro.Identifier) avro.Fact {
	return avro.Fact{HasMilestone: true, Milestone: m, Classifier: avro.ClassifierActual, Source: src, OccurredAt: at, Identifiers: list}
}

func stay(revision int64, arrived avro.Micros, departed avro.Opt[avro.Micros], at avro.GeoPoint) avro.Fact {
	return avro.Fact{
		Classifier: avro.ClassifierActual, Source: telematics, OccurredAt: arrived, Identifiers: []avro.Identifier{device}, Revision: revision,
		Series: fmt.Sprintf("stay-%d", arrived), Stay: avro.Some(avro.Stay{ArrivedAt: arrived, DepartedAt: departed, Centre: at}),
	}
}

func oneTruck() []sim.Message {
	var s []sim.Message
	p := plan()
	tender := milestone(avro.MilestoneCodeTendered, tms, p.OccurredAt, load, shipment)
	tender.Load = avro.Some(p)
	tender.Links = []avro.Link{link(load, shipment, avro.ClassifierPlanned), link(order, shipment, avro.ClassifierActual)}
	s = append(s, file(tender)...)
	s = append(s, file(milestone(avro.MilestoneCodeAccepted, tms, clock(2, 0), load))...)

	assign := milestone(avro.MilestoneCodeAssigned, tms, clock(3, 0), load, vehicle)
	held := link(vehicle, load, avro.ClassifierActual)
	held.ValidFrom, held.ValidTo = avro.Some(clock(5, 0)), avro.Some(clock(22, 0))
	assign.Links = []avro.Link{held}
	s = append(s, file(assign)...)

	install := avro.Fact{Source: telematics, Identifiers: []avro.Identifier{device, vehicle}, Links: []avro.Link{link(device, vehicle, avro.ClassifierActual)}}
	s = append(s, file(install)...)

	release := milestone(avro.MilestoneCodeOrderReleased, avro.Source{System: avro.SourceSystemERP}, clock(0, 30), order)
	release.Order = avro.Some(avro.Order{Tenant: tenant, OrderID: "O1", Customer: "CUST"})
	s = append(s, file(release)...)

	packed := milestone(avro.MilestoneCodePacked, wms, clock(6, 0), sscc, delivery)
	packed.Links = []avro.Link{link(sscc, delivery, avro.ClassifierActual)}
	s = append(s, file(packed)...)
	loaded := milestone(avro.MilestoneCodeLoaded, wms, clock(8, 40), sscc, load)
	loaded.Links = []avro.Link{link(sscc, load, avro.ClassifierActual)}
	s = append(s, file(loaded)...)
	delivers := avro.Fact{Source: tms, OccurredAt: clock(1, 0), Identifiers: []avro.Identifier{delivery, shipment}, Links: []avro.Link{link(delivery, shipment, avro.ClassifierActual)}}
	s = append(s, file(delivers)...)

	s = append(s, file(stay(1, clock(8, 20), avro.Opt[avro.Micros]{}, atA))...)
	s = append(s, file(stay(2, clock(8, 20), avro.Some(clock(9, 10)), atA))...)
	s = append(s, file(stay(3, clock(12, 10), avro.Some(clock(15, 41)), atB))...)

	pod := milestone(avro.MilestoneCodeDelivered, epod, clock(15, 30), load)
	pod.StopSequence = avro.Some(int32(2))
	s = append(s, file(pod)...)

	for _, place := range []avro.Place{{Tenant: tenant, PlaceID: "A", Location: atA, RadiusM: 200}, {Tenant: tenant, PlaceID: "B", Location: atB, RadiusM: 200}} {
		s = append(s, sim.Message{Topic: topics.LoadsInbox.Name, Key: "place", Value: &place, Broadcast: true})
	}
	contract := avro.Contract{
		Tenant: tenant, ContractID: "C1", Version: 1, Party: "CUST", Currency: "USD", SettleS: 3600,
		Clauses: detention("4.2", 7200, 1800, 755000),
	}
	return append(s, sim.Message{Topic: topics.ShipmentsInbox.Name, Key: "contract", Value: &contract, Broadcast: true})
}

// detention is a contract's clauses with one of free time, increments and a price an hour, scale 4.
func detention(name string, freeS, incrementS, price avro.Unscaled) []avro.Clause {
	return []avro.Clause{{
		Clause: name, Type: avro.ChargeTypeDetention, On: avro.OccasionVisit, Measure: avro.MeasureDwell, Unit: avro.UnitHour,
		Free: freeS * 10_000, Increment: incrementS * 10_000, Price: price,
	}}
}

func run(t *testing.T, opt sim.Options, script []sim.Message) *sim.Sim {
	t.Helper()
	opt.Start = day.Add(24 * time.Hour)
	s := sim.New(opt, resolve.New(resolve.DefaultConfig()), loads.New(loads.DefaultConfig()), shipments.New(shipments.DefaultConfig()), orders.New())
	if err := s.PlayInterleaved(script); err != nil {
		t.Fatalf("seed %d: %v", opt.Seed, err)
	}
	for range 3 {
		s.Tick(day.Add(72 * time.Hour))
		if err := s.Run(); err != nil {
			t.Fatalf("seed %d: %v", opt.Seed, err)
		}
	}
	if dead := sim.Out[avro.DeadLetter](s, topics.DeadLetters.Name); len(dead) > 0 {
		t.Fatalf("seed %d: dead letter %s %v", opt.Seed, dead[0].Reason, dead[0].Causes)
	}
	return s
}

// content is what the law of convergence speaks of: the current views, without what tells of the journey.
func content(s *sim.Sim) string {
	var lines []string
	timelines := map[string]string{}
	for _, tl := range sim.Out[avro.Timeline](s, topics.Timelines.Name) {
		var b strings.Builder
		fmt.Fprintf(&b, "shipment %s orders %v loads %v carrier %s customer %s\n", tl.ShipmentID, tl.OrderIDs, tl.LoadIDs, tl.Carrier, tl.Customer)
		for _, e := range tl.Entries {
			fmt.Fprintf(&b, "  %s %s load %s stop %d %s by %s %s\n", e.OccurredAt.Time().Format("15:04"), e.Milestone, e.LoadID, e.StopSequence.Or(-1), e.Subject.V.Value, e.Source.System, e.Agreement)
		}
		b.WriteString(outlook(tl.Estimates, tl.Incidents))
		for _, x := range tl.Expectations {
			fmt.Fprintf(&b, "  expect %s %s stop %d %s\n", x.DueAt.Time().Format("02 15:04"), x.Milestone, x.StopSequence.Or(-1), x.State)
		}
		timelines[tl.ShipmentID] = b.String()
	}
	for _, v := range timelines {
		lines = append(lines, v)
	}
	ordersNow := map[string]string{}
	for _, tl := range sim.Out[avro.OrderTimeline](s, topics.OrderTimelines.Name) {
		ordersNow[tl.OrderID] = fmt.Sprintf("order %s shipments %v loads %v entries %d\n%s", tl.OrderID, tl.ShipmentIDs, tl.LoadIDs, len(tl.Entries), outlook(tl.Estimates, tl.Incidents))
	}
	for _, v := range ordersNow {
		lines = append(lines, v)
	}
	gaps := map[string]avro.Gap{}
	for _, g := range sim.Out[avro.Gap](s, topics.Gaps.Name) {
		gaps[g.GapID] = *g
	}
	for _, g := range gaps {
		if g.Kind == avro.GapKindMissingMilestone && (g.Status == avro.GapStatusOpen || g.Reason == "late") {
			lines = append(lines, fmt.Sprintf("gap%s %s stop %d %s %s\n", strings.TrimPrefix(" "+g.ShipmentID, " S1"), g.Milestone, g.StopSequence.Or(-1), g.Status, g.Reason))
		}
	}
	lines = append(append(lines, charged(s)...), waiting(s)...)
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// charged is what stands in the ledger: net amounts, and what is held with its reason. How often something was reversed depends on the journey.
func charged(s *sim.Sim) (lines []string) {
	net, last := map[string]int64{}, map[string]*avro.Charge{}
	for _, c := range sim.Out[avro.Charge](s, topics.Charges.Name) {
		net[fmt.Sprintf("%s%s stop %d %s", strings.TrimPrefix(c.ShipmentID, "S1"), c.Type, c.StopSequence.Or(-1), c.Currency)] += c.AmountMinor
		last[c.ChargeID] = c
	}
	for k, v := range net {
		if v != 0 {
			lines = append(lines, fmt.Sprintf("charge %s %d\n", k, v))
		}
	}
	for _, c := range last {
		if c.Kind == avro.LineKindHeld {
			lines = append(lines, fmt.Sprintf("held %s %s load %s stop %d %s %s %s: %s\n", c.ShipmentID, c.Type, c.LoadID, c.StopSequence.Or(-1), c.Party, c.Direction, c.ContractID, c.Reason))
		}
	}
	return lines
}

// waiting is what is parked, and the gaps of it that are open.
func waiting(s *sim.Sim) (lines []string) {
	now := map[string]*avro.Parked{}
	for _, p := range sim.Out[avro.Parked](s, topics.Parked.Name) {
		now[ids.Key("", p.At)+" "+p.FactID] = p
	}
	for _, p := range now {
		if !p.Released {
			lines = append(lines, fmt.Sprintf("parked %s %s %s\n", ids.Key("", p.At), p.Milestone, p.OccurredAt.Time().Format("02 15:04:05")))
		}
	}
	open := map[string]*avro.Gap{}
	for _, g := range unlinked(s) {
		open[g.GapID] = g
	}
	for _, g := range open {
		if g.Status == avro.GapStatusOpen {
			lines = append(lines, fmt.Sprintf("unlinked %s %s\n", ids.Key("", g.Subject.V), g.Milestone))
		}
	}
	return lines
}

const want = `charge DETENTION stop 2 USD 15100
gap ARRIVED_DELIVERY stop 2 CLOSED late
gap ARRIVED_PICKUP stop 1 CLOSED late
gap DELIVERED stop 2 CLOSED late
gap POD_RECEIVED stop 2 OPEN 
order O1 shipments [S1] loads [L1] entries 11
shipment S1 orders [O1] loads [L1] carrier SCAC customer CUST
  00:30 ORDER_RELEASED load  stop -1  by ERP SINGLE
  01:00 TENDERED load L1 stop -1  by TMS SINGLE
  02:00 ACCEPTED load L1 stop -1  by TMS SINGLE
  03:00 ASSIGNED load L1 stop -1  by TMS SINGLE
  06:00 PACKED load  stop -1 106141412345678908 by WMS SINGLE
  08:20 ARRIVED_PICKUP load L1 stop 1  by TELEMATICS SINGLE
  08:40 LOADED load L1 stop -1 106141412345678908 by WMS SINGLE
  09:10 DEPARTED_PICKUP load L1 stop 1  by TELEMATICS SINGLE
  12:10 ARRIVED_DELIVERY load L1 stop 2  by TELEMATICS SINGLE
  15:30 DELIVERED load L1 stop 2  by EPOD SINGLE
  15:41 DEPARTED_DELIVERY load L1 stop 2  by TELEMATICS SINGLE
  expect 02 03:00 ACCEPTED stop -1 MET
  expect 02 04:00 ASSIGNED stop -1 MET
  expect 02 08:15 ARRIVED_PICKUP stop 1 LATE
  expect 02 10:20 DEPARTED_PICKUP stop 1 MET
  expect 02 12:00 ARRIVED_DELIVERY stop 2 LATE
  expect 02 14:10 DELIVERED stop 2 LATE
  expect 03 15:30 POD_RECEIVED stop 2 MISSED
`

func TestLine(t *testing.T) {
	s := run(t, sim.Options{}, oneTruck())
	if got := content(s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, p := range sim.Out[avro.Parked](s, topics.Parked.Name) {
		t.Logf("parked %s at %s released %v", p.FactID, p.At.Value, p.Released)
	}
}

func TestLawLine(t *testing.T) {
	for seed := range seeds(t, 200) {
		script := sim.Duplicated(seed, 0.3, sim.Shuffled(seed, oneTruck()))
		opt := sim.Options{Seed: seed, Partitions: int32(1 + seed%8), Faults: 0.1}
		if got := content(run(t, opt, script)); got != want {
			t.Fatalf("seed %d:\ngot\n%s\nwant\n%s", seed, got, want)
		}
	}
}

// timelines gives the current timeline of each shipment.
func timelines(s *sim.Sim) map[string]*avro.Timeline {
	out := map[string]*avro.Timeline{}
	for _, tl := range sim.Out[avro.Timeline](s, topics.Timelines.Name) {
		out[tl.ShipmentID] = tl
	}
	return out
}

// seeds counts from 1 to $WAYBILL_LAW_SEEDS, or to as many as every run can afford.
func seeds(t *testing.T, afford uint64) iter.Seq[uint64] {
	t.Helper()
	if asked := os.Getenv("WAYBILL_LAW_SEEDS"); asked != "" {
		n, err := strconv.ParseUint(asked, 10, 64)
		if err != nil {
			t.Fatalf("WAYBILL_LAW_SEEDS is %q, want a number of seeds", asked)
		}
		afford = n
	}
	return func(yield func(uint64) bool) {
		for seed := uint64(1); seed <= afford && yield(seed); seed++ {
		}
	}
}
