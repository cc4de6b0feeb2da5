package contracts

import (
	"fmt"
	"slices"

	"waybill/avro"
	"waybill/processors/model/money"
)

// Fault is what is wrong with a contract, where.
type Fault struct {
	Path string // clauses[3].steps
	Text string
}

func (f Fault) String() string { return f.Path + ": " + f.Text }

// checker gathers faults.
type checker struct {
	c      *avro.Contract
	faults []Fault
}

func (c *checker) addf(path, format string, args ...any) {
	c.faults = append(c.faults, Fault{path, fmt.Sprintf(format, args...)})
}

// need adds a fault unless a condition holds.
func (c *checker) need(holds bool, path, format string, args ...any) {
	if !holds {
		c.addf(path, format, args...)
	}
}

// Check lists everything that is wrong with a contract, in the order of its fields. With none, [Rate] comes to an amount
// wherever the facts are known.
func Check(contract *avro.Contract) []Fault {
	c := checker{c: contract}
	c.head()
	for i := range contract.Clauses {
		c.clause(fmt.Sprintf("clauses[%d]", i), clause{&contract.Clauses[i]})
	}
	c.between()
	return c.faults
}

func (c *checker) head() {
	k := c.c
	c.need(k.ContractID != "", "contract", "must be set: the contract's number")
	c.need(k.Version > 0, "version", "is %d: number versions from 1", k.Version)
	c.need(k.Party != "", "party", "must be set: the customer, or the carrier's SCAC")
	c.need(money.Known(k.Currency), "currency", "%q is no currency of ISO 4217, such as USD", k.Currency)
	_, err := zoneOf(k.Zone)
	c.need(err == nil, "zone", "%q is no IANA zone, such as America/Chicago", k.Zone)
	c.need(!k.ValidTo.Ok || k.ValidTo.V > k.ValidFrom, "through", "it ends at %s, not after it begins at %s: no service would fall under it", k.ValidTo.V.Time(), k.ValidFrom.Time())
	c.need(k.SettleS >= 0, "settle", "is negative")
	c.precision("rounding", k.Precision)
	for i, d := range k.Holidays {
		c.need(slices.Index(k.Holidays, d) == i, fmt.Sprintf("holidays[%d]", i), "%s stands twice", date(d))
	}
}

func (c *checker) precision(path string, p avro.Opt[avro.Precision]) {
	digits := int32(money.Digits(c.c.Currency))
	c.need(!p.Ok || p.V.Scale >= 0 && p.V.Scale <= digits, path, "rounds to %d decimals: amounts of %s have 0 to %d", p.V.Scale, c.c.Currency, digits)
}

// between is what is wrong between clauses.
func (c *checker) between() {
	for i := range c.c.Clauses {
		path := fmt.Sprintf("clauses[%d]", i)
		k := &c.c.Clauses[i]
		c.once(path, i)
		if k.Becomes.Ok {
			c.becomes(path+".becomes", k)
		}
		for _, below := range restsOn(k) {
			if c.reaches(below, k.Type, nil) {
				c.addf(path, "%s rests on %s, which rests on it: neither could be worked out first", words(k.Type), words(below))
			}
		}
	}
}

// once refuses clauses that another would always stand beside: of one name, or of one charge under the same conditions.
func (c *checker) once(path string, i int) {
	k := &c.c.Clauses[i]
	for j := range c.c.Clauses[:i] {
		o := &c.c.Clauses[j]
		c.need(o.Clause != k.Clause, path+".clause", "%q is the name of clauses[%d] already", k.Clause, j)
		same := o.Type == k.Type && o.On == k.On && slices.Equal(o.When.V.Append(nil), k.When.V.Append(nil))
		into := clause{k}.isTarget(c.c) || clause{o}.isTarget(c.c)
		c.need(!same || into, path, "charges %s for a %s under the same conditions as clauses[%d]: set when so that they exclude each other", words(k.Type), words(k.On), j)
	}
}

func (k clause) isTarget(c *avro.Contract) bool {
	return slices.ContainsFunc(c.Clauses, func(o avro.Clause) bool { return o.Becomes.Ok && o.Becomes.V.Clause == k.Clause.Clause })
}

func (c *checker) becomes(path string, k *avro.Clause) {
	c.need(k.Measure == avro.MeasureDwell, path, "only a clause that measures dwell can become another")
	c.need(k.Becomes.V.AfterS > 0, path+".after", "must be longer than nothing")
	i := slices.IndexFunc(c.c.Clauses, func(o avro.Clause) bool { return o.Clause == k.Becomes.V.Clause })
	switch {
	case i < 0:
		c.addf(path+".clause", "there is no clause %q", k.Becomes.V.Clause)
	case c.c.Clauses[i].Becomes.Ok:
		c.addf(path+".clause", "clause %q becomes another itself: one step is all there is", k.Becomes.V.Clause)
	case c.c.Clauses[i].Type == k.Type:
		c.addf(path+".clause", "clause %q charges %s too: use steps by quantity", k.Becomes.V.Clause, words(k.Type))
	case c.c.Clauses[i].Measure != avro.MeasureDwell && infoOf(c.c.Clauses[i].Unit).family == none && c.c.Clauses[i].Measure != avro.MeasureNone:
		c.addf(path+".clause", "clause %q counts in no unit", k.Becomes.V.Clause)
	}
}

// reaches says whether charges of a type rest on another, through any number of others.
func (c *checker) reaches(from, to avro.ChargeType, seen []avro.ChargeType) bool {
	if from == to {
		return true
	}
	if slices.Contains(seen, from) {
		return false
	}
	seen = append(seen, from)
	for i := range c.c.Clauses {
		k := &c.c.Clauses[i]
		if k.Type == from && slices.ContainsFunc(restsOn(k), func(t avro.ChargeType) bool { return c.reaches(t, to, seen) }) {
			return true
		}
	}
	return false
}
