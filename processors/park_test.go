package processors_test

import (
	"fmt"
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

// line is a simulation of the line behind normalise, with resolve as configured.
func line(opt sim.Options, cfg resolve.Config) *sim.Sim {
	opt.Start = day.Add(24 * time.Hour)
	return sim.New(opt, resolve.New(cfg), loads.New(loads.DefaultConfig()), shipments.New(shipments.DefaultConfig()), orders.New())
}

// play plays messages and lets all stages finish.
func play(t *testing.T, s *sim.Sim, script ...sim.Message) {
	t.Helper()
	s.Play(script)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
}

func tick(t *testing.T, s *sim.Sim, after time.Duration) {
	t.Helper()
	s.Tick(s.Now().Add(after))
	play(t, s)
}

func unlinked(s *sim.Sim) (out []*avro.Gap) {
	for _, g := range sim.Out[avro.Gap](s, topics.Gaps.Name) {
		if g.Kind == avro.GapKindUnlinkedFact {
			out = append(out, g)
		}
	}
	return out
}

// joins is a fact that says nothing but that two identifiers belong together.
func joins(from, to avro.Identifier) []sim.Message {
	return file(avro.Fact{Source: wms, Identifiers: []avro.Identifier{from, to}, Links: []avro.Link{link(from, to, avro.ClassifierActual)}})
}

// What waits too long opens a gap; what waits past the horizon is a dead letter with its bytes, which comes through when it is replayed
// behind the link. Nothing of it stays behind.
func TestWhatWaitsTooLongIsAGapThenADeadLetter(t *testing.T) {
	s := line(sim.Options{Partitions: 4}, resolve.DefaultConfig())
	packed := file(milestone(avro.MilestoneCodePacked, wms, clock(6, 0), sscc))
	play(t, s, packed...)
	tick(t, s, 23*time.Hour)
	if g := unlinked(s); len(g) != 0 {
		t.Fatalf("a gap before the delay is over: %+v", g[0])
	}
	tick(t, s, 2*time.Hour)
	g := unlinked(s)
	if len(g) != 1 || g[0].Status != avro.GapStatusOpen || !ids.Same(g[0].Subject.V, sscc) || g[0].Milestone != avro.MilestoneCodePacked || len(s.DeadLetters()) != 0 {
		t.Fatalf("gaps %+v, %d dead letters", g, len(s.DeadLetters()))
	}
	tick(t, s, 60*24*time.Hour)
	dead, g := s.DeadLetters(), unlinked(s)
	if len(dead) != 1 || dead[0].Reason != "PAST_HORIZON" || dead[0].Topic != string(topics.ResolveInbox.Name) || string(dead[0].Key.V) != packed[0].Key {
		t.Fatalf("dead letters: %+v", dead)
	}
	if len(g) != 2 || g[1].Status != avro.GapStatusClosed || g[1].GapID != g[0].GapID || g[1].Revision != 2 || !strings.Contains(g[1].Reason, "dead letter") {
		t.Errorf("gaps %+v", g)
	}
	parked := sim.Out[avro.Parked](s, topics.Parked.Name)
	if n := parkedFacts(t, s); n != 0 || len(parked) != 2 || !parked[1].Released || parked[1].Reason != "PAST_HORIZON" {
		t.Errorf("%d are parked, told %+v", n, parked)
	}
	for key := range s.State(resolve.Name) {
		if strings.Contains(key, "\x00fact\x00") || strings.Contains(key, "\x00wait\x00") || strings.Contains(key, "\x00tenant\x00") {
			t.Errorf("left behind: %q", key)
		}
	}
	play(t, s, joins(sscc, shipment)...)
	var again avro.Fact
	if err := again.Decode(dead[0].Value.V); err != nil {
		t.Fatal(err)
	}
	play(t, s, sim.Message{Topic: topics.ResolveInbox.Name, Key: string(dead[0].Key.V), Value: &again})
	if tl := timelines(s)["S1"]; tl == nil || len(tl.Entries) != 1 || tl.Entries[0].Milestone != avro.MilestoneCodePacked {
		t.Errorf("replayed, it did not reach the shipment: %+v", tl)
	}
}

// A link closes the gap of all that waited, and of that identifier alone.
func TestALateLinkClosesTheGap(t *testing.T) {
	s := line(sim.Options{Partitions: 3}, resolve.DefaultConfig())
	other := id(avro.IdentifierKindSSCC, "106141412345678915")
	for i := range 3 {
		play(t, s, file(milestone(avro.MilestoneCodePicked, wms, clock(6, i), sscc))...)
	}
	play(t, s, file(milestone(avro.MilestoneCodePicked, wms, clock(6, 0), other))...)
	tick(t, s, 25*time.Hour)
	tick(t, s, time.Hour)
	if g := unlinked(s); len(g) != 2 {
		t.Fatalf("%d transitions, want a gap for each of two identifiers: %+v", len(g), g)
	}
	play(t, s, joins(sscc, shipment)...)
	g := unlinked(s)
	if len(g) != 3 || g[2].Status != avro.GapStatusClosed || !ids.Same(g[2].Subject.V, sscc) || g[2].Reason != "a link came" {
		t.Fatalf("gaps %+v", g)
	}
	if n := parkedFacts(t, s); n != 1 {
		t.Errorf("%d facts wait, want one", n)
	}
	tick(t, s, 61*24*time.Hour)
	if dead := s.DeadLetters(); len(dead) != 1 || string(dead[0].Key.V) != ids.Key(tenant, other) {
		t.Errorf("dead letters %+v", dead)
	}
}

// Delays are those of who speaks, and of what.
func TestDelaysAreThoseOfWhoSpeaks(t *testing.T) {
	cfg := resolve.DefaultConfig()
	cfg.Delays = []string{"carrier=72h", "CARRIER/ETA=0s", "WMS/PACKED=1h"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s := line(sim.Options{}, cfg)
	carrier := avro.Source{System: avro.SourceSystemCarrier}
	for i, f := range []avro.Fact{
		milestone(avro.MilestoneCodeInTransit, carrier, clock(1, 0)), milestone(avro.MilestoneCodeETA, carrier, clock(1, 0)),
		milestone(avro.MilestoneCodePacked, wms, clock(1, 0)), milestone(avro.MilestoneCodePicked, wms, clock(1, 0)),
	} {
		f.Identifiers = []avro.Identifier{id(avro.IdentifierKindContainer, fmt.Sprint("C", i))}
		play(t, s, file(f)...)
	}
	var order []string
	for range 100 {
		tick(t, s, time.Hour)
		for _, g := range unlinked(s)[len(order):] {
			order = append(order, fmt.Sprintf("%s %v", g.Milestone, s.Now().Sub(day.Add(24*time.Hour))))
		}
	}
	if want := []string{"PACKED 1h0m0s", "PICKED 24h0m0s", "IN_TRANSIT 72h0m0s"}; !slices.Equal(order, want) {
		t.Errorf("got %q, want %q", order, want)
	}
}

// Facts wait in one partition, links come in others and hop by hop: whatever crashes in between, each fact that was parked is released, once,
// and is in the view.
func TestParkedFactsAreReleasedAcrossPartitions(t *testing.T) {
	for seed := range seeds(t, 60) {
		s := line(sim.Options{Seed: seed, Partitions: int32(1 + seed%8), Faults: 0.3}, resolve.DefaultConfig())
		var waiting, links []sim.Message
		for i := range 12 {
			box, goods, ship := id(avro.IdentifierKindSSCC, fmt.Sprintf("10614141234567%04d", i)), id(avro.IdentifierKindDelivery, fmt.Sprint(9000+i)), id(avro.IdentifierKindShipment, fmt.Sprint("S", i))
			waiting = append(waiting, file(milestone(avro.MilestoneCodePacked, wms, clock(6, i), box))...)
			links = append(links, joins(box, goods)...)
			links = append(links, joins(goods, ship)...)
		}
		if err := s.PlayInterleaved(sim.Shuffled(seed, waiting)); err != nil {
			t.Fatal(err)
		}
		if n := parkedFacts(t, s); n != 12 {
			t.Fatalf("seed %d: %d parked, want 12", seed, n)
		}
		if err := s.PlayInterleaved(sim.Duplicated(seed, 0.3, sim.Shuffled(seed, links))); err != nil {
			t.Fatal(err)
		}
		in, out := map[string]int{}, map[string]int{}
		for _, p := range sim.Out[avro.Parked](s, topics.Parked.Name) {
			if key := p.FactID + " " + ids.Key(p.Tenant, p.At); p.Released {
				out[key]++
			} else {
				in[key]++
			}
		}
		for key, n := range in {
			if n != out[key] {
				t.Errorf("seed %d: parked %d times, released %d times: %s", seed, n, out[key], key)
			}
		}
		if n := parkedFacts(t, s); n != 0 {
			t.Errorf("seed %d: %d still count as parked", seed, n)
		}
		for i := range 12 {
			if tl := timelines(s)[fmt.Sprint("S", i)]; tl == nil || len(tl.Entries) != 1 {
				t.Fatalf("seed %d: shipment S%d lacks its fact", seed, i)
			}
		}
	}
}

// A tenant's parking that is full holds up the partition and drops nothing; with more room all of it comes through.
func TestAFullParkingHoldsUpThePartition(t *testing.T) {
	for what, bound := range map[string]func(*resolve.Config){
		"facts": func(c *resolve.Config) { c.MaxFacts = 3 },
		"bytes": func(c *resolve.Config) { c.MaxBytes = 400 },
	} {
		cfg := resolve.DefaultConfig()
		bound(&cfg)
		s := line(sim.Options{}, cfg)
		var boxes []avro.Identifier
		for i := range 8 {
			boxes = append(boxes, id(avro.IdentifierKindSSCC, fmt.Sprintf("10614141234567%04d", i)))
			play(t, s, file(milestone(avro.MilestoneCodePacked, wms, clock(6, i), boxes[i]))...)
		}
		for _, b := range boxes {
			play(t, s, joins(b, shipment)...)
		}
		tick(t, s, 100*24*time.Hour)
		n := parkedFacts(t, s)
		if n < 2 || n > 4 || s.Unread(resolve.Name) == 0 || len(s.DeadLetters()) != 0 || len(timelines(s)) != 0 {
			t.Fatalf("%s: %d parked, %d records unread, %d dead letters, %d timelines", what, n, s.Unread(resolve.Name), len(s.DeadLetters()), len(timelines(s)))
		}
		s.Redeploy(resolve.New(resolve.DefaultConfig()))
		play(t, s)
		if tl := timelines(s)["S1"]; tl == nil || len(tl.Entries) != 8 || s.Unread(resolve.Name) != 0 || parkedFacts(t, s) != 0 {
			t.Errorf("%s: with more room %d records stay unread and %d facts parked: %+v", what, s.Unread(resolve.Name), parkedFacts(t, s), tl)
		}
	}
}

// What one tenant leaves waiting takes no room from another.
func TestParkingIsBoundedByTenant(t *testing.T) {
	cfg := resolve.DefaultConfig()
	cfg.MaxFacts = 2
	s := line(sim.Options{}, cfg)
	for i := range 4 {
		f := milestone(avro.MilestoneCodePacked, wms, clock(6, i), id(avro.IdentifierKindContainer, fmt.Sprint("C", i)))
		f.Tenant = []string{"acme", "bolt"}[i%2]
		facts.Seal(&f)
		play(t, s, sim.Message{Topic: topics.ResolveInbox.Name, Key: ids.Key(f.Tenant, f.Identifiers[0]), Value: &f})
	}
	if n := s.Unread(resolve.Name); n != 0 || parkedFacts(t, s) != 4 {
		t.Errorf("%d records unread, %d parked: two of each of two tenants have room", n, parkedFacts(t, s))
	}
}

// A vehicle goes on for ever and what is kept of it does not grow: stays and assignments behind the horizon go, the yard's stays are no gaps
// and no dead letters. What is within the horizon is still there for a late link.
func TestWhatAVehicleDidIsForgottenBehindTheHorizon(t *testing.T) {
	cfg := resolve.DefaultConfig()
	cfg.Horizon = 10 * 24 * time.Hour
	s := line(sim.Options{}, cfg)
	play(t, s, joins(device, vehicle)...)
	most := 0
	for d := range 60 {
		at := avro.MicrosOf(s.Now())
		to := id(avro.IdentifierKindLoad, fmt.Sprint("L", d))
		assign := milestone(avro.MilestoneCodeAssigned, tms, at, to, vehicle)
		held := link(vehicle, to, avro.ClassifierActual)
		held.ValidFrom, held.ValidTo = avro.Some(at), avro.Some(at+avro.Micros(8*3600*1e6))
		assign.Links = []avro.Link{held}
		if d != 55 {
			play(t, s, file(assign)...)
		}
		for h := range 24 {
			from := at + avro.Micros(h*3600*1e6)
			play(t, s, file(stay(1, from, avro.Some(from+avro.Micros(1800*1e6)), atA))...)
		}
		tick(t, s, 24*time.Hour)
		n := 0
		for key := range s.State(resolve.Name) {
			if strings.Contains(key, ids.Key(tenant, vehicle)+"\x00fact\x00") {
				n++
			}
		}
		most = max(most, n)
		if d == 59 {
			at := day.Add(24*time.Hour).AddDate(0, 0, 55)
			held.To, held.ValidFrom, held.ValidTo = id(avro.IdentifierKindLoad, "L55"), avro.Some(avro.MicrosOf(at)), avro.Some(avro.MicrosOf(at.Add(8*time.Hour)))
			late := milestone(avro.MilestoneCodeAssigned, tms, avro.MicrosOf(at), held.To, vehicle)
			late.Links = []avro.Link{held}
			play(t, s, file(late)...)
		}
	}
	if most == 0 || most > 12*25 {
		t.Errorf("%d facts are kept of the vehicle, want those of ten days and a part of the next", most)
	}
	if dead, g := s.DeadLetters(), unlinked(s); len(dead) != 0 || len(g) != 0 {
		t.Errorf("%d dead letters, %d gaps of stays in the yard", len(dead), len(g))
	}
	stays := 0
	for _, r := range s.Log(topics.LoadsInbox.Name) {
		if f, ok := r.Value.(*avro.Fact); ok && f.Stay.Ok && r.Key == ids.Key(tenant, id(avro.IdentifierKindLoad, "L55")) {
			stays++
		}
	}
	if stays != 8 {
		t.Errorf("the load that was told late got %d stays, want the 8 of its hours", stays)
	}
}

// Assignments of which nobody tells the end do not pile up: a vehicle is a load's for two weeks then, and is not known to have been behind
// the horizon.
func TestAssignmentsWithoutAnEndDoNotPileUp(t *testing.T) {
	cfg := resolve.DefaultConfig()
	cfg.Horizon = 10 * 24 * time.Hour
	s := line(sim.Options{}, cfg)
	play(t, s, joins(device, vehicle)...)
	size := func() (n int) {
		for key, value := range s.State(resolve.Name) {
			if strings.Contains(key, ids.Key(tenant, vehicle)+"\x00node\x00") {
				n += len(value)
			}
		}
		return n
	}
	at50 := 0
	for d := range 150 {
		at := avro.MicrosOf(s.Now())
		to := id(avro.IdentifierKindLoad, fmt.Sprint("L", d))
		assign := milestone(avro.MilestoneCodeAssigned, tms, at, to, vehicle)
		held := link(vehicle, to, avro.ClassifierActual)
		held.ValidFrom = avro.Some(at)
		assign.Links = []avro.Link{held}
		play(t, s, file(assign)...)
		play(t, s, file(stay(1, at+1e6, avro.Some(at+avro.Micros(1800*1e6)), atA))...)
		tick(t, s, 24*time.Hour)
		if d == 50 {
			at50 = size()
		}
	}
	if now := size(); at50 == 0 || now > at50+at50/4 {
		t.Errorf("the vehicle's links take %d bytes after 50 loads and %d after 150", at50, now)
	}
	told := 0
	for _, r := range s.Log(topics.LoadsInbox.Name) {
		if f, ok := r.Value.(*avro.Fact); ok && f.Stay.Ok {
			told++
		}
	}
	if told < 150 || told > 150*15 {
		t.Errorf("150 stays were told %d times, want each to the loads of two weeks", told)
	}
}

// An identifier of which nothing is heard for long is forgotten, whatever it was.
func TestIdleIdentifiersAreForgotten(t *testing.T) {
	cfg := resolve.DefaultConfig()
	s := line(sim.Options{Partitions: 2}, cfg)
	play(t, s, oneTruck()...)
	tick(t, s, cfg.Keep/2)
	some := len(s.State(resolve.Name))
	for range 3 {
		tick(t, s, cfg.Keep)
	}
	var left []string
	for key := range s.State(resolve.Name) {
		if !strings.Contains(key, "clock\x00") && !strings.Contains(key, "parked_facts") {
			left = append(left, key)
		}
	}
	if some < 50 || len(left) > 0 {
		t.Errorf("%d entries were there, %d are left: %.300q", some, len(left), left)
	}
	if n := parkedFacts(t, s); n != 0 {
		t.Errorf("%d count as parked", n)
	}
}
