package processors_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/loads"
	"waybill/processors/model/facts"
	"waybill/processors/model/ids"
	"waybill/processors/orders"
	"waybill/processors/resolve"
	"waybill/processors/shipments"
	"waybill/processors/sim"
	"waybill/topics"
)

func ledger(s *sim.Sim) []*avro.Charge { return sim.Out[avro.Charge](s, topics.Charges.Name) }

// chained says whether each line names the one before it under its charge id and hashes to its own id.
func chained(t *testing.T, lines []*avro.Charge) {
	t.Helper()
	last := map[string]string{}
	seen := map[string]bool{}
	for _, c := range lines {
		if c.Predecessor != last[c.ChargeID] {
			t.Errorf("line %s follows %q, the one before it is %q", c.LineID, c.Predecessor, last[c.ChargeID])
		}
		if seen[c.LineID] {
			t.Errorf("line id %s stands twice", c.LineID)
		}
		last[c.ChargeID], seen[c.LineID] = c.LineID, true
	}
}

func TestLedgerReversesWhatChanged(t *testing.T) {
	s := run(t, sim.Options{}, oneTruck())
	dearer := avro.Contract{
		Tenant: tenant, ContractID: "C1", Version: 2, Party: "CUST", Currency: "USD",
		Clauses: detention("4.2", 3600, 3600, 1000000),
	}
	s.Broadcast(topics.ShipmentsInbox.Name, "contract", &dearer)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	var amounts []int64
	for _, c := range ledger(s) {
		amounts = append(amounts, c.AmountMinor)
	}
	if want := []int64{15100, -15100, 30000}; !slices.Equal(amounts, want) {
		t.Errorf("got lines of %v, want %v", amounts, want)
	}
	chained(t, ledger(s))
}

func TestChargeWaitsForItsSettlingDelay(t *testing.T) {
	script := slices.DeleteFunc(oneTruck(), func(m sim.Message) bool {
		f, ok := m.Value.(*avro.Fact)
		return ok && f.Milestone == avro.MilestoneCodeDelivered
	})
	if lines := ledger(run(t, sim.Options{}, script)); len(lines) > 0 {
		t.Errorf("charged without the trigger: %+v", lines[0])
	}
}

func TestSharedStopIsHeld(t *testing.T) {
	script := oneTruck()
	for _, m := range script {
		if f, ok := m.Value.(*avro.Fact); ok && f.Load.Ok && len(f.Load.V.Shipments) == 1 { // once: the copies share it
			f.Load.V.Shipments = append(f.Load.V.Shipments, avro.LoadShipment{ShipmentID: "S2"})
		}
	}
	lines := ledger(run(t, sim.Options{}, script))
	if len(lines) != 1 || lines[0].Kind != avro.LineKindHeld || lines[0].AmountMinor != 0 || !strings.Contains(lines[0].Reason, "S1, S2 share the stop") {
		t.Errorf("got %+v", lines)
	}
}

func TestNoContractIsHeld(t *testing.T) {
	script := slices.DeleteFunc(oneTruck(), func(m sim.Message) bool { _, ok := m.Value.(*avro.Contract); return ok })
	lines := ledger(run(t, sim.Options{}, script))
	if len(lines) != 1 || lines[0].Kind != avro.LineKindHeld || !strings.Contains(lines[0].Reason, "no contract in force on 2026-03-02") {
		t.Errorf("got %+v", lines)
	}
}

// The driver swaps vehicles between the stops: each vehicle's stays count only while it was assigned.
func TestVehicleSwap(t *testing.T) {
	script := oneTruck()
	swap := milestone(avro.MilestoneCodeAssigned, tms, clock(10, 0), load, id(avro.IdentifierKindVehicle, "V2"))
	held := link(id(avro.IdentifierKindVehicle, "V2"), load, avro.ClassifierActual)
	held.ValidFrom = avro.Some(clock(10, 0))
	swap.Links = []avro.Link{held}
	got := content(run(t, sim.Options{}, append(script, file(swap)...)))
	if !strings.Contains(got, "ARRIVED_PICKUP load L1 stop 1") || strings.Contains(got, "12:10 ARRIVED_DELIVERY") {
		t.Errorf("V1 left the load at 10:00, yet its stay at B counts, or its stay at A does not:\n%s", got)
	}
}

func TestReplannedShipmentLeaves(t *testing.T) {
	script := slices.DeleteFunc(oneTruck(), func(m sim.Message) bool {
		f, ok := m.Value.(*avro.Fact)
		return ok && f.Milestone == avro.MilestoneCodeLoaded
	})
	s := run(t, sim.Options{}, script)
	replan := milestone(avro.MilestoneCodePlanned, tms, clock(4, 0), load)
	p := plan()
	p.Shipments, p.OccurredAt = []avro.LoadShipment{{ShipmentID: "S9"}}, clock(4, 0)
	replan.Load = avro.Some(p)
	replan.Links = []avro.Link{link(load, id(avro.IdentifierKindShipment, "S9"), avro.ClassifierPlanned)}
	s.Play(file(replan))
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	now := timelines(s)
	if len(now["S1"].LoadIDs) != 0 || !slices.Equal(now["S9"].LoadIDs, []string{"L1"}) {
		t.Errorf("S1 travels on %v, S9 on %v", now["S1"].LoadIDs, now["S9"].LoadIDs)
	}
}

func TestWhatHasNoLinkIsParkedAndReleased(t *testing.T) {
	packed := milestone(avro.MilestoneCodePacked, wms, clock(6, 0), sscc)
	s := run(t, sim.Options{}, file(packed))
	parked := sim.Out[avro.Parked](s, topics.Parked.Name)
	if len(parked) != 1 || parked[0].Released || !ids.Same(parked[0].At, sscc) {
		t.Fatalf("got %+v", parked)
	}
	if n := parkedFacts(t, s); n != 1 {
		t.Errorf("%d facts count as parked, want 1", n)
	}
	late := avro.Fact{Source: wms, Identifiers: []avro.Identifier{sscc, shipment}, Links: []avro.Link{link(sscc, shipment, avro.ClassifierActual)}}
	s.Play(file(late))
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	parked = sim.Out[avro.Parked](s, topics.Parked.Name)
	if len(parked) != 2 || !parked[1].Released {
		t.Fatalf("got %+v", parked)
	}
	if n := parkedFacts(t, s); n != 0 {
		t.Errorf("%d facts count as parked, want none", n)
	}
	if tl := timelines(s)["S1"]; tl == nil || len(tl.Entries) != 1 || tl.Entries[0].Milestone != avro.MilestoneCodePacked {
		t.Errorf("the parked fact did not reach the shipment: %+v", tl)
	}
}

// parkedFacts is the tally that becomes a metric.
func parkedFacts(t *testing.T, s *sim.Sim) (sum int64) {
	t.Helper()
	for key, value := range s.State(resolve.Name) {
		if strings.HasSuffix(key, "\x00parked_facts\x00") {
			n, _ := binary.Varint([]byte(value[1:])) // behind the version of the form
			sum += n
		}
	}
	return sum
}

// One place visited twice: visits and stops are aligned in order.
func TestPlaceVisitedTwice(t *testing.T) {
	script := slices.DeleteFunc(oneTruck(), func(m sim.Message) bool {
		f, ok := m.Value.(*avro.Fact)
		return ok && f.HasMilestone && f.Milestone == avro.MilestoneCodeDelivered
	})
	var changed []sim.Message
	for _, m := range script {
		if f, ok := m.Value.(*avro.Fact); ok && f.Load.Ok {
			g := f.Clone()
			g.Load.V.Stops = append(g.Load.V.Stops, avro.Stop{Sequence: 3, Type: avro.StopTypeDelivery, PlaceID: "A", AppointmentAt: avro.Some(clock(18, 0))})
			facts.Seal(&g)
			m.Value = &g
		}
		changed = append(changed, m)
	}
	changed = append(changed, file(stay(4, clock(18, 5), avro.Some(clock(18, 45)), atA))...)
	got := content(run(t, sim.Options{}, changed))
	for _, want := range []string{"08:20 ARRIVED_PICKUP load L1 stop 1", "12:10 ARRIVED_DELIVERY load L1 stop 2", "18:05 ARRIVED_DELIVERY load L1 stop 3", "18:45 DEPARTED_DELIVERY load L1 stop 3"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

// One package holds lines of two orders: what happened to a line is told to its own order.
func TestOrdersDoNotSeeEachOthersLines(t *testing.T) {
	var script []sim.Message
	for _, n := range []string{"1", "2"} {
		order, line := id(avro.IdentifierKindOrder, "O"+n), id(avro.IdentifierKindOrderLine, "line"+n)
		placed := milestone(avro.MilestoneCodeOrderReleased, avro.Source{System: avro.SourceSystemERP}, clock(1, 0), order, line)
		placed.Links = []avro.Link{link(line, order, avro.ClassifierActual)}
		packed := milestone(avro.MilestoneCodePacked, wms, clock(3, 0), shipment, line)
		packed.Links = []avro.Link{link(line, shipment, avro.ClassifierActual)}
		script = append(script, slices.Concat(file(placed), file(packed), file(milestone(avro.MilestoneCodePicked, wms, clock(2, 0), line)))...)
	}
	for order, tl := range orderTimelines(run(t, sim.Options{}, script)) {
		picked := 0
		for _, e := range tl.Entries {
			if e.Milestone == avro.MilestoneCodePicked {
				picked++
				if e.Subject.V.Value != strings.Replace(order, "O", "line", 1) {
					t.Errorf("order %s tells of %s", order, e.Subject.V.Value)
				}
			}
		}
		if picked != 1 {
			t.Errorf("order %s tells of %d picks, want its own", order, picked)
		}
	}
}

// What is concluded from silence while stages up the line were behind is marked, and stays so.
func TestGapOfALaggingTickIsMarked(t *testing.T) {
	for _, behind := range [][]string{nil, {"resolve"}} {
		s := sim.New(sim.Options{Start: day.Add(24 * time.Hour)}, resolve.New(resolve.DefaultConfig()), loads.New(loads.DefaultConfig()), shipments.New(shipments.DefaultConfig()), orders.New())
		s.Play(oneTruck())
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		s.Advance(48 * time.Hour)
		for _, tick := range []avro.Tick{{Behind: behind}, {}} {
			s.Broadcast(topics.ShipmentsInbox.Name, "", &tick)
			if err := s.Run(); err != nil {
				t.Fatal(err)
			}
		}
		open := 0
		for _, g := range sim.Out[avro.Gap](s, topics.Gaps.Name) {
			if g.Status != avro.GapStatusOpen {
				continue
			}
			open++
			if g.Lagging != (behind != nil) {
				t.Errorf("with %q behind, gap %s says lagging %v", behind, g.Milestone, g.Lagging)
			}
		}
		if open == 0 {
			t.Error("no gap was opened")
		}
	}
}

// A fact that another supersedes is on no timeline, whichever of the two comes first; it is kept.
func TestSupersededFactsDoNotStand(t *testing.T) {
	wrong := milestone(avro.MilestoneCodeShipConfirmed, wms, clock(9, 0), shipment)
	wrong.Code = "by mistake"
	first := file(wrong)
	correction := avro.Fact{Source: wms, Classifier: avro.ClassifierActual, OccurredAt: clock(11, 0), Code: "errorDeclaration", Identifiers: []avro.Identifier{shipment}, Supersedes: []string{first[0].Value.(*avro.Fact).FactID}}
	confirmed := func(script []sim.Message) (n int) {
		for _, e := range timelines(run(t, sim.Options{}, script))["S1"].Entries {
			if e.Milestone == avro.MilestoneCodeShipConfirmed && e.OccurredAt == clock(9, 0) {
				n++
			}
		}
		return n
	}
	if n := confirmed(append(oneTruck(), first...)); n != 1 {
		t.Fatalf("the fact is on the timeline %d times before it is corrected, want once", n)
	}
	for _, order := range [][]sim.Message{append(slices.Clone(first), file(correction)...), append(file(correction), first...)} {
		if n := confirmed(append(oneTruck(), order...)); n != 0 {
			t.Errorf("the superseded fact is on the timeline %d times", n)
		}
	}
}
