package contracts

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"waybill/avro"
)

// Rate works a contract out for a job: for each occasion, and each type of charge that the contract has for such occasions, one
// line. Lines come sorted by type, occasion and ref; the order of clauses and occasions does not matter. The contract must be
// one that [Check] finds no fault with: with another, lines may be held for reasons that no fact can mend.
func Rate(c *avro.Contract, job *Job) []Line {
	t := table{c: c, job: job, lines: map[avro.ChargeType][]Line{}}
	for _, l := range job.Charged {
		t.lines[l.Type] = append(t.lines[l.Type], l)
	}
	for _, typ := range inOrder(c) {
		t.rateType(typ)
	}
	t.unagreed()
	slices.SortStableFunc(t.out, Line.compare)
	return t.out
}

func (l Line) compare(o Line) int {
	return cmp.Or(cmp.Compare(l.Type, o.Type), cmp.Compare(l.On, o.On), cmp.Compare(l.Ref, o.Ref), cmp.Compare(l.Clause, o.Clause))
}

// table is the state of one Rate.
type table struct {
	c     *avro.Contract
	job   *Job
	lines map[avro.ChargeType][]Line // all charges so far by type, those of other contracts too
	out   []Line
}

// rateType rates every occasion that has clauses of a type.
func (t *table) rateType(typ avro.ChargeType) {
	n := len(t.out)
	for _, o := range t.occasions() {
		clauses := t.clausesFor(typ, o)
		if len(clauses) == 0 {
			continue
		}
		t.out = append(t.out, t.rate(typ, clauses, o)...)
	}
	t.withinShipment(t.out[n:])
	for i := range t.out[n:] {
		l := &t.out[n+i]
		l.shareOut()
		t.lines[l.Type] = append(t.lines[l.Type], *l)
	}
}

// occasions are the job's, sorted.
func (t *table) occasions() []*Occasion {
	out := make([]*Occasion, len(t.job.Occasions))
	for i := range out {
		out[i] = &t.job.Occasions[i]
	}
	slices.SortStableFunc(out, func(a, b *Occasion) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Ref, b.Ref)) })
	return out
}

// clausesFor are the clauses of a type that are made for an occasion, by name. What others become waits for them.
func (t *table) clausesFor(typ avro.ChargeType, o *Occasion) []clause {
	var out []clause
	for i := range t.c.Clauses {
		k := clause{&t.c.Clauses[i]}
		if k.Type == typ && k.On == o.Kind && (o.Kind != avro.OccasionReceipt || typ == o.Receipt) && !t.follows(k) {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b clause) int { return cmp.Compare(a.Clause.Clause, b.Clause.Clause) })
	return out
}

// follows says whether another clause becomes this one.
func (t *table) follows(k clause) bool {
	return slices.ContainsFunc(t.c.Clauses, func(o avro.Clause) bool { return o.Becomes.Ok && o.Becomes.V.Clause == k.Clause.Clause })
}

// rate is what the one clause that applies says of an occasion, and what it becomes.
func (t *table) rate(typ avro.ChargeType, clauses []clause, o *Occasion) []Line {
	blank := Line{Type: typ, On: o.Kind, Ref: o.Ref, Currency: t.c.Currency}
	k, err := t.applying(clauses, o)
	if err != nil {
		blank.settle(err)
		return []Line{blank}
	}
	r := rating{c: t.c, k: k, job: t.job, o: o, lines: t.lines}
	out := []Line{r.line()}
	if r.became == nil {
		return out
	}
	into := slices.IndexFunc(t.c.Clauses, func(o avro.Clause) bool { return o.Clause == k.Becomes.V.Clause })
	if into < 0 {
		out[0].settle(heldf("it becomes clause %q, which the contract does not have: correct the contract", k.Becomes.V.Clause))
		return out
	}
	next := rating{c: t.c, k: clause{&t.c.Clauses[into]}, job: t.job, o: o, lines: t.lines, from: r.became}
	return append(out, next.line())
}

// applying is the one clause whose conditions an occasion meets.
func (t *table) applying(clauses []clause, o *Occasion) (clause, error) {
	var fit []string
	var open []string
	var found clause
	for _, k := range clauses {
		v := judge(&k.When.V, t.job, o)
		switch {
		case v.no:
		case len(v.open) > 0:
			open = append(open, v.open...)
		default:
			found, fit = k, append(fit, k.Clause.Clause)
		}
	}
	switch {
	case len(open) > 0:
		return found, heldf("whether a clause applies depends on %s, which is not known", strings.Join(unique(open), " and "))
	case len(fit) > 1:
		return found, heldf("clauses %s all apply: make their conditions exclude each other", strings.Join(fit, ", "))
	case len(fit) == 0:
		return found, &unpriced{Unagreed, "no clause of " + words(clauses[0].Type) + " applies to it"}
	}
	return found, nil
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// unagreed adds a line for each occasion that no clause is made for.
func (t *table) unagreed() {
	for _, o := range t.occasions() {
		if !slices.ContainsFunc(t.out, func(l Line) bool { return l.On == o.Kind && l.Ref == o.Ref }) {
			t.out = append(t.out, Line{Outcome: Unagreed, Type: usual(o), On: o.Kind, Ref: o.Ref, Currency: t.c.Currency, Reason: "the contract has no clause for a " + words(o.Kind)})
		}
	}
}

// rating is one clause at work on one occasion.
type rating struct {
	c     *avro.Contract
	k     clause
	job   *Job
	o     *Occasion
	lines map[avro.ChargeType][]Line
	from  *avro.Micros // where another clause became this one

	text   story
	run    running      // DWELL: when the clock ran
	free   *big.Rat     // what was free
	days   dayRange     // NIGHTS, DAYS, months: from when to when
	became *avro.Micros // from when it is another clause
}

func (r *rating) line() Line {
	l := Line{Type: r.k.Type, On: r.o.Kind, Ref: r.o.Ref, Clause: r.k.Clause.Clause, Currency: r.c.Currency}
	minor, err := r.amount(&l)
	if err == nil && minor == 0 {
		err = nothingf("it comes to nothing: %s", r.text.String())
	}
	if err != nil {
		l.settle(err)
		return l
	}
	l.Minor, l.Arithmetic = minor, r.text.String()
	if l.shares, err = r.shares(); err != nil {
		l.settle(err)
	}
	return l
}

// amount = bounds(price(round(measure - free))) + additions.
func (r *rating) amount(l *Line) (int64, error) {
	if err := cmp.Or(r.punctual(), r.faultless()); err != nil {
		return 0, err
	}
	q, err := r.quantity()
	if err != nil {
		return 0, err
	}
	charged := q.Sign() > 0
	if !charged && !slices.ContainsFunc(r.k.Plus, func(a avro.Addition) bool { return a.Always }) {
		return 0, nothingf("nothing is left to charge: %s", r.text.String())
	}
	minor := int64(0)
	if charged {
		if minor, err = r.priced(q, l); err != nil {
			return 0, err
		}
		minor = r.bounded(minor)
	}
	return r.withAdditions(minor, charged)
}

// punctual is what the clause says of a vehicle that came late.
func (r *rating) punctual() error {
	if !r.k.timed() || !r.o.late() {
		return nil
	}
	switch r.clockTerms().Late {
	case avro.LateArrivalNoCharge:
		return nothingf("the vehicle came after its appointment at %s", clock(r.o.Appointment.V))
	case avro.LateArrivalHold:
		return heldf("the vehicle came after its appointment at %s, and the contract does not say what then: decide, or correct the contract", clock(r.o.Appointment.V))
	}
	return nil
}
