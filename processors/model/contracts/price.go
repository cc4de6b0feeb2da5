package contracts

import (
	"math/big"
	"strings"

	"waybill/avro"
	"waybill/processors/model/money"
)

// precision is how amounts of the clause are rounded.
func (r *rating) precision() avro.Precision {
	return r.k.Precision.Or(r.c.Precision.Or(money.Default(r.c.Currency)))
}

// minor rounds an amount of major units by the clause.
func (r *rating) minor(x *big.Rat) (int64, error) {
	minor, err := money.Minor(x, r.c.Currency, r.precision())
	if err != nil {
		return 0, heldf("%v", err)
	}
	return minor, nil
}

func roundedTo(p avro.Precision) string {
	how := map[avro.MoneyRounding]string{avro.MoneyRoundingDown: "cut", avro.MoneyRoundingUp: "rounded up", avro.MoneyRoundingHalfEven: "rounded half to even"}[p.Mode]
	if how == "" {
		how = "rounded half up"
	}
	return how + " to " + money.Number(big.NewRat(int64(p.Scale), 1), 0) + " decimals"
}

// priced is what a quantity costs, in minor units, before bounds and additions.
func (r *rating) priced(q *big.Rat, l *Line) (int64, error) {
	if r.k.Held != "" {
		return 0, heldf("%s", r.k.Held)
	}
	parts, err := r.parts(q)
	if err != nil {
		return 0, err
	}
	if err := r.state(l, q, parts); err != nil {
		return 0, err
	}
	if r.k.MaximumDayMinor.Ok {
		return r.byDay(q, parts[0].price)
	}
	return r.tell("", parts)
}

// state puts quantity and rate on the line. A price that has more than four decimals is not stated, only told.
func (r *rating) state(l *Line, q *big.Rat, parts []part) (err error) {
	if l.Quantity, err = unscaled(r.perUnit(q)); err != nil {
		return err
	}
	l.Unit = r.k.Unit
	if digits, exact := parts[0].price.FloatPrec(); len(parts) == 1 && exact && digits <= money.RateScale {
		l.Rate, err = unscaled(parts[0].price)
	}
	return err
}

// tell works parts out, together, and writes it down.
func (r *rating) tell(before string, parts []part) (int64, error) {
	exact, terms := new(big.Rat), make([]string, len(parts))
	for i, p := range parts {
		n := r.perUnit(p.n)
		if r.k.Flat {
			n = one()
		}
		x := n.Mul(n, p.price)
		if r.k.Unit == avro.UnitPercent && !r.k.Flat {
			x.Quo(x, hundred)
		}
		exact.Add(exact, x)
		terms[i] = r.term(p)
	}
	minor, err := r.minor(exact)
	if err != nil {
		return 0, err
	}
	how := ""
	if money.OfMinor(minor, r.c.Currency).Cmp(exact) != 0 {
		how = ", " + roundedTo(r.precision())
	}
	r.text.addf("%s%s = %s%s", before, strings.Join(terms, " + "), money.Format(minor, r.c.Currency), how)
	return minor, nil
}

var hundred = big.NewRat(100, 1)

// perUnit is a quantity in the unit of the price: times are in seconds before.
func (r *rating) perUnit(q *big.Rat) *big.Rat {
	if r.k.timed() {
		return new(big.Rat).Quo(q, size(r.k.Unit))
	}
	return new(big.Rat).Set(q)
}

func (r *rating) term(p part) string {
	price := r.k.rated(p.price, r.c.Currency)
	switch {
	case r.k.Flat || r.k.Measure == avro.MeasureNone:
		return "1 × " + price
	case r.k.Unit == avro.UnitPercent:
		return money.Number(p.n, 2) + " " + r.c.Currency + " × " + price
	case r.k.Divide.Ok || r.k.Times != avro.UnitNone:
		return money.Number(p.n, 0) + " × " + money.Number(p.price, 2) + " " + r.c.Currency
	}
	return r.k.amountOf(p.n) + " × " + price
}

// parts are the quantities of a charge, each at its price.
func (r *rating) parts(q *big.Rat) ([]part, error) {
	var quote *big.Rat
	if r.k.indexed() {
		var err error
		if quote, err = r.quote(); err != nil {
			return nil, err
		}
	}
	switch {
	case r.k.By == avro.SelectorWeekday:
		return r.byWeekday(q)
	case r.k.By == avro.SelectorQuantity && r.k.Tiering == avro.TieringTiered:
		return r.k.table().parts(q)
	}
	price, err := r.price(q, quote)
	if err != nil {
		return nil, err
	}
	return []part{{q, price}}, nil
}

// price is the one price of a quantity.
func (r *rating) price(q, quote *big.Rat) (*big.Rat, error) {
	if r.k.Index.V.Base.Ok {
		return r.overBase(quote)
	}
	price := money.Exact(r.k.Price)
	if r.k.By != avro.SelectorNone {
		x, what, err := r.picks(q, quote)
		if err != nil {
			return nil, err
		}
		if price, err = r.k.table().pick(x, what); err != nil {
			return nil, err
		}
	}
	return r.greater(price)
}

// greater is the price, or the rate of the charge that the clause names, whichever is greater.
func (r *rating) greater(price *big.Rat) (*big.Rat, error) {
	t := r.k.OrRateOf
	if t == avro.ChargeTypeUnspecified {
		return price, nil
	}
	for _, l := range r.lines[t] {
		if l.Outcome != Due || l.Unit != r.k.Unit || l.Rate == 0 {
			continue
		}
		rate := money.Exact(l.Rate)
		r.text.addf("the greater of %s and the rate of %s, %s", r.k.rated(price, r.c.Currency), words(t), r.k.rated(rate, l.Currency))
		if rate.Cmp(price) > 0 {
			return rate, nil
		}
		return price, nil
	}
	return nil, heldf("the rate of %s is not known, which it is to be compared with", words(t))
}

// byWeekday prices each day at its own; of other measures, all at the price of the day it began.
func (r *rating) byWeekday(q *big.Rat) ([]part, error) {
	if r.k.Measure != avro.MeasureDays {
		day, err := r.began()
		if err != nil {
			return nil, err
		}
		price, err := r.k.table().pick(big.NewRat(weekday(day), 1), "weekday")
		return []part{{q, price}}, err
	}
	var out []part
	n := q.Num().Int64()
	if n > int64(r.days.out-r.days.in)+1 {
		return nil, heldf("it charges %d days of fewer: correct the contract", n)
	}
	for d := r.days.out - avro.Days(n) + 1; d <= r.days.out; d++ {
		price, err := r.k.table().pick(big.NewRat(weekday(d), 1), "weekday")
		if err != nil {
			return nil, err
		}
		out = append(out, part{one(), price})
	}
	return merged(out), nil
}

func (r *rating) began() (avro.Days, error) {
	at := r.o.Arrived
	if !at.Ok {
		at = r.job.PickedUp
	}
	if !at.Ok {
		return 0, heldf("the day on which it began is not known")
	}
	z, err := r.zone()
	if err != nil {
		return 0, err
	}
	return dayOf(at.V, z), nil
}

// merged puts days of one price in a row together.
func merged(list []part) []part {
	var out []part
	for _, p := range list {
		if n := len(out); n > 0 && out[n-1].price.Cmp(p.price) == 0 {
			out[n-1].n.Add(out[n-1].n, p.n)
			continue
		}
		out = append(out, p)
	}
	return out
}
