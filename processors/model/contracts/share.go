package contracts

import (
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/model/money"
)

// shareOut shares a line out as its clause says.
func (l *Line) shareOut() {
	if len(l.shares) == 0 || l.Outcome != Due {
		return
	}
	parts, err := money.Split(l.Minor, l.shares)
	if err != nil {
		l.settle(heldf("%s is due, but cannot be shared out: %v", money.Format(l.Minor, l.Currency), err))
		return
	}
	for i, s := range l.shares {
		l.Portions = append(l.Portions, Portion{s.ID, parts[i]})
	}
}

// shares are who bears how much: the contract's payors, else the shipments that had a part in the occasion, sorted.
func (r *rating) shares() ([]money.Share, error) {
	split := r.k.Split.V
	var out []money.Share
	for _, p := range split.Payors {
		weight := p.Share
		if split.By == avro.SplitByEqual {
			weight = 1
		}
		out = append(out, money.Share{ID: p.Party, Weight: weight})
	}
	if len(out) > 0 || len(r.o.Parts) < 2 {
		return sorted(out), nil
	}
	for _, p := range r.o.Parts {
		weight, err := r.weigh(p)
		if err != nil {
			return nil, err
		}
		out = append(out, money.Share{ID: p.ID, Weight: weight})
	}
	return sorted(out), nil
}

func sorted(list []money.Share) []money.Share {
	slices.SortFunc(list, func(a, b money.Share) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// weigh is what a part counts for.
func (r *rating) weigh(p Part) (avro.Unscaled, error) {
	switch r.k.Split.V.By {
	case avro.SplitByEqual:
		return 1, nil
	case avro.SplitByPieces:
		if !p.Pieces.Ok {
			return 0, heldf("the pieces of %s are not known, by which it is to be shared out", p.ID)
		}
		return p.Pieces.V, nil
	case avro.SplitByWeight:
		x, ok := p.Weight.V.in(avro.UnitKilogram)
		if !p.Weight.Ok || !ok {
			return 0, heldf("the weight of %s is not known, by which it is to be shared out", p.ID)
		}
		return unscaled(x)
	}
	return 0, heldf("%s share it, and the contract does not say how to split it", r.sharers())
}

func (r *rating) sharers() string {
	var ids []string
	for _, p := range r.o.Parts {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, ", ")
}

// withinShipment holds all lines of a clause together to the clause's maximum for a shipment: the first in order are charged in
// full, the later ones with what is left.
func (t *table) withinShipment(lines []Line) {
	slices.SortStableFunc(lines, Line.compare)
	sums := map[string]int64{}
	for i := range lines {
		l := &lines[i]
		at := slices.IndexFunc(t.c.Clauses, func(k avro.Clause) bool { return k.Clause == l.Clause })
		if l.Outcome != Due || at < 0 || !t.c.Clauses[at].MaximumShipmentMinor.Ok {
			continue
		}
		most := t.c.Clauses[at].MaximumShipmentMinor.V
		if left := most - sums[l.Clause]; l.Minor > left {
			l.limit(left, most)
		}
		sums[l.Clause] += l.Minor
	}
}

// limit cuts a line to what is left of the shipment's maximum.
func (l *Line) limit(left, most int64) {
	if left <= 0 {
		l.settle(nothingf("the shipment's maximum of %s is reached", money.Format(most, l.Currency)))
		return
	}
	before := money.Format(most-left, l.Currency)
	l.Arithmetic += "; at most " + money.Format(most, l.Currency) + " for the shipment: " + money.Format(most, l.Currency) + " - " + before + " = " + money.Format(left, l.Currency)
	l.Minor = left
}
