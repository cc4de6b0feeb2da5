package processors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/sim"
	"waybill/topics"
)

// expected is a carrier's word, said at a time, that the truck will be at its stop at another.
func expected(said, at avro.Micros, who avro.Source) avro.Fact {
	f := milestone(avro.MilestoneCodeETA, who, at, load)
	f.Classifier, f.StopSequence = avro.ClassifierEstimated, avro.Some(int32(2))
	if said > 0 {
		f.Attributes = []avro.KV{{K: facts.SaidAt, V: said.Time().Format(time.RFC3339Nano)}}
	}
	return f
}

// troubled is a truck that is expected at four times by two sources, the first said again last, and that is delayed and damages something.
func troubled() []sim.Message {
	carrier := avro.Source{System: avro.SourceSystemCarrier, Partner: "SCAC"}
	s := oneTruck()
	s = append(s, file(expected(clock(9, 0), clock(12, 0), carrier))...)
	s = append(s, file(expected(clock(9, 30), clock(13, 30), telematics))...)
	s = append(s, file(expected(clock(10, 0), clock(12, 30), carrier))...)
	s = append(s, file(expected(clock(11, 0), clock(12, 0), carrier))...)
	s = append(s, file(expected(0, clock(20, 0), carrier))...)
	late := milestone(avro.MilestoneCodeDelayed, carrier, clock(10, 15), load)
	late.Code, late.ReasonCode = "SD", "AO"
	s = append(s, file(late)...)
	broken := milestone(avro.MilestoneCodeDamaged, epod, clock(15, 35), load)
	broken.StopSequence = avro.Some(int32(2))
	s = append(s, file(broken)...)
	why := milestone(avro.MilestoneCodeDamaged, carrier, clock(15, 40), load)
	why.StopSequence, why.Code, why.ReasonCode = avro.Some(int32(2)), "A9", "A5"
	return append(s, file(why)...)
}

// Of the estimates for a stop the one said last stands, whoever said it, and what went wrong stands with its reason; on the shipment's timeline and
// its order's, in any order of arrival.
func TestEstimatesAndIncidents(t *testing.T) {
	const want = `estimate S1 L1/2 at 12:00 said 11:00 by CARRIER, 5 words
incident S1 DELAYED L1/-1 at 10:15 by CARRIER SD for AO, 1 reports
incident S1 DAMAGED L1/2 at 15:35 by EPOD  for A5, 2 reports
`
	for seed := range seeds(t, 8) {
		script := troubled()
		if seed > 0 {
			script = sim.Duplicated(seed, 0.2, sim.Shuffled(seed, script))
		}
		s := run(t, sim.Options{Seed: seed, Partitions: int32(1 + seed%4)}, script)
		timelines, orders := values[avro.Timeline](s, topics.Timelines), values[avro.OrderTimeline](s, topics.OrderTimelines)
		if len(timelines) == 0 || len(orders) == 0 {
			t.Fatalf("seed %d: no timeline", seed)
		}
		tl, o := timelines[len(timelines)-1], orders[len(orders)-1]
		if got := outlook(tl.Estimates, tl.Incidents); got != want {
			t.Errorf("seed %d: the shipment has\n%s\nwant\n%s", seed, got, want)
		}
		if got := outlook(o.Estimates, o.Incidents); got != want {
			t.Errorf("seed %d: its order has\n%s\nwant\n%s", seed, got, want)
		}
		for _, x := range slices.Concat(tl.Incidents, o.Incidents) {
			if slices.Contains(x.FactIDs, "") {
				t.Errorf("seed %d: %s rests on a fact without id", seed, x.Milestone)
			}
		}
	}
}

func outlook(estimates []avro.Estimate, incidents []avro.Incident) string {
	var b strings.Builder
	hm := func(m avro.Micros) string { return m.Time().Format("15:04") }
	for _, e := range estimates {
		fmt.Fprintf(&b, "estimate %s %s/%d at %s said %s by %s, %d words\n", e.ShipmentID, e.LoadID, e.Sequence, hm(e.ExpectedAt), hm(e.SaidAt.V), e.Source.System, e.Words)
	}
	for _, x := range incidents {
		fmt.Fprintf(&b, "incident %s %s %s/%d at %s by %s %s for %s, %d reports\n", x.ShipmentID, x.Milestone, x.LoadID, x.StopSequence.Or(-1), hm(x.OccurredAt), x.Source.System, x.Code, x.ReasonCode, len(x.FactIDs))
	}
	return b.String()
}
