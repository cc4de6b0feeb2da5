package contracts

import (
	"cmp"
	"slices"

	"waybill/avro"
)

// usual is the type of charge that an occasion usually brings, for occasions that a contract does not speak of.
func usual(o *Occasion) avro.ChargeType {
	if o.Kind == avro.OccasionReceipt {
		return o.Receipt
	}
	for _, t := range usually {
		if t.on == o.Kind {
			return t.typ
		}
	}
	return avro.ChargeTypeUnspecified
}

// usually is what each type of charge is usually for; a clause may say otherwise.
var usually = []struct {
	typ avro.ChargeType
	on  avro.Occasion
}{
	{avro.ChargeTypeLineHaul, avro.OccasionShipment}, {avro.ChargeTypeFuelSurcharge, avro.OccasionShipment}, {avro.ChargeTypeDetention, avro.OccasionVisit},
	{avro.ChargeTypeLayover, avro.OccasionLayover}, {avro.ChargeTypeStopOff, avro.OccasionExtraStop}, {avro.ChargeTypeTruckOrderedNotUsed, avro.OccasionCancellation},
	{avro.ChargeTypeRedelivery, avro.OccasionRedelivery}, {avro.ChargeTypeReconsignment, avro.OccasionReconsignment}, {avro.ChargeTypeLumper, avro.OccasionReceipt},
	{avro.ChargeTypeToll, avro.OccasionReceipt}, {avro.ChargeTypeStorage, avro.OccasionStorage}, {avro.ChargeTypeHandling, avro.OccasionHandling},
}

// OccasionOf is the occasion that a type of charge is usually for.
func OccasionOf(typ avro.ChargeType) avro.Occasion {
	for _, t := range usually {
		if t.typ == typ {
			return t.on
		}
	}
	return avro.OccasionUnspecified
}

// restsOn are the types of charges that must be known before a clause can be rated.
func restsOn(k *avro.Clause) []avro.ChargeType {
	if k.OrRateOf == avro.ChargeTypeUnspecified {
		return k.Base
	}
	return append(slices.Clone(k.Base), k.OrRateOf)
}

// inOrder are the contract's types of charges, each behind those it rests on. Types that rest on each other in a ring, which the
// check refuses, come as they do.
func inOrder(c *avro.Contract) []avro.ChargeType {
	var out []avro.ChargeType
	under := map[avro.ChargeType]bool{}
	var visit func(t avro.ChargeType)
	visit = func(t avro.ChargeType) {
		if under[t] {
			return
		}
		under[t] = true
		for i := range c.Clauses {
			if k := &c.Clauses[i]; k.Type == t {
				for _, below := range restsOn(k) {
					visit(below)
				}
			}
		}
		out = append(out, t)
	}
	for _, t := range typesOf(c) {
		visit(t)
	}
	return out
}

func typesOf(c *avro.Contract) []avro.ChargeType {
	var out []avro.ChargeType
	for i := range c.Clauses {
		out = append(out, c.Clauses[i].Type)
	}
	slices.SortFunc(out, func(a, b avro.ChargeType) int { return cmp.Compare(a, b) })
	return slices.Compact(out)
}
