package processors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/resolve"
	"waybill/processors/sim"
	"waybill/topics"
)

// What a link led on is taken back where the link does not stand, whichever comes first: in any order the same content, which says what is
// wanted of every shipment: its milestones, in order of time.

func linked(at avro.Micros, event string, from, to avro.Identifier) avro.Fact {
	return avro.Fact{Tenant: tenant, Source: wms, OccurredAt: at, EventID: event, Identifiers: []avro.Identifier{from, to}, Links: []avro.Link{link(from, to, avro.ClassifierActual)}}
}

// voids takes back what a source said under an event id.
func voids(at avro.Micros, of avro.Fact) avro.Fact {
	facts.Seal(&of)
	return avro.Fact{Source: wms, OccurredAt: at, Identifiers: of.Identifiers, Supersedes: []string{of.FactID}}
}

func converges(t *testing.T, said []avro.Fact, want map[string]string) {
	t.Helper()
	var script []sim.Message
	for _, f := range said {
		script = append(script, file(f)...)
	}
	first := ""
	for seed := range seeds(t, 40) {
		s := line(sim.Options{Seed: seed, Partitions: int32(1 + seed%8), Faults: 0.1}, resolve.DefaultConfig())
		mixed := sim.Duplicated(seed, 0.3, sim.Shuffled(seed-1, script)) // as said, the first time
		if err := s.PlayInterleaved(mixed); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			tick(t, s, 24*time.Hour)
		}
		for ship, milestones := range want {
			var got []string
			if tl := timelines(s)[ship]; tl != nil {
				for _, e := range tl.Entries {
					got = append(got, e.Milestone.String())
				}
			}
			if strings.Join(got, " ") != milestones {
				t.Fatalf("seed %d: shipment %s has %v, want %s\n%s", seed, ship, got, milestones, listed(mixed))
			}
		}
		if now := content(s) + tied(s); first == "" {
			first = now
		} else if now != first {
			t.Fatalf("seed %d:\n%s", seed, diff(now, first))
		}
	}
}

// tied is what content leaves out: equipment and references of each shipment, and how many facts it is told from.
func tied(s *sim.Sim) string {
	var lines []string
	for ship, tl := range timelines(s) {
		lines = append(lines, fmt.Sprintf("%s: %v %v of %d facts\n", ship, tl.Equipment, tl.References, tl.Facts))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestAVoidedLinkTakesBackWhatItLedOn(t *testing.T) {
	other, wrong, unit := id(avro.IdentifierKindShipment, "S2"), id(avro.IdentifierKindDelivery, "80009"), id(avro.IdentifierKindSSCC, "106141412345678915")
	staged := milestone(avro.MilestoneCodeStaged, wms, clock(7, 0), sscc)
	both := milestone(avro.MilestoneCodeStaged, wms, clock(7, 0), sscc, unit)
	picked := milestone(avro.MilestoneCodePicked, wms, clock(5, 0), delivery)
	packed := linked(clock(6, 0), "E1", sscc, delivery)
	leads := linked(clock(4, 0), "E2", delivery, shipment)
	for _, c := range []struct {
		name string
		said []avro.Fact
		want map[string]string
	}{
		{"one hop before the shipment", []avro.Fact{leads, picked, voids(clock(9, 0), leads)}, map[string]string{"S1": ""}},
		{"two hops before it", []avro.Fact{packed, leads, staged, voids(clock(9, 0), packed)}, map[string]string{"S1": ""}},
		{"the second of two hops", []avro.Fact{packed, leads, staged, picked, voids(clock(9, 0), leads)}, map[string]string{"S1": ""}},
		{"one of two ways", []avro.Fact{packed, leads, both, linked(clock(6, 0), "E3", unit, delivery), voids(clock(9, 0), packed)}, map[string]string{"S1": "STAGED"}},
		{"both of two ways", []avro.Fact{packed, leads, both, linked(clock(6, 0), "E3", unit, delivery), voids(clock(9, 0), packed), voids(clock(9, 1), linked(clock(6, 0), "E3", unit, delivery))}, map[string]string{"S1": ""}},
		{"and said again", []avro.Fact{packed, leads, staged, voids(clock(9, 0), packed), linked(clock(9, 30), "E4", sscc, delivery)}, map[string]string{"S1": "STAGED"}},
		{"to another shipment", []avro.Fact{packed, leads, staged, voids(clock(9, 0), leads), linked(clock(9, 30), "E4", delivery, other)}, map[string]string{"S1": "", "S2": "STAGED"}},
		{"from the wrong delivery to the right one", []avro.Fact{linked(clock(6, 0), "E1", sscc, wrong), linked(clock(4, 0), "E5", wrong, other), leads, staged, voids(clock(9, 0), linked(clock(6, 0), "E1", sscc, wrong)), packed}, map[string]string{"S1": "STAGED", "S2": ""}},
		{"an order's", []avro.Fact{linked(clock(4, 0), "E6", order, shipment), milestone(avro.MilestoneCodeOrderConfirmed, wms, clock(3, 0), order), voids(clock(9, 0), linked(clock(4, 0), "E6", order, shipment))}, map[string]string{"S1": ""}},
	} {
		t.Run(c.name, func(t *testing.T) { converges(t, c.said, c.want) })
	}
}

// What is composed of a link goes with it: a unit scanned onto a load under a delivery that it was not in puts no shipment aboard.
func TestAVoidedLinkTakesBackWhatIsComposedOfIt(t *testing.T) {
	packed := linked(clock(6, 0), "E1", sscc, delivery)
	loaded := milestone(avro.MilestoneCodeLoaded, wms, clock(8, 0), sscc, load)
	loaded.Links = []avro.Link{link(sscc, load, avro.ClassifierActual)}
	said := []avro.Fact{packed, linked(clock(4, 0), "E2", delivery, shipment), loaded, voids(clock(9, 0), packed)}
	converges(t, said, map[string]string{"S1": ""})
	s := line(sim.Options{}, resolve.DefaultConfig())
	for _, f := range said {
		play(t, s, file(f)...)
	}
	if loads := timelines(s)["S1"].LoadIDs; len(loads) != 0 {
		t.Errorf("the shipment is aboard %v", loads)
	}
}

// An aggregation that is over leads on what happened before, and not what happens after.
func TestAnAggregationEnds(t *testing.T) {
	box := id(avro.IdentifierKindContainer, "CSQU3054383")
	in, out := linked(clock(8, 0), "E1", sscc, box), linked(clock(10, 0), "E2", sscc, box)
	in.Links[0].ValidFrom = avro.Some(clock(8, 0))
	out.Links[0].ValidFrom, out.Links[0].Revoked = avro.Some(clock(10, 0)), true
	all := avro.Fact{Tenant: tenant, Source: wms, OccurredAt: clock(10, 0), Identifiers: []avro.Identifier{box}, Links: []avro.Link{{To: box, ValidFrom: avro.Some(clock(10, 0)), Revoked: true}}}
	back := linked(clock(12, 0), "E3", sscc, box)
	back.Links[0].ValidFrom = avro.Some(clock(12, 0))
	scans := []avro.Fact{
		linked(clock(1, 0), "E4", box, shipment), milestone(avro.MilestoneCodeStaged, wms, clock(9, 0), sscc),
		milestone(avro.MilestoneCodeDamaged, wms, clock(11, 0), sscc), milestone(avro.MilestoneCodeReturned, wms, clock(13, 0), sscc),
	}
	for _, c := range []struct {
		name string
		said []avro.Fact
		want string
	}{
		{"of one child", []avro.Fact{in, out}, "STAGED"},
		{"as a whole", []avro.Fact{in, all}, "STAGED"},
		{"and begins again", []avro.Fact{in, all, back}, "STAGED RETURNED"},
		{"and that was a mistake", []avro.Fact{in, all, voids(clock(14, 0), all)}, "STAGED DAMAGED RETURNED"},
	} {
		t.Run(c.name, func(t *testing.T) { converges(t, slices.Concat(scans, c.said), map[string]string{"S1": c.want}) })
	}
}

// An SSCC is given to another unit after a year, and a delivery number comes back: each joins what belongs to its time, and composes it.
func TestUnitsAndDeliveriesComeBack(t *testing.T) {
	year := avro.Micros(400 * 24 * time.Hour / time.Microsecond)
	var said []avro.Fact
	for i := range avro.Micros(2) {
		at := func(hour int) avro.Micros { return clock(hour, 0) + i*year }
		ship, on := id(avro.IdentifierKindShipment, fmt.Sprint("S", i+1)), id(avro.IdentifierKindLoad, fmt.Sprint("L", i+1))
		loaded := milestone(avro.MilestoneCodeLoaded, wms, at(8), sscc, on)
		loaded.Links = []avro.Link{link(sscc, on, avro.ClassifierActual)}
		scan := []avro.MilestoneCode{avro.MilestoneCodeStaged, avro.MilestoneCodeDamaged}[i]
		said = append(said, linked(at(4), "", delivery, ship), linked(at(6), "", sscc, delivery), milestone(scan, wms, at(7), sscc), loaded)
	}
	converges(t, said, map[string]string{"S1": "STAGED LOADED", "S2": "DAMAGED LOADED"})
	s := line(sim.Options{}, resolve.DefaultConfig())
	for _, f := range said {
		play(t, s, file(f)...)
	}
	for ship, on := range map[string]string{"S1": "L1", "S2": "L2"} {
		if loads := timelines(s)[ship].LoadIDs; !slices.Equal(loads, []string{on}) {
			t.Errorf("shipment %s is aboard %v, want %s", ship, loads, on)
		}
	}
}

// boarding is S1 planned on L1, and V1 given to L1 under an event id.
func boarding() (tender, assign avro.Fact) {
	p := plan()
	tender = milestone(avro.MilestoneCodeTendered, tms, p.OccurredAt, load, shipment)
	tender.Load = avro.Some(p)
	tender.Links = []avro.Link{link(load, shipment, avro.ClassifierPlanned)}
	held := link(vehicle, load, avro.ClassifierActual)
	held.ValidFrom, held.ValidTo = avro.Some(clock(5, 0)), avro.Some(clock(22, 0))
	assign = milestone(avro.MilestoneCodeAssigned, tms, clock(3, 0), load, vehicle)
	assign.Tenant, assign.EventID, assign.Links = tenant, "E1", []avro.Link{held}
	return tender, assign
}

// What a vehicle told of itself is the load's only where the vehicle was, whether the load heard of that before or after.
func TestAVoidedAssignmentTakesBackWhatTheVehicleTold(t *testing.T) {
	tender, assign := boarding()
	door := milestone(avro.MilestoneCodeDoorOpened, telematics, clock(9, 0), vehicle)
	converges(t, []avro.Fact{tender, assign, door, voids(clock(9, 30), assign)}, map[string]string{"S1": "TENDERED"})
	converges(t, []avro.Fact{tender, assign, door}, map[string]string{"S1": "TENDERED ASSIGNED DOOR_OPENED"})
}

// Where the trailer leads to the load as well, it stands until that is voided, too.
func TestOneOfTwoAssignmentsIsVoided(t *testing.T) {
	tender, assign := boarding()
	trailer := id(avro.IdentifierKindTrailer, "T1")
	hook := linked(clock(5, 0), "E2", trailer, load)
	hook.Links[0].ValidFrom = avro.Some(clock(5, 0))
	door := milestone(avro.MilestoneCodeDoorOpened, telematics, clock(9, 0), vehicle, trailer)
	said := []avro.Fact{tender, assign, hook, door, voids(clock(10, 0), assign)}
	converges(t, said, map[string]string{"S1": "TENDERED DOOR_OPENED"})
	converges(t, append(said, voids(clock(10, 1), hook)), map[string]string{"S1": "TENDERED"})
}

// A device that was built into another vehicle before it told something told nothing of the first one.
func TestALateInstallationTakesBackWhatTheDeviceTold(t *testing.T) {
	tender, assign := boarding()
	in := func(hour int, vehicle string) avro.Fact {
		f := linked(clock(hour, 0), "", device, id(avro.IdentifierKindVehicle, vehicle))
		f.Links[0].ValidFrom = avro.Some(clock(hour, 0))
		return f
	}
	door := func(hour int) avro.Fact {
		return milestone(avro.MilestoneCodeDoorOpened, telematics, clock(hour, 0), device)
	}
	converges(t, []avro.Fact{tender, assign, in(5, "V1"), in(8, "V2"), door(7), door(9)}, map[string]string{"S1": "TENDERED ASSIGNED DOOR_OPENED"})
}

// A correction that a link led here is withdrawn with that link, and what it corrected here stands again.
func TestAWithdrawnCorrectionCorrectsNothing(t *testing.T) {
	leads, packed := linked(clock(4, 0), "E2", delivery, shipment), linked(clock(6, 0), "E1", sscc, delivery)
	picked := milestone(avro.MilestoneCodePicked, wms, clock(5, 0), delivery)
	wrong := voids(clock(8, 0), leads)
	wrong.Identifiers = []avro.Identifier{sscc} // says of the unit that the delivery is not the shipment's
	converges(t, []avro.Fact{leads, packed, picked, wrong}, map[string]string{"S1": ""})
	converges(t, []avro.Fact{leads, packed, picked, wrong, voids(clock(9, 0), packed)}, map[string]string{"S1": "PICKED"})
	again := linked(clock(9, 30), "E3", sscc, delivery)
	converges(t, []avro.Fact{leads, packed, picked, wrong, voids(clock(9, 0), packed), again}, map[string]string{"S1": ""})
}

// A correction corrects, though by its own time what it names belongs elsewhere: it takes back what went on.
func TestACorrectionAfterTheLinkIsOver(t *testing.T) {
	box := id(avro.IdentifierKindContainer, "CSQU3054383")
	in, out := linked(clock(8, 0), "E1", sscc, box), linked(clock(10, 0), "E2", sscc, box)
	in.Links[0].ValidFrom = avro.Some(clock(8, 0))
	out.Links[0].ValidFrom, out.Links[0].Revoked = avro.Some(clock(10, 0)), true
	staged := milestone(avro.MilestoneCodeStaged, wms, clock(9, 0), sscc)
	staged.Tenant, staged.EventID = tenant, "E5"
	said := []avro.Fact{in, out, linked(clock(1, 0), "E4", box, shipment), staged}
	byEvent := avro.Fact{Source: wms, OccurredAt: clock(14, 0), Identifiers: staged.Identifiers, Supersedes: []string{"event:E5"}}
	for name, correction := range map[string]avro.Fact{"by content": voids(clock(14, 0), staged), "by event id": byEvent} {
		t.Run(name, func(t *testing.T) { converges(t, append(slices.Clone(said), correction), map[string]string{"S1": ""}) })
	}
}

// That an aggregation is over is told to its two ends, which the delivery of a unit is not: it does not come along a link that is voided later.
func TestWhatFollowsFromLinksIsNotLedOn(t *testing.T) {
	box := id(avro.IdentifierKindContainer, "CSQU3054383")
	in, packed := linked(clock(8, 0), "E1", sscc, box), linked(clock(6, 0), "E7", sscc, delivery)
	in.Links[0].ValidFrom = avro.Some(clock(8, 0))
	all := avro.Fact{Tenant: tenant, Source: wms, OccurredAt: clock(10, 0), Identifiers: []avro.Identifier{box}, Links: []avro.Link{{To: box, ValidFrom: avro.Some(clock(10, 0)), Revoked: true}}}
	picked := milestone(avro.MilestoneCodePicked, wms, clock(5, 0), delivery)
	converges(t, []avro.Fact{in, all, packed, linked(clock(4, 0), "E2", delivery, shipment), voids(clock(14, 0), packed), picked}, map[string]string{"S1": "PICKED"})
}

// A crate goes round for a year. Emptying it says so of what was put in since, not of all that ever was in it.
func TestACrateGoesRound(t *testing.T) {
	crate := id(avro.IdentifierKindContainer, "CSQU3054383")
	said := func(trips int) int {
		s := line(sim.Options{}, resolve.DefaultConfig())
		for i := range trips {
			at := func(hour int) avro.Micros { return clock(24*i+hour, 0) }
			for child := range 3 {
				in := linked(at(8), "", id(avro.IdentifierKindSSCC, fmt.Sprintf("1061414%09d", 10*i+child)), crate)
				in.Links[0].ValidFrom = avro.Some(at(8))
				play(t, s, file(in)...)
			}
			play(t, s, file(avro.Fact{Source: wms, OccurredAt: at(10), Identifiers: []avro.Identifier{crate}, Links: []avro.Link{{To: crate, ValidFrom: avro.Some(at(10)), Revoked: true}}})...)
		}
		return len(s.Log(topics.ResolveInbox.Name))
	}
	if four, eight := said(4), said(8); eight != 2*four {
		t.Errorf("%d records for four trips, %d for eight: want twice as many", four, eight)
	}
}
