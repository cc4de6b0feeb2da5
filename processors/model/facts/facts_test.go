package facts_test

import (
	"strings"
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

// full says something in every part of the canonical form.
func full() avro.Fact {
	f := scan()
	f.Identifiers = append(f.Identifiers, avro.Identifier{Kind: avro.IdentifierKindOrder, Issuer: "a|b", Value: "50%"})
	f.StopSequence, f.PlaceID = avro.Some(int32(12)), "DE-MUC-1"
	f.Location = avro.Some(avro.GeoPoint{LatE6: -48_137_154, LonE6: 11_576_124})
	f.Code, f.ReasonCode = "X3", "AG"
	f.Quantity = avro.Some(avro.Quantity{Value: 12_500, Unit: "kg"})
	f.Links = []avro.Link{{
		From: f.Identifiers[0], To: f.Identifiers[1], Classifier: avro.ClassifierPlanned, ValidFrom: avro.Some(avro.Micros(7)), ValidTo: avro.Some(avro.Micros(9)), Revoked: true,
	}}
	f.Order = avro.Some(avro.Order{OrderID: "1", EventID: "e"})
	f.Load = avro.Some(avro.Load{LoadID: "2", EventID: "e"})
	f.Stay = avro.Some(avro.Stay{ArrivedAt: 1, DepartedAt: avro.Some(avro.Micros(2)), Fixes: 3})
	f.Supersedes, f.DerivedFrom, f.Series, f.Void = []string{"y", "x"}, []string{"w"}, "s", true
	return f
}

// TestIdsStay holds ids written by earlier versions: consumers know facts by them.
func TestIdsStay(t *testing.T) {
	for _, c := range []struct {
		name string
		fact avro.Fact
		want string
	}{
		{"scan", scan(), "e7b40ecfd858ca83edb69cce8202b6a2"},
		{"full", full(), "624fd423f44a0860a144bc37a788acec"},
		{"long", func() avro.Fact { f := scan(); f.PlaceID = strings.Repeat("long", 1000); return f }(), "cccc4cf0295b9a16a73e9dc1f64ba573"},
	} {
		if facts.Seal(&c.fact); c.fact.FactID != c.want {
			t.Errorf("%s: id %s, want %s", c.name, c.fact.FactID, c.want)
		}
	}
	if got := facts.Hash("stay", "", "äöü"); got != "5e07fbc88b05b28a52cba6da005871b8" {
		t.Errorf("hash %s", got)
	}
}

func BenchmarkSeal(b *testing.B) {
	f := avro.Fact{
		Tenant: "acme", Classifier: avro.ClassifierActual, OccurredAt: 1_700_000_000_000_000, Source: avro.Source{System: avro.SourceSystemTelematics, Partner: "box"},
		Identifiers: []avro.Identifier{{Kind: avro.IdentifierKindDevice, Issuer: "box", Value: "d1"}}, Series: "5e07fbc88b05b28a52cba6da005871b8",
		Location: avro.Some(avro.GeoPoint{LatE6: 48_137_154, LonE6: 11_576_124}), Stay: avro.Some(avro.Stay{ArrivedAt: 1_700_000_000_000_000, Fixes: 61}),
	}
	b.ReportAllocs()
	for b.Loop() {
		facts.Seal(&f)
	}
}
