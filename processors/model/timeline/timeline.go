// Package timeline derives a timeline's entries from a set of facts: it groups the reports of one milestone, decides whom
// to believe, and keeps the others visible. A pure function: the order of the facts does not matter.
package timeline

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
)

// Policy is how reports are weighed.
type Policy struct {
	// Tolerance is how far two reports of one milestone may lie apart and still agree.
	Tolerance time.Duration
	// Place gives the load and stop that a report belongs to which does not name both; false where the evidence leaves it open.
	Place func(*avro.Fact) (load string, stop int32, ok bool)
	// Planned gives the planned time of a milestone at a stop.
	Planned func(m avro.MilestoneCode, load string, stop int32) avro.Opt[avro.Micros]
}

// DefaultTolerance is half an hour: two clocks and a gate apart.
const DefaultTolerance = 30 * time.Minute

// narrow are the kinds that make an entry one of a part: a container's loading is not the shipment's.
var narrow = []avro.IdentifierKind{avro.IdentifierKindSSCC, avro.IdentifierKindContainer, avro.IdentifierKindOrderLine, avro.IdentifierKindItem}

// recurring milestones happen again and again: each report with its own time is an entry of its own.
var recurring = map[avro.MilestoneCode]bool{
	avro.MilestoneCodeUnmapped: true, avro.MilestoneCodeOrderChanged: true, avro.MilestoneCodeShorted: true, avro.MilestoneCodeReplenished: true,
	avro.MilestoneCodePaymentReminded: true, avro.MilestoneCodeInTransit: true, avro.MilestoneCodeDelayed: true, avro.MilestoneCodeETA: true,
	avro.MilestoneCodeAttemptFailed: true, avro.MilestoneCodeRescheduled: true, avro.MilestoneCodeAssigned: true,
	avro.MilestoneCodeTerminalArrived: true, avro.MilestoneCodeTerminalDeparted: true, avro.MilestoneCodeDoorOpened: true, avro.MilestoneCodeDoorClosed: true,
	avro.MilestoneCodeSignedOn: true, avro.MilestoneCodeSignedOff: true, avro.MilestoneCodeVehicleReported: true, avro.MilestoneCodeGoodsReceived: true,
	avro.MilestoneCodeInvoiced: true, avro.MilestoneCodeInvoiceMatched: true, avro.MilestoneCodePaid: true, avro.MilestoneCodeQuotationRequested: true,
	avro.MilestoneCodeShipVoided: true,
}

// Recurs says whether a milestone may happen again, so that its time is part of which one it is.
func Recurs(m avro.MilestoneCode, c avro.Classifier) bool {
	return recurring[m] || c == avro.ClassifierEstimated
}

// key is what makes reports speak of one milestone.
type key struct {
	milestone  avro.MilestoneCode
	classifier avro.Classifier
	load       string
	stop       int32 // -1: none
	subject    avro.Identifier
	at         avro.Micros // recurring milestones only
}

// Entries groups the milestone facts and gives one entry per milestone, sorted by time, then by what it is.
func (p Policy) Entries(facts []*avro.Fact) []avro.TimelineEntry {
	groups := map[key][]*avro.Fact{}
	said := sayings{}
	for _, f := range facts {
		if f.HasMilestone && !f.Void {
			k := p.keyOf(f)
			groups[k] = append(groups[k], f)
			said.add(k, f)
		}
	}
	out := make([]avro.TimelineEntry, 0, len(groups))
	for k, reports := range groups {
		e := p.entry(k, reports)
		if said.differ(k, reports) {
			e.Agreement = avro.AgreementConflict
		}
		out = append(out, e)
	}
	slices.SortFunc(out, Compare)
	return out
}

// Compare orders entries by time, milestone, classifier, load, stop, subject.
func Compare(a, b avro.TimelineEntry) int {
	return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.Milestone, b.Milestone), cmp.Compare(a.Classifier, b.Classifier),
		strings.Compare(a.LoadID, b.LoadID), cmp.Compare(a.StopSequence.Or(-1), b.StopSequence.Or(-1)), ids.Compare(a.Subject.V, b.Subject.V))
}

func (p Policy) keyOf(f *avro.Fact) key {
	k := key{milestone: f.Milestone, classifier: f.Classifier, stop: f.StopSequence.Or(-1)}
	k.load = loadOf(f)
	if len(f.Identifiers) > 0 && slices.Contains(narrow, f.Identifiers[0].Kind) {
		k.subject = ids.Bare(f.Identifiers[0])
	}
	if (k.stop < 0 || k.load == "") && p.Place != nil {
		if load, stop, ok := p.Place(f); ok {
			k.load, k.stop = load, stop
		}
	}
	if Recurs(f.Milestone, f.Classifier) {
		k.at = f.OccurredAt
	}
	return k
}

// loadOf is the load a fact speaks of; none where it names several.
func loadOf(f *avro.Fact) string {
	load := ""
	for _, id := range f.Identifiers {
		if id.Kind != avro.IdentifierKindLoad || id.Value == load {
			continue
		}
		if load != "" {
			return ""
		}
		load = id.Value
	}
	return load
}

func (p Policy) entry(k key, reports []*avro.Fact) avro.TimelineEntry {
	slices.SortFunc(reports, func(a, b *avro.Fact) int { return compareReports(k.milestone, a, b) })
	believed := reports[0]
	e := avro.TimelineEntry{
		Milestone: k.milestone, Classifier: k.classifier, LoadID: k.load, PlaceID: believed.PlaceID, OccurredAt: believed.OccurredAt,
		Source: believed.Source, Agreement: p.agreement(reports), Code: believed.Code,
	}
	if k.stop >= 0 {
		e.StopSequence = avro.Some(k.stop)
		if p.Planned != nil {
			e.PlannedAt = p.Planned(k.milestone, k.load, k.stop)
		}
	}
	if k.subject.Kind != avro.IdentifierKindUnspecified {
		e.Subject = avro.Some(k.subject)
	}
	for _, f := range reports {
		e.Reports = append(e.Reports, avro.Report{Source: f.Source, OccurredAt: f.OccurredAt, FactID: f.FactID})
	}
	return e
}

func (p Policy) agreement(reports []*avro.Fact) avro.Agreement {
	if len(reports) == 1 {
		return avro.AgreementSingle
	}
	first, last := reports[0].OccurredAt, reports[0].OccurredAt
	for _, f := range reports {
		first, last = min(first, f.OccurredAt), max(last, f.OccurredAt)
	}
	if last-first > avro.Micros(p.Tolerance.Microseconds()) {
		return avro.AgreementConflict
	}
	return avro.AgreementCorroborated
}

// sayings are what sources said of a milestone under one event id. Who says another thing under an id that was used before, and does not
// say that it corrects that, is in conflict with itself: nobody can tell which stands.
type sayings map[saying][]string

type saying struct {
	of            key // whenever it happens
	source, event string
}

// instead are milestones of which one happens instead of another, by what they are one of: a driver delivers or is refused. A message may tell
// several milestones under one event id, but not two of these at one stop.
var instead = map[avro.MilestoneCode]avro.MilestoneCode{
	avro.MilestoneCodeDeliveredPartial: avro.MilestoneCodeDelivered, avro.MilestoneCodeRefused: avro.MilestoneCodeDelivered,
	avro.MilestoneCodeAttemptFailed: avro.MilestoneCodeDelivered, avro.MilestoneCodeNotCompleted: avro.MilestoneCodeDelivered,
	avro.MilestoneCodeDeclined: avro.MilestoneCodeAccepted, avro.MilestoneCodeOrderCancelled: avro.MilestoneCodeOrderConfirmed,
}

func sayingOf(k key, f *avro.Fact) saying {
	k.at = 0
	if of, ok := instead[k.milestone]; ok {
		k.milestone = of
	}
	return saying{k, f.Source.System.String() + "/" + f.Source.Partner, f.EventID}
}

func (s sayings) add(k key, f *avro.Fact) {
	if at := sayingOf(k, f); f.EventID != "" && !slices.Contains(s[at], f.FactID) {
		s[at] = append(s[at], f.FactID)
	}
}

func (s sayings) differ(k key, reports []*avro.Fact) bool {
	return slices.ContainsFunc(reports, func(f *avro.Fact) bool { return f.EventID != "" && len(s[sayingOf(k, f)]) > 1 })
}

// compareReports puts the report to believe first: by the milestone's precedence of sources, then the earliest, then by id.
func compareReports(m avro.MilestoneCode, a, b *avro.Fact) int {
	return cmp.Or(cmp.Compare(rank(m, a.Source.System), rank(m, b.Source.System)), cmp.Compare(a.OccurredAt, b.OccurredAt),
		strings.Compare(a.Source.Partner, b.Source.Partner), strings.Compare(a.FactID, b.FactID))
}

// Concerns says whether a fact filed under a load speaks of the whole load, and not only of something narrower aboard.
func Concerns(f *avro.Fact) bool {
	return !slices.ContainsFunc(f.Identifiers, func(id avro.Identifier) bool {
		r := hops.Rank(id.Kind)
		return r > hops.Rank(avro.IdentifierKindVehicle) && r < hops.Rank(avro.IdentifierKindLoad) ||
			id.Kind == avro.IdentifierKindShipment && !f.Load.Ok
	})
}
