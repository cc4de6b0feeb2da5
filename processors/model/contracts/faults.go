package contracts

import (
	"slices"
	"strings"

	"waybill/avro"
)

// blame is what a clause says of a reason code: whether its time is counted. A code of neither list holds the charge.
func (r *rating) blame(code string) (counted bool, err error) {
	f := r.k.Fault.V
	switch {
	case slices.Contains(f.Excluded, code):
		return false, nil
	case slices.Contains(f.Chargeable, code):
		return true, nil
	}
	return false, heldf("reason %s is neither among the excluded (%s) nor among the chargeable (%s): say in the contract whose fault it is", code, list(f.Excluded), list(f.Chargeable))
}

// blameless takes the times out of a clock that the clause excludes.
func (r *rating) blameless(run running) (running, error) {
	if !r.k.Fault.Ok {
		return run, nil
	}
	for _, why := range r.o.Reasons {
		counted, err := r.blame(why.Code)
		if err != nil {
			return nil, err
		}
		if counted {
			continue
		}
		if !why.From.Ok && !why.To.Ok {
			return nil, nothingf("all of it is excluded by reason %s", why.Code)
		}
		cut := interval{why.From.Or(first), why.To.Or(last)}
		if cut.to < cut.from {
			return nil, heldf("reason %s ends at %s, before it begins at %s: correct one of them", why.Code, clock(cut.to), clock(cut.from))
		}
		before := run.long()
		run = run.without(cut)
		if cut := before - run.long(); cut > 0 {
			r.text.addf("%s - %s excluded by reason %s = %s", span(before), span(cut), why.Code, span(run.long()))
		}
	}
	return run, nil
}

// first and last are before and after all times.
const (
	first = avro.Micros(-1 << 62)
	last  = avro.Micros(1 << 62)
)

// faultless holds an occasion without a clock against the fault rules: one excluded reason ends it.
func (r *rating) faultless() error {
	if !r.k.Fault.Ok || r.k.timed() {
		return nil
	}
	for _, why := range r.o.Reasons {
		counted, err := r.blame(why.Code)
		if err != nil {
			return err
		}
		if !counted {
			return nothingf("it is excluded by reason %s", why.Code)
		}
	}
	if len(r.o.Reasons) == 0 {
		return heldf("no reason is known, and the clause asks whose fault it is")
	}
	return nil
}

func list(codes []string) string {
	if len(codes) == 0 {
		return "none"
	}
	return strings.Join(codes, ", ")
}
