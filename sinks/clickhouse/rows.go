package clickhouse

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"waybill/avro"
	"waybill/sinks"
)

// columnsOf is a record as a row of its table.
func columnsOf(r sinks.Row) columns {
	switch v := r.Value.(type) {
	case *avro.Milestone:
		return milestone(v)
	case *avro.Timeline:
		return timeline(v)
	case *avro.OrderTimeline:
		return orderTimeline(v)
	case *avro.Charge:
		return charge(v)
	case *avro.Gap:
		return gap(v)
	case *avro.Parked:
		return parked(v)
	case *avro.DeadLetter:
		return deadLetter(v, r.At)
	}
	panic(fmt.Sprintf("no columns for %T, which tableOf gave a table", r.Value))
}

func milestone(r *avro.Milestone) columns {
	e := r.Entry
	return columns{
		{"tenant", r.Tenant}, {"milestone_id", r.MilestoneID}, {"revision", uint64(r.Revision)}, {"shipment_id", r.ShipmentID}, {"order_ids", r.OrderIDs},
		{"carrier", r.Carrier}, {"customer", r.Customer}, {"milestone", e.Milestone.String()}, {"classifier", e.Classifier.String()},
		{"load_id", e.LoadID}, {"stop_sequence", maybe(e.StopSequence)},
		{"subject_kind", kindOf(e.Subject)}, {"subject_issuer", e.Subject.V.Issuer}, {"subject", e.Subject.V.Value},
		{"place_id", e.PlaceID}, {"occurred_at", at(e.OccurredAt)}, {"planned_at", maybeAt(e.PlannedAt)},
		{"source_system", e.Source.System.String()}, {"source_partner", e.Source.Partner}, {"agreement", e.Agreement.String()}, {"code", e.Code},
		{"reports.source_system", each(e.Reports, func(r avro.Report) string { return r.Source.System.String() })},
		{"reports.source_partner", each(e.Reports, func(r avro.Report) string { return r.Source.Partner })},
		{"reports.occurred_at", each(e.Reports, func(r avro.Report) time.Time { return at(r.OccurredAt) })},
		{"reports.fact_id", each(e.Reports, func(r avro.Report) string { return r.FactID })},
		{"retracted", r.Retracted}, {"known_at", at(r.EmittedAt)},
	}
}

func timeline(r *avro.Timeline) columns {
	c := columns{
		{"tenant", r.Tenant}, {"shipment_id", r.ShipmentID}, {"issuer", r.Issuer}, {"revision", uint64(r.Revision)},
		{"created_at", at(r.CreatedAt)}, {"known_at", at(r.EmittedAt)}, {"order_ids", r.OrderIDs}, {"load_ids", r.LoadIDs},
		{"carrier", r.Carrier}, {"customer", r.Customer}, {"service_level", r.ServiceLevel}, {"state", r.State.String()}, {"facts", uint32(r.Facts)},
	}
	c = append(c, identifiers("equipment", r.Equipment)...)
	c = append(c, identifiers("refs", r.References)...)
	c = append(c, stops(r.Stops)...)
	c = append(c, entries(r.Entries)...)
	c = append(c, estimates(r.Estimates)...)
	c = append(c, incidents(r.Incidents)...)
	return append(c, expectations(r.Expectations)...)
}

func orderTimeline(r *avro.OrderTimeline) columns {
	c := columns{
		{"tenant", r.Tenant}, {"order_id", r.OrderID}, {"issuer", r.Issuer}, {"revision", uint64(r.Revision)},
		{"created_at", at(r.CreatedAt)}, {"known_at", at(r.EmittedAt)}, {"customer", r.Customer}, {"service_level", r.ServiceLevel},
		{"requested_delivery_at", maybeAt(r.RequestedDeliveryAt)}, {"shipment_ids", r.ShipmentIDs}, {"load_ids", r.LoadIDs},
		{"state", r.State.String()}, {"facts", uint32(r.Facts)},
	}
	c = append(append(c, identifiers("equipment", r.Equipment)...), entries(r.Entries)...)
	return append(append(c, estimates(r.Estimates)...), incidents(r.Incidents)...)
}

func identifiers(name string, ids []avro.Identifier) columns {
	return columns{
		{name + ".kind", each(ids, func(i avro.Identifier) string { return i.Kind.String() })},
		{name + ".issuer", each(ids, func(i avro.Identifier) string { return i.Issuer })},
		{name + ".value", each(ids, func(i avro.Identifier) string { return i.Value })},
	}
}

func stops(s []avro.TimelineStop) columns {
	return columns{
		{"stops.load_id", each(s, func(s avro.TimelineStop) string { return s.LoadID })},
		{"stops.sequence", each(s, func(s avro.TimelineStop) int32 { return s.Sequence })},
		{"stops.type", each(s, func(s avro.TimelineStop) string { return s.Type.String() })},
		{"stops.place_id", each(s, func(s avro.TimelineStop) string { return s.PlaceID })},
		{"stops.planned_at", each(s, func(s avro.TimelineStop) *time.Time { return maybeAt(s.PlannedAt) })},
		{"stops.appointment_at", each(s, func(s avro.TimelineStop) *time.Time { return maybeAt(s.AppointmentAt) })},
		{"stops.arrived_at", each(s, func(s avro.TimelineStop) *time.Time { return maybeAt(s.ArrivedAt) })},
		{"stops.departed_at", each(s, func(s avro.TimelineStop) *time.Time { return maybeAt(s.DepartedAt) })},
	}
}

func entries(e []avro.TimelineEntry) columns {
	return columns{
		{"entries.milestone", each(e, func(e avro.TimelineEntry) string { return e.Milestone.String() })},
		{"entries.classifier", each(e, func(e avro.TimelineEntry) string { return e.Classifier.String() })},
		{"entries.load_id", each(e, func(e avro.TimelineEntry) string { return e.LoadID })},
		{"entries.stop_sequence", each(e, func(e avro.TimelineEntry) *int32 { return maybe(e.StopSequence) })},
		{"entries.subject_kind", each(e, func(e avro.TimelineEntry) string { return kindOf(e.Subject) })},
		{"entries.subject", each(e, func(e avro.TimelineEntry) string { return e.Subject.V.Value })},
		{"entries.place_id", each(e, func(e avro.TimelineEntry) string { return e.PlaceID })},
		{"entries.occurred_at", each(e, func(e avro.TimelineEntry) time.Time { return at(e.OccurredAt) })},
		{"entries.planned_at", each(e, func(e avro.TimelineEntry) *time.Time { return maybeAt(e.PlannedAt) })},
		{"entries.source_system", each(e, func(e avro.TimelineEntry) string { return e.Source.System.String() })},
		{"entries.source_partner", each(e, func(e avro.TimelineEntry) string { return e.Source.Partner })},
		{"entries.agreement", each(e, func(e avro.TimelineEntry) string { return e.Agreement.String() })},
		{"entries.code", each(e, func(e avro.TimelineEntry) string { return e.Code })},
		{"entries.fact_ids", each(e, func(e avro.TimelineEntry) []string {
			return each(e.Reports, func(r avro.Report) string { return r.FactID })
		})},
	}
}

func estimates(e []avro.Estimate) columns {
	return columns{
		{"estimates.shipment_id", each(e, func(e avro.Estimate) string { return e.ShipmentID })},
		{"estimates.load_id", each(e, func(e avro.Estimate) string { return e.LoadID })},
		{"estimates.stop_sequence", each(e, func(e avro.Estimate) int32 { return e.Sequence })},
		{"estimates.expected_at", each(e, func(e avro.Estimate) time.Time { return at(e.ExpectedAt) })},
		{"estimates.said_at", each(e, func(e avro.Estimate) *time.Time { return maybeAt(e.SaidAt) })},
		{"estimates.source_system", each(e, func(e avro.Estimate) string { return e.Source.System.String() })},
		{"estimates.source_partner", each(e, func(e avro.Estimate) string { return e.Source.Partner })},
		{"estimates.fact_id", each(e, func(e avro.Estimate) string { return e.FactID })},
		{"estimates.words", each(e, func(e avro.Estimate) int32 { return e.Words })},
	}
}

func incidents(x []avro.Incident) columns {
	return columns{
		{"incidents.shipment_id", each(x, func(x avro.Incident) string { return x.ShipmentID })},
		{"incidents.milestone", each(x, func(x avro.Incident) string { return x.Milestone.String() })},
		{"incidents.load_id", each(x, func(x avro.Incident) string { return x.LoadID })},
		{"incidents.stop_sequence", each(x, func(x avro.Incident) *int32 { return maybe(x.StopSequence) })},
		{"incidents.occurred_at", each(x, func(x avro.Incident) time.Time { return at(x.OccurredAt) })},
		{"incidents.source_system", each(x, func(x avro.Incident) string { return x.Source.System.String() })},
		{"incidents.source_partner", each(x, func(x avro.Incident) string { return x.Source.Partner })},
		{"incidents.code", each(x, func(x avro.Incident) string { return x.Code })},
		{"incidents.reason_code", each(x, func(x avro.Incident) string { return x.ReasonCode })},
		{"incidents.fact_ids", each(x, func(x avro.Incident) []string { return x.FactIDs })},
	}
}

func expectations(x []avro.ExpectationStatus) columns {
	return columns{
		{"expectations.milestone", each(x, func(x avro.ExpectationStatus) string { return x.Milestone.String() })},
		{"expectations.load_id", each(x, func(x avro.ExpectationStatus) string { return x.LoadID })},
		{"expectations.stop_sequence", each(x, func(x avro.ExpectationStatus) *int32 { return maybe(x.StopSequence) })},
		{"expectations.due_at", each(x, func(x avro.ExpectationStatus) time.Time { return at(x.DueAt) })},
		{"expectations.met_at", each(x, func(x avro.ExpectationStatus) *time.Time { return maybeAt(x.MetAt) })},
		{"expectations.state", each(x, func(x avro.ExpectationStatus) string { return x.State.String() })},
		{"expectations.billing", each(x, func(x avro.ExpectationStatus) bool { return x.Billing })},
		{"expectations.template", each(x, func(x avro.ExpectationStatus) string { return x.Template })},
		{"expectations.template_version", each(x, func(x avro.ExpectationStatus) int64 { return x.TemplateVersion })},
	}
}

func charge(r *avro.Charge) columns {
	return columns{
		{"tenant", r.Tenant}, {"charge_id", r.ChargeID}, {"line_id", r.LineID}, {"predecessor", r.Predecessor},
		{"kind", r.Kind.String()}, {"type", r.Type.String()}, {"direction", r.Direction.String()},
		{"shipment_id", r.ShipmentID}, {"load_id", r.LoadID}, {"stop_sequence", maybe(r.StopSequence)}, {"party", r.Party},
		{"quantity", decimal.New(int64(r.Quantity), -avro.ChargeQuantityScale)}, {"unit", r.Unit},
		{"rate", decimal.New(int64(r.Rate), -avro.ChargeRateScale)}, {"amount_minor", r.AmountMinor}, {"currency", r.Currency},
		{"contract_id", r.ContractID}, {"contract_version", r.ContractVersion}, {"clause", r.Clause}, {"arithmetic", r.Arithmetic}, {"reason", r.Reason},
		{"service_at", at(r.ServiceAt)}, {"period", r.Period}, {"fact_ids", r.FactIDs}, {"known_at", at(r.EmittedAt)},
	}
}

func gap(r *avro.Gap) columns {
	return columns{
		{"tenant", r.Tenant}, {"gap_id", r.GapID}, {"revision", uint64(r.Revision)}, {"kind", r.Kind.String()}, {"status", r.Status.String()},
		{"shipment_id", r.ShipmentID}, {"order_ids", r.OrderIDs}, {"load_id", r.LoadID}, {"stop_sequence", maybe(r.StopSequence)},
		{"milestone", r.Milestone.String()}, {"subject_kind", kindOf(r.Subject)}, {"subject_issuer", r.Subject.V.Issuer}, {"subject", r.Subject.V.Value},
		{"template", r.Template}, {"template_version", r.TemplateVersion}, {"due_at", at(r.DueAt)}, {"occurred_at", maybeAt(r.OccurredAt)},
		{"fact_ids", r.FactIDs}, {"reason", r.Reason}, {"billing", r.Billing}, {"lagging", r.Lagging},
		{"created_at", at(r.CreatedAt)}, {"known_at", at(r.EmittedAt)},
	}
}

func parked(r *avro.Parked) columns {
	return columns{
		{"tenant", r.Tenant}, {"fact_id", r.FactID}, {"kind", r.At.Kind.String()}, {"issuer", r.At.Issuer}, {"value", r.At.Value},
		{"released", r.Released}, {"reason", r.Reason}, {"milestone", r.Milestone.String()},
		{"occurred_at", at(r.OccurredAt)}, {"known_at", at(r.EmittedAt)},
	}
}

func deadLetter(r *avro.DeadLetter, buried time.Time) columns {
	return columns{
		{"topic", r.Topic}, {"partition", r.Partition}, {"offset", r.Offset}, {"stage", r.Stage}, {"reason", r.Reason}, {"causes", r.Causes},
		{"schema_id", maybe(r.SchemaID)}, {"attempt", uint32(r.Attempt)}, {"key", maybeText(r.Key)}, {"value", maybeText(r.Value)},
		{"headers.key", each(r.Headers, func(h avro.Header) string { return h.Key })},
		{"headers.value", each(r.Headers, func(h avro.Header) string { return string(h.Value) })},
		{"record_at", at(r.RecordAt)}, {"known_at", buried},
	}
}

// DateTime64 holds 1900 to 2299, and Go's nanoseconds end in 2262: what lies outside is stored as the nearer bound, for
// a date that no clock should have must not stop the table. The record in Kafka keeps what was said.
const (
	earliest avro.Micros = -2208988800_000000 // 1900-01-01
	latest   avro.Micros = 9214646400_000000  // 2262-01-01
)

func at(m avro.Micros) time.Time { return min(max(m, earliest), latest).Time() }

func maybeAt(o avro.Opt[avro.Micros]) *time.Time {
	if !o.Ok {
		return nil
	}
	t := at(o.V)
	return &t
}

func maybe[T any](o avro.Opt[T]) *T {
	if !o.Ok {
		return nil
	}
	return &o.V
}

func maybeText(o avro.Opt[[]byte]) *string {
	if !o.Ok {
		return nil
	}
	s := string(o.V)
	return &s
}

func kindOf(o avro.Opt[avro.Identifier]) string {
	if !o.Ok {
		return ""
	}
	return o.V.Kind.String()
}

func each[T, V any](of []T, f func(T) V) []V {
	out := make([]V, len(of))
	for i := range of {
		out[i] = f(of[i])
	}
	return out
}
