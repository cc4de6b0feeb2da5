package timeline_test

import (
	"testing"

	"waybill/avro"
	"waybill/processors/model/timeline"
)

const minute = avro.Micros(60_000_000)

func report(id string, system avro.SourceSystem, at avro.Micros) *avro.Fact {
	return &avro.Fact{
		FactID: id, HasMilestone: true, Milestone: avro.MilestoneCodeArrivedDelivery, Classifier: avro.ClassifierActual, OccurredAt: at * minute,
		Source: avro.Source{System: system}, Identifiers: []avro.Identifier{{Kind: avro.IdentifierKindLoad, Value: "L"}}, StopSequence: avro.Some(int32(2)),
	}
}

func TestWhoIsBelieved(t *testing.T) {
	carrier, driver, box := avro.SourceSystemCarrier, avro.SourceSystemEpod, avro.SourceSystemTelematics
	for _, c := range []struct {
		name      string
		facts     []*avro.Fact
		believed  string
		agreement avro.Agreement
	}{
		{"one source", []*avro.Fact{report("c", carrier, 10)}, "c", avro.AgreementSingle},
		{"telematics before ePOD before carrier", []*avro.Fact{report("c", carrier, 1), report("e", driver, 2), report("t", box, 3)}, "t", avro.AgreementCorroborated},
		{"the next stands in", []*avro.Fact{report("c", carrier, 1), report("e", driver, 2)}, "e", avro.AgreementCorroborated},
		{"beyond the tolerance both stay visible", []*avro.Fact{report("c", carrier, 45), report("t", box, 3)}, "t", avro.AgreementConflict},
		{"of one source the first", []*avro.Fact{report("b", carrier, 9), report("a", carrier, 8)}, "a", avro.AgreementCorroborated},
	} {
		got := timeline.Policy{Tolerance: timeline.DefaultTolerance}.Entries(c.facts)
		if len(got) != 1 || got[0].Reports[0].FactID != c.believed || got[0].Agreement != c.agreement || len(got[0].Reports) != len(c.facts) {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

func TestRecurringMilestonesAreNotMerged(t *testing.T) {
	a, b := report("a", avro.SourceSystemEpod, 1), report("b", avro.SourceSystemEpod, 90)
	a.Milestone, b.Milestone = avro.MilestoneCodeAttemptFailed, avro.MilestoneCodeAttemptFailed
	if got := (timeline.Policy{}).Entries([]*avro.Fact{a, b}); len(got) != 2 {
		t.Errorf("two failed attempts became %d entries", len(got))
	}
}

func TestSeveralLoadsAreNone(t *testing.T) {
	f := report("a", avro.SourceSystemTMS, 1)
	f.StopSequence = avro.Opt[int32]{}
	f.Identifiers = append(f.Identifiers, avro.Identifier{Kind: avro.IdentifierKindLoad, Value: "M"})
	if got := (timeline.Policy{}).Entries([]*avro.Fact{f}); got[0].LoadID != "" {
		t.Errorf("a report of two loads was filed under %s", got[0].LoadID)
	}
}
