package world

import (
	"fmt"
	"slices"
	"time"

	"waybill/avro"
)

// ChargeTruth is what stands in the ledger under one natural key in the end: the sum of its lines, or a held charge.
type ChargeTruth struct {
	LoadID          string
	StopSequence    int32
	Direction       avro.Direction
	Party           string
	ContractID      string // empty where there is none
	ContractVersion int64
	AmountMinor     int64 // nought where it is held
	Currency        string
	Held            bool
	Reason          string // why it is held
	Arithmetic      string
}

// charged is the shipment's detention: for every stop of its own and for both sides, once the shipment is known to be delivered.
func (w *World) charged(s *shipment, happened []MilestoneTruth) []ChargeTruth {
	end := s.last()
	if _, ok := find(happened, avro.MilestoneCodeDelivered, end.load.id, avro.Some(end.drop.seq)); !ok {
		return nil
	}
	var out []ChargeTruth
	for _, aboard := range s.legs {
		for _, at := range aboard.stops() {
			v, ok := visitOf(aboard, at, happened)
			if !ok {
				continue
			}
			out = append(out, w.detention(v, avro.DirectionReceivable, s.order.customer)...)
			out = append(out, w.detention(v, avro.DirectionPayable, aboard.load.carrier())...)
		}
	}
	return out
}

// visit is a stop as the evidence has it.
type visit struct {
	load              string
	stop              *stop
	arrived, departed time.Time
}

func visitOf(aboard *leg, at *stop, happened []MilestoneTruth) (visit, bool) {
	arrived, departed := avro.MilestoneCodeArrivedPickup, avro.MilestoneCodeDepartedPickup
	if at.kind == avro.StopTypeDelivery {
		arrived, departed = avro.MilestoneCodeArrivedDelivery, avro.MilestoneCodeDepartedDelivery
	}
	a, came := find(happened, arrived, aboard.load.id, avro.Some(at.seq))
	d, left := find(happened, departed, aboard.load.id, avro.Some(at.seq))
	return visit{load: aboard.load.id, stop: at, arrived: a.OccurredAt, departed: d.OccurredAt}, came && left
}

// start is when the clock begins to run: at the appointment for who came early, at arrival for who came late or without one.
func (v visit) start() time.Time {
	if v.stop.appointment.After(v.arrived) {
		return v.stop.appointment
	}
	return v.arrived
}

func (v visit) late() bool {
	return !v.stop.appointment.IsZero() && v.arrived.After(v.stop.appointment)
}

// noContract is the time at a stop, from arrival to departure, beyond which a receivable that nobody agreed on is held. When
// somebody came and when he was expected matters to terms, and there are none.
const noContract = 2 * time.Hour

// detention is none, or one charge of a visit.
func (w *World) detention(v visit, direction avro.Direction, party string) []ChargeTruth {
	c := ChargeTruth{LoadID: v.load, StopSequence: v.stop.seq, Direction: direction, Party: party}
	dwell := v.departed.Sub(v.start())
	terms, agreed := w.agreedAt(direction, party, v.arrived)
	if !agreed {
		c.Held, c.Reason = true, "no contract"
		return only(c, direction == avro.DirectionReceivable && v.departed.Sub(v.arrived) > noContract)
	}
	clause := &terms.Clauses[0]
	units, amount := price(clause, dwell)
	c.ContractID, c.ContractVersion, c.Currency = terms.ContractID, terms.Version, terms.Currency
	if !applies(clause, v) || amount == 0 {
		return nil
	}
	c.Arithmetic = fmt.Sprintf("dwell %v less %ds free is %d x %ds at %d/10000 an hour", dwell, clause.Free/perSecond, units, clause.Increment/perSecond, clause.Price)
	if n := len(v.stop.legs); n > 1 {
		c.Held, c.Reason = true, fmt.Sprintf("%d shipments share the stop", n)
		return only(c, true)
	}
	c.AmountMinor = amount
	return only(c, true)
}

func only(c ChargeTruth, is bool) []ChargeTruth {
	if !is {
		return nil
	}
	return []ChargeTruth{c}
}

// agreedAt is the highest version that is valid at the instant.
func (w *World) agreedAt(direction avro.Direction, party string, at time.Time) (*avro.Contract, bool) {
	var best *avro.Contract
	now := avro.MicrosOf(at)
	for _, c := range w.agreements {
		valid := c.ValidFrom <= now && (!c.ValidTo.Ok || now < c.ValidTo.V)
		if c.Direction == direction && c.Party == party && valid && (best == nil || c.Version > best.Version) {
			best = c
		}
	}
	return best, best != nil
}

func applies(t *avro.Clause, v visit) bool {
	stops := t.When.V.StopTypes
	kind := len(stops) == 0 || slices.Contains(stops, v.stop.kind)
	return kind && (t.Clock.V.Late != avro.LateArrivalNoCharge || !v.late())
}

// price counts in whole numbers only: microseconds, hundredths of cents. Half an increment and half a cent count up.
func price(t *avro.Clause, dwell time.Duration) (units, minor int64) {
	over := (dwell - time.Duration(t.Free/perSecond)*time.Second).Microseconds()
	if over <= 0 {
		return 0, 0
	}
	seconds := int64(t.Increment / perSecond)
	increment := seconds * 1_000_000
	switch t.Rounding {
	case avro.RoundingUp:
		units = (over + increment - 1) / increment
	case avro.RoundingDown:
		units = over / increment
	case avro.RoundingNearest:
		units = (2*over + increment) / (2 * increment)
	}
	// units x increment in seconds x rate in 1/10,000 of a dollar an hour: 3,600 x 100 of these are a cent.
	const cent = 3600 * 100
	minor = (2*units*seconds*int64(t.Price) + cent) / (2 * cent)
	if t.MaximumMinor.Ok {
		minor = min(minor, t.MaximumMinor.V)
	}
	return units, minor
}
