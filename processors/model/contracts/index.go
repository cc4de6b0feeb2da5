package contracts

import (
	"math/big"
	"slices"
	"time"

	"waybill/avro"
	"waybill/processors/model/money"
)

// quote is the price of the clause's index that counts for the pickup.
func (r *rating) quote() (*big.Rat, error) {
	terms := r.k.Index.V
	if !r.job.PickedUp.Ok {
		return nil, heldf("the pickup is not known, which says what price of index %s counts", terms.Name)
	}
	z, err := r.pickupZone()
	if err != nil {
		return nil, err
	}
	day := dayOf(r.job.PickedUp.V, z)
	from, to := window(terms, day)
	q, ok := published(r.job.Indices[terms.Name], from, to, terms.Window)
	if !ok {
		return nil, heldf("index %s has no price published from %s to %s, which counts for a pickup on %s: send it", terms.Name, date(from), date(to), date(day))
	}
	r.text.addf("picked up %s, for which %s of %s counts: %s", date(day), terms.Name, date(q.Published), money.Number(money.Exact(q.Price), 3))
	return money.Exact(q.Price), nil
}

func (r *rating) pickupZone() (*time.Location, error) {
	if r.job.Zone != "" {
		return zoneOf(r.job.Zone)
	}
	return zoneOf(r.c.Zone)
}

// window is the days of publication, both inclusive, among which is the price that counts for a pickup.
func window(t avro.IndexTerms, pickup avro.Days) (from, to avro.Days) {
	if t.Window == avro.IndexWindowWeek {
		to = pickup - avro.Days(t.LagDays)
		return to - 6, to
	}
	y, m, d := pickup.Time().Date()
	if d < int(t.MonthDay) {
		m--
	}
	begins := time.Date(y, m, int(t.MonthDay), 0, 0, 0, 0, time.UTC)
	return avro.DaysOf(begins.AddDate(0, 0, 1-int(t.MonthDay))), avro.DaysOf(begins)
}

// published is the first price of a month's window, the last of a week's.
func published(quotes []Quote, from, to avro.Days, w avro.IndexWindow) (Quote, bool) {
	if w == avro.IndexWindowMonth {
		i := slices.IndexFunc(quotes, func(q Quote) bool { return q.Published >= from && q.Published <= to })
		if i < 0 {
			return Quote{}, false
		}
		return quotes[i], true
	}
	for _, q := range slices.Backward(quotes) {
		if q.Published >= from && q.Published <= to {
			return q, true
		}
	}
	return Quote{}, false
}

// overBase is the price that an index gives: what it is above the clause's base, divided where the clause says so.
func (r *rating) overBase(quote *big.Rat) (*big.Rat, error) {
	t := r.k.Index.V
	base := money.Exact(t.Base.V)
	over := new(big.Rat).Sub(quote, base)
	if over.Sign() <= 0 {
		return nil, nothingf("the price of index %s, %s, is not above the base of %s", t.Name, money.Number(quote, 3), money.Number(base, 3))
	}
	r.text.addf("%s - %s = %s", money.Number(quote, 3), money.Number(base, 3), money.Number(over, 3))
	if !t.Divide.Ok {
		return over, nil
	}
	return r.quotient(over, t.Divide.V, t.Precision, "")
}

// quotient divides and tells it.
func (r *rating) quotient(x *big.Rat, by avro.Unscaled, p avro.Opt[avro.Precision], unit string) (*big.Rat, error) {
	if by <= 0 {
		return nil, heldf("the clause divides by nothing: correct the contract")
	}
	out := new(big.Rat).Quo(x, money.Exact(by))
	how := ""
	if p.Ok {
		out = money.Round(out, p.V)
		how = ", " + roundedTo(p.V)
	}
	if unit != "" {
		unit = " " + unit
	}
	r.text.addf("%s%s / %s = %s%s", money.Number(x, 0), unit, money.Number(money.Exact(by), 0), money.Number(out, 0), how)
	return out, nil
}
