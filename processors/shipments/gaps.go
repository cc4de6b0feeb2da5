package shipments

import (
	"fmt"
	"slices"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/topics"
)

// tellGaps brings the told gaps in step with the expectations. Missed opens one; late is one that is closed, whether or not
// a tick saw it open: late means occurred after the deadline, never arrived after it. What turns out to have been in time,
// or is expected no more, closes what was open.
func (t *telling) tellGaps() {
	wanted := map[string]bool{}
	for i := range t.expectations {
		g := t.gapOf(&t.expectations[i])
		wanted[g.GapID] = true
		t.tellGap(g, t.expectations[i].State)
	}
	var gone []string
	for id, told := range t.gaps.All() {
		if !wanted[id] && (told.Status == avro.GapStatusOpen || told.Reason == late) {
			gone = append(gone, id)
		}
	}
	for _, id := range gone {
		g := t.gaps.Edit(id).Clone()
		g.Status, g.Reason, g.OccurredAt, g.FactIDs = avro.GapStatusClosed, "not expected any more", avro.Opt[avro.Micros]{}, nil
		t.emitGap(g)
	}
}

// late is why a gap was closed whose milestone came after its deadline: what a closed gap has to say in the end.
const late = "late"

func (t *telling) gapOf(x *avro.ExpectationStatus) avro.Gap {
	return avro.Gap{
		Tenant: t.tenant, Kind: avro.GapKindMissingMilestone, ShipmentID: t.id.Value, OrderIDs: t.orderIDs(), LoadID: x.LoadID, StopSequence: x.StopSequence,
		Milestone: x.Milestone, Template: x.Template, TemplateVersion: x.TemplateVersion, DueAt: x.DueAt, Billing: x.Billing,
		GapID: facts.Hash("gap", t.tenant, t.id.Issuer, t.id.Value, x.Milestone.String(), x.LoadID, fmt.Sprint(x.StopSequence.Or(-1))),
	}
}

func (t *telling) tellGap(g avro.Gap, state avro.ExpectationState) {
	told, known := t.gaps.Get(g.GapID)
	open := known && told.Status == avro.GapStatusOpen
	switch state {
	case avro.ExpectationStateMissed:
		g.Status = avro.GapStatusOpen
		g.Lagging = t.lagging
		if open {
			g.Lagging = told.Lagging // how it was concluded does not change
		}
	case avro.ExpectationStateLate:
		g.Status, g.Reason = avro.GapStatusClosed, late
		t.close(&g)
	default:
		if !known {
			return
		}
		g.Status, g.Reason = avro.GapStatusClosed, closing[state]
		t.close(&g)
	}
	t.emitGap(g)
}

var closing = map[avro.ExpectationState]string{
	avro.ExpectationStateMet:       "in time, told late",
	avro.ExpectationStatePending:   "the deadline moved",
	avro.ExpectationStateCancelled: "the load was cancelled",
	avro.ExpectationStateWaived:    "waived",
}

// close names what closed a gap: the believed report of the milestone.
func (t *telling) close(g *avro.Gap) {
	for i := range t.expectations {
		x := &t.expectations[i]
		if x.Milestone != g.Milestone || x.LoadID != g.LoadID || x.StopSequence != g.StopSequence || !x.MetAt.Ok {
			continue
		}
		g.OccurredAt = x.MetAt
		e := t.find(x.Milestone, func(e *avro.TimelineEntry) bool {
			return e.OccurredAt == x.MetAt.V && (!x.StopSequence.Ok || e.StopSequence == x.StopSequence)
		})
		if e != nil {
			g.FactIDs = []string{e.Reports[0].FactID}
		}
	}
}

// emitGap tells a gap's transition, if it is one.
func (t *telling) emitGap(g avro.Gap) {
	told, known := t.gaps.Get(g.GapID)
	if known {
		g.Revision, g.CreatedAt, g.EmittedAt = told.Revision, told.CreatedAt, told.EmittedAt
		if sameGap(&g, told) {
			return
		}
	}
	g.Revision++
	g.EmittedAt = t.now
	if !known {
		g.CreatedAt = t.now
	}
	*t.gaps.Edit(g.GapID) = g.Clone()
	t.out.To(topics.Gaps.Name, t.key(), &g)
}

func sameGap(a, b *avro.Gap) bool { return slices.Equal(a.Append(nil), b.Append(nil)) }
