package world

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"waybill/avro"
)

// Comparers set plain records beside the truth and say each difference in a sentence; none is agreement. They take whole
// histories and find for themselves what stands in the end.

// place in a shipment's story: what gaps and milestones are told apart by.
type spot struct {
	shipment string
	code     avro.MilestoneCode
	load     string
	stop     avro.Opt[int32]
	at       avro.Micros // of what may happen again
}

func (s spot) String() string {
	out := fmt.Sprintf("shipment %s: %s", s.shipment, s.code)
	if s.stop.Ok {
		return fmt.Sprintf("%s at stop %d of load %s", out, s.stop.V, s.load)
	}
	if s.load != "" {
		return fmt.Sprintf("%s of load %s", out, s.load)
	}
	return out
}

func (s spot) compare(o spot) int {
	return cmp.Or(cmp.Compare(s.shipment, o.shipment), cmp.Compare(s.load, o.load), cmp.Compare(s.stop.V, o.stop.V), cmp.Compare(s.code, o.code), cmp.Compare(s.at, o.at))
}

// spotOf drops load and stop where the source does not know them: orders and warehouses speak of the shipment, until it is loaded.
func spotOf(shipment string, code avro.MilestoneCode, load string, stop avro.Opt[int32], at time.Time) spot {
	switch {
	case code == avro.MilestoneCodeOrderReleased, code == avro.MilestoneCodeOrderConfirmed, code == avro.MilestoneCodeOrderChanged,
		code >= avro.MilestoneCodeAllocated && code <= avro.MilestoneCodeStaged:
		return spot{shipment: shipment, code: code}
	case recurs(code):
		return spot{shipment, code, load, stop, avro.MicrosOf(at)}
	}
	return spot{shipment: shipment, code: code, load: load, stop: stop}
}

// CompareTimelines compares the current timeline of every shipment: its orders and loads, and every actual milestone with its
// time, within the truth's tolerance, and the source believed.
func CompareTimelines(truth Truth, got []avro.Timeline) []string {
	current := currentTimelines(got)
	var out []string
	for _, s := range truth.Shipments {
		t, ok := current[s.ID]
		delete(current, s.ID)
		if !ok {
			out = append(out, fmt.Sprintf("shipment %s: it has no timeline", s.ID))
			continue
		}
		out = append(out, compareLinks(s, t)...)
		out = append(out, compareEntries(s, t)...)
	}
	for _, id := range slices.Sorted(maps.Keys(current)) {
		out = append(out, fmt.Sprintf("shipment %s: it has a timeline, but does not exist", id))
	}
	return out
}

func currentTimelines(got []avro.Timeline) map[string]avro.Timeline {
	current := map[string]avro.Timeline{}
	for _, t := range got {
		if best, ok := current[t.ShipmentID]; !ok || t.Revision > best.Revision {
			current[t.ShipmentID] = t
		}
	}
	return current
}

func compareLinks(s ShipmentTruth, t avro.Timeline) []string {
	var out []string
	if !slices.Equal(slices.Sorted(slices.Values(t.OrderIDs)), s.OrderIDs) {
		out = append(out, fmt.Sprintf("shipment %s: its orders are %v, not %v", s.ID, s.OrderIDs, t.OrderIDs))
	}
	if !slices.Equal(slices.Sorted(slices.Values(t.LoadIDs)), s.LoadIDs) {
		out = append(out, fmt.Sprintf("shipment %s: its loads are %v, not %v", s.ID, s.LoadIDs, t.LoadIDs))
	}
	if vehicles := vehiclesOf(t); !slices.Equal(vehicles, idsOf(s.Vehicles)) {
		out = append(out, fmt.Sprintf("shipment %s: its vehicles are %v, not %v", s.ID, idsOf(s.Vehicles), vehicles))
	}
	return out
}

func vehiclesOf(t avro.Timeline) []string {
	return idsOf(slices.DeleteFunc(slices.Clone(t.Equipment), func(id avro.Identifier) bool {
		return id.Kind != avro.IdentifierKindVehicle && id.Kind != avro.IdentifierKindTrailer
	}))
}

func idsOf(ids []avro.Identifier) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id.Issuer+"/"+id.Value)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func compareEntries(s ShipmentTruth, t avro.Timeline) []string {
	told, out := entriesOf(s.ID, t)
	for _, m := range s.Milestones {
		at := spotOf(s.ID, m.Code, m.LoadID, m.StopSequence, m.OccurredAt)
		e, ok := told[at]
		delete(told, at)
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("%v: %s says %s, and the timeline nothing", at, m.Source, clock(m.OccurredAt)))
		case e.Source.System != m.Source:
			out = append(out, fmt.Sprintf("%v: %s is to be believed, not %s", at, m.Source, e.Source.System))
		case !near(e.OccurredAt.Time(), m.OccurredAt, m.Tolerance):
			out = append(out, fmt.Sprintf("%v: it was at %s, not %s", at, clock(m.OccurredAt), clock(e.OccurredAt.Time())))
		case e.Agreement != m.Agreement:
			out = append(out, fmt.Sprintf("%v: its reports are %s, not %s", at, m.Agreement, e.Agreement))
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(told), spot.compare) {
		out = append(out, fmt.Sprintf("%v: the timeline has it at %s by %s, and no delivered evidence says so", at, clock(told[at].OccurredAt.Time()), told[at].Source.System))
	}
	return out
}

// entriesOf is what the timeline says has happened. Parts of a shipment may each tell the same, but not two stories.
func entriesOf(shipment string, t avro.Timeline) (map[spot]avro.TimelineEntry, []string) {
	told := map[spot]avro.TimelineEntry{}
	var out []string
	for _, e := range t.Entries {
		if e.Classifier != avro.ClassifierActual {
			continue
		}
		at := spotOf(shipment, e.Milestone, e.LoadID, e.StopSequence, e.OccurredAt.Time())
		if other, twice := told[at]; twice && (other.OccurredAt != e.OccurredAt || other.Source.System != e.Source.System) {
			out = append(out, fmt.Sprintf("%v: the timeline has it twice, at %s and %s", at, clock(other.OccurredAt.Time()), clock(e.OccurredAt.Time())))
		}
		told[at] = e
	}
	return told, out
}

// CompareOrders compares which shipments and loads the current timeline of every order names.
func CompareOrders(truth Truth, got []avro.OrderTimeline) []string {
	current := map[string]avro.OrderTimeline{}
	for _, t := range got {
		if best, ok := current[t.OrderID]; !ok || t.Revision > best.Revision {
			current[t.OrderID] = t
		}
	}
	var out []string
	for _, o := range truth.Orders {
		t, ok := current[o.ID]
		delete(current, o.ID)
		if !ok {
			out = append(out, fmt.Sprintf("order %s: it has no timeline", o.ID))
			continue
		}
		if !slices.Equal(slices.Sorted(slices.Values(t.ShipmentIDs)), o.ShipmentIDs) {
			out = append(out, fmt.Sprintf("order %s: its shipments are %v, not %v", o.ID, o.ShipmentIDs, t.ShipmentIDs))
		}
		if !slices.Equal(slices.Sorted(slices.Values(t.LoadIDs)), o.LoadIDs) {
			out = append(out, fmt.Sprintf("order %s: its loads are %v, not %v", o.ID, o.LoadIDs, t.LoadIDs))
		}
		for _, m := range o.Milestones {
			if !slices.ContainsFunc(t.Entries, m.is) {
				out = append(out, fmt.Sprintf("order %s: %s says %s at %s, which no shipment knows, and neither does the order", o.ID, m.Source, m.Code, clock(m.OccurredAt)))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(current)) {
		out = append(out, fmt.Sprintf("order %s: it has a timeline, but does not exist", id))
	}
	return out
}

// is says whether an entry tells the milestone, be it as one report of several.
func (m MilestoneTruth) is(e avro.TimelineEntry) bool {
	return e.Milestone == m.Code && e.Classifier == avro.ClassifierActual && slices.ContainsFunc(e.Reports, func(r avro.Report) bool {
		return r.Source.System == m.Source && r.OccurredAt.Time().Equal(m.OccurredAt)
	})
}

func near(a, b time.Time, tolerance time.Duration) bool { return a.Sub(b).Abs() <= tolerance }

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
