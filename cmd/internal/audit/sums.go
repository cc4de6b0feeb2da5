package audit

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/topics"
)

// Fates is what became of the records, or the facts. What has no fate is lost: Total is then more than the rest together.
type Fates struct {
	Total     int64
	New       int64 // records that said something first
	Duplicate int64 // records that said nothing new
	Resolved  int64 // facts in a view
	Links     int64 // facts that only join identifiers, and did
	Parked    int64 // facts that wait for a link
	Dead      int64 // dead-lettered
	Lost      []string
}

// Holds says whether everything has a fate.
func (f Fates) Holds() bool {
	return f.Total == f.New+f.Duplicate+f.Resolved+f.Links+f.Parked+f.Dead
}

// lose notes one that has no fate; a few are enough to look for the cause.
func (f *Fates) lose(name string) {
	if len(f.Lost) < 5 {
		f.Lost = append(f.Lost, name)
	}
}

// RecordFates says what became of every record that the sources said: new, a duplicate, or a dead letter. A record of
// business made facts; one that made none must be a position or reference data, which stages take as they are, or a
// partner's message that held a position.
func (a *Audit) RecordFates() Fates {
	a.init()
	var f Fates
	seen := map[Content]bool{}
	for _, at := range a.sortedPlaces() {
		f.Total++
		switch facts := a.origins[at]; {
		case a.refused(at):
			f.Dead++
		case len(facts) > 0:
			if a.brings(at, facts) {
				f.New++
			} else {
				f.Duplicate++
			}
		case takenAsIs(at.Topic):
			if seen[a.said[at]] {
				f.Duplicate++
			} else {
				f.New++
			}
			seen[a.said[at]] = true
		default:
			f.lose(at.String())
		}
	}
	return f
}

// refused says whether a stage refused the record; a sink's refusal does not keep it from the stages.
func (a *Audit) refused(at Place) bool {
	for stage := range a.dead[at] {
		if !strings.HasPrefix(stage, "sink.") {
			return true
		}
	}
	return false
}

// brings says whether the record is the first to tell one of its facts.
func (a *Audit) brings(at Place, facts map[string]bool) bool {
	for id := range facts {
		if a.facts[id].first == at {
			return true
		}
	}
	return false
}

func takenAsIs(t topics.Name) bool {
	switch t {
	case topics.Positions.Name, topics.Places.Name, topics.ServiceLevels.Name, topics.Contracts.Name, topics.PartnerMessages.Name:
		return true
	}
	return false
}

// FactFates says what became of every distinct fact that came in.
func (a *Audit) FactFates() Fates {
	a.init()
	var f Fates
	for _, id := range slices.Sorted(maps.Keys(a.facts)) {
		f.Total++
		switch {
		case a.reached[id]:
			f.Resolved++
		case a.facts[id].linksOnly:
			f.Links++
		case a.buried[id]:
			f.Dead++
		case a.waits(id):
			f.Parked++
		default:
			f.lose("fact " + id)
		}
	}
	return f
}

// StayFates says what became of every stay that stands: a vehicle's, or a device's that no vehicle is known to.
func (a *Audit) StayFates() Fates {
	a.init()
	var f Fates
	for _, series := range slices.Sorted(maps.Keys(a.stays)) {
		if s := a.stays[series]; s.void || slices.ContainsFunc(s.versions, func(id string) bool { return a.handed[id] }) {
			continue
		}
		f.Total++
		switch {
		case a.reached[series]:
			f.Resolved++
		case a.buried[series]:
			f.Dead++
		case a.waits(series):
			f.Parked++
		default:
			f.lose("stay " + series)
		}
	}
	return f
}

func (a *Audit) waits(id string) bool {
	for _, w := range a.waiting[id] {
		if !w.released {
			return true
		}
	}
	return false
}

// Current are the last versions of timelines, by shipment.
func Current(all []avro.Timeline) []avro.Timeline {
	return latest(all, func(t avro.Timeline) (string, int64) { return t.ShipmentID, t.Revision })
}

// CurrentGaps are the last transitions of gaps, by id.
func CurrentGaps(all []avro.Gap) []avro.Gap {
	return latest(all, func(g avro.Gap) (string, int64) { return g.GapID, g.Revision })
}

func latest[T any](all []T, of func(T) (string, int64)) []T {
	at := map[string]int{}
	for i := range all {
		key, revision := of(all[i])
		if j, ok := at[key]; ok {
			if _, known := of(all[j]); known >= revision {
				continue
			}
		}
		at[key] = i
	}
	out := make([]T, 0, len(at))
	for _, key := range slices.Sorted(maps.Keys(at)) {
		out = append(out, all[at[key]])
	}
	return out
}

// Ledger is the charges' lines, each line once, in the order of their chains.
func Ledger(all []avro.Charge) []avro.Charge {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b avro.Charge) int { return cmp.Compare(a.EmittedAt, b.EmittedAt) })
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(c avro.Charge) bool {
		twice := seen[c.LineID]
		seen[c.LineID] = true
		return twice
	})
}
