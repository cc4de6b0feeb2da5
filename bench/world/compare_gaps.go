package world

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"waybill/avro"
)

// CompareGaps compares the current state of every missing-milestone gap: open where the milestone was missed, closed with its
// time where it came late. A gap that is closed and whose milestone was in time is no difference: it was open for as long as
// the report was under way.
func CompareGaps(truth Truth, got []avro.Gap) []string {
	current := currentGaps(got)
	var out []string
	for _, s := range truth.Shipments {
		for _, e := range s.Expectations {
			at := spot{shipment: s.ID, code: e.Milestone, load: e.LoadID, stop: e.StopSequence}
			g, ok := current[at]
			delete(current, at)
			if difference := compareGap(e, g, ok); difference != "" {
				out = append(out, fmt.Sprintf("%v: %s", at, difference))
			}
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(current), spot.compare) {
		if g := current[at]; g.Status != avro.GapStatusClosed {
			out = append(out, fmt.Sprintf("%v: a gap is %s, and nothing is expected there", at, g.Status))
		}
	}
	return out
}

func currentGaps(got []avro.Gap) map[spot]avro.Gap {
	current := map[spot]avro.Gap{}
	for _, g := range got {
		if g.Kind != avro.GapKindMissingMilestone {
			continue
		}
		at := spot{shipment: g.ShipmentID, code: g.Milestone, load: g.LoadID, stop: g.StopSequence}
		if best, ok := current[at]; !ok || g.Revision > best.Revision {
			current[at] = g
		}
	}
	return current
}

func compareGap(e ExpectationTruth, g avro.Gap, ok bool) string {
	switch {
	case e.State == avro.ExpectationStateMet:
		return compareMet(e, g, ok)
	case !ok:
		return fmt.Sprintf("it is %s, due %s, and there is no gap", e.State, clock(e.DueAt))
	case !near(g.DueAt.Time(), e.DueAt, e.Tolerance):
		return fmt.Sprintf("it was due %s, not %s", clock(e.DueAt), clock(g.DueAt.Time()))
	case e.State == avro.ExpectationStateLate:
		return compareLate(e, g)
	case g.Status != avro.GapStatusOpen:
		return fmt.Sprintf("it never came, and its gap is %s", g.Status)
	}
	return ""
}

func compareMet(e ExpectationTruth, g avro.Gap, ok bool) string {
	switch {
	case ok && g.Status != avro.GapStatusClosed:
		return fmt.Sprintf("it was met at %s, and its gap is %s", clock(e.OccurredAt), g.Status)
	case ok && g.OccurredAt.Ok && g.OccurredAt.V > g.DueAt:
		return fmt.Sprintf("it was met at %s, due %s, and its gap says late at %s", clock(e.OccurredAt), clock(e.DueAt), clock(occurred(g)))
	}
	return ""
}

func compareLate(e ExpectationTruth, g avro.Gap) string {
	switch {
	case g.Status != avro.GapStatusClosed:
		return fmt.Sprintf("it came late at %s, and its gap is %s", clock(e.OccurredAt), g.Status)
	case !near(occurred(g), e.OccurredAt, e.Tolerance):
		return fmt.Sprintf("it came late at %s, and its gap says %s", clock(e.OccurredAt), clock(occurred(g)))
	}
	return ""
}

func occurred(g avro.Gap) time.Time {
	if !g.OccurredAt.Ok {
		return time.Time{}
	}
	return g.OccurredAt.V.Time()
}

// CompareExpectations compares the expectations in the current timelines, state by state. That a shipment has no timeline is
// CompareTimelines' to say.
func CompareExpectations(truth Truth, got []avro.Timeline) []string {
	current := currentTimelines(got)
	var out []string
	for _, s := range truth.Shipments {
		if t, ok := current[s.ID]; ok {
			out = append(out, compareExpectations(s, t)...)
		}
	}
	return out
}

func compareExpectations(s ShipmentTruth, t avro.Timeline) []string {
	stated := map[spot]avro.ExpectationStatus{}
	for _, e := range t.Expectations {
		stated[spot{shipment: s.ID, code: e.Milestone, load: e.LoadID, stop: e.StopSequence}] = e
	}
	var out []string
	for _, e := range s.Expectations {
		at := spot{shipment: s.ID, code: e.Milestone, load: e.LoadID, stop: e.StopSequence}
		g, ok := stated[at]
		delete(stated, at)
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("%v: it is %s, due %s, and the timeline does not expect it", at, e.State, clock(e.DueAt)))
		case g.State != e.State:
			out = append(out, fmt.Sprintf("%v: it is %s, due %s, not %s, due %s", at, e.State, clock(e.DueAt), g.State, clock(g.DueAt.Time())))
		case !near(g.DueAt.Time(), e.DueAt, e.Tolerance):
			out = append(out, fmt.Sprintf("%v: it was due %s, not %s", at, clock(e.DueAt), clock(g.DueAt.Time())))
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(stated), spot.compare) {
		out = append(out, fmt.Sprintf("%v: the timeline expects it, and the template does not", at))
	}
	return out
}
