package contracts_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"waybill/avro"
	"waybill/processors/model/contracts"
)

// sources are seeded: a failure names its seed.
func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// detentionClause is a detention clause of any terms, priced so that more time never costs less.
func detentionClause(r *rand.Rand) avro.Clause {
	k := avro.Clause{
		Clause: "d", Type: avro.ChargeTypeDetention, On: avro.OccasionVisit, Measure: avro.MeasureDwell, Unit: pick(r, avro.UnitHour, avro.UnitMinute, avro.UnitDay),
		Free: pick[avro.Unscaled](r, 0, 3600, 7200) * 10_000, Increment: pick[avro.Unscaled](r, 0, 60, 900, 1800, 3600) * 10_000, Rounding: avro.Rounding(r.IntN(3)),
		Price: avro.Unscaled(r.IntN(2_000_000)), AtLeast: pick[avro.Unscaled](r, 0, 0, 3600) * 10_000,
	}
	if r.IntN(3) == 0 {
		k.MinimumMinor = avro.Some(r.Int64N(10_000))
	}
	if r.IntN(3) == 0 {
		k.MaximumMinor = avro.Some(k.MinimumMinor.V + r.Int64N(40_000))
	}
	switch r.IntN(4) {
	case 0:
		k.MaximumDayMinor = avro.Some(k.MinimumMinor.V + r.Int64N(30_000))
	case 1:
		k.By, k.Price, k.Tiering = avro.SelectorQuantity, 0, avro.TieringTiered
		k.Steps = []avro.Step{{Below: avro.Some[avro.Unscaled](7200_0000), Value: avro.Unscaled(r.IntN(900_000))}, {From: avro.Some[avro.Unscaled](7200_0000), Value: avro.Unscaled(r.IntN(900_000))}}
	}
	if r.IntN(3) == 0 {
		k.Clock = avro.Some(avro.Clock{Hours: []avro.Hours{{Weekdays: []int32{1, 2, 3, 4, 5}, FromS: 8 * 3600, ToS: 17 * 3600}, {Weekdays: []int32{6}, FromS: 9 * 3600, ToS: 12 * 3600}}})
	}
	k.Precision = pick(r, avro.Opt[avro.Precision]{}, avro.Some(avro.Precision{Mode: avro.MoneyRounding(r.IntN(4)), Scale: int32(r.IntN(3))}))
	return k
}

func priced(t *testing.T, c *avro.Contract, o contracts.Occasion) int64 {
	t.Helper()
	l := rate(t, c, job(o))[0]
	if l.Outcome == contracts.Held {
		t.Fatalf("held: %s", l.Reason)
	}
	return l.Minor
}

// More time never costs less, and bounds hold.
func TestMonotoneInDwellAndBounded(t *testing.T) {
	for seed := range uint64(400) {
		r := source(seed)
		c := &avro.Contract{ContractID: "c", Version: 1, Party: "p", Currency: pick(r, "USD", "JPY", "KWD"), Zone: pick(r, "", "America/Chicago"), Clauses: []avro.Clause{detentionClause(r)}}
		k := &c.Clauses[0]
		if c.Currency == "JPY" {
			k.Precision = avro.Opt[avro.Precision]{}
		}
		if faults := contracts.Check(c); len(faults) > 0 {
			t.Fatalf("seed %d: %v", seed, faults)
		}
		o, before := visit("2026-03-05 14:00", "2026-03-05 14:00"), int64(0)
		for range 40 {
			o.Departed.V += avro.Micros(r.Int64N(7200_000_000))
			got := priced(t, c, o)
			if got < before {
				t.Fatalf("seed %d: until %v it is %d, less than the %d before\n%+v", seed, o.Departed.V.Time(), got, before, *k)
			}
			if got > 0 && k.MinimumMinor.Ok && got < k.MinimumMinor.V || k.MaximumMinor.Ok && got > k.MaximumMinor.V {
				t.Fatalf("seed %d: %d is out of bounds\n%+v", seed, got, *k)
			}
			before = got
		}
	}
}

// The order in which a contract has its clauses and a job its occasions changes nothing.
func TestOrderDoesNotMatter(t *testing.T) {
	c := tariff(t, "tariffs/lrlogistics.yaml")[0]
	c.Clauses = append(c.Clauses, tariff(t, "tariffs/sddc.yaml")[0].Clauses...)
	j := job(stay(40_000), layover("2026-03-06 14:00", "2026-03-09 14:00"), cancelled(true), reconsigned("12", true), receipt(avro.ChargeTypeLumper, 999), receipt(avro.ChargeTypeToll, 5), extra(avro.OccasionExtraStop, "3"), occasion(avro.OccasionShipment, func(*contracts.Occasion) {}))
	for i := range j.Occasions {
		j.Occasions[i].Ref = fmt.Sprint(i)
	}
	want := rate(t, c, j)
	if len(want) != len(j.Occasions)+1 {
		t.Fatalf("%d lines for %d occasions", len(want), len(j.Occasions))
	}
	for seed := range uint64(200) {
		r := source(seed)
		r.Shuffle(len(c.Clauses), func(a, b int) { c.Clauses[a], c.Clauses[b] = c.Clauses[b], c.Clauses[a] })
		r.Shuffle(len(j.Occasions), func(a, b int) { j.Occasions[a], j.Occasions[b] = j.Occasions[b], j.Occasions[a] })
		if got := rate(t, c, j); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d:\ngot  %s\nwant %s", seed, said(got), said(want))
		}
	}
}

// An amount in minor units that are thousandths or whole is rounded there.
func TestMinorUnits(t *testing.T) {
	for currency, want := range map[string]int64{"USD": 123, "JPY": 1, "KWD": 1235} {
		c := inline(t, "\n  - {clause: l, charge: line_haul, measure: distance, price: 1.2345 per mile}")
		c.Currency = currency
		if got := priced(t, c, occasion(avro.OccasionShipment, func(o *contracts.Occasion) { o.Distance = miles("1") })); got != want {
			t.Errorf("%s: got %d, want %d", currency, got, want)
		}
	}
}

// Whatever bytes call themselves a contract: rating one that no check has passed comes to lines, not to a panic, and each is well formed.
func FuzzRate(f *testing.F) {
	for _, name := range []string{"fwcc", "lrlogistics", "gsa", "tgs", "sddc", "coolfreight"} {
		f.Add(tariff(f, "tariffs/"+name+".yaml")[0].Append(nil), int64(40_000))
	}
	f.Fuzz(func(t *testing.T, raw []byte, seconds int64) {
		var c avro.Contract
		if c.Decode(raw) != nil || len(c.Clauses) > 20 {
			return
		}
		contracts.Check(&c)
		j := job(stay(seconds%10_000_000), layover("2026-03-06 14:00", "2026-03-09 14:00"), cancelled(true), reconsigned("12", true), receipt(avro.ChargeTypeLumper, 999), extra(avro.OccasionExtraStop, "3"), stored(seconds%1_000_000))
		for _, l := range contracts.Rate(&c, j) {
			if (l.Outcome == contracts.Due) != (l.Arithmetic != "") || (l.Outcome == contracts.Due) == (l.Reason != "") {
				t.Errorf("%+v", l)
			}
		}
	})
}

func BenchmarkRateDetention(b *testing.B) {
	c, v := inline(b, hourly), visit("2026-03-02 08:00", "2026-03-02 13:00")
	j := job(v)
	b.ReportAllocs()
	for b.Loop() {
		contracts.Rate(c, j)
	}
}
