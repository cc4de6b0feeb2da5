package contracts

import (
	"math/big"

	"waybill/avro"
	"waybill/processors/model/money"
)

// family is what units of the same kind convert into.
type family int

const (
	none family = iota
	duration
	length
	mass
	pieces
	nights
	months
	percent
)

// unitInfo is a unit: its kind, how many of the kind's base it is (second, metre, kilogram), what people call it and its code.
type unitInfo struct {
	family family
	num    int64 // size is num/den
	den    int64
	one    string
	many   string
	code   string
}

// units holds every unit. The pound is 0.45359237 kg and the mile 1609.344 m (international yard and pound, 1959); codes are of
// UN/ECE Recommendation 20, those of packages of Recommendation 21.
var units = [...]unitInfo{
	avro.UnitNone:          {none, 1, 1, "", "", "EA"},
	avro.UnitMinute:        {duration, 60, 1, "minute", "minutes", "MIN"},
	avro.UnitHour:          {duration, 3600, 1, "hour", "hours", "HUR"},
	avro.UnitDay:           {duration, 86400, 1, "day", "days", "DAY"},
	avro.UnitNight:         {nights, 1, 1, "night", "nights", "DAY"},
	avro.UnitMonth:         {months, 1, 1, "month", "months", "MON"},
	avro.UnitMile:          {length, 1_609_344, 1000, "mi", "mi", "SMI"},
	avro.UnitKilometre:     {length, 1000, 1, "km", "km", "KMT"},
	avro.UnitPound:         {mass, 45_359_237, 100_000_000, "lb", "lb", "LBR"},
	avro.UnitKilogram:      {mass, 1, 1, "kg", "kg", "KGM"},
	avro.UnitHundredweight: {mass, 45_359_237, 1_000_000, "cwt", "cwt", "CWA"},
	avro.UnitShortTon:      {mass, 45_359_237, 50_000, "short tons", "short tons", "STN"},
	avro.UnitTonne:         {mass, 1000, 1, "t", "t", "TNE"},
	avro.UnitPallet:        {pieces, 1, 1, "pallet", "pallets", "PX"},
	avro.UnitCase:          {pieces, 1, 1, "case", "cases", "CS"},
	avro.UnitPiece:         {pieces, 1, 1, "piece", "pieces", "PCE"},
	avro.UnitPercent:       {percent, 1, 1, "%", "%", "P1"},
}

func infoOf(u avro.Unit) unitInfo {
	if int(u) < len(units) && u >= 0 {
		return units[u]
	}
	return unitInfo{num: 1, den: 1}
}

// Code is a unit's code in UN/ECE Recommendation 20 or 21, as lines of the ledger have it.
func Code(u avro.Unit) string { return infoOf(u).code }

// size is how many of its family's base a unit is.
func size(u avro.Unit) *big.Rat { return big.NewRat(infoOf(u).num, infoOf(u).den) }

// in converts a quantity, half up to four decimals where it has more: what a line says is what was priced.
func (q Quantity) in(to avro.Unit) (*big.Rat, bool) {
	if q.Unit == to {
		return money.Exact(q.N), true
	}
	if f := infoOf(q.Unit).family; f != infoOf(to).family || f == pieces || f == none {
		return nil, false
	}
	x := new(big.Rat).Mul(money.Exact(q.N), size(q.Unit))
	return money.Round(x.Quo(x, size(to)), fourDecimals), true
}

var fourDecimals = avro.Precision{Scale: money.RateScale}

// unscaled is x at scale 4, half up.
func unscaled(x *big.Rat) (avro.Unscaled, error) {
	scaled := new(big.Rat).Mul(money.Round(x, fourDecimals), big.NewRat(10_000, 1))
	if n := scaled.Num(); n.IsInt64() {
		return avro.Unscaled(n.Int64()), nil
	}
	return 0, heldf("a quantity of %s does not fit 64 bits: correct it", x.FloatString(0))
}
