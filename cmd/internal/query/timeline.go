package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"waybill/avro"
)

// Shipment is a shipment's timeline as it stands. The error wraps ErrNone where there is no such shipment.
func (db *DB) Shipment(ctx context.Context, tenant, id string) (avro.Timeline, error) {
	t := avro.Timeline{Tenant: tenant, ShipmentID: id}
	key := []any{tenant, id}
	found := false
	err := db.each(ctx, "the timeline", `
		SELECT issuer, revision, created_at, known_at, order_ids, load_ids, equipment.kind, equipment.issuer, equipment.value,
		       refs.kind, refs.issuer, refs.value, carrier, customer, service_level, state, facts
		FROM timeline WHERE tenant = ? AND shipment_id = ?`, key, func(r driver.Rows) error {
		found = true
		return scanHead(r, &t)
	})
	if err != nil {
		return t, err
	}
	if !found {
		return t, fmt.Errorf("shipment %s of tenant %s: %w: `waybill gaps` and SELECT shipment_id FROM timeline show which there are", id, tenant, ErrNone)
	}
	if t.Stops, err = db.stops(ctx, key); err != nil {
		return t, err
	}
	if t.Entries, err = db.entries(ctx, "timeline", "shipment_id", key); err != nil {
		return t, err
	}
	t.Expectations, err = db.expectations(ctx, key)
	return t, err
}

func scanHead(r driver.Rows, t *avro.Timeline) error {
	var revision uint64
	var created, known time.Time
	var equipment, refs identifiers
	var state string
	var facts uint32
	err := r.Scan(&t.Issuer, &revision, &created, &known, &t.OrderIDs, &t.LoadIDs, &equipment.kinds, &equipment.issuers, &equipment.values,
		&refs.kinds, &refs.issuers, &refs.values, &t.Carrier, &t.Customer, &t.ServiceLevel, &state, &facts)
	if err != nil {
		return err
	}
	t.Revision, t.CreatedAt, t.EmittedAt, t.Facts = int64(revision), avro.MicrosOf(created), avro.MicrosOf(known), int32(facts)
	t.Equipment, t.References = equipment.list(), refs.list()
	t.State, _ = avro.ParseMilestoneCode(state)
	return nil
}

// identifiers is a nested column.
type identifiers struct{ kinds, issuers, values []string }

func (n identifiers) list() []avro.Identifier {
	var out []avro.Identifier
	for i := range n.kinds {
		kind, _ := avro.ParseIdentifierKind(n.kinds[i])
		out = append(out, avro.Identifier{Kind: kind, Issuer: n.issuers[i], Value: n.values[i]})
	}
	return out
}

func (db *DB) stops(ctx context.Context, key []any) ([]avro.TimelineStop, error) {
	var out []avro.TimelineStop
	err := db.each(ctx, "the stops", `
		SELECT s.load_id, s.sequence, s.type, s.place_id, s.planned_at, s.appointment_at, s.arrived_at, s.departed_at
		FROM timeline ARRAY JOIN stops AS s WHERE tenant = ? AND shipment_id = ? ORDER BY s.load_id, s.sequence`, key, func(r driver.Rows) error {
		var s avro.TimelineStop
		var kind string
		var planned, appointment, arrived, departed *time.Time
		if err := r.Scan(&s.LoadID, &s.Sequence, &kind, &s.PlaceID, &planned, &appointment, &arrived, &departed); err != nil {
			return err
		}
		s.Type, _ = avro.ParseStopType(kind)
		s.PlannedAt, s.AppointmentAt, s.ArrivedAt, s.DepartedAt = micros(planned), micros(appointment), micros(arrived), micros(departed)
		out = append(out, s)
		return nil
	})
	return out, err
}

// entries reads the milestones of a shipment or an order: of the other reports only the facts are known there.
func (db *DB) entries(ctx context.Context, table, column string, key []any) ([]avro.TimelineEntry, error) {
	var out []avro.TimelineEntry
	err := db.each(ctx, "the milestones", `
		SELECT e.milestone, e.classifier, e.load_id, e.stop_sequence, e.subject_kind, e.subject, e.place_id, e.occurred_at, e.planned_at,
		       e.source_system, e.source_partner, e.agreement, e.code, e.fact_ids
		FROM `+table+` ARRAY JOIN entries AS e WHERE tenant = ? AND `+column+` = ?`, key, func(r driver.Rows) error {
		e, err := scanEntry(r)
		out = append(out, e)
		return err
	})
	slices.SortStableFunc(out, func(a, b avro.TimelineEntry) int {
		return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.Milestone, b.Milestone))
	})
	return out, err
}

func scanEntry(r driver.Rows) (avro.TimelineEntry, error) {
	var e avro.TimelineEntry
	var milestone, classifier, kind, subject, system, agreement string
	var stop *int32
	var occurred time.Time
	var planned *time.Time
	var facts []string
	err := r.Scan(&milestone, &classifier, &e.LoadID, &stop, &kind, &subject, &e.PlaceID, &occurred, &planned, &system, &e.Source.Partner, &agreement, &e.Code, &facts)
	if err != nil {
		return e, err
	}
	e.Milestone, _ = avro.ParseMilestoneCode(milestone)
	e.Classifier, _ = avro.ParseClassifier(classifier)
	e.Source.System, _ = avro.ParseSourceSystem(system)
	e.Agreement, _ = avro.ParseAgreement(agreement)
	e.StopSequence, e.OccurredAt, e.PlannedAt = opt(stop), avro.MicrosOf(occurred), micros(planned)
	if subject != "" {
		k, _ := avro.ParseIdentifierKind(kind)
		e.Subject = avro.Some(avro.Identifier{Kind: k, Value: subject})
	}
	for _, id := range facts {
		e.Reports = append(e.Reports, avro.Report{Source: e.Source, OccurredAt: e.OccurredAt, FactID: id})
	}
	return e, nil
}

func (db *DB) expectations(ctx context.Context, key []any) ([]avro.ExpectationStatus, error) {
	var out []avro.ExpectationStatus
	err := db.each(ctx, "the expectations", `
		SELECT x.milestone, x.load_id, x.stop_sequence, x.due_at, x.met_at, x.state, x.billing, x.template, x.template_version
		FROM timeline ARRAY JOIN expectations AS x WHERE tenant = ? AND shipment_id = ? ORDER BY x.due_at`, key, func(r driver.Rows) error {
		var x avro.ExpectationStatus
		var milestone, state string
		var stop *int32
		var due time.Time
		var met *time.Time
		if err := r.Scan(&milestone, &x.LoadID, &stop, &due, &met, &state, &x.Billing, &x.Template, &x.TemplateVersion); err != nil {
			return err
		}
		x.Milestone, _ = avro.ParseMilestoneCode(milestone)
		x.State, _ = avro.ParseExpectationState(state)
		x.StopSequence, x.DueAt, x.MetAt = opt(stop), avro.MicrosOf(due), micros(met)
		out = append(out, x)
		return nil
	})
	return out, err
}

// Order is an order's timeline as it stands. The error wraps ErrNone where there is no such order.
func (db *DB) Order(ctx context.Context, tenant, id string) (avro.OrderTimeline, error) {
	t := avro.OrderTimeline{Tenant: tenant, OrderID: id}
	key := []any{tenant, id}
	found := false
	err := db.each(ctx, "the order", `
		SELECT issuer, revision, created_at, known_at, customer, service_level, requested_delivery_at, shipment_ids, load_ids,
		       equipment.kind, equipment.issuer, equipment.value, state, facts
		FROM order_timeline WHERE tenant = ? AND order_id = ?`, key, func(r driver.Rows) error {
		found = true
		return scanOrder(r, &t)
	})
	if err != nil {
		return t, err
	}
	if !found {
		return t, fmt.Errorf("order %s of tenant %s: %w: SELECT order_id FROM order_timeline shows which there are", id, tenant, ErrNone)
	}
	t.Entries, err = db.entries(ctx, "order_timeline", "order_id", key)
	return t, err
}

func scanOrder(r driver.Rows, t *avro.OrderTimeline) error {
	var revision uint64
	var created, known time.Time
	var requested *time.Time
	var equipment identifiers
	var state string
	var facts uint32
	err := r.Scan(&t.Issuer, &revision, &created, &known, &t.Customer, &t.ServiceLevel, &requested, &t.ShipmentIDs, &t.LoadIDs,
		&equipment.kinds, &equipment.issuers, &equipment.values, &state, &facts)
	if err != nil {
		return err
	}
	t.Revision, t.CreatedAt, t.EmittedAt, t.Facts = int64(revision), avro.MicrosOf(created), avro.MicrosOf(known), int32(facts)
	t.RequestedDeliveryAt, t.Equipment = micros(requested), equipment.list()
	t.State, _ = avro.ParseMilestoneCode(state)
	return nil
}
