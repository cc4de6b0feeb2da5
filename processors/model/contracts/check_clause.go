package contracts

import (
	"fmt"
	"slices"

	"waybill/avro"
)

// families are the units that each measure may be counted in.
var families = map[avro.Measure][]family{
	avro.MeasureNone: {none, percent}, avro.MeasureDwell: {duration}, avro.MeasureDistance: {length}, avro.MeasureDeadheadDistance: {length},
	avro.MeasureExtraDistance: {length}, avro.MeasureWeight: {mass}, avro.MeasurePieces: {pieces}, avro.MeasureNights: {nights}, avro.MeasureDays: {duration},
	avro.MeasureAnniversaryMonths: {months}, avro.MeasureSplitMonths: {months}, avro.MeasureCost: {percent}, avro.MeasureBase: {percent},
}

func (c *checker) clause(path string, k clause) {
	c.need(k.Clause.Clause != "", path+".clause", "must be set: the name by which charges refer to it")
	c.need(k.Type != avro.ChargeTypeUnspecified, path+".charge", "must be set: what is charged")
	c.need(k.On != avro.OccasionUnspecified || k.Type == avro.ChargeTypeUnspecified, path+".on", "must be set: the occasion that is charged")
	c.conditions(path+".when", &k.When.V)
	c.measure(path, k)
	c.clock(path, k)
	c.quantities(path, k)
	c.pricing(path, k)
	c.bounds(path, k)
	c.splitting(path+".split", &k.Split.V, k.Split.Ok)
	c.precision(path+".rounding", k.Precision)
}

func (c *checker) measure(path string, k clause) {
	f := infoOf(k.Unit).family
	fits := slices.Contains(families[k.Measure], f) && (k.Measure != avro.MeasureDays || k.Unit == avro.UnitDay) && (k.Measure != avro.MeasureNone || k.Unit == avro.UnitNone)
	c.need(fits, path+".unit", "%s in %s is no quantity", words(k.Measure), unitName(k.Unit))
	c.need((k.Measure == avro.MeasureBase) == (len(k.Base) > 0), path+".base", "names the charges of a percentage: it goes with measure base, and that needs it")
	for i, t := range k.Base {
		c.need(t != avro.ChargeTypeUnspecified, fmt.Sprintf("%s.base[%d]", path, i), "must be a charge")
		c.need(t != k.Type, fmt.Sprintf("%s.base[%d]", path, i), "a charge cannot be a percentage of itself")
	}
	c.need(k.OrRateOf != k.Type || k.Type == avro.ChargeTypeUnspecified, path+".or_rate_of", "a charge cannot be compared with itself")
	tf := infoOf(k.Times).family
	c.need(k.Times == avro.UnitNone || tf == pieces || tf == mass, path+".times", "%s is no second factor: give pallets, cases, pieces or a unit of weight", unitName(k.Times))
}

func unitName(u avro.Unit) string {
	if u == avro.UnitNone {
		return "no unit (say what the price is per)"
	}
	return words(u)
}

func (c *checker) clock(path string, k clause) {
	dated := slices.Contains([]avro.Measure{avro.MeasureDwell, avro.MeasureNights, avro.MeasureDays, avro.MeasureAnniversaryMonths, avro.MeasureSplitMonths}, k.Measure)
	c.need(!k.Clock.Ok || dated, path+".clock", "%s has no clock", words(k.Measure))
	hours := k.Clock.V.Hours
	for i, h := range hours {
		at := fmt.Sprintf("%s.clock.hours[%d]", path, i)
		c.need(h.FromS >= 0 && h.FromS < h.ToS && h.ToS <= 86_400, at, "they do not run from an earlier to a later time of one day")
		c.need(len(h.Weekdays) > 0, at+".days", "must name days")
		for _, d := range h.Weekdays {
			c.need(d >= 1 && d <= 7, at+".days", "%d is no day of the week, Monday 1 to Sunday 7", d)
		}
		for j, o := range hours[:i] {
			both := slices.ContainsFunc(h.Weekdays, func(d int32) bool { return slices.Contains(o.Weekdays, d) })
			c.need(!both || h.FromS >= o.ToS || o.FromS >= h.ToS, at, "overlap with hours[%d] from %s to %s", j, dayTime(max(h.FromS, o.FromS)), dayTime(min(h.ToS, o.ToS)))
		}
	}
	for _, code := range k.Fault.V.Excluded {
		c.need(!slices.Contains(k.Fault.V.Chargeable, code), path+".fault", "reason %s is both excluded and chargeable", code)
	}
}

func dayTime(secs int64) string { return fmt.Sprintf("%02d:%02d", secs/3600, secs/60%60) }

func (c *checker) quantities(path string, k clause) {
	c.need(k.Free >= 0, path+".free", "is negative")
	c.need(k.Free == 0 || len(k.FreeSteps) == 0, path+".free", "is set, and a table of free quantities is too: keep one")
	if len(k.FreeSteps) > 0 {
		c.need(infoOf(k.FreeUnit).family == mass, path+".free_unit", "%s is no unit of weight, which picks what is free", unitName(k.FreeUnit))
		c.steps(path+".free_steps", k.FreeSteps, 0, number)
	}
	c.need(k.Increment >= 0, path+".increment", "is negative")
	c.need(k.Increment == 0 || k.Measure != avro.MeasureNone, path+".increment", "needs something measured")
	c.need(k.AtLeast >= 0, path+".at_least", "is negative")
	c.need(!k.Divide.Ok || k.Divide.V.By > 0, path+".divide.by", "must be above zero")
	c.scale(path+".divide.rounding", k.Divide.V.Precision)
	daily := k.Measure == avro.MeasureDays && k.By == avro.SelectorWeekday
	c.need(!daily || k.Increment == 0 && k.AtLeast == 0 && !k.Divide.Ok && k.Times == avro.UnitNone, path, "days at prices by weekday take no increment, at_least, divide or times")
	c.need(!daily || k.Free%10_000 == 0, path+".free", "of days at prices by weekday must be whole days")
}

// scale is of a step in between: as fine as decimals go here.
func (c *checker) scale(path string, p avro.Opt[avro.Precision]) {
	c.need(!p.Ok || p.V.Scale >= 0 && p.V.Scale <= 9, path, "rounds to %d decimals: give 0 to 9", p.V.Scale)
}

func (c *checker) bounds(path string, k clause) {
	for _, b := range []struct {
		name string
		v    avro.Opt[int64]
	}{{".minimum", k.MinimumMinor}, {".maximum", k.MaximumMinor}, {".maximum_a_day", k.MaximumDayMinor}, {".maximum_a_shipment", k.MaximumShipmentMinor}} {
		c.need(b.v.V >= 0, path+b.name, "is negative")
		c.need(!b.v.Ok || !k.MinimumMinor.Ok || b.v.V >= k.MinimumMinor.V, path+b.name, "is below the minimum")
	}
	plain := k.timed() && !k.Flat && k.Tiering == avro.TieringBracket && !k.Divide.Ok && k.Times == avro.UnitNone
	c.need(!k.MaximumDayMinor.Ok || plain, path+".maximum_a_day", "goes with dwell at one price per unit of time")
	for i, a := range k.Plus {
		c.need(a.AmountMinor != 0 || a.Percent != 0, fmt.Sprintf("%s.plus[%d]", path, i), "adds nothing: set amount or percent")
	}
}

func (c *checker) splitting(path string, s *avro.Split, set bool) {
	c.need(!set || s.By != avro.SplitByNone, path+".by", "must be set: equal, weight, pieces or shares")
	c.need(s.By != avro.SplitByShares || len(s.Payors) > 0, path+".payors", "must be set: shares are somebody's")
	c.need(len(s.Payors) == 0 || s.By == avro.SplitByShares || s.By == avro.SplitByEqual, path+".by", "between payors an amount is split by shares or equally")
	for i, p := range s.Payors {
		at := fmt.Sprintf("%s.payors[%d]", path, i)
		c.need(p.Party != "", at+".party", "must be set")
		c.need((s.By == avro.SplitByShares) == (p.Share > 0), at+".share", "goes with shares, above zero")
		c.need(!slices.ContainsFunc(s.Payors[:i], func(o avro.Payor) bool { return o.Party == p.Party }), at+".party", "%s stands twice", p.Party)
	}
}

func (c *checker) conditions(path string, w *avro.Conditions) {
	weighed := w.WeightFrom.Ok || w.WeightBelow.Ok
	c.need(!weighed || infoOf(w.WeightUnit).family == mass, path+".weight", "%s is no unit of weight", unitName(w.WeightUnit))
	c.need(!w.WeightFrom.Ok || !w.WeightBelow.Ok || w.WeightFrom.V < w.WeightBelow.V, path+".weight", "no weight lies between")
	for i, t := range w.StopTypes {
		c.need(t != avro.StopTypeUnspecified, fmt.Sprintf("%s.stop[%d]", path, i), "must be pickup or delivery")
	}
	for i, l := range w.Lanes {
		at := fmt.Sprintf("%s.lanes[%d]", path, i)
		c.need(l.From.Ok || l.To.Ok, at, "must say from where or to where")
		c.area(at+".from", l.From)
		c.area(at+".to", l.To)
	}
	for _, v := range append(slices.Clone(w.Is), w.IsNot...) {
		c.need(v != avro.CircumstanceUnspecified, path, "a circumstance must be named")
	}
	for _, v := range w.Is {
		c.need(!slices.Contains(w.IsNot, v), path, "%s must both be so and not be so: it would never apply", words(v))
	}
}

func (c *checker) area(path string, a avro.Opt[avro.Area]) {
	if !a.Ok {
		return
	}
	c.need(a.V != avro.Area{}, path, "must say something of the place")
	c.need(a.V.Country == "" || len(a.V.Country) == 2, path+".country", "%q is no code of ISO 3166-1, such as US", a.V.Country)
	c.need(a.V.State == "" && a.V.Postcode == "" || a.V.Country != "", path+".country", "must be set: states and postal codes are a country's")
}
