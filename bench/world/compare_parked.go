package world

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"waybill/avro"
)

// subject is an identifier and what is said under it: what facts without a link are counted by.
type subject struct {
	id   avro.Identifier
	code avro.MilestoneCode
}

func subjectOf(id avro.Identifier, code avro.MilestoneCode) subject {
	id.Raw = avro.Opt[string]{}
	return subject{id, code}
}

func (s subject) String() string {
	return fmt.Sprintf("%s %s/%s: %s", s.id.Kind, s.id.Issuer, s.id.Value, s.code)
}

func (s subject) compare(o subject) int {
	return cmp.Or(cmp.Compare(s.id.Kind, o.id.Kind), cmp.Compare(s.id.Issuer, o.id.Issuer), cmp.Compare(s.id.Value, o.id.Value), cmp.Compare(s.code, o.code))
}

// CompareParked compares the facts that wait in the end: as many under each identifier as nothing leads on from, of the same milestones and
// times. Of what devices saw every standing must be told, and nothing else.
func CompareParked(truth Truth, got []avro.Parked) []string {
	told := waitingOf(got)
	var out []string
	for _, list := range grouped(truth.Waiting) {
		at := subjectOf(list[0].At, list[0].Milestone)
		out = append(out, compareWaiting(at, list, told[at], truth.Sample)...)
		out = append(out, compareIdle(truth, at, told[at])...)
		delete(told, at)
	}
	for _, at := range slices.SortedFunc(maps.Keys(told), subject.compare) {
		if out = append(out, compareIdle(truth, at, told[at])...); at.id.Kind == avro.IdentifierKindVehicle {
			continue
		}
		out = append(out, fmt.Sprintf("%v: %d facts wait, and all that is said there leads on", at, len(told[at])))
	}
	return out
}

// waitingOf are the times of what still waits, by what it is.
func waitingOf(got []avro.Parked) map[subject][]time.Time {
	type row struct {
		at   subject
		fact string
	}
	last := map[row]avro.Parked{}
	for _, p := range got {
		last[row{subjectOf(p.At, p.Milestone), p.FactID}] = p
	}
	out := map[subject][]time.Time{}
	for r, p := range last {
		if !p.Released {
			out[r.at] = append(out[r.at], p.OccurredAt.Time())
		}
	}
	for _, list := range out {
		slices.SortFunc(list, time.Time.Compare)
	}
	return out
}

func grouped(all []WaitTruth) [][]WaitTruth {
	by := map[subject][]WaitTruth{}
	for _, x := range all {
		at := subjectOf(x.At, x.Milestone)
		by[at] = append(by[at], x)
	}
	var out [][]WaitTruth
	for _, at := range slices.SortedFunc(maps.Keys(by), subject.compare) {
		slices.SortFunc(by[at], func(a, b WaitTruth) int { return a.OccurredAt.Compare(b.OccurredAt) })
		out = append(out, by[at])
	}
	return out
}

func compareWaiting(at subject, want []WaitTruth, told []time.Time, tolerance time.Duration) []string {
	if want[0].Until.IsZero() {
		var times []time.Time
		for _, x := range want {
			times = append(times, x.OccurredAt)
		}
		if !slices.EqualFunc(times, told, time.Time.Equal) {
			return []string{fmt.Sprintf("%v: %d facts wait there, of %s; not %d, of %s", at, len(times), clocks(times), len(told), clocks(told))}
		}
		return nil
	}
	var out []string
	within := func(x WaitTruth, t time.Time) bool {
		return !t.Before(x.OccurredAt.Add(-tolerance)) && !t.After(x.Until.Add(tolerance))
	}
	for _, x := range want {
		if !x.Optional && !slices.ContainsFunc(told, func(t time.Time) bool { return within(x, t) }) {
			out = append(out, fmt.Sprintf("%v: it stood somewhere from %s to %s, and nothing of that waits", at, clock(x.OccurredAt), clock(x.Until)))
		}
	}
	for _, t := range told {
		elsewhere := !slices.ContainsFunc(want, func(x WaitTruth) bool { return within(x, t) })
		if elsewhere && at.id.Kind != avro.IdentifierKindVehicle {
			out = append(out, fmt.Sprintf("%v: a stay from %s on waits, and it did not stand then", at, clock(t)))
		}
	}
	return out
}

// compareIdle lets stays of a vehicle wait that lie between its loads.
func compareIdle(truth Truth, at subject, told []time.Time) []string {
	var out []string
	for _, t := range told {
		if slices.ContainsFunc(truth.Busy, func(b BusyTruth) bool { return b.Vehicle == at.id && !t.Before(b.From) && t.Before(b.To) }) {
			out = append(out, fmt.Sprintf("%v: a stay from %s on waits, and the vehicle was a load's then", at, clock(t)))
		}
	}
	return out
}

func clocks(list []time.Time) string {
	var out []string
	for _, t := range list {
		out = append(out, clock(t))
	}
	return fmt.Sprint(out)
}

// CompareUnlinked compares the gaps of identifiers without a link: open for each milestone of which something waits that is missed, and for no
// other.
func CompareUnlinked(truth Truth, got []avro.Gap) []string {
	open := map[subject]avro.Gap{}
	for _, g := range got {
		if g.Kind != avro.GapKindUnlinkedFact {
			continue
		}
		at := subjectOf(g.Subject.V, g.Milestone)
		if was, ok := open[at]; !ok || g.Revision > was.Revision {
			open[at] = g
		}
	}
	var out []string
	for _, list := range grouped(truth.Waiting) {
		at := subjectOf(list[0].At, list[0].Milestone)
		sure := slices.ContainsFunc(list, func(x WaitTruth) bool { return x.Missed && !x.Optional })
		if g, ok := open[at]; sure && (!ok || g.Status != avro.GapStatusOpen) {
			out = append(out, fmt.Sprintf("%v: its link was never told, and no gap is open", at))
		}
		if slices.ContainsFunc(list, func(x WaitTruth) bool { return x.Missed }) {
			delete(open, at)
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(open), subject.compare) {
		if open[at].Status == avro.GapStatusOpen {
			out = append(out, fmt.Sprintf("%v: a gap says that its link is missing, and nothing waits for one", at))
		}
	}
	return out
}
