package shipments

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
)

// estimatesIn gives of each stop the estimate that was said last: by whomever, since an estimate is a forecast and the newest knows most. One
// whose source does not say when it was said counts as older than any that does; of two said at once the later time stands.
func (s *consist) estimatesIn(told []*avro.Fact) []avro.Estimate {
	var out []avro.Estimate
	for _, f := range told {
		e, ok := s.estimate(f)
		if !ok {
			continue
		}
		i, known := slices.BinarySearchFunc(out, e, compareStops)
		if !known {
			out = slices.Insert(out, i, e)
			continue
		}
		words := out[i].Words + 1
		if saidBefore(&out[i], &e) {
			out[i] = e
		}
		out[i].Words = words
	}
	return out
}

func compareStops(a, b avro.Estimate) int {
	return cmp.Or(strings.Compare(a.LoadID, b.LoadID), cmp.Compare(a.Sequence, b.Sequence))
}

func saidBefore(a, b *avro.Estimate) bool {
	return cmp.Or(cmp.Compare(a.SaidAt.Or(-1), b.SaidAt.Or(-1)), cmp.Compare(a.ExpectedAt, b.ExpectedAt), strings.Compare(a.FactID, b.FactID)) < 0
}

// expecting are the milestones whose estimate is an arrival's, and the kind of stop that is.
var expecting = map[avro.MilestoneCode]avro.StopType{
	avro.MilestoneCodeETA:             avro.StopTypeDelivery,
	avro.MilestoneCodeArrivedDelivery: avro.StopTypeDelivery,
	avro.MilestoneCodeDelivered:       avro.StopTypeDelivery,
	avro.MilestoneCodeArrivedPickup:   avro.StopTypePickup,
}

// estimate reads an estimate, if the fact is one and there is only one stop that it can be of.
func (s *consist) estimate(f *avro.Fact) (e avro.Estimate, ok bool) {
	kind, is := expecting[f.Milestone]
	if !f.HasMilestone || !is || f.Classifier != avro.ClassifierEstimated && f.Milestone != avro.MilestoneCodeETA {
		return e, false
	}
	e = avro.Estimate{ShipmentID: s.id.Value, ExpectedAt: f.OccurredAt, Source: f.Source, FactID: f.FactID, Words: 1}
	if at, err := time.Parse(time.RFC3339Nano, attribute(f, facts.SaidAt)); err == nil {
		e.SaidAt = avro.Some(avro.MicrosOf(at))
	}
	n := 0
	for _, leg := range s.legs {
		for _, st := range leg.Stops {
			if (st.Sequence == f.StopSequence.V || !f.StopSequence.Ok && st.Type == kind) && s.aboard(f, leg) {
				e.LoadID, e.Sequence = leg.LoadID, st.Sequence
				n++
			}
		}
	}
	return e, n == 1
}

// incident milestones tell that something went wrong.
var incident = map[avro.MilestoneCode]bool{
	avro.MilestoneCodeDelayed: true, avro.MilestoneCodeDamaged: true, avro.MilestoneCodeRefused: true, avro.MilestoneCodeNotCompleted: true,
	avro.MilestoneCodeAttemptFailed: true, avro.MilestoneCodeShorted: true, avro.MilestoneCodeReturned: true, avro.MilestoneCodeReconsigned: true,
	avro.MilestoneCodeDeliveredPartial: true,
}

// incidentsIn are the entries that tell what went wrong, each with the first reason that any of its reports gives.
func (s *consist) incidentsIn(told []*avro.Fact) []avro.Incident {
	reasons := map[string]string{}
	for _, f := range told {
		reasons[f.FactID] = f.ReasonCode
	}
	var out []avro.Incident
	for i := range s.entries {
		e := &s.entries[i]
		if !incident[e.Milestone] || e.Classifier != avro.ClassifierActual {
			continue
		}
		x := avro.Incident{
			ShipmentID: s.id.Value, Milestone: e.Milestone, LoadID: e.LoadID, StopSequence: e.StopSequence, OccurredAt: e.OccurredAt, Source: e.Source, Code: e.Code,
		}
		for _, r := range e.Reports {
			x.ReasonCode = cmp.Or(x.ReasonCode, reasons[r.FactID])
			x.FactIDs = append(x.FactIDs, r.FactID)
		}
		out = append(out, x)
	}
	return out
}
