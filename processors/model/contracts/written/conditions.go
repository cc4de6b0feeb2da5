package written

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"waybill/avro"
)

func (c *clauseReader) when(n *yaml.Node, path string) {
	c.k.When = avro.Some(avro.Conditions{})
	w, r := &c.k.When.V, c.reader
	c.object(n, path, map[string]set{
		"stop": listed(r, &w.StopTypes, choice(avro.ParseStopType)), "mode": listed(r, &w.Modes, plain), "equipment": listed(r, &w.Equipment, plain),
		"lanes": objects(r, &w.Lanes, c.lane), "weight": c.weights,
		"is": listed(r, &w.Is, choice(avro.ParseCircumstance)), "is_not": listed(r, &w.IsNot, choice(avro.ParseCircumstance)),
	})
}

func (c *clauseReader) lane(l *avro.Lane) map[string]set {
	return map[string]set{"from": c.area(&l.From), "to": c.area(&l.To)}
}

func (c *clauseReader) area(to *avro.Opt[avro.Area]) set {
	return func(n *yaml.Node, path string) {
		r := c.reader
		*to = avro.Some(avro.Area{})
		c.object(n, path, map[string]set{
			"country": r.text(&to.V.Country), "state": r.text(&to.V.State), "postcode": r.text(&to.V.Postcode), "place": r.text(&to.V.PlaceID),
		})
	}
}

func (c *clauseReader) weights(n *yaml.Node, path string) {
	var from, below avro.Opt[quantity]
	c.object(n, path, map[string]set{"from": parsed(c.reader, &from, optional(weight)), "below": parsed(c.reader, &below, optional(weight))})
	w := &c.k.When.V
	w.WeightFrom, w.WeightBelow = avro.Opt[avro.Unscaled]{V: from.V.n, Ok: from.Ok}, avro.Opt[avro.Unscaled]{V: below.V.n, Ok: below.Ok}
	w.WeightUnit = from.V.unit
	if !from.Ok {
		w.WeightUnit = below.V.unit
	}
	if from.Ok && below.Ok && from.V.unit != below.V.unit {
		c.addf(n, path, "is in two units: write both in one")
	}
}

func (c *clauseReader) clock(n *yaml.Node, path string) {
	c.k.Clock = avro.Some(avro.Clock{})
	v, r := &c.k.Clock.V, c.reader
	c.object(n, path, map[string]set{
		"start": parsed(r, &v.Start, choice(avro.ParseClockStart)), "end": parsed(r, &v.End, choice(avro.ParseClockEnd)), "late": parsed(r, &v.Late, choice(avro.ParseLateArrival)),
		"hours": objects(r, &v.Hours, c.hours),
	})
}

func (c *clauseReader) hours(h *avro.Hours) map[string]set {
	r := c.reader
	var list [][]int32
	days := listed(r, &list, weekdays)
	return map[string]set{
		"days": func(n *yaml.Node, path string) {
			days(n, path)
			h.Weekdays = slices.Concat(list...)
		},
		"from": parsed(r, &h.FromS, dayTime), "to": parsed(r, &h.ToS, dayTime),
	}
}

func (c *clauseReader) fault(n *yaml.Node, path string) {
	c.k.Fault = avro.Some(avro.Faults{})
	v, r := &c.k.Fault.V, c.reader
	c.object(n, path, map[string]set{"excluded": listed(r, &v.Excluded, plain), "chargeable": listed(r, &v.Chargeable, plain)})
}
