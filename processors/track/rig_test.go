package track_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/sim"
	"waybill/processors/track"
	"waybill/topics"
)

var t0 = time.Date(2025, 6, 2, 6, 0, 0, 0, time.UTC)

const (
	tenant, issuer = "acme", "box"
	metre          = 1e6 / 111194.93 // micro-degrees of latitude
)

// at is a position s seconds after t0, north and east metres from a spot near the equator, without a speed.
func at(s, north, east float64) avro.Position {
	return avro.Position{
		Tenant: tenant, Issuer: issuer, DeviceID: "d1", Valid: true, DeviceAt: avro.MicrosOf(t0) + avro.Micros(s*1e6),
		LatE6: 1_000_000 + int32(math.Round(north*metre)), LonE6: int32(math.Round(east * metre)),
	}
}

func speed(p avro.Position, ms float64) avro.Position {
	p.SpeedMmS = avro.Some(int32(math.Round(ms * 1000)))
	return p
}

func key(p *avro.Position) string { return topics.Key(p.Tenant, p.Issuer, p.DeviceID) }

// feed sends the positions, with a tick every so many, and a last one after the pipeline has drained.
func feed(t *testing.T, s *sim.Sim, ps []avro.Position, every int) {
	t.Helper()
	for i := range ps {
		s.Send(topics.Positions.Name, key(&ps[i]), &ps[i])
		if every > 0 && i%every == every-1 {
			s.Tick(s.Now().Add(time.Minute))
		}
	}
	s.Tick(s.Now().Add(time.Hour))
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, cfg track.Config, ps []avro.Position) *sim.Sim {
	t.Helper()
	s := sim.New(sim.Options{}, track.New(cfg))
	feed(t, s, ps, 0)
	return s
}

// told are the facts a run told, with what must hold for each.
func told(t *testing.T, s *sim.Sim) []*avro.Fact {
	t.Helper()
	out := sim.Out[avro.Fact](s, topics.ResolveInbox.Name)
	revision := map[string]int64{}
	for _, f := range out {
		id := f.Identifiers[0]
		if f.Revision <= revision[id.Issuer+id.Value] {
			t.Fatalf("revision %d of %s after %d", f.Revision, id.Value, revision[id.Issuer+id.Value])
		}
		revision[id.Issuer+id.Value] = f.Revision
		if f.HasMilestone || f.FactID == "" || !f.Stay.Ok || f.OccurredAt != f.Stay.V.ArrivedAt || f.Location.V != f.Stay.V.Centre || id.Kind != avro.IdentifierKindDevice {
			t.Fatalf("not a fact that tells a stay: %+v", f)
		}
	}
	return out
}

// standing reduces what was told to the stays that stand: of each series the highest revision, unless void.
func standing(t *testing.T, s *sim.Sim) []avro.Fact {
	t.Helper()
	last := map[string]*avro.Fact{}
	for _, f := range told(t, s) {
		last[f.Series] = f
	}
	var out []avro.Fact
	for _, f := range last {
		if !f.Void {
			out = append(out, *f)
		}
	}
	slices.SortFunc(out, func(a, b avro.Fact) int {
		return cmp.Or(strings.Compare(a.Identifiers[0].Value, b.Identifiers[0].Value), cmp.Compare(a.OccurredAt, b.OccurredAt))
	})
	return out
}

// stays are the standing stays of a run with one device.
func stays(t *testing.T, s *sim.Sim) []avro.Stay {
	t.Helper()
	var out []avro.Stay
	for _, f := range standing(t, s) {
		out = append(out, f.Stay.V)
	}
	return out
}

// spans writes stays as "arrival-departure" in seconds since t0; an open one ends in nothing.
func spans(list []avro.Stay) string {
	var out []string
	for _, s := range list {
		sec := func(m avro.Micros) string { return fmt.Sprint(m.Time().Sub(t0).Seconds()) }
		end := ""
		if s.DepartedAt.Ok {
			end = sec(s.DepartedAt.V)
		}
		out = append(out, sec(s.ArrivedAt)+"-"+end)
	}
	return strings.Join(out, " ")
}

// content is what the law compares.
func content(list []avro.Fact) string {
	var b strings.Builder
	for i := range list {
		fmt.Fprintf(&b, "%s %s %s %+v\n", list[i].FactID, list[i].Series, list[i].Identifiers[0].Value, list[i].Stay.V)
	}
	return b.String()
}

// head is the device's state after a run.
func head(t *testing.T, s *sim.Sim, device string) avro.TrackHead {
	t.Helper()
	for k, v := range s.State("track") {
		if strings.Contains(k, "head\x00") && strings.Contains(k, device) {
			var h avro.TrackHead
			if err := h.Decode([]byte(v)[1:]); err != nil {
				t.Fatal(err)
			}
			return h
		}
	}
	t.Fatalf("no state of %s", device)
	return avro.TrackHead{}
}
