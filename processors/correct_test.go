package processors_test

import (
	"slices"
	"testing"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/resolve"
	"waybill/processors/sim"
	"waybill/topics"
)

// bothWays plays the parts in either order, with faults, and gives what the shipment's timeline says.
func bothWays(t *testing.T, parts ...[]sim.Message) []*avro.Timeline {
	t.Helper()
	var out []*avro.Timeline
	for seed := uint64(0); seed < 6; seed++ {
		order := slices.Clone(parts)
		if seed%2 == 1 {
			slices.Reverse(order)
		}
		s := line(sim.Options{Seed: seed, Partitions: 3, Faults: 0.1}, resolve.DefaultConfig())
		for _, p := range order {
			play(t, s, p...)
		}
		tl := timelines(s)["S1"]
		if tl == nil {
			t.Fatalf("seed %d: no timeline", seed)
		}
		out = append(out, tl)
	}
	return out
}

// A correction takes the place of what it names, whichever comes first; what was known before stays told.
func TestCorrectedFactsLeaveTheCurrentView(t *testing.T) {
	wrong := milestone(avro.MilestoneCodeShipConfirmed, wms, clock(6, 0), delivery, shipment)
	wrong.EventID = "E1"
	wrong.Tenant = tenant
	facts.Seal(&wrong)
	right := milestone(avro.MilestoneCodeShipConfirmed, wms, clock(9, 0), delivery, shipment)
	right.EventID = "E2"
	for _, name := range []string{wrong.FactID, "event:E1"} {
		right.Supersedes = []string{name}
		for i, tl := range bothWays(t, file(wrong), file(right)) {
			if len(tl.Entries) != 1 || tl.Entries[0].OccurredAt != clock(9, 0) || tl.Entries[0].Agreement != avro.AgreementSingle {
				t.Errorf("named %s, run %d: %+v", name, i, tl.Entries)
			}
		}
	}
	s := line(sim.Options{}, resolve.DefaultConfig())
	play(t, s, file(wrong)...)
	play(t, s, file(right)...)
	if all := sim.Out[avro.Timeline](s, topics.Timelines.Name); len(all) < 2 || all[0].Entries[0].OccurredAt != clock(6, 0) {
		t.Errorf("what was known before the correction is not told: %+v", all)
	}
	if n := len(s.State("shipments")); n == 0 {
		t.Error("nothing is kept")
	}
}

// Event ids are a source's own: a correction by event id reaches no other source's fact.
func TestACorrectionByEventIDIsOfItsSourceAlone(t *testing.T) {
	theirs := milestone(avro.MilestoneCodeDelivered, epod, clock(15, 0), load, shipment)
	theirs.EventID = "E1"
	void := avro.Fact{Source: avro.Source{System: avro.SourceSystemCarrier}, OccurredAt: clock(16, 0), Identifiers: []avro.Identifier{shipment}, Supersedes: []string{"event:E1"}}
	for i, tl := range bothWays(t, file(theirs), file(void)) {
		if len(tl.Entries) != 1 || tl.Entries[0].Milestone != avro.MilestoneCodeDelivered {
			t.Errorf("run %d: %+v", i, tl.Entries)
		}
	}
}

// A link that a corrected fact states does not stand, whichever comes first; what went along it is released under the right one.
func TestACorrectedLinkDoesNotStand(t *testing.T) {
	wrong := avro.Fact{Tenant: tenant, Source: wms, OccurredAt: clock(1, 0), EventID: "E1", Identifiers: []avro.Identifier{sscc, id(avro.IdentifierKindShipment, "S9")}}
	wrong.Links = []avro.Link{link(sscc, wrong.Identifiers[1], avro.ClassifierActual)}
	right := avro.Fact{Source: wms, OccurredAt: clock(2, 0), EventID: "E2", Identifiers: []avro.Identifier{sscc, shipment}, Links: []avro.Link{link(sscc, shipment, avro.ClassifierActual)}}
	packed := file(milestone(avro.MilestoneCodePacked, wms, clock(6, 0), sscc))
	facts.Seal(&wrong)
	for _, name := range []string{wrong.FactID, "event:E1"} {
		right.Supersedes = []string{name}
		for seed := uint64(0); seed < 6; seed++ {
			parts := [][]sim.Message{file(wrong), file(right)}
			if seed%2 == 1 {
				slices.Reverse(parts)
			}
			s := line(sim.Options{Seed: seed, Partitions: 3, Faults: 0.1}, resolve.DefaultConfig())
			play(t, s, slices.Concat(parts...)...)
			play(t, s, packed...)
			now := timelines(s)
			if right := now["S1"]; right == nil || len(right.Entries) != 1 {
				t.Errorf("named %s, seed %d: the right shipment lacks it: %+v", name, seed, right)
			}
			if strangers := now["S9"]; strangers != nil && len(strangers.Entries) > 0 {
				t.Errorf("named %s, seed %d: the wrong shipment has it: %+v", name, seed, strangers.Entries)
			}
		}
	}
}

// The same event id with other content, and no word that it is a correction: both stay visible, in conflict, even where the times agree.
func TestOneEventIDWithTwoContentsIsAConflict(t *testing.T) {
	first := milestone(avro.MilestoneCodeShipConfirmed, wms, clock(6, 0), delivery, shipment)
	first.EventID = "E1"
	second := first
	second.OccurredAt = clock(6, 5)
	for i, tl := range bothWays(t, file(first), file(second)) {
		if len(tl.Entries) != 1 || tl.Entries[0].Agreement != avro.AgreementConflict || len(tl.Entries[0].Reports) != 2 {
			t.Errorf("run %d: %+v", i, tl.Entries)
		}
	}
	second.Supersedes = []string{"event:E1"} // where the source says so, it is a correction
	for i, tl := range bothWays(t, file(first), file(second)) {
		if len(tl.Entries) != 1 || tl.Entries[0].Agreement != avro.AgreementSingle || tl.Entries[0].OccurredAt != clock(6, 5) {
			t.Errorf("corrected, run %d: %+v", i, tl.Entries)
		}
	}
	again := first
	again.EventID = "E7" // another envelope around the same content is the same fact
	for i, tl := range bothWays(t, file(first), file(again)) {
		if len(tl.Entries) != 1 || tl.Entries[0].Agreement != avro.AgreementSingle || len(tl.Entries[0].Reports) != 1 {
			t.Errorf("sent again, run %d: %+v", i, tl.Entries)
		}
	}
}

// A message tells several milestones under one event id: each stands by itself. Of two that exclude each other, one was said under an id
// that was used before: both are in conflict.
func TestOneEventIDWithTwoMilestones(t *testing.T) {
	say := func(m avro.MilestoneCode) avro.Fact {
		f := milestone(m, epod, clock(15, 0), load, shipment)
		f.StopSequence, f.EventID = avro.Some(int32(2)), "E1"
		return f
	}
	for _, c := range []struct {
		other avro.MilestoneCode
		want  avro.Agreement
	}{
		{avro.MilestoneCodePodReceived, avro.AgreementSingle}, {avro.MilestoneCodeDamaged, avro.AgreementSingle},
		{avro.MilestoneCodeRefused, avro.AgreementConflict}, {avro.MilestoneCodeDeliveredPartial, avro.AgreementConflict}, {avro.MilestoneCodeAttemptFailed, avro.AgreementConflict},
	} {
		for i, tl := range bothWays(t, file(say(avro.MilestoneCodeDelivered)), file(say(c.other))) {
			if len(tl.Entries) != 2 || tl.Entries[0].Agreement != c.want || tl.Entries[1].Agreement != c.want {
				t.Errorf("with %s, run %d: %+v, want both %s", c.other, i, tl.Entries, c.want)
			}
		}
	}
}

// A void of shipping takes back what was confirmed before it, for that delivery and whoever says so, until it is shipped again.
func TestAVoidOfShippingTakesTheConfirmationBack(t *testing.T) {
	say := func(m avro.MilestoneCode, src avro.Source, hour int, list ...avro.Identifier) []sim.Message {
		return file(milestone(m, src, clock(hour, 0), list...))
	}
	other, confirmed := id(avro.IdentifierKindDelivery, "80002"), avro.MilestoneCodeShipConfirmed
	before := slices.Concat(say(confirmed, wms, 6, shipment, delivery), say(confirmed, tms, 7, shipment), say(avro.MilestoneCodeShipVoided, wms, 8, shipment, delivery))
	for _, c := range []struct {
		name   string
		script []sim.Message
		want   []avro.Micros // confirmations
	}{
		{"voided", before, nil},
		{"shipped again", slices.Concat(before, say(confirmed, wms, 9, shipment, delivery)), []avro.Micros{clock(9, 0)}},
		{"another delivery of the shipment", slices.Concat(before, say(confirmed, wms, 5, shipment, other)), []avro.Micros{clock(5, 0)}},
	} {
		for seed := range seeds(t, 20) {
			s := line(sim.Options{Seed: seed, Partitions: 3, Faults: 0.1}, resolve.DefaultConfig())
			play(t, s, sim.Shuffled(seed, slices.Concat(c.script, joins(order, shipment)))...)
			var got []avro.Micros
			for _, e := range timelines(s)["S1"].Entries {
				if e.Milestone == confirmed {
					got = append(got, e.OccurredAt)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, seed %d: confirmed at %v, want %v", c.name, seed, got, c.want)
			}
		}
	}
}

// PRO numbers repeat between carriers and are given out again: issuer and validity keep strangers apart.
func TestIdentifiersAreTheirIssuersAndOfTheirTime(t *testing.T) {
	pro := func(issuer string) avro.Identifier {
		return avro.Identifier{Kind: avro.IdentifierKindPRO, Issuer: issuer, Value: "123456"}
	}
	from := func(p avro.Identifier, to string, since, until avro.Opt[avro.Micros]) []sim.Message {
		l := link(p, id(avro.IdentifierKindShipment, to), avro.ClassifierActual)
		l.ValidFrom, l.ValidTo = since, until
		return file(avro.Fact{Source: tms, OccurredAt: clock(8, 0), Identifiers: []avro.Identifier{p, l.To}, Links: []avro.Link{l}})
	}
	var none avro.Opt[avro.Micros]
	script := slices.Concat(
		from(pro("AAAA"), "S1", none, avro.Some(clock(12, 0))), from(pro("AAAA"), "S2", avro.Some(clock(12, 0)), none), from(pro("BBBB"), "S3", none, none),
		file(milestone(avro.MilestoneCodeTerminalArrived, avro.Source{System: avro.SourceSystemCarrier}, clock(9, 0), pro("AAAA"))),
		file(milestone(avro.MilestoneCodeTerminalDeparted, avro.Source{System: avro.SourceSystemCarrier}, clock(15, 0), pro("AAAA"))),
		file(milestone(avro.MilestoneCodeInTransit, avro.Source{System: avro.SourceSystemCarrier}, clock(10, 0), pro("BBBB"))),
	)
	for seed := range seeds(t, 20) {
		s := line(sim.Options{Seed: seed, Partitions: 3, Faults: 0.1}, resolve.DefaultConfig())
		play(t, s, sim.Shuffled(seed, script)...)
		for ship, want := range map[string]avro.MilestoneCode{"S1": avro.MilestoneCodeTerminalArrived, "S2": avro.MilestoneCodeTerminalDeparted, "S3": avro.MilestoneCodeInTransit} {
			if tl := timelines(s)[ship]; tl == nil || len(tl.Entries) != 1 || tl.Entries[0].Milestone != want {
				t.Errorf("seed %d: shipment %s has %+v, want %s alone", seed, ship, tl, want)
			}
		}
	}
}
