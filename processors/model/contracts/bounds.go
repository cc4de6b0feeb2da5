package contracts

import (
	"cmp"
	"math/big"
	"strings"

	"waybill/avro"
	"waybill/processors/model/money"
)

// byDay prices the time of each local day by itself, at most at the day's maximum. An increment counts on the day on which it
// begins, and each day's amount is rounded.
func (r *rating) byDay(q, price *big.Rat) (int64, error) {
	z, err := r.zone()
	if err != nil || len(r.run) == 0 {
		return 0, cmp.Or(err, heldf("it has a maximum a day and no clock: correct the contract"))
	}
	total, left, amounts := int64(0), q, []string{}
	begin, end := r.run[0].from, r.run[len(r.run)-1].to
	for d := dayOf(begin, z); left.Sign() > 0; d++ {
		n := r.chargedUntil(startOf(d+1, 0, z), q)
		if startOf(d+1, 0, z) >= end {
			n = new(big.Rat).Set(q) // a minimum beyond the stay counts on its last day
		}
		n.Sub(n, new(big.Rat).Sub(q, left))
		if n.Sign() == 0 {
			continue
		}
		left = new(big.Rat).Sub(left, n)
		minor, err := r.tell(date(d)+": ", []part{{n, price}})
		if err != nil {
			return 0, err
		}
		minor = r.atMost(minor, r.k.MaximumDayMinor.V, " a day")
		total += minor
		amounts = append(amounts, money.Format(minor, r.c.Currency))
	}
	if len(amounts) > 1 {
		r.text.addf("%s = %s", strings.Join(amounts, " + "), money.Format(total, r.c.Currency))
	}
	return total, nil
}

// chargedUntil is how much of a charged time begins before an instant.
func (r *rating) chargedUntil(at avro.Micros, q *big.Rat) *big.Rat {
	n := secondsOf(r.run.within(interval{first, at}).long())
	n.Sub(n, r.free)
	if n.Sign() <= 0 {
		return new(big.Rat)
	}
	if r.k.Increment > 0 {
		inc := money.Exact(r.k.Increment)
		n.Mul(new(big.Rat).SetInt(begun(n.Quo(n, inc), avro.RoundingUp)), inc)
	}
	if n.Cmp(q) > 0 {
		return new(big.Rat).Set(q)
	}
	return n
}

func (r *rating) atMost(minor, most int64, per string) int64 {
	if minor <= most {
		return minor
	}
	r.text.addf("at most %s%s", money.Format(most, r.c.Currency), per)
	return most
}

// bounded holds an occasion's amount to its minimum and maximum.
func (r *rating) bounded(minor int64) int64 {
	if r.k.MinimumMinor.Ok && minor < r.k.MinimumMinor.V {
		r.text.addf("at least %s", money.Format(r.k.MinimumMinor.V, r.c.Currency))
		minor = r.k.MinimumMinor.V
	}
	if r.k.MaximumMinor.Ok {
		return r.atMost(minor, r.k.MaximumMinor.V, "")
	}
	return minor
}

// withAdditions puts on top what the clause adds: always, and where the quantity itself is charged.
func (r *rating) withAdditions(minor int64, charged bool) (int64, error) {
	total, terms := minor, []string{money.Format(minor, r.c.Currency)}
	for _, a := range r.k.Plus {
		if !charged && !a.Always {
			continue
		}
		x, err := r.addition(a, minor)
		if err != nil {
			return 0, err
		}
		total += x
		terms = append(terms, strings.TrimSpace(money.Format(x, r.c.Currency)+" "+bracketed(a.Name)))
	}
	if len(terms) > 1 {
		r.text.addf("%s = %s", strings.Join(terms, " + "), money.Format(total, r.c.Currency))
	}
	return total, nil
}

func (r *rating) addition(a avro.Addition, minor int64) (int64, error) {
	if a.Percent == 0 {
		return a.AmountMinor, nil
	}
	x := new(big.Rat).Mul(money.OfMinor(minor, r.c.Currency), money.Exact(a.Percent))
	x.Quo(x, hundred)
	part, err := r.minor(x)
	if err != nil {
		return 0, err
	}
	how := ""
	if money.OfMinor(part, r.c.Currency).Cmp(x) != 0 {
		how = ", " + roundedTo(r.precision())
	}
	r.text.addf("%s × %s %% = %s%s", money.Format(minor, r.c.Currency), money.Number(money.Exact(a.Percent), 0), money.Format(part, r.c.Currency), how)
	return part + a.AmountMinor, nil
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}
