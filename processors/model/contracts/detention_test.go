package contracts_test

import (
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/contracts"
)

const minute = avro.Micros(60_000_000)

func terms() avro.DetentionTerms {
	return avro.DetentionTerms{FreeS: 7200, IncrementS: 1800, RatePerHour: 755000}
}

func TestDetention(t *testing.T) {
	at := func(m avro.Micros) avro.Opt[avro.Micros] { return avro.Some(m * minute) }
	for _, c := range []struct {
		name        string
		arrived     avro.Micros
		departed    avro.Micros
		appointment avro.Opt[avro.Micros]
		rounding    avro.Rounding
		late        avro.LatePolicy
		cap         avro.Opt[int64]
		want        int64
	}{
		{name: "within free time", arrived: 0, departed: 120, want: 0},
		{name: "a begun increment counts", arrived: 0, departed: 121, want: 3775},
		{name: "exactly one", arrived: 0, departed: 150, want: 3775},
		{name: "three increments", arrived: 0, departed: 181, want: 11325},
		{name: "down", arrived: 0, departed: 179, rounding: avro.RoundingDown, want: 3775},
		{name: "nearest, below the half", arrived: 0, departed: 164, rounding: avro.RoundingNearest, want: 3775},
		{name: "nearest, the half", arrived: 0, departed: 165, rounding: avro.RoundingNearest, want: 7550},
		{name: "early: from the appointment", arrived: 0, departed: 181, appointment: at(60), want: 3775},
		{name: "late: from arrival", arrived: 60, departed: 181, appointment: at(0), want: 3775},
		{name: "late: nothing", arrived: 60, departed: 600, appointment: at(0), late: avro.LatePolicyNoDetention, want: 0},
		{name: "capped", arrived: 0, departed: 6000, cap: avro.Some(int64(50000)), want: 50000},
	} {
		terms := terms()
		terms.Rounding, terms.LatePolicy, terms.CapMinor = c.rounding, c.late, c.cap
		got, err := contracts.Detention(&terms, "USD", contracts.Visit{Arrived: c.arrived * minute, Departed: c.departed * minute, Appointment: c.appointment})
		if err != nil || got.Minor != c.want {
			t.Errorf("%s: got %d (%s), %v, want %d", c.name, got.Minor, got.Arithmetic, err, c.want)
		}
	}
}

func TestDetentionExplains(t *testing.T) {
	terms := terms()
	got, err := contracts.Detention(&terms, "USD", contracts.Visit{Departed: 181 * minute, Appointment: avro.Some(30 * minute)})
	want := "arrived 1970-01-01 00:00:00Z, appointment 1970-01-01 00:30:00Z, departed 1970-01-01 03:01:00Z: 2h31m from 1970-01-01 00:30:00Z, less 2h free; 2 × 30m (rounded up) × 75.50 USD an hour = 75.50 USD"
	if err != nil || got.Arithmetic != want {
		t.Errorf("got  %s\nwant %s (%v)", got.Arithmetic, want, err)
	}
}

func TestDetentionRefusesBadTerms(t *testing.T) {
	terms := terms()
	terms.IncrementS = 0
	if _, err := contracts.Detention(&terms, "USD", contracts.Visit{}); err == nil || !strings.Contains(err.Error(), "correct the contract") {
		t.Errorf("got %v", err)
	}
}
