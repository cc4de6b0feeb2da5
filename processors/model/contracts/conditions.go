package contracts

import (
	"fmt"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/model/money"
)

// verdict is whether a clause applies: what one condition denies no other can mend, and what the facts leave open stays open.
type verdict struct {
	no   bool
	open []string // what is not known
}

func (v *verdict) need(holds bool) { v.no = v.no || !holds }

func (v *verdict) ask(known bool, what string, holds func() bool) {
	if !known {
		v.open = append(v.open, what)
		return
	}
	v.need(holds())
}

// judge holds an occasion against a clause's conditions.
func judge(w *avro.Conditions, job *Job, o *Occasion) verdict {
	var v verdict
	if len(w.StopTypes) > 0 {
		v.ask(o.Stop != avro.StopTypeUnspecified, "the stop's type", func() bool { return slices.Contains(w.StopTypes, o.Stop) })
	}
	if len(w.Modes) > 0 {
		v.ask(job.Mode != "", "the mode", func() bool { return slices.Contains(w.Modes, job.Mode) })
	}
	if len(w.Equipment) > 0 {
		v.ask(job.Equipment != "", "the equipment", func() bool { return slices.Contains(w.Equipment, job.Equipment) })
	}
	v.lanes(w.Lanes, job)
	v.weight(w, job, o)
	for _, c := range w.Is {
		v.ask(o.knows(c), "whether it is "+words(c), func() bool { return slices.Contains(o.Is, c) })
	}
	for _, c := range w.IsNot {
		v.ask(o.knows(c), "whether it is "+words(c), func() bool { return !slices.Contains(o.Is, c) })
	}
	return v
}

func (o *Occasion) knows(c avro.Circumstance) bool {
	return slices.Contains(o.Is, c) || slices.Contains(o.IsNot, c)
}

func (v *verdict) weight(w *avro.Conditions, job *Job, o *Occasion) {
	if !w.WeightFrom.Ok && !w.WeightBelow.Ok {
		return
	}
	weight := job.weightOf(o)
	x, ok := weight.V.in(w.WeightUnit)
	v.ask(weight.Ok && ok, "the weight", func() bool {
		return (!w.WeightFrom.Ok || x.Cmp(money.Exact(w.WeightFrom.V)) >= 0) && (!w.WeightBelow.Ok || x.Cmp(money.Exact(w.WeightBelow.V)) < 0)
	})
}

func (j *Job) weightOf(o *Occasion) avro.Opt[Quantity] {
	if o.Weight.Ok {
		return o.Weight
	}
	return j.Weight
}

// lanes needs one lane that fits. Where none surely does, what might still fit leaves the question open.
func (v *verdict) lanes(lanes []avro.Lane, job *Job) {
	if len(lanes) == 0 {
		return
	}
	var open []string
	for _, l := range lanes {
		var end verdict
		end.area("origin", l.From, job.From)
		end.area("destination", l.To, job.To)
		if !end.no && len(end.open) == 0 {
			return
		}
		if !end.no {
			open = append(open, end.open...)
		}
	}
	v.need(len(open) > 0)
	v.open = append(v.open, open...)
}

func (v *verdict) area(end string, want, have avro.Opt[avro.Area]) {
	if !want.Ok {
		return
	}
	for _, p := range []struct {
		word       string
		want, have string
		prefix     bool
	}{
		{"country", want.V.Country, have.V.Country, false}, {"state", want.V.State, have.V.State, false},
		{"postcode", want.V.Postcode, have.V.Postcode, true}, {"place", want.V.PlaceID, have.V.PlaceID, false},
	} {
		if p.want != "" {
			v.ask(p.have != "", fmt.Sprintf("the %s of the %s", p.word, end), func() bool { return p.have == p.want || p.prefix && strings.HasPrefix(p.have, p.want) })
		}
	}
}
