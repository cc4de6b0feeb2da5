package contracts

import (
	"cmp"
	"math"
	"math/big"
	"slices"

	"waybill/avro"
	"waybill/processors/model/money"
)

// finest is the grain of a table that states none.
const finest = avro.Unscaled(1)

// cut is x without what is finer than the grain: a price of 1.7094 lies where 1.709 does.
func cut(x *big.Rat, grain avro.Unscaled) *big.Rat {
	g := money.Exact(max(grain, finest))
	n := new(big.Rat).Quo(x, g)
	whole := new(big.Int).Div(n.Num(), n.Denom()) // down, of negative ones too
	return g.Mul(g, new(big.Rat).SetInt(whole))
}

func (s *stepsOf) holds(i int, x *big.Rat) bool {
	step := s.steps[i]
	return (!step.From.Ok || x.Cmp(money.Exact(step.From.V)) >= 0) && (!step.Below.Ok || x.Cmp(money.Exact(step.Below.V)) < 0)
}

// stepsOf is a table and what picks from it.
type stepsOf struct {
	steps []avro.Step
	grain avro.Unscaled
	every avro.Unscaled
	add   avro.Unscaled
}

func (k clause) table() stepsOf { return stepsOf{k.Steps, k.Grain, k.Every, k.Add} }

// pick is the value of the step that x falls into. Behind the last step it grows by add with each further width.
func (s stepsOf) pick(x *big.Rat, what string) (value *big.Rat, err error) {
	x = cut(x, s.grain)
	for i, step := range s.steps {
		if !s.holds(i, x) {
			continue
		}
		value = money.Exact(step.Value)
		if s.every > 0 && !step.Below.Ok && step.From.Ok {
			return value.Add(value, s.beyond(x, step.From.V)), nil
		}
		return value, nil
	}
	return nil, heldf("%s of %s lies in no step of the table, which %s", what, money.Number(x, 0), s.reach())
}

func (s stepsOf) beyond(x *big.Rat, from avro.Unscaled) *big.Rat {
	n := new(big.Rat).Sub(x, money.Exact(from))
	n.Quo(n, money.Exact(s.every))
	whole := new(big.Int).Quo(n.Num(), n.Denom())
	return new(big.Rat).Mul(new(big.Rat).SetInt(whole), money.Exact(s.add))
}

// reach says where a table begins and ends.
func (s stepsOf) reach() string {
	if len(s.steps) == 0 {
		return "is empty"
	}
	low := slices.MinFunc(s.steps, byFrom)
	high := slices.MaxFunc(s.steps, byBelow)
	from, below := "is open below", " and open above"
	if low.From.Ok {
		from = "begins at " + money.Number(money.Exact(low.From.V), 0)
	}
	if high.Below.Ok {
		below = " and ends below " + money.Number(money.Exact(high.Below.V), 0)
	}
	return from + below
}

func byFrom(a, b avro.Step) int {
	return cmp.Compare(a.From.Or(math.MinInt64), b.From.Or(math.MinInt64))
}

func byBelow(a, b avro.Step) int {
	return cmp.Compare(a.Below.Or(math.MaxInt64), b.Below.Or(math.MaxInt64))
}

// picks is what picks the step of a clause's price, and what it is called.
func (r *rating) picks(q, quote *big.Rat) (x *big.Rat, what string, err error) {
	switch r.k.By {
	case avro.SelectorQuantity:
		return q, "a quantity", nil
	case avro.SelectorIndex:
		return quote, "a price", nil
	case avro.SelectorOrdinal:
		if !r.o.Ordinal.Ok {
			return nil, "", heldf("which of its kind it is, is not known")
		}
		r.text.addf("it is number %d of its kind", r.o.Ordinal.V)
		return big.NewRat(r.o.Ordinal.V, 1), "number", nil
	case avro.SelectorWeight:
		return r.picking("the weight", r.job.weightOf(r.o), r.k.ByUnit)
	case avro.SelectorExtraDistance:
		return r.picking("the extra distance", r.o.Extra, r.k.ByUnit)
	}
	return nil, "", heldf("the clause does not say what picks its step: correct the contract")
}

func (r *rating) picking(what string, q avro.Opt[Quantity], unit avro.Unit) (*big.Rat, string, error) {
	x, ok := q.V.in(unit)
	if !q.Ok || !ok {
		return nil, "", heldf("%s is not known in %s", what, infoOf(unit).many)
	}
	r.text.addf("%s is %s", what, counted(x, unit))
	return x, what, nil
}

// parts cuts a quantity at the steps' edges, each with its value: tiered prices.
func (s stepsOf) parts(q *big.Rat) ([]part, error) {
	var out []part
	left := new(big.Rat).Set(q)
	for _, step := range s.steps {
		from := money.Exact(step.From.V)
		to := q
		if below := money.Exact(step.Below.V); step.Below.Ok && below.Cmp(q) < 0 {
			to = below
		}
		if to.Cmp(from) <= 0 {
			continue
		}
		n := new(big.Rat).Sub(to, from)
		out = append(out, part{n, money.Exact(step.Value)})
		left.Sub(left, n)
	}
	if left.Sign() != 0 {
		return nil, heldf("a quantity of %s lies in no step of the table, which %s", money.Number(q, 0), s.reach())
	}
	return out, nil
}

// part is a quantity at one price.
type part struct{ n, price *big.Rat }
