package normalise_test

import (
	"fmt"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/normalise"
	"waybill/processors/sim"
	"waybill/topics"
)

// feed sends one record through the stage.
func through(t *testing.T, topic topics.Name, rec avro.Record) *sim.Sim {
	t.Helper()
	s := sim.New(sim.Options{Partitions: 2}, normalise.New(normalise.DefaultConfig()))
	s.Send(topic, "key", rec)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return s
}

// tellings writes down the one fact that a record became: under which keys it is filed, what it tells, what it names, links
// and says.
func tellings(t *testing.T, s *sim.Sim) string {
	t.Helper()
	if dead := s.DeadLetters(); len(dead) > 0 {
		return "dead " + dead[0].Reason
	}
	log := s.Log(topics.ResolveInbox.Name)
	if len(log) == 0 {
		return "nothing"
	}
	f := log[0].Value.(*avro.Fact)
	keys := map[string]bool{}
	for _, r := range log {
		if keys[r.Key] || r.Value.(*avro.Fact).FactID != f.FactID {
			t.Errorf("record %s is not the same fact once more", r.Key)
		}
		keys[r.Key] = true
	}
	return write(f) + fmt.Sprintf("\nfiled %d times", len(log))
}

func write(f *avro.Fact) string {
	var b strings.Builder
	what := "no milestone"
	if f.HasMilestone {
		what = f.Milestone.String()
	}
	fmt.Fprintf(&b, "%s %s/%s %s", what, f.Source.System, f.Source.Partner, f.Classifier)
	optional(&b, " code ", f.Code)
	optional(&b, " reason ", f.ReasonCode)
	optional(&b, " place ", f.PlaceID)
	if f.StopSequence.Ok {
		fmt.Fprintf(&b, " stop %d", f.StopSequence.V)
	}
	if f.Location.Ok {
		fmt.Fprintf(&b, " at %d,%d", f.Location.V.LatE6, f.Location.V.LonE6)
	}
	if f.Quantity.Ok {
		fmt.Fprintf(&b, " quantity %d %s", f.Quantity.V.Value, f.Quantity.V.Unit)
	}
	b.WriteString("\nnames")
	for _, id := range f.Identifiers {
		b.WriteString(" " + short(id))
	}
	for _, l := range f.Links {
		fmt.Fprintf(&b, "\nlinks %s > %s %s", short(l.From), short(l.To), l.Classifier)
		if l.ValidFrom.Ok {
			fmt.Fprintf(&b, " from %d to %d", l.ValidFrom.V, l.ValidTo.Or(-1))
		}
		if l.Revoked {
			b.WriteString(" revoked")
		}
	}
	for _, a := range f.Attributes {
		fmt.Fprintf(&b, "\nsays %s: %s", a.K, a.V)
	}
	return b.String()
}

func optional(b *strings.Builder, label, v string) {
	if v != "" {
		b.WriteString(label + v)
	}
}

func short(id avro.Identifier) string {
	if id.Issuer != "" {
		return fmt.Sprintf("%s:%s/%s", id.Kind, id.Issuer, id.Value)
	}
	return fmt.Sprintf("%s:%s", id.Kind, id.Value)
}
