package contracts

import (
	"fmt"
	"math/big"
	"slices"

	"waybill/avro"
	"waybill/processors/model/money"
)

// pricing is what is wrong with the price, its steps and its index.
func (c *checker) pricing(path string, k clause) {
	stepped := k.By != avro.SelectorNone
	c.need(!stepped || len(k.Steps) > 0, path+".steps", "must be set: %s picks one of them", words(k.By))
	c.need(stepped || len(k.Steps) == 0, path+".by", "must be set: what picks one of the steps")
	c.need(!stepped || k.Price == 0, path+".price", "is set, and steps are too: keep one")
	c.need(k.Held == "" || !stepped && k.Price == 0 && !k.Index.Ok, path+".held", "is set, and a price is too: keep one")
	c.need(k.Price >= 0, path+".price", "is negative")
	c.need(k.Tiering == avro.TieringBracket || k.By == avro.SelectorQuantity && !k.Flat, path+".tiering", "tiered prices are by quantity, per unit")
	c.need(!k.Flat || k.Held != "" || stepped || k.Measure != avro.MeasureNone, path+".flat", "says nothing where nothing is measured")
	c.need(k.Grain >= 0, path+".grain", "is negative")
	c.index(path, k)
	if stepped && len(k.Steps) > 0 {
		c.selector(path, k)
		c.steps(path+".steps", k.Steps, k.Grain, k.edge())
		c.ends(path, k)
	}
}

func (c *checker) selector(path string, k clause) {
	want := map[avro.Selector]family{avro.SelectorWeight: mass, avro.SelectorExtraDistance: length}[k.By]
	c.need(infoOf(k.ByUnit).family == want, path+".by_unit", "%s does not fit what picks the step", unitName(k.ByUnit))
	c.need(k.By != avro.SelectorQuantity || k.Measure != avro.MeasureNone, path+".by", "there is no quantity: set measure")
	for i, s := range k.Steps {
		c.need(s.Value >= 0, fmt.Sprintf("%s.steps[%d].price", path, i), "is negative")
	}
}

// ends is what is wrong with where a table begins and ends.
func (c *checker) ends(path string, k clause) {
	low, high := slices.MinFunc(k.Steps, byFrom), slices.MaxFunc(k.Steps, byBelow)
	c.need(k.Tiering == avro.TieringBracket || low.From.V <= 0, path+".steps", "begin at %s: tiered prices begin at 0", k.edge()(low.From.V))
	c.need(k.Every >= 0 && k.Add >= 0, path+".further", "is negative")
	c.need(k.Every == 0 && k.Add == 0 || !high.Below.Ok && high.From.Ok && k.Every > 0, path+".further", "goes on from the last step: that must have a from and no end, and every must be above zero")
	if k.By == avro.SelectorWeekday {
		c.need(low.From.V <= 1*10_000 && (!high.Below.Ok || high.Below.V > 7*10_000), path+".steps", "leave days of the week out: they go from %s to %s of 1 to 7", k.edge()(low.From.V), k.edge()(high.Below.V))
	}
}

func (c *checker) index(path string, k clause) {
	t := k.Index.V
	c.need(k.Index.Ok == k.indexed(), path+".index", "goes with steps by index, or with a base: set one of them")
	if !k.Index.Ok {
		return
	}
	c.need(t.Name != "", path+".index.name", "must be set")
	c.need(!t.Base.Ok || k.By == avro.SelectorNone && k.Price == 0 && !k.Flat && k.OrRateOf == avro.ChargeTypeUnspecified, path+".index.base", "is what the price comes from: it takes no price, steps, flat or or_rate_of")
	c.need(t.LagDays >= 0 && t.LagDays <= 366, path+".index.lag", "is %d days", t.LagDays)
	c.need(t.Window != avro.IndexWindowMonth || t.MonthDay >= 1 && t.MonthDay <= 28, path+".index.day", "is %d: a window begins on a day that every month has, 1 to 28", t.MonthDay)
	c.need(t.Window != avro.IndexWindowWeek || t.MonthDay == 0, path+".index.day", "goes with monthly prices")
	c.need(!t.Divide.Ok || t.Base.Ok && t.Divide.V > 0, path+".index.divide", "goes with a base, above zero")
	c.scale(path+".index.rounding", t.Precision)
}

// edge is how the edges of a clause's steps are written.
func (k clause) edge() func(avro.Unscaled) string {
	if k.By == avro.SelectorQuantity && k.timed() {
		return func(v avro.Unscaled) string { return span(microsOf(money.Exact(v))) }
	}
	return number
}

func number(v avro.Unscaled) string { return money.Number(money.Exact(v), 0) }

// steps reports where steps overlap and where they leave a hole, with the exact range.
func (c *checker) steps(path string, steps []avro.Step, grain avro.Unscaled, write func(avro.Unscaled) string) {
	e := edges{grain, write}
	for i, s := range steps {
		c.need(!s.From.Ok || !s.Below.Ok || s.From.V < s.Below.V, fmt.Sprintf("%s[%d]", path, i), "%s: it ends before it begins", e.of(s))
		c.need(e.onGrain(s.From) && e.onGrain(s.Below), fmt.Sprintf("%s[%d]", path, i), "%s: it does not lie on the grain of %s", e.of(s), number(grain))
	}
	in := slices.Clone(steps)
	slices.SortStableFunc(in, byFrom)
	for i, high := 1, 0; i < len(in); i++ {
		a, b := in[high], in[i]
		switch {
		case !b.From.Ok || !a.Below.Ok || b.From.V < a.Below.V:
			both := avro.Step{From: b.From, Below: lower(a.Below, b.Below)}
			c.addf(path, "%s and %s overlap from %s", e.of(a), e.of(b), e.of(both))
		case b.From.V > a.Below.V:
			c.addf(path, "between %s and %s there is a hole from %s", e.of(a), e.of(b), e.of(avro.Step{From: a.Below, Below: b.From}))
		}
		if byBelow(b, a) > 0 {
			high = i
		}
	}
}

func lower(a, b avro.Opt[avro.Unscaled]) avro.Opt[avro.Unscaled] {
	if !a.Ok || b.Ok && b.V < a.V {
		return b
	}
	return a
}

// edges writes ranges: to the grain and inclusive where the table states one, else up to but not including their end.
type edges struct {
	grain avro.Unscaled
	write func(avro.Unscaled) string
}

func (e edges) of(s avro.Step) string {
	from, to := "the bottom", " on"
	if s.From.Ok {
		from = e.write(s.From.V)
	}
	switch {
	case s.Below.Ok && e.grain > 0:
		to = " to " + e.write(s.Below.V-e.grain)
	case s.Below.Ok:
		to = " to below " + e.write(s.Below.V)
	}
	return from + to
}

func (e edges) onGrain(v avro.Opt[avro.Unscaled]) bool {
	if !v.Ok || e.grain <= 0 {
		return true
	}
	return new(big.Rat).Quo(money.Exact(v.V), money.Exact(e.grain)).IsInt()
}
