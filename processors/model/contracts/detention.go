// Package contracts works out what contracts say, as pure functions of times and terms.
package contracts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/money"
)

// Visit is a vehicle's time at a stop.
type Visit struct {
	Stop        avro.StopType
	Arrived     avro.Micros
	Departed    avro.Micros
	Appointment avro.Opt[avro.Micros]
}

// Amount is a worked-out charge. Zero Minor means that nothing is due.
type Amount struct {
	Minor      int64
	Quantity   avro.Unscaled // hours, scale 4
	Arithmetic string
}

const second = avro.Micros(1_000_000)

// Detention is: start = max(arrival, appointment); units = round((departure - start - free)/increment);
// amount = min(units × increment × hourly rate, cap).
func Detention(t *avro.DetentionTerms, currency string, v Visit) (Amount, error) {
	if err := check(t); err != nil {
		return Amount{}, err
	}
	start, late := startOf(v)
	if late && t.LatePolicy == avro.LatePolicyNoDetention || !applies(t, v.Stop) {
		return Amount{}, nil
	}
	beyond := v.Departed - start - avro.Micros(t.FreeS)*second
	units := count(t, beyond)
	if units <= 0 {
		return Amount{}, nil
	}
	minor, err := money.PerHour(t.RatePerHour, units*t.IncrementS, currency)
	if err != nil {
		return Amount{}, err
	}
	a := Amount{Minor: minor, Quantity: avro.Unscaled((units*t.IncrementS*10_000 + 1800) / 3600)}
	a.Arithmetic = arithmetic(t, currency, v, start, units, minor)
	if t.CapMinor.Ok && minor > t.CapMinor.V {
		a.Minor = t.CapMinor.V
		a.Arithmetic += ", capped at " + money.Format(t.CapMinor.V, currency)
	}
	return a, nil
}

func check(t *avro.DetentionTerms) error {
	switch {
	case t.IncrementS <= 0:
		return errors.New("the contract's detention increment is not positive: correct the contract")
	case t.FreeS < 0 || t.RatePerHour < 0:
		return errors.New("the contract's detention free time or rate is negative: correct the contract")
	}
	return nil
}

func startOf(v Visit) (start avro.Micros, late bool) {
	if !v.Appointment.Ok {
		return v.Arrived, false
	}
	return max(v.Arrived, v.Appointment.V), v.Arrived > v.Appointment.V
}

func applies(t *avro.DetentionTerms, stop avro.StopType) bool {
	for _, s := range t.StopTypes {
		if s == stop {
			return true
		}
	}
	return len(t.StopTypes) == 0
}

// count is how many increments beyond free time are charged.
func count(t *avro.DetentionTerms, beyond avro.Micros) int64 {
	if beyond <= 0 {
		return 0
	}
	inc := avro.Micros(t.IncrementS) * second
	switch t.Rounding {
	case avro.RoundingDown:
		return int64(beyond / inc)
	case avro.RoundingNearest:
		return int64((beyond + inc/2) / inc)
	}
	return int64((beyond + inc - 1) / inc)
}

func arithmetic(t *avro.DetentionTerms, currency string, v Visit, start avro.Micros, units, minor int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "arrived %s", clock(v.Arrived))
	if v.Appointment.Ok {
		fmt.Fprintf(&b, ", appointment %s", clock(v.Appointment.V))
	}
	fmt.Fprintf(&b, ", departed %s: %s from %s, less %s free; %d × %s (rounded %s) × %s an hour = %s",
		clock(v.Departed), span(v.Departed-start), clock(start), span(avro.Micros(t.FreeS)*second), units, span(avro.Micros(t.IncrementS)*second),
		strings.ToLower(t.Rounding.String()), money.Decimal(t.RatePerHour)+" "+currency, money.Format(minor, currency))
	return b.String()
}

func clock(m avro.Micros) string { return m.Time().Format("2006-01-02 15:04:05Z") }

func span(m avro.Micros) string {
	s := (time.Duration(m) * time.Microsecond).Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
