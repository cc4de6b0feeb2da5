package contracts

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/money"
)

// story is the arithmetic of a line: steps that a person can follow, and a program can work out again: what stands on the left
// of " = " comes to what stands on the right.
type story struct{ steps []string }

func (s *story) addf(format string, args ...any) {
	s.steps = append(s.steps, fmt.Sprintf(format, args...))
}

func (s *story) String() string { return strings.Join(s.steps, "; ") }

// clock writes an instant, to the microsecond where it has any.
func clock(m avro.Micros) string { return m.Time().Format("2006-01-02 15:04:05.999999Z") }

func date(d avro.Days) string { return d.Time().Format(time.DateOnly) }

// span writes a time: 2h30m.
func span(m avro.Micros) string {
	s := (time.Duration(m) * time.Microsecond).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// amountOf writes a quantity of a clause: times as spans, others with their unit.
func (k clause) amountOf(q *big.Rat) string {
	if k.timed() {
		return span(microsOf(q))
	}
	return counted(q, k.Unit)
}

// counted writes a quantity with its unit: 750 mi, 1 pallet.
func counted(q *big.Rat, u avro.Unit) string {
	word := infoOf(u).many
	if q.Cmp(one()) == 0 {
		word = infoOf(u).one
	}
	return strings.TrimSpace(money.Number(q, 0) + " " + word)
}

// rated writes what a unit costs: 75.50 USD an hour, 10 %.
func (k clause) rated(price *big.Rat, currency string) string {
	switch {
	case k.Unit == avro.UnitPercent:
		return money.Number(price, 0) + " %"
	case k.Flat || k.Unit == avro.UnitNone:
		return money.Number(price, 2) + " " + currency
	}
	return money.Number(price, 2) + " " + currency + " " + article(infoOf(k.Unit).one)
}

func article(noun string) string {
	if noun == "hour" {
		return "an hour"
	}
	return "a " + noun
}

// microsOf is a time in seconds as microseconds; times are whole microseconds.
func microsOf(seconds *big.Rat) avro.Micros {
	x := new(big.Rat).Mul(seconds, big.NewRat(1_000_000, 1))
	return avro.Micros(new(big.Int).Quo(x.Num(), x.Denom()).Int64())
}

// secondsOf is a time as a fraction of seconds.
func secondsOf(m avro.Micros) *big.Rat { return big.NewRat(int64(m), 1_000_000) }

// one is a new 1: fractions are changed in place.
func one() *big.Rat { return big.NewRat(1, 1) }

// words is an enum's symbol as people write it.
func words(symbol fmt.Stringer) string {
	return strings.ReplaceAll(strings.ToLower(symbol.String()), "_", " ")
}

func sumOf(list []*big.Rat) *big.Rat {
	total := new(big.Rat)
	for _, x := range list {
		total.Add(total, x)
	}
	return total
}
