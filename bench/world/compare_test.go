package world

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
)

// views is what a pipeline that makes no mistake would end with.
type views struct {
	timelines []avro.Timeline
	orders    []avro.OrderTimeline
	gaps      []avro.Gap
	charges   []avro.Charge
	parked    []avro.Parked
}

func perfect(truth Truth) views {
	var v views
	for _, s := range truth.Shipments {
		v.timelines = append(v.timelines, timelineOf(s))
		v.gaps = append(v.gaps, gapsOf(s)...)
		v.charges = append(v.charges, linesOf(s)...)
	}
	for _, o := range truth.Orders {
		tl := avro.OrderTimeline{OrderID: o.ID, Revision: 1, ShipmentIDs: o.ShipmentIDs, LoadIDs: o.LoadIDs}
		for _, m := range o.Milestones {
			r := avro.Report{OccurredAt: avro.MicrosOf(m.OccurredAt), Source: avro.Source{System: m.Source}}
			tl.Entries = append(tl.Entries, avro.TimelineEntry{Milestone: m.Code, Classifier: avro.ClassifierActual, Reports: []avro.Report{r}})
		}
		v.orders = append(v.orders, tl)
	}
	v.wait(truth)
	return v
}

// wait tells everything that waits, and something that waited.
func (v *views) wait(truth Truth) {
	for i, x := range truth.Waiting {
		p := avro.Parked{FactID: fmt.Sprint("F", i), At: x.At, Milestone: x.Milestone, OccurredAt: avro.MicrosOf(x.OccurredAt)}
		v.parked = append(v.parked, p)
		if x.Missed && !slices.ContainsFunc(v.gaps, func(g avro.Gap) bool { return g.Subject.V == x.At && g.Milestone == x.Milestone }) {
			v.gaps = append(v.gaps, avro.Gap{Kind: avro.GapKindUnlinkedFact, Revision: 1, Subject: avro.Some(x.At), Milestone: x.Milestone})
		}
	}
	gone := avro.Parked{FactID: "gone", At: identifier(avro.IdentifierKindBOL, "", "1")}
	v.parked = append(v.parked, gone)
	gone.Released = true
	v.parked = append(v.parked, gone)
}

func timelineOf(s ShipmentTruth) avro.Timeline {
	t := avro.Timeline{ShipmentID: s.ID, Revision: 2, OrderIDs: s.OrderIDs, LoadIDs: s.LoadIDs, Equipment: s.Vehicles}
	for _, m := range s.Milestones {
		t.Entries = append(t.Entries, avro.TimelineEntry{
			Milestone: m.Code, Classifier: avro.ClassifierActual, LoadID: m.LoadID, StopSequence: m.StopSequence, OccurredAt: avro.MicrosOf(m.OccurredAt), Source: avro.Source{System: m.Source}, Agreement: m.Agreement,
		})
	}
	for _, e := range s.Expectations {
		t.Expectations = append(t.Expectations, avro.ExpectationStatus{Milestone: e.Milestone, LoadID: e.LoadID, StopSequence: e.StopSequence, DueAt: avro.MicrosOf(e.DueAt), State: e.State})
	}
	return t
}

func gapsOf(s ShipmentTruth) []avro.Gap {
	var out []avro.Gap
	for _, e := range s.Expectations {
		g := avro.Gap{Kind: avro.GapKindMissingMilestone, Revision: 1, ShipmentID: s.ID, Milestone: e.Milestone, LoadID: e.LoadID, StopSequence: e.StopSequence, DueAt: avro.MicrosOf(e.DueAt)}
		if e.State == avro.ExpectationStateMet {
			continue
		}
		out = append(out, g)
		if e.State == avro.ExpectationStateLate {
			g.Revision, g.Status, g.OccurredAt = 2, avro.GapStatusClosed, avro.Some(avro.MicrosOf(e.OccurredAt))
			out = append(out, g)
		}
	}
	return out
}

// linesOf charges everything once with the wrong amount, reverses that and charges the right one.
func linesOf(s ShipmentTruth) []avro.Charge {
	var out []avro.Charge
	for i, c := range s.Charges {
		id := fmt.Sprintf("%s-%d", s.ID, i)
		line := avro.Charge{
			ChargeID: id, LineID: id + "a", Type: avro.ChargeTypeDetention, Direction: c.Direction, ShipmentID: s.ID, LoadID: c.LoadID, StopSequence: avro.Some(c.StopSequence), Party: c.Party,
			AmountMinor: 7700, ContractID: c.ContractID, ContractVersion: c.ContractVersion, Currency: c.Currency,
		}
		back, last := line, line
		back.LineID, back.Predecessor, back.Kind, back.AmountMinor = id+"b", line.LineID, avro.LineKindReversal, -7700
		last.LineID, last.Predecessor, last.AmountMinor = id+"c", back.LineID, c.AmountMinor
		if c.Held {
			last.Kind = avro.LineKindHeld
		}
		out = append(out, last, line, back, line) // out of order, and one line twice
	}
	return out
}

func differences(truth Truth, v views) []string {
	var out []string
	out = append(out, CompareTimelines(truth, v.timelines)...)
	out = append(out, CompareExpectations(truth, v.timelines)...)
	out = append(out, CompareOrders(truth, v.orders)...)
	out = append(out, CompareGaps(truth, v.gaps)...)
	out = append(out, CompareParked(truth, v.parked)...)
	out = append(out, CompareUnlinked(truth, v.gaps)...)
	return append(out, CompareCharges(truth, v.charges)...)
}

func TestPerfectionHasNoDifferences(t *testing.T) {
	truth := lonelyWorld(t).Truth()
	for _, d := range differences(truth, perfect(truth)) {
		t.Error(d)
	}
}

// Every planted fault is found, said in a sentence that names it, and nothing else is.
func TestPlantedFaultsAreFound(t *testing.T) {
	truth := lonelyWorld(t).Truth()
	for _, c := range []struct {
		name  string
		plant func(*views)
		want  string
	}{
		{"a cent too much", func(v *views) { line(v.charges, "c", avro.LineKindCharge).AmountMinor++ }, "cents are due"},
		{"a cent too little", func(v *views) { line(v.charges, "c", avro.LineKindCharge).AmountMinor-- }, "cents are due"},
		{"a charge twice", func(v *views) {
			again := *line(v.charges, "c", avro.LineKindCharge)
			again.Predecessor, again.LineID = again.LineID, "again"
			v.charges = append(v.charges, again)
		}, "cents are due"},
		{"a lost reversal", func(v *views) { line(v.charges, "b", avro.LineKindReversal).Type = avro.ChargeTypeToll }, "hang together"},
		{"a half reversal", func(v *views) { line(v.charges, "b", avro.LineKindReversal).AmountMinor++ }, "reverses 7700 cents with -7699"},
		{"two lines after one", func(v *views) {
			again := *line(v.charges, "c", avro.LineKindCharge)
			again.LineID, again.AmountMinor = "again", 0
			v.charges = append(v.charges, again)
		}, "2 lines follow"},
		{"charged, not held", func(v *views) { line(v.charges, "c", avro.LineKindHeld).Kind = avro.LineKindCharge }, "is to be held"},
		{"held, not charged", func(v *views) {
			held := line(v.charges, "c", avro.LineKindCharge)
			held.Kind, held.AmountMinor = avro.LineKindHeld, 0
		}, "not held"},
		{"the wrong contract", func(v *views) { line(v.charges, "c", avro.LineKindCharge).ContractVersion += 7 }, "applies, not"},
		{"a charge for nothing", func(v *views) {
			v.charges = append(v.charges, avro.Charge{LineID: "x", Type: avro.ChargeTypeDetention, ShipmentID: "SH1", AmountMinor: 1})
		}, "nothing to charge"},
		{"no charge", func(v *views) { drop(v, line(v.charges, "c", avro.LineKindCharge).ChargeID) }, "the ledger has nothing"},
		{"no timeline", func(v *views) { v.timelines = v.timelines[1:] }, "no timeline"},
		{"an older timeline comes last", func(v *views) {
			v.timelines = append(v.timelines, avro.Timeline{ShipmentID: v.timelines[0].ShipmentID, Revision: 1})
		}, ""},
		{"a stranger", func(v *views) { v.timelines = append(v.timelines, avro.Timeline{ShipmentID: "SH1"}) }, "does not exist"},
		{"a missing milestone", func(v *views) { v.timelines[0].Entries = v.timelines[0].Entries[1:] }, "and the timeline nothing"},
		{"an invented milestone", func(v *views) { v.timelines[0].Entries[0].Milestone = avro.MilestoneCodeRefused }, "no delivered evidence"},
		{"within a sample", func(v *views) { shift(v, avro.SourceSystemTelematics, 30*time.Second) }, ""},
		{"beyond a sample", func(v *views) { shift(v, avro.SourceSystemTelematics, 31*time.Second) }, "it was at"},
		{"a second late by ePOD", func(v *views) { shift(v, avro.SourceSystemEpod, time.Second) }, "it was at"},
		{"the wrong source", func(v *views) { entryBy(v, avro.SourceSystemTelematics).Source.System = avro.SourceSystemCarrier }, "is to be believed"},
		{"a conflict not said", func(v *views) { entryBy(v, avro.SourceSystemTelematics).Agreement = avro.AgreementConflict }, "its reports are"},
		{"the wrong stop", func(v *views) { entryBy(v, avro.SourceSystemTelematics).StopSequence.V += 5 }, "no delivered evidence"},
		{"the wrong vehicle", func(v *views) {
			v.timelines[0].Equipment = []avro.Identifier{{Kind: avro.IdentifierKindVehicle, Value: "T1"}}
		}, "its vehicles are"},
		{"the wrong order", func(v *views) { v.timelines[0].OrderIDs = []string{"SO1"} }, "its orders are"},
		{"an order's lost shipment", func(v *views) { v.orders[0].ShipmentIDs = nil }, "its shipments are"},
		{"no gap", func(v *views) { missed(v.gaps).Kind = avro.GapKindUnlinkedFact }, "there is no gap"},
		{"a gap left open", func(v *views) { gap(v.gaps, avro.GapStatusClosed).Status = avro.GapStatusOpen }, "it came late"},
		{"a gap closed", func(v *views) { missed(v.gaps).Status = avro.GapStatusClosed }, "it never came"},
		{"a gap closed at another time", func(v *views) { gap(v.gaps, avro.GapStatusClosed).OccurredAt.V += 60_000_000 }, "its gap says"},
		{"a gap due at another time", func(v *views) { missed(v.gaps).DueAt += 60_000_000 }, "it was due"},
		{"a gap nobody expects", func(v *views) {
			v.gaps = append(v.gaps, avro.Gap{Kind: avro.GapKindMissingMilestone, ShipmentID: "SH1"})
		}, "nothing is expected"},
		{"an open gap of what was met", func(v *views) { v.gaps = append(v.gaps, met(truth)) }, "it was met"},
		{"a closed gap of what was met", func(v *views) {
			g := met(truth)
			g.Status = avro.GapStatusClosed
			v.gaps = append(v.gaps, g)
		}, ""},
		{"another state", func(v *views) { v.timelines[0].Expectations[0].State = avro.ExpectationStatePending }, "not PENDING"},
		{"an expectation too many", func(v *views) {
			v.timelines[0].Expectations = append(v.timelines[0].Expectations, avro.ExpectationStatus{Milestone: avro.MilestoneCodeInvoiced})
		}, "the template does not"},
		{"a unit's scan that is lost", func(v *views) {
			v.parked = slices.Delete(v.parked, parkedAt(v, avro.IdentifierKindSSCC), parkedAt(v, avro.IdentifierKindSSCC)+1)
		}, "1 facts wait there, of"},
		{"a unit's scan that was joined to something", func(v *views) { v.parked[parkedAt(v, avro.IdentifierKindSSCC)].Released = true }, "1 facts wait there, of"},
		{"a delivery's word of another time", func(v *views) { v.parked[parkedAt(v, avro.IdentifierKindDelivery)].OccurredAt++ }, "facts wait there, of"},
		{"a stay at a time when the device stood nowhere", func(v *views) { v.parked[parkedAt(v, avro.IdentifierKindDevice)].OccurredAt += 1e12 }, "it did not stand then"},
		{"a stay while the vehicle was a load's", func(v *views) {
			v.parked = append(v.parked, avro.Parked{FactID: "V", At: truth.Busy[0].Vehicle, OccurredAt: avro.MicrosOf(truth.Busy[0].From)})
		}, "was a load's then"},
		{"a stay between two loads", func(v *views) {
			v.parked = append(v.parked, avro.Parked{FactID: "V", At: truth.Busy[0].Vehicle, OccurredAt: avro.MicrosOf(truth.Busy[0].From.AddDate(-1, 0, 0))})
		}, ""},
		{"what was never released", func(v *views) { v.parked = v.parked[:len(v.parked)-1] }, "leads on"},
		{"no gap of a link that is missing", func(v *views) { unlinkedGap(v).Subject.V.Value = "nobody's" }, "no gap is open"},
		{"a gap that was closed without a link", func(v *views) { unlinkedGap(v).Status = avro.GapStatusClosed }, "no gap is open"},
		{"a gap of a link that is there", func(v *views) {
			v.gaps = append(v.gaps, avro.Gap{Kind: avro.GapKindUnlinkedFact, Subject: avro.Some(identifier(avro.IdentifierKindBOL, "", "1"))})
		}, "nothing waits for one"},
		{"an order that lost what it alone knows", func(v *views) {
			for i := range v.orders {
				if n := len(v.orders[i].Entries); n > 0 {
					v.orders[i].Entries = v.orders[i].Entries[:n-1]
					return
				}
			}
		}, "neither does the order"},
	} {
		v := perfect(truth)
		c.plant(&v)
		got := differences(truth, v)
		if c.want == "" && len(got) > 0 {
			t.Errorf("%s: is found different: %v", c.name, got)
		}
		if c.want != "" && (len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), c.want)) {
			t.Errorf("%s: %q is not among %v", c.name, c.want, got)
		}
		if len(got) > 3 {
			t.Errorf("%s: one fault makes %d differences: %v", c.name, len(got), got)
		}
	}
}

func lonelyWorld(t *testing.T) *World {
	c := small(31)
	c.Damage.Untold = Untold{UntoldInstallation: 0.5, UntoldAssignment: 0.2, UntoldDelivery: 0.3, UntoldUnit: 0.2}
	return made(t, c)
}

func parkedAt(v *views, kind avro.IdentifierKind) int {
	return slices.IndexFunc(v.parked, func(p avro.Parked) bool { return p.At.Kind == kind })
}

func unlinkedGap(v *views) *avro.Gap {
	return &v.gaps[slices.IndexFunc(v.gaps, func(g avro.Gap) bool {
		return g.Kind == avro.GapKindUnlinkedFact && g.Subject.V.Kind == avro.IdentifierKindSSCC
	})]
}

// line is the first one with the suffix and kind; planting in it must hit all copies, and only the first line has one.
func line(charges []avro.Charge, suffix string, kind avro.LineKind) *avro.Charge {
	for i, c := range charges {
		if strings.HasSuffix(c.LineID, suffix) && c.Kind == kind {
			return &charges[i]
		}
	}
	panic("no such line")
}

func drop(v *views, chargeID string) {
	var kept []avro.Charge
	for _, c := range v.charges {
		if c.ChargeID != chargeID {
			kept = append(kept, c)
		}
	}
	v.charges = kept
}

func entryBy(v *views, source avro.SourceSystem) *avro.TimelineEntry {
	for _, t := range v.timelines {
		for i, e := range t.Entries {
			if e.Source.System == source {
				return &t.Entries[i]
			}
		}
	}
	panic("no such entry")
}

func shift(v *views, source avro.SourceSystem, by time.Duration) {
	entryBy(v, source).OccurredAt += avro.Micros(by.Microseconds())
}

func gap(gaps []avro.Gap, status avro.GapStatus) *avro.Gap {
	for i, g := range gaps {
		if g.Status == status {
			return &gaps[i]
		}
	}
	panic("no such gap")
}

// missed is an open gap that nothing closes.
func missed(gaps []avro.Gap) *avro.Gap {
	for i, g := range gaps {
		if i == len(gaps)-1 || gaps[i+1].Revision == 1 && g.Revision == 1 {
			return &gaps[i]
		}
	}
	panic("no such gap")
}

func met(truth Truth) avro.Gap {
	for _, s := range truth.Shipments {
		for _, e := range s.Expectations {
			if e.State == avro.ExpectationStateMet {
				return avro.Gap{Kind: avro.GapKindMissingMilestone, Revision: 1, ShipmentID: s.ID, Milestone: e.Milestone, LoadID: e.LoadID, StopSequence: e.StopSequence, DueAt: avro.MicrosOf(e.DueAt)}
			}
		}
	}
	panic("nothing is met")
}
