package world

import (
	"time"

	"waybill/avro"
)

// find looks a milestone up among those believed.
func find(all []MilestoneTruth, code avro.MilestoneCode, load string, stop avro.Opt[int32]) (MilestoneTruth, bool) {
	for _, m := range all {
		if m.Code == code && m.LoadID == load && m.StopSequence == stop {
			return m, true
		}
	}
	return MilestoneTruth{}, false
}

// expected reads the template for one shipment: once for each load, or once for each stop of the kind that concerns it. At a
// terminal nothing is delivered.
func (w *World) expected(s *shipment, happened []MilestoneTruth) []ExpectationTruth {
	var out []ExpectationTruth
	for _, x := range w.truckload().Expectations {
		for _, aboard := range s.legs {
			switch x.Scope {
			case avro.ExpectationScopeLeg:
				out = append(out, expectAt(x, aboard.load, nil, happened)...)
			case avro.ExpectationScopePickupStop:
				for _, at := range aboard.pickups {
					out = append(out, expectAt(x, aboard.load, at, happened)...)
				}
			case avro.ExpectationScopeDeliveryStop:
				if aboard.isLast() || x.Milestone == avro.MilestoneCodeArrivedDelivery {
					out = append(out, expectAt(x, aboard.load, aboard.drop, happened)...)
				}
			}
		}
	}
	return out
}

// expectAt is none where the anchor is missing: a deadline that counts from nothing does not exist.
func expectAt(x avro.Expectation, l *load, at *stop, happened []MilestoneTruth) []ExpectationTruth {
	e := ExpectationTruth{Milestone: x.Milestone, LoadID: l.id, Billing: x.Billing}
	if at != nil {
		e.StopSequence = avro.Some(at.seq)
	}
	anchor, tolerance, ok := anchorOf(x, e, at, happened)
	if !ok {
		return nil
	}
	e.DueAt, e.Tolerance, e.State = anchor.Add(time.Duration(x.OffsetS)*time.Second), tolerance, avro.ExpectationStateMissed
	if m, ok := find(happened, x.Milestone, e.LoadID, e.StopSequence); ok {
		e.OccurredAt, e.Tolerance = m.OccurredAt, max(tolerance, m.Tolerance)
		e.State = avro.ExpectationStateMet
		if m.OccurredAt.After(e.DueAt) {
			e.State = avro.ExpectationStateLate
		}
	}
	return []ExpectationTruth{e}
}

func anchorOf(x avro.Expectation, e ExpectationTruth, at *stop, happened []MilestoneTruth) (time.Time, time.Duration, bool) {
	if x.Anchor == avro.AnchorAppointment {
		return at.appointment, 0, !at.appointment.IsZero()
	}
	m, ok := find(happened, x.AnchorMilestone, e.LoadID, e.StopSequence)
	return m.OccurredAt, m.Tolerance, ok
}
