package written

import (
	"cmp"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"waybill/avro"
	"waybill/processors/model/contracts"
	"waybill/processors/model/money"
)

// clauseReader reads one clause. What it measures and what picks its steps say how its quantities are written.
type clauseReader struct {
	*reader
	currency string
	timed    bool
	by       avro.Selector
	grain    avro.Unscaled
	k        avro.Clause
}

func (c *clauseReader) read(n *yaml.Node, path string) avro.Clause {
	c.timed = peek(n, "measure") == "dwell"
	c.by, _ = choice(avro.ParseSelector)(peek(n, "by"))
	c.grain, _ = decimal(peek(n, "grain"))
	if c.grain == 0 && (c.by == avro.SelectorOrdinal || c.by == avro.SelectorWeekday) {
		c.k.Grain = 10_000
	}
	c.grain = cmp.Or(c.grain, c.k.Grain, 1)
	c.object(n, path, c.keys())
	if c.k.On == avro.OccasionUnspecified {
		c.k.On = contracts.OccasionOf(c.k.Type)
	}
	return c.k
}

func (c *clauseReader) keys() map[string]set {
	r, k, money := c.reader, &c.k, optional(minor(c.currency))
	return map[string]set{
		"clause": parsed(r, &k.Clause, plain), "charge": parsed(r, &k.Type, choice(avro.ParseChargeType)), "on": parsed(r, &k.On, choice(avro.ParseOccasion)),
		"when": c.when, "measure": parsed(r, &k.Measure, choice(avro.ParseMeasure)), "unit": parsed(r, &k.Unit, unit), "times": parsed(r, &k.Times, unit),
		"base": listed(r, &k.Base, choice(avro.ParseChargeType)), "clock": c.clock, "fault": c.fault,
		"free": parsed(r, &k.Free, c.quantity), "free_steps": c.steps(&k.FreeSteps, "free", decimal, c.quantity, 1), "free_unit": parsed(r, &k.FreeUnit, unit),
		"increment": parsed(r, &k.Increment, c.quantity), "round": parsed(r, &k.Rounding, choice(avro.ParseRounding)), "at_least": parsed(r, &k.AtLeast, c.quantity),
		"divide": c.divide, "by": parsed(r, &k.By, choice(avro.ParseSelector)), "by_unit": parsed(r, &k.ByUnit, unit), "index": c.index,
		"tiering": parsed(r, &k.Tiering, choice(avro.ParseTiering)), "flat": parsed(r, &k.Flat, truth), "price": c.price,
		"steps": c.steps(&k.Steps, "price", c.picker(), decimal, c.grain), "grain": parsed(r, &k.Grain, decimal), "further": c.further,
		"or_rate_of": parsed(r, &k.OrRateOf, choice(avro.ParseChargeType)), "held": parsed(r, &k.Held, plain),
		"minimum": parsed(r, &k.MinimumMinor, money), "maximum": parsed(r, &k.MaximumMinor, money), "maximum_a_day": parsed(r, &k.MaximumDayMinor, money),
		"maximum_a_shipment": parsed(r, &k.MaximumShipmentMinor, money),
		"plus":               objects(r, &k.Plus, c.addition), "becomes": c.becomes, "rounding": r.precision(&k.Precision, c.currency), "split": c.split,
	}
}

// quantity reads what is counted: of a clock a duration, else a decimal in the clause's unit.
func (c *clauseReader) quantity(s string) (avro.Unscaled, error) {
	if c.timed {
		return duration(s)
	}
	return decimal(s)
}

// picker reads what picks a step.
func (c *clauseReader) picker() func(string) (avro.Unscaled, error) {
	switch {
	case c.by == avro.SelectorWeekday:
		return weekdayStep
	case c.by == avro.SelectorQuantity:
		return c.quantity
	}
	return decimal
}

// price reads 50.00 per hour, 10 %, or an amount alone.
func (c *clauseReader) price(n *yaml.Node, path string) {
	type price struct {
		v    avro.Unscaled
		unit avro.Unit
	}
	var p price
	parsed(c.reader, &p, func(s string) (price, error) {
		number, per, said := strings.Cut(s, " per ")
		if bare, percent := strings.CutSuffix(s, "%"); percent {
			number, per, said = strings.TrimSpace(bare), "%", true
		}
		v, err := decimal(number)
		if err != nil {
			return price{}, errors.New("want a price, such as 50.00 per hour, 10 % or 125.00")
		}
		if !said {
			return price{v: v}, nil
		}
		of, err := unit(per)
		return price{v, of}, err
	})(n, path)
	c.k.Price = p.v
	if p.unit != avro.UnitNone {
		c.k.Unit = p.unit
	}
}

// steps reads a table. A step begins with from (with it) or above (behind it) and ends with to (with it) or below (before it);
// with it means up to the table's grain.
func (c *clauseReader) steps(to *[]avro.Step, value string, edge, read func(string) (avro.Unscaled, error), grain avro.Unscaled) set {
	r := c.reader
	behind := func(s string) (avro.Opt[avro.Unscaled], error) {
		v, err := edge(s)
		return avro.Some(v + grain), err
	}
	return objects(r, to, func(s *avro.Step) map[string]set {
		return map[string]set{
			"from": parsed(r, &s.From, optional(edge)), "above": parsed(r, &s.From, behind), "to": parsed(r, &s.Below, behind), "below": parsed(r, &s.Below, optional(edge)),
			value: parsed(r, &s.Value, read),
		}
	})
}

func (c *clauseReader) further(n *yaml.Node, path string) {
	c.object(n, path, map[string]set{"every": parsed(c.reader, &c.k.Every, c.picker()), "add": parsed(c.reader, &c.k.Add, decimal)})
}

func (c *clauseReader) divide(n *yaml.Node, path string) {
	c.k.Divide = avro.Some(avro.Quotient{})
	c.object(n, path, map[string]set{"by": parsed(c.reader, &c.k.Divide.V.By, decimal), "rounding": c.precision(&c.k.Divide.V.Precision, "")})
}

func (c *clauseReader) index(n *yaml.Node, path string) {
	c.k.Index = avro.Some(avro.IndexTerms{})
	t, r := &c.k.Index.V, c.reader
	c.object(n, path, map[string]set{
		"name": parsed(r, &t.Name, plain), "window": parsed(r, &t.Window, choice(avro.ParseIndexWindow)), "lag": parsed(r, &t.LagDays, days), "day": parsed(r, &t.MonthDay, small),
		"base": parsed(r, &t.Base, optional(decimal)), "divide": parsed(r, &t.Divide, optional(decimal)), "rounding": c.precision(&t.Precision, ""),
	})
}

// days reads a duration of whole days.
func days(s string) (int32, error) {
	n, err := seconds(s)
	if err != nil || n%86_400 != 0 {
		return 0, errors.New("want whole days, such as 1d")
	}
	return int32(n / 86_400), nil
}

func (c *clauseReader) addition(a *avro.Addition) map[string]set {
	r := c.reader
	return map[string]set{
		"name": parsed(r, &a.Name, plain), "amount": parsed(r, &a.AmountMinor, minor(c.currency)), "percent": parsed(r, &a.Percent, decimal), "always": parsed(r, &a.Always, truth),
	}
}

func (c *clauseReader) becomes(n *yaml.Node, path string) {
	c.k.Becomes = avro.Some(avro.Conversion{})
	v, r := &c.k.Becomes.V, c.reader
	c.object(n, path, map[string]set{"clause": parsed(r, &v.Clause, plain), "after": parsed(r, &v.AfterS, seconds), "adds": parsed(r, &v.Adds, truth)})
}

func (c *clauseReader) split(n *yaml.Node, path string) {
	c.k.Split = avro.Some(avro.Split{})
	v, r := &c.k.Split.V, c.reader
	c.object(n, path, map[string]set{
		"by": parsed(r, &v.By, choice(avro.ParseSplitBy)),
		"payors": objects(r, &v.Payors, func(p *avro.Payor) map[string]set {
			return map[string]set{"party": parsed(r, &p.Party, plain), "share": parsed(r, &p.Share, decimal)}
		}),
	})
}

// precision reads how something is rounded: down, or {mode: down, scale: 1}. A currency rounds to its minor unit where no scale
// is given.
func (r *reader) precision(to *avro.Opt[avro.Precision], currency string) set {
	return func(n *yaml.Node, path string) {
		p := avro.Precision{}
		if currency != "" {
			p = money.Default(currency)
		}
		mode := parsed(r, &p.Mode, choice(avro.ParseMoneyRounding))
		if n.Kind == yaml.ScalarNode {
			mode(n, path)
		} else {
			r.object(n, path, map[string]set{"mode": mode, "scale": parsed(r, &p.Scale, small)})
		}
		*to = avro.Some(p)
	}
}
