package contracts

import (
	"fmt"
	"math/big"
	"time"

	"waybill/avro"
	"waybill/processors/model/money"
)

// clause is a clause with what its fields say together.
type clause struct{ *avro.Clause }

// timed says whether it counts the time of a clock, which is in seconds whatever the price is per.
func (k clause) timed() bool { return k.Measure == avro.MeasureDwell }

// indexed says whether its price, or what picks it, comes from an index.
func (k clause) indexed() bool { return k.By == avro.SelectorIndex || k.Index.V.Base.Ok }

// measured is the quantity of an occasion, in the clause's unit, of a clock in seconds.
func (r *rating) measured() (*big.Rat, error) {
	switch r.k.Measure {
	case avro.MeasureNone:
		return one(), nil
	case avro.MeasureDwell:
		run, err := r.dwell()
		if err != nil {
			return nil, err
		}
		r.run = run
		return r.clocked()
	case avro.MeasureDistance:
		return r.given("the distance", r.o.Distance)
	case avro.MeasureDeadheadDistance:
		return r.given("the distance driven empty", r.o.Deadhead)
	case avro.MeasureExtraDistance:
		return r.given("the extra distance", r.o.Extra)
	case avro.MeasureWeight:
		return r.given("the weight", r.job.weightOf(r.o))
	case avro.MeasurePieces:
		return r.pieces(r.k.Unit)
	case avro.MeasureCost:
		return r.cost()
	case avro.MeasureBase:
		return r.base()
	}
	return r.dated()
}

// clocked is what the clock shows, up to where the clause becomes another.
func (r *rating) clocked() (*big.Rat, error) {
	if r.from != nil {
		r.run = r.run.within(interval{*r.from, last})
		r.text.addf("%s from %s on", span(r.run.long()), clock(*r.from))
	}
	into := r.k.Becomes
	if !into.Ok || r.run.long() <= max(0, avro.Micros(into.V.AfterS)*second) {
		return secondsOf(r.run.long()), nil
	}
	after := max(0, avro.Micros(into.V.AfterS)*second)
	at := r.run.at(after)
	if !into.V.Adds {
		at = r.run[0].from
	}
	r.became = &at
	if !into.V.Adds {
		return nil, nothingf("after %s it is %s instead", span(after), into.V.Clause)
	}
	r.run = r.run.until(after)
	r.text.addf("after %s it is %s", span(after), into.V.Clause)
	return secondsOf(after), nil
}

const second = avro.Micros(1_000_000)

func (r *rating) given(what string, q avro.Opt[Quantity]) (*big.Rat, error) {
	if !q.Ok {
		return nil, heldf("%s is not known", what)
	}
	if q.V.N < 0 {
		return nil, heldf("%s is negative: correct it", what)
	}
	x, ok := q.V.in(r.k.Unit)
	if !ok {
		return nil, heldf("%s is in %s, which is no %s: state it in a unit of the same kind", what, words(q.V.Unit), words(r.k.Unit))
	}
	text := counted(money.Exact(q.V.N), q.V.Unit)
	if q.V.Unit != r.k.Unit {
		text += ", which is " + counted(x, r.k.Unit)
	}
	r.text.addf("%s is %s", what, text)
	return x, nil
}

// pieces is how many there are of a unit.
func (r *rating) pieces(u avro.Unit) (*big.Rat, error) {
	for _, q := range r.o.Pieces {
		if q.Unit != u {
			continue
		}
		if q.N < 0 {
			return nil, heldf("the number of %s is negative: correct it", infoOf(u).many)
		}
		r.text.addf("there are %s", counted(money.Exact(q.N), u))
		return money.Exact(q.N), nil
	}
	return nil, heldf("the number of %s is not known", infoOf(u).many)
}

// cost is what a receipt says, in major units.
func (r *rating) cost() (*big.Rat, error) {
	switch c := r.o.Cost; {
	case !c.Ok:
		return nil, heldf("the cost is not known")
	case c.V.Currency != r.c.Currency:
		return nil, heldf("the cost is in %s and the contract in %s: state it in %s", c.V.Currency, r.c.Currency, r.c.Currency)
	case c.V.Minor < 0:
		return nil, heldf("the cost is negative: correct it")
	default:
		r.text.addf("the cost is %s", money.Format(c.V.Minor, r.c.Currency))
		return money.OfMinor(c.V.Minor, r.c.Currency), nil
	}
}

// base is the sum of the charges that the clause is a percentage of, in major units.
func (r *rating) base() (*big.Rat, error) {
	var parts []*big.Rat
	text := ""
	for _, t := range r.k.Base {
		for _, l := range r.lines[t] {
			switch {
			case l.Outcome == Held:
				return nil, heldf("it is a percentage of %s, which is held: %s", words(t), l.Reason)
			case l.Outcome != Due:
				continue
			case l.Currency != r.c.Currency:
				return nil, heldf("it is a percentage of %s, which is in %s, and the contract is in %s", words(t), l.Currency, r.c.Currency)
			}
			parts = append(parts, money.OfMinor(l.Minor, l.Currency))
			text += fmt.Sprintf(" + %s (%s)", money.Format(l.Minor, l.Currency), words(t))
		}
	}
	if len(parts) == 0 {
		return nil, heldf("there is no charge of %s that it could be a percentage of", types(r.k.Base))
	}
	sum := sumOf(parts)
	r.text.addf("the base is %s = %s %s", text[3:], money.Number(sum, 2), r.c.Currency)
	return sum, nil
}

func types(list []avro.ChargeType) string {
	s := ""
	for i, t := range list {
		if i > 0 {
			s += " or "
		}
		s += words(t)
	}
	return s
}

// dated counts nights, days or months between arrival and departure, by local dates.
func (r *rating) dated() (*big.Rat, error) {
	whole, err := r.stay()
	if err != nil {
		return nil, err
	}
	if r.from != nil {
		whole.from = *r.from
	}
	z, err := r.zone()
	if err != nil {
		return nil, err
	}
	in, out := dayOf(whole.from, z), dayOf(max(whole.from, whole.to-1), z)
	r.days = dayRange{in, out}
	n := count(r.k.Measure, in, out)
	r.text.addf("from %s to %s there are %s", date(in), date(out), counted(n, r.k.Unit))
	return n, nil
}

// dayRange is the local days of an occasion, both inclusive.
type dayRange struct{ in, out avro.Days }

// count is how many nights, days or months there are from one date to another, both inclusive.
//
// A storage month runs from a date in one calendar month to, but not including, the same date of the next. Split months: what
// came by the 15th pays the month, what came later half of it, and what is there on the first of a later month all of that.
// (So the standard terms of the warehouse associations.)
func count(m avro.Measure, in, out avro.Days) *big.Rat {
	switch m {
	case avro.MeasureNights:
		return big.NewRat(int64(out-in), 1)
	case avro.MeasureDays:
		return big.NewRat(int64(out-in)+1, 1)
	case avro.MeasureAnniversaryMonths:
		n := int64(0)
		for anniversary(in, n) <= out {
			n++
		}
		return big.NewRat(n, 1)
	}
	n := big.NewRat(calendarMonth(out)-calendarMonth(in), 1)
	if in.Time().Day() > 15 {
		return n.Add(n, big.NewRat(1, 2))
	}
	return n.Add(n, one())
}

func calendarMonth(d avro.Days) int64 {
	y, m, _ := d.Time().Date()
	return int64(y)*12 + int64(m)
}

// anniversary is the date n months later, or the last day of that month where it has no such date.
func anniversary(d avro.Days, n int64) avro.Days {
	y, m, day := d.Time().Date()
	end := time.Date(y, m+time.Month(n)+1, 0, 0, 0, 0, 0, time.UTC)
	return avro.DaysOf(time.Date(end.Year(), end.Month(), min(day, end.Day()), 0, 0, 0, 0, time.UTC))
}
