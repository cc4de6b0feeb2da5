package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"waybill/avro"
)

// Damage is what the field does to messages. Each rate is a probability from 0 to 1. The zero value does no harm.
type Damage struct {
	Late        float64       // of business messages: delivered up to LateBy after they were sent
	LateBy      time.Duration // longest delay of a late message or link; an hour is the shortest
	OutOfOrder  float64       // of business messages and positions: overtaken by what was sent after them
	Duplicated  float64       // of business messages and positions: delivered twice
	NewEnvelope float64       // of the duplicates of business messages: under a new event id

	MissingCarrier   float64 // of carrier statuses: lost
	MissingDelivered float64 // of ePOD's deliveries: lost
	MissingPOD       float64 // of proofs of delivery: lost
	MissingAccepted  float64 // of acceptances of tenders: lost

	LateLink float64 // of assignments and installations: delivered hours after the positions they explain

	TelematicsOutage float64 // of stops: the device is silent from the drive there to the drive on
	GPSGap           float64 // of drives and dwells: minutes without a fix inside them
	Buffered         float64 // of loads: the device keeps its fixes for up to an hour and sends them together

	Field // what makes joins hard

	Untold // what nobody ever says
}

// DefaultDamage is what a bad week looks like.
func DefaultDamage() Damage {
	return Damage{
		Late: 0.05, LateBy: 10 * time.Hour, OutOfOrder: 0.05, Duplicated: 0.10, NewEnvelope: 0.5,
		MissingCarrier: 0.10, MissingDelivered: 0.04, MissingPOD: 0.06, MissingAccepted: 0.03,
		LateLink: 0.15, TelematicsOutage: 0.04, GPSGap: 0.10, Buffered: 0.05,
		Field: Field{
			SplitOrder: 0.12, Consolidated: 0.28, Revisited: 0.10, Swapped: 0.04, WrongTrip: 0.03, CrossDock: 0.10, LinkDaysLate: 0.02,
			Recycled: 0.05, Reissued: 0.03, Resent: 0.05, DaysLate: 0.02, Skewed: 0.03, LocalTime: 0.10, Corrected: 0.05, Noisy: 0.10,
			Notation: 0.10, AfterClose: 0.01,
		},
		Untold: Untold{UntoldInstallation: 0.03, UntoldAssignment: 0.02, UntoldDelivery: 0.03, UntoldUnit: 0.03},
	}
}

// Times is d with every rate multiplied by f, at most 1.
func (d Damage) Times(f float64) Damage {
	for _, r := range d.rates() {
		*r.p = min(1, *r.p*f)
	}
	return d
}

// Validate names all faults at once.
func (d Damage) Validate() error {
	var faults []error
	for _, r := range d.rates() {
		if !(*r.p >= 0 && *r.p <= 1) {
			faults = append(faults, fmt.Errorf("damage: %s is %v; a rate is from 0 to 1", r.name, *r.p))
		}
	}
	if (d.Late > 0 || d.LateLink > 0) && d.LateBy < time.Hour {
		faults = append(faults, fmt.Errorf("damage: late by is %v; an hour is the shortest delay", d.LateBy))
	}
	return errors.Join(faults...)
}

type rate struct {
	name string
	p    *float64
}

func (d *Damage) rates() []rate {
	return append([]rate{
		{"late", &d.Late}, {"out of order", &d.OutOfOrder}, {"duplicated", &d.Duplicated}, {"new envelope", &d.NewEnvelope},
		{"missing carrier", &d.MissingCarrier}, {"missing delivered", &d.MissingDelivered}, {"missing POD", &d.MissingPOD}, {"missing accepted", &d.MissingAccepted},
		{"late link", &d.LateLink}, {"telematics outage", &d.TelematicsOutage}, {"GPS gap", &d.GPSGap}, {"buffered", &d.Buffered},
	}, append(d.Field.rates(), d.Untold.rates()...)...)
}

// A messageDamage is a function over what was sent about one load, with a seeded source of its own: changing the rate of one
// damage leaves the victims of the others as they were.
type messageDamage struct {
	name  string
	apply func(d Damage, r *rand.Rand, in []Delivery) []Delivery
}

// messageDamages, in the order in which they happen. Positions have theirs in silence.go and fixes.go.
var messageDamages = []messageDamage{
	{"missing", missing},
	{"late-link", lateLink},
	{"links-days-late", linksDaysLate},
	{"late", late},
	{"days-late", daysLate},
	{"after-close", afterClose},
	{"out-of-order", outOfOrder},
	{"duplicated", duplicated},
	{"new-envelope", newEnvelope},
	{"resent", resent},
	{"notation", notation},
	{"local-time", localTime},
}

func (w *World) damaged(in []Delivery, labels ...any) []Delivery {
	for _, m := range messageDamages {
		in = m.apply(w.cfg.Damage, w.source(append([]any{"damage", m.name}, labels...)...), in)
	}
	in = slices.DeleteFunc(in, func(m Delivery) bool { return m.lost || m.unsaid })
	for i, m := range in {
		in[i].Record = received(m.Record, avro.MicrosOf(m.DeliverAt))
	}
	sortDeliveries(in)
	return in
}

// Every damage draws as often for a message that it spares as for one that it hits.

func missing(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	for i, m := range in {
		in[i].lost = hit(r, d.lossOf(m.Record))
	}
	return in
}

// lossOf is how likely a message is lost. What carries links is late, but not lost: what becomes of links that nobody tells is Untold's.
func (d Damage) lossOf(rec avro.Record) float64 {
	switch rec := rec.(type) {
	case *avro.CarrierStatus:
		return d.MissingCarrier
	case *avro.ProofOfDelivery:
		if rec.Outcome == avro.DeliveryOutcomePodReceived {
			return d.MissingPOD
		}
		return d.MissingDelivered
	case *avro.Load:
		if rec.Event == avro.LoadEventAccepted {
			return d.MissingAccepted
		}
	}
	return 0
}

func lateLink(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	for i, m := range in {
		_, assignment := m.Record.(*avro.Assignment)
		_, installation := m.Record.(*avro.DeviceInstallation)
		by := between(r, time.Hour, d.LateBy)
		if hit(r, d.LateLink) && (assignment || installation) {
			in[i].DeliverAt = m.DeliverAt.Add(by)
		}
	}
	return in
}

func late(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	return delayed(r, d.Late, time.Hour, d.LateBy, in)
}

func outOfOrder(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	return delayed(r, d.OutOfOrder, 2*time.Minute, 40*time.Minute, in)
}

func delayed(r *rand.Rand, rate float64, from, to time.Duration, in []Delivery) []Delivery {
	for i := range in {
		by := between(r, from, to)
		if hit(r, rate) {
			in[i].DeliverAt = in[i].DeliverAt.Add(by)
		}
	}
	return in
}

func duplicated(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	for _, m := range in {
		after := between(r, time.Second, 3*time.Hour)
		if hit(r, d.Duplicated) {
			m.DeliverAt, m.Duplicate = m.DeliverAt.Add(after), true
			in = append(in, m)
		}
	}
	return in
}

func newEnvelope(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	for i, m := range in {
		id := envelope(r)
		if hit(r, d.NewEnvelope) && m.Duplicate {
			in[i].Record = enveloped(m.Record, id)
		}
	}
	return in
}

func envelope(r *rand.Rand) string { return fmt.Sprintf("re-%012x", r.Uint64()>>16) }

// Set sets the rate of a name, such as "cross-dock" or "missing POD".
func (d *Damage) Set(name string, rate float64) error {
	var names []string
	for _, r := range d.rates() {
		if strings.EqualFold(r.name, name) {
			*r.p = rate
			return d.Validate()
		}
		names = append(names, r.name)
	}
	return fmt.Errorf("damage: there is no rate %q; there are %s", name, strings.Join(names, ", "))
}
