package world

import (
	"math/rand/v2"
	"slices"
	"time"

	"waybill/avro"
)

// Field problems 7, 10, 11 and 17: what comes late, in the wrong order, and again.

// linksDaysLate holds back what links: plans and assignments of a load together, an installation by itself.
func linksDaysLate(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	struck := hit(r, d.LinkDaysLate)
	for i, m := range in {
		by := between(r, 24*time.Hour, 96*time.Hour)
		switch m.Record.(type) {
		case *avro.Load, *avro.Assignment, *avro.DeviceInstallation:
			if struck {
				in[i].DeliverAt = m.DeliverAt.Add(by)
			}
		}
	}
	return in
}

func daysLate(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	return delayed(r, d.DaysLate, 2*time.Hour, 72*time.Hour, in)
}

// afterClose holds back what carriers and drivers say of a load for a month.
func afterClose(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	struck := hit(r, d.AfterClose)
	for i, m := range in {
		by := between(r, 30*24*time.Hour, 45*24*time.Hour)
		switch m.Record.(type) {
		case *avro.CarrierStatus, *avro.ProofOfDelivery:
			if struck {
				in[i].DeliverAt = m.DeliverAt.Add(by)
			}
		}
	}
	return in
}

// resent sends all that was delivered about a load again in one go, days later, under new envelopes.
func resent(d Damage, r *rand.Rand, in []Delivery) []Delivery {
	struck, after := hit(r, d.Resent), between(r, time.Hour, 72*time.Hour)
	if !struck || len(in) == 0 {
		return in
	}
	last := slices.MaxFunc(in, func(a, b Delivery) int { return a.DeliverAt.Compare(b.DeliverAt) }).DeliverAt
	for i, m := range in {
		if m.lost || m.Duplicate {
			continue
		}
		m.Duplicate, m.DeliverAt = true, last.Add(after+time.Duration(i)*time.Second)
		m.Record = enveloped(m.Record, envelope(r))
		in = append(in, m)
	}
	return in
}
