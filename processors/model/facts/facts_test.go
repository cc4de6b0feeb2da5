package facts_test

import (
	"testing"

	"waybill/avro"
	"waybill/processors/model/facts"
)

func scan() avro.Fact {
	return avro.Fact{
		Tenant: "acme", HasMilestone: true, Milestone: avro.MilestoneCodeLoaded, Classifier: avro.ClassifierActual, OccurredAt: 1_700_000_000_000_000,
		Source:      avro.Source{System: avro.SourceSystemWMS, Partner: "dc1"},
		Identifiers: []avro.Identifier{{Kind: avro.IdentifierKindSSCC, Value: "1"}, {Kind: avro.IdentifierKindLoad, Value: "L"}},
		Attributes:  []avro.KV{{K: "b", V: "2"}, {K: "a", V: "1"}},
	}
}

func TestSealIgnoresTheEnvelope(t *testing.T) {
	a, b := scan(), scan()
	b.EventID, b.ReceivedAt, b.Origin.Offset, b.Revision = "another", 7, 99, 3
	b.Identifiers[0], b.Identifiers[1] = b.Identifiers[1], b.Identifiers[0]
	b.Identifiers[1].Raw = avro.Some("0001")
	facts.Seal(&a)
	facts.Seal(&b)
	if a.FactID != b.FactID {
		t.Errorf("same business content, ids %s and %s", a.FactID, b.FactID)
	}
}

func TestSealSeesEveryBusinessChange(t *testing.T) {
	base := scan()
	facts.Seal(&base)
	for name, change := range map[string]func(*avro.Fact){
		"tenant":     func(f *avro.Fact) { f.Tenant = "other" },
		"milestone":  func(f *avro.Fact) { f.Milestone = avro.MilestoneCodeStaged },
		"time":       func(f *avro.Fact) { f.OccurredAt++ },
		"classifier": func(f *avro.Fact) { f.Classifier = avro.ClassifierPlanned },
		"identifier": func(f *avro.Fact) { f.Identifiers[0].Issuer = "X" },
		"attribute":  func(f *avro.Fact) { f.Attributes[0].V = "3" },
		"stop":       func(f *avro.Fact) { f.StopSequence = avro.Some(int32(0)) },
		"link":       func(f *avro.Fact) { f.Links = []avro.Link{{Revoked: true}} },
		"reason":     func(f *avro.Fact) { f.ReasonCode = "AG" },
		"source":     func(f *avro.Fact) { f.Source.Partner = "dc2" },
		"void":       func(f *avro.Fact) { f.Void = true },
		"order":      func(f *avro.Fact) { f.Order = avro.Some(avro.Order{OrderID: "1"}) },
	} {
		f := scan()
		change(&f)
		if facts.Seal(&f); f.FactID == base.FactID {
			t.Errorf("a change of %s leaves the id as it was", name)
		}
	}
}
