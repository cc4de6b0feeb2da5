package resolve

import (
	"testing"

	"waybill/avro"
)

func TestInstallationsEndWhereTheNextBegins(t *testing.T) {
	at := func(h int) avro.Micros { return avro.Micros(h) * 3_600_000_000 }
	in := func(vehicle string, from int, to ...int) avro.NodeLink {
		l := avro.Link{To: avro.Identifier{Kind: avro.IdentifierKindVehicle, Value: vehicle}, ValidFrom: avro.Some(at(from))}
		if len(to) > 0 {
			l.ValidTo = avro.Some(at(to[0]))
		}
		return avro.NodeLink{Link: l}
	}
	for _, c := range []struct {
		name  string
		links []avro.NodeLink
		want  []avro.NodeLink
	}{
		{"one stands", []avro.NodeLink{in("V1", 1)}, []avro.NodeLink{in("V1", 1)}},
		{"moved to another vehicle", []avro.NodeLink{in("V2", 9), in("V1", 1)}, []avro.NodeLink{in("V1", 1, 9), in("V2", 9)}},
		{"told again with its end", []avro.NodeLink{in("V1", 1), in("V1", 1, 5), in("V1", 8)}, []avro.NodeLink{in("V1", 1, 5), in("V1", 1, 5), in("V1", 8)}},
		{"an end before the next beginning stands", []avro.NodeLink{in("V1", 1, 3), in("V2", 9)}, []avro.NodeLink{in("V1", 1, 3), in("V2", 9)}},
	} {
		got := installations(c.links)
		for i := range got {
			if len(got) != len(c.want) || got[i].Link.To != c.want[i].Link.To || got[i].Link.ValidTo != c.want[i].Link.ValidTo {
				t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
				break
			}
		}
	}
}

// Words under one number that lie months apart speak of two documents; the zones in which facts are theirs never meet.
func TestLivesOfANumber(t *testing.T) {
	day := func(n int) avro.Micros { return avro.Micros(n+1000) * 86_400_000_000 }
	word := func(n int, shipment string) avro.NodeLink {
		return avro.NodeLink{OccurredAt: day(n), Link: avro.Link{To: avro.Identifier{Kind: avro.IdentifierKindShipment, Value: shipment}}}
	}
	links := []avro.NodeLink{word(200, "B"), word(0, "A"), word(2, "A"), word(1, "A2")}
	for _, c := range []struct {
		kind avro.IdentifierKind
		day  int
		want string
	}{
		{avro.IdentifierKindPRO, 1, "AA2A"}, {avro.IdentifierKindPRO, 47, "AA2A"}, {avro.IdentifierKindPRO, 48, ""}, {avro.IdentifierKindPRO, 154, ""},
		{avro.IdentifierKindPRO, 155, "B"}, {avro.IdentifierKindPRO, 245, "B"}, {avro.IdentifierKindPRO, 246, ""}, {avro.IdentifierKindOrder, 100, "BAAA2"}, {avro.IdentifierKindDelivery, 100, "AA2AB"}, {avro.IdentifierKindSSCC, 381, ""},
	} {
		v := &visit{at: avro.Identifier{Kind: c.kind}}
		got := ""
		for _, l := range v.alive(links, &avro.Fact{OccurredAt: day(c.day)}) {
			got += l.Link.To.Value
		}
		if got != c.want {
			t.Errorf("%s, day %d: leads to %q, want %q", c.kind, c.day, got, c.want)
		}
	}
}
