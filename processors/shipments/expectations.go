package shipments

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"waybill/avro"
	"waybill/topics"
)

// template finds the service level by name: the tenant's own, everyone's, or the one built in.
func (t *telling) template() *avro.ServiceLevel {
	for _, tenant := range []string{t.tenant, ""} {
		if l, ok := t.levels.Get(topics.Key(tenant, t.level)); ok {
			return l
		}
	}
	return builtin[t.level]
}

// expect evaluates the template. A deadline that a tick has passed without the milestone is missed; the next one that no
// tick has passed is given back, to be woken at.
func (t *telling) expect(judged avro.Micros) (next avro.Micros) {
	next = never
	level := t.template()
	if level == nil {
		return next
	}
	for _, x := range level.Expectations {
		for _, sc := range t.scopes(x.Scope) {
			if sc.stop != nil && t.terminal(sc.leg.LoadID, sc.stop.Sequence) && ends[x.Milestone] {
				continue
			}
			e, ok := t.evaluate(x, sc, judged)
			if !ok {
				continue
			}
			e.Template, e.TemplateVersion = level.Name, level.Version
			t.expectations = append(t.expectations, e)
			if e.State == avro.ExpectationStatePending {
				next = min(next, e.DueAt)
			}
		}
	}
	slices.SortFunc(t.expectations, func(a, b avro.ExpectationStatus) int {
		return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), cmp.Compare(a.Milestone, b.Milestone), cmp.Compare(a.LoadID, b.LoadID), cmp.Compare(a.StopSequence.Or(-1), b.StopSequence.Or(-1)))
	})
	return next
}

// ends are the milestones at a shipment's end, and not where it changes loads.
var ends = map[avro.MilestoneCode]bool{avro.MilestoneCodeDelivered: true, avro.MilestoneCodePodReceived: true}

// scope is one thing a milestone is expected of: the shipment, a leg, or a stop of a leg.
type scope struct {
	leg  *avro.LoadView
	stop *avro.Stop
}

func (t *telling) scopes(kind avro.ExpectationScope) []scope {
	if kind == avro.ExpectationScopeShipment {
		return []scope{{}}
	}
	var out []scope
	for _, leg := range t.legs {
		if kind == avro.ExpectationScopeLeg {
			out = append(out, scope{leg: leg})
			continue
		}
		for i := range leg.Stops {
			if s := &leg.Stops[i]; kind == avro.ExpectationScopePickupStop && s.Type == avro.StopTypePickup || kind == avro.ExpectationScopeDeliveryStop && s.Type == avro.StopTypeDelivery {
				out = append(out, scope{leg: leg, stop: s})
			}
		}
	}
	return out
}

// in says whether an entry is of the scope: one of a stop must name it, one of a leg may name no load.
func (sc scope) in(e *avro.TimelineEntry) bool {
	switch {
	case sc.stop != nil:
		return e.LoadID == sc.leg.LoadID && e.StopSequence.Or(-1) == sc.stop.Sequence
	case sc.leg != nil:
		return e.LoadID == sc.leg.LoadID || e.LoadID == ""
	}
	return true
}

func (t *telling) evaluate(x avro.Expectation, sc scope, judged avro.Micros) (avro.ExpectationStatus, bool) {
	anchor, ok := t.anchor(x, sc)
	if !ok {
		return avro.ExpectationStatus{}, false
	}
	e := avro.ExpectationStatus{Milestone: x.Milestone, DueAt: anchor + avro.Micros(x.OffsetS*1_000_000), Billing: x.Billing}
	if sc.leg != nil {
		e.LoadID = sc.leg.LoadID
	}
	if sc.stop != nil {
		e.StopSequence = avro.Some(sc.stop.Sequence)
	}
	met := t.met(x.Milestone, sc)
	switch {
	case met != nil:
		e.MetAt = avro.Some(met.OccurredAt)
		e.State = avro.ExpectationStateMet
		if met.OccurredAt > e.DueAt {
			e.State = avro.ExpectationStateLate
		}
	case sc.leg != nil && sc.leg.Cancelled:
		e.State = avro.ExpectationStateCancelled
	case e.DueAt <= judged:
		e.State = avro.ExpectationStateMissed
	}
	return e, true
}

// met finds the entry that meets an expectation; a part delivery is a delivery.
func (t *telling) met(m avro.MilestoneCode, sc scope) *avro.TimelineEntry {
	e := t.find(m, sc.in)
	if e == nil && m == avro.MilestoneCodeDelivered {
		e = t.find(avro.MilestoneCodeDeliveredPartial, sc.in)
	}
	return e
}

func (t *telling) anchor(x avro.Expectation, sc scope) (avro.Micros, bool) {
	switch x.Anchor {
	case avro.AnchorMilestone:
		e := t.met(x.AnchorMilestone, sc)
		if e == nil {
			return 0, false
		}
		return e.OccurredAt, true
	case avro.AnchorAppointment:
		s := sc.stopOrFirst()
		return s.AppointmentAt.V, s.AppointmentAt.Ok
	case avro.AnchorPlan:
		s := sc.stopOrFirst()
		return s.WindowFrom.V, s.WindowFrom.Ok
	}
	return 0, false
}

// stopOrFirst is the scope's stop; of a leg its first one.
func (sc scope) stopOrFirst() avro.Stop {
	switch {
	case sc.stop != nil:
		return *sc.stop
	case sc.leg != nil && len(sc.leg.Stops) > 0:
		return sc.leg.Stops[0]
	}
	return avro.Stop{}
}

// builtin are the templates that every tenant has until reference data says otherwise.
var builtin = mustRead(levelsJSON)

//go:embed service_levels.json
var levelsJSON []byte

func mustRead(raw []byte) map[string]*avro.ServiceLevel {
	var list []struct {
		Name         string
		Expectations []struct {
			Milestone, Scope, Anchor, Of string
			OffsetS                      int64 `json:"offset_s"`
			Billing                      bool
		}
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		panic(fmt.Sprintf("service_levels.json: %v", err))
	}
	out := map[string]*avro.ServiceLevel{}
	for _, l := range list {
		level := &avro.ServiceLevel{Name: l.Name}
		for _, x := range l.Expectations {
			level.Expectations = append(level.Expectations, avro.Expectation{
				Milestone: must(avro.ParseMilestoneCode(x.Milestone)), Scope: must(avro.ParseExpectationScope(x.Scope)), Anchor: must(avro.ParseAnchor(x.Anchor)),
				AnchorMilestone: must(avro.ParseMilestoneCode(cmp.Or(x.Of, "UNMAPPED"))), OffsetS: x.OffsetS, Billing: x.Billing,
			})
		}
		out[l.Name] = level
	}
	return out
}

func must[T any](v T, known bool) T {
	if !known {
		panic("service_levels.json names a symbol that the schema does not have")
	}
	return v
}
