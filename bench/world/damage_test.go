package world

import (
	"math"
	"testing"
	"time"

	"waybill/avro"
	"waybill/topics"
)

// Each rate is met, within four standard deviations, and each damage done alone does nothing else.
func TestDamageRates(t *testing.T) {
	c := DefaultConfig()
	c.Loads, c.Days, c.PositionEvery = 400, 2, time.Minute
	c.Damage = Damage{}
	whole := counted(made(t, c))
	for _, x := range []struct {
		name   string
		damage Damage
		rate   float64
		hits   func(tally) int
		of     int
	}{
		{"duplicated", Damage{Duplicated: 0.1}, 0.1, func(y tally) int { return y.messages - whole.messages }, whole.messages},
		{"duplicated positions", Damage{Duplicated: 0.1}, 0.1, func(y tally) int { return y.positions - whole.positions }, whole.positions},
		{"missing carrier", Damage{MissingCarrier: 0.1}, 0.1, func(y tally) int { return whole.carrier - y.carrier }, whole.carrier},
		{"missing POD", Damage{MissingPOD: 0.2}, 0.2, func(y tally) int { return whole.pod - y.pod }, whole.pod},
		{"missing delivered", Damage{MissingDelivered: 0.2}, 0.2, func(y tally) int { return whole.delivered - y.delivered }, whole.delivered},
		{"missing accepted", Damage{MissingAccepted: 0.2}, 0.2, func(y tally) int { return whole.accepted - y.accepted }, whole.accepted},
		{"late", Damage{Late: 0.1, LateBy: 3 * time.Hour}, 0.1, func(y tally) int { return y.late }, whole.messages},
		{"late link", Damage{LateLink: 0.3, LateBy: 3 * time.Hour}, 0.3, func(y tally) int { return y.late }, whole.links},
		{"new envelope", Damage{Duplicated: 1, NewEnvelope: 0.5}, 0.5, func(y tally) int { return y.reenveloped }, whole.enveloped},
		{"out of order positions", Damage{OutOfOrder: 0.1}, 0.1, func(y tally) int { return y.overtaken }, whole.positions},
	} {
		c.Damage = x.damage
		got, want := float64(x.hits(counted(made(t, c)))), x.rate*float64(x.of)
		if spread := math.Sqrt(float64(x.of) * x.rate * (1 - x.rate)); math.Abs(got-want) > 4*spread || x.of == 0 {
			t.Errorf("%s: %v of %d, want %v give or take %v", x.name, got, x.of, want, 4*spread)
		}
	}
}

type tally struct {
	messages, positions, carrier, pod, delivered, accepted, late, links, reenveloped, enveloped, overtaken int
}

func counted(w *World) tally {
	var t tally
	for d := range w.Deliveries() {
		if topic, _ := topics.ByName(d.Topic); topic.Owner == "reference" || d.Topic == topics.Contracts.Name {
			continue
		}
		after := d.DeliverAt.Sub(d.OccurredAt)
		id := ""
		switch rec := d.Record.(type) {
		case *avro.Position:
			t.positions++
			t.overtaken += btoi(after > 30*time.Second)
			continue
		case *avro.CarrierStatus:
			t.carrier++
			id = rec.EventID
		case *avro.ProofOfDelivery:
			t.pod += btoi(rec.Outcome == avro.DeliveryOutcomePodReceived)
			t.delivered += btoi(rec.Outcome == avro.DeliveryOutcomeDelivered)
			id = rec.EventID
		case *avro.Load:
			t.accepted += btoi(rec.Event == avro.LoadEventAccepted)
			id = rec.EventID
		case *avro.Assignment:
			t.links++
			id = rec.EventID
		case *avro.DeviceInstallation:
			t.links++
			t.messages++
			t.late += btoi(d.DeliverAt.After(w.cfg.Start))
			continue
		case *avro.Order:
			id = rec.EventID
		case *avro.WarehouseEvent:
			id = rec.EventID
		}
		t.messages++
		t.enveloped++
		t.reenveloped += btoi(d.Duplicate && id[:3] == "re-")
		t.late += btoi(after > time.Hour)
	}
	return t
}

// A damage has a source of its own: what another does to the rest leaves its victims as they were.
func TestDamagesAreIndependent(t *testing.T) {
	lost := func(d Damage) map[string]bool {
		c := small(21)
		c.Damage = d
		w := made(t, c)
		there := map[string]bool{}
		for d := range w.Deliveries() {
			if rec, ok := d.Record.(*avro.CarrierStatus); ok && !d.Duplicate {
				there[rec.EventID] = true
			}
		}
		return there
	}
	alone, together := lost(Damage{MissingCarrier: 0.2}), lost(Damage{MissingCarrier: 0.2, MissingPOD: 0.5, Late: 0.5, LateBy: time.Hour, Duplicated: 0.5})
	if len(alone) != len(together) || len(alone) == 0 {
		t.Fatalf("%d statuses with one damage, %d with several", len(alone), len(together))
	}
	for id := range alone {
		if !together[id] {
			t.Errorf("status %s is lost when others are damaged", id)
		}
	}
}

func TestSilences(t *testing.T) {
	c := small(22)
	c.Damage = Damage{TelematicsOutage: 1, GPSGap: 1, Buffered: 1}
	w := made(t, c)
	outages, gaps, held := 0, 0, 0
	for n := range c.Vehicles {
		days := w.days(w.vehicle(n))
		for d, ok := days(); ok; d, ok = days() {
			outages, gaps, held = outages+len(w.outages(d)), gaps+len(w.gaps(d)), held+len(w.buffers(d))
			for _, s := range d.stops {
				if _, _, seen := w.standing(s, silences{lost: w.gaps(d)}); !seen {
					t.Errorf("a gap swallows stop %d at %v", s.seq, s.firstFix)
				}
				first, last, _ := w.standing(s, silences{lost: w.gaps(d)})
				if !first.Equal(s.firstFix) || !last.Equal(s.lastFix) {
					t.Errorf("a gap moves stop %d from %v to %v", s.seq, s.firstFix, first)
				}
			}
		}
	}
	if outages < c.Loads || gaps < c.Loads || held != c.Loads {
		t.Errorf("%d outages, %d gaps, %d buffers over %d loads", outages, gaps, held, c.Loads)
	}
}

func TestTimes(t *testing.T) {
	d := Damage{Late: 0.3, Duplicated: 0.7, LateBy: time.Hour}
	if got := d.Times(2); got.Late != 0.6 || got.Duplicated != 1 || got.LateBy != time.Hour || d.Late != 0.3 {
		t.Errorf("%+v from %+v", got, d)
	}
}
