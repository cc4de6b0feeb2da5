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
		if now := content(s); first == "" {
			first = now
		} else if now != first {
			t.Fatalf("seed %d:\n%s", seed, diff(now, first))
		}
	}
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
