package contracts

import (
	"math/big"

	"waybill/avro"
	"waybill/processors/model/money"
)

// quantity is what is charged: what was measured, less what is free, in begun or whole increments, and at least the least.
func (r *rating) quantity() (*big.Rat, error) {
	q, err := r.measured()
	if err != nil {
		return nil, err
	}
	if q, err = r.beyondFree(q); err != nil || q.Sign() == 0 && r.free.Sign() > 0 {
		return q, err
	}
	q = r.inIncrements(q)
	if least := money.Exact(r.k.AtLeast); q.Cmp(least) < 0 {
		r.text.addf("at least %s", r.k.amountOf(least))
		q = least
	}
	if r.k.Divide.Ok && q.Sign() > 0 {
		if q, err = r.quotient(q, r.k.Divide.V.By, r.k.Divide.V.Precision, infoOf(r.k.Unit).many); err != nil {
			return nil, err
		}
	}
	return r.timesPieces(q)
}

func (r *rating) beyondFree(q *big.Rat) (*big.Rat, error) {
	free, err := r.freeQuantity()
	if err != nil {
		return nil, err
	}
	r.free = free
	if free.Sign() == 0 {
		return q, nil
	}
	beyond := new(big.Rat).Sub(q, free)
	if beyond.Sign() <= 0 {
		r.text.addf("%s of %s free", r.k.amountOf(q), r.k.amountOf(free))
		return new(big.Rat), nil
	}
	r.text.addf("%s - %s free = %s", r.k.amountOf(q), r.k.amountOf(free), r.k.amountOf(beyond))
	return beyond, nil
}

func (r *rating) freeQuantity() (*big.Rat, error) {
	switch {
	case r.k.timed() && r.o.late() && r.clockTerms().Late == avro.LateArrivalNoFreeTime:
		r.text.addf("late, so without free time")
		return new(big.Rat), nil
	case len(r.k.FreeSteps) == 0:
		return money.Exact(r.k.Free), nil
	}
	x, what, err := r.picking("the weight", r.job.weightOf(r.o), r.k.FreeUnit)
	if err != nil {
		return nil, err
	}
	return stepsOf{steps: r.k.FreeSteps, grain: r.k.Grain}.pick(x, what)
}

// inIncrements rounds a quantity to whole increments.
func (r *rating) inIncrements(q *big.Rat) *big.Rat {
	if r.k.Increment == 0 || q.Sign() == 0 {
		return q
	}
	inc := money.Exact(r.k.Increment)
	n := new(big.Rat).Quo(q, inc)
	whole := new(big.Rat).SetInt(begun(n, r.k.Rounding))
	out := new(big.Rat).Mul(whole, inc)
	if out.Cmp(q) == 0 && inc.Cmp(one()) == 0 && !r.k.timed() {
		return out // whole miles in whole miles say nothing
	}
	r.text.addf("%s / %s = %s (rounded %s); %s × %s = %s", r.k.amountOf(q), r.k.amountOf(inc), money.Number(whole, 0), words(r.k.Rounding),
		money.Number(whole, 0), r.k.amountOf(inc), r.k.amountOf(out))
	return out
}

// begun is a number of increments, n above zero, as a whole number.
func begun(n *big.Rat, how avro.Rounding) *big.Int {
	mode := avro.MoneyRoundingUp
	switch how {
	case avro.RoundingDown:
		mode = avro.MoneyRoundingDown
	case avro.RoundingNearest:
		mode = avro.MoneyRoundingHalfUp
	}
	return money.Round(n, avro.Precision{Mode: mode}).Num()
}

// timesPieces multiplies by the second factor: months by pallets.
func (r *rating) timesPieces(q *big.Rat) (*big.Rat, error) {
	if r.k.Times == avro.UnitNone {
		return q, nil
	}
	n, err := r.factor()
	if err != nil {
		return nil, err
	}
	out := new(big.Rat).Mul(q, n)
	r.text.addf("%s × %s = %s", r.k.amountOf(q), counted(n, r.k.Times), money.Number(out, 0))
	return out, nil
}

func (r *rating) factor() (*big.Rat, error) {
	if infoOf(r.k.Times).family == pieces {
		return r.pieces(r.k.Times)
	}
	x, _, err := r.picking("the weight", r.job.weightOf(r.o), r.k.Times)
	return x, err
}
