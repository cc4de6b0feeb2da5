package query

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"waybill/avro"
)

// Filter narrows gaps and charges. Empty fields do not.
type Filter struct {
	Tenant   string
	Shipment string
	Status   string // of gaps: OPEN, CLOSED or WAIVED
	Period   string // of charges: YYYY-MM
	Limit    int    // 0: all
}

// where is the condition on shared columns and its arguments.
func (f Filter) where() (string, []any) {
	return "tenant = ? AND (? = '' OR shipment_id = ?)", []any{f.Tenant, f.Shipment, f.Shipment}
}

func (f Filter) limit() uint64 {
	if f.Limit <= 0 {
		return 1 << 62
	}
	return uint64(f.Limit)
}

// Gaps lists each gap as it stands, by deadline.
func (db *DB) Gaps(ctx context.Context, f Filter) ([]avro.Gap, error) {
	var out []avro.Gap
	where, args := f.where()
	err := db.each(ctx, "the gaps", `
		SELECT tenant, gap_id, revision, kind, status, shipment_id, order_ids, load_id, stop_sequence, milestone, subject_kind, subject_issuer, subject,
		       template, template_version, due_at, occurred_at, fact_ids, reason, billing, lagging, created_at, known_at
		FROM gaps WHERE `+where+` AND (? = '' OR status = ?) ORDER BY due_at, gap_id LIMIT ?`, append(args, f.Status, f.Status, f.limit()), func(r driver.Rows) error {
		g, err := scanGap(r)
		out = append(out, g)
		return err
	})
	return out, err
}

func scanGap(r driver.Rows) (avro.Gap, error) {
	var g avro.Gap
	var revision uint64
	var kind, status, milestone string
	var subjectKind, subjectIssuer, subject string
	var stop *int32
	var due, created, known time.Time
	var occurred *time.Time
	err := r.Scan(&g.Tenant, &g.GapID, &revision, &kind, &status, &g.ShipmentID, &g.OrderIDs, &g.LoadID, &stop, &milestone, &subjectKind, &subjectIssuer, &subject,
		&g.Template, &g.TemplateVersion, &due, &occurred, &g.FactIDs, &g.Reason, &g.Billing, &g.Lagging, &created, &known)
	if err != nil {
		return g, err
	}
	g.Kind, _ = avro.ParseGapKind(kind)
	g.Status, _ = avro.ParseGapStatus(status)
	g.Milestone, _ = avro.ParseMilestoneCode(milestone)
	if subject != "" {
		k, _ := avro.ParseIdentifierKind(subjectKind)
		g.Subject = avro.Some(avro.Identifier{Kind: k, Issuer: subjectIssuer, Value: subject})
	}
	g.Revision, g.StopSequence, g.DueAt, g.OccurredAt = int64(revision), opt(stop), avro.MicrosOf(due), micros(occurred)
	g.CreatedAt, g.EmittedAt = avro.MicrosOf(created), avro.MicrosOf(known)
	return g, nil
}

// Charges lists the ledger's lines, those of one charge together and in their order.
func (db *DB) Charges(ctx context.Context, f Filter) ([]avro.Charge, error) {
	var out []avro.Charge
	where, args := f.where()
	err := db.each(ctx, "the charges", `
		SELECT tenant, charge_id, line_id, predecessor, kind, type, direction, shipment_id, load_id, stop_sequence, party,
		       toInt64(quantity * 10000), unit, toInt64(rate * 10000), amount_minor, currency, contract_id, contract_version, clause, arithmetic, reason,
		       service_at, period, fact_ids, known_at
		FROM charges FINAL WHERE `+where+` AND (? = '' OR period = ?) ORDER BY shipment_id, charge_id, known_at, k_off LIMIT ?`, append(args, f.Period, f.Period, f.limit()), func(r driver.Rows) error {
		c, err := scanCharge(r)
		out = append(out, c)
		return err
	})
	return out, err
}

func scanCharge(r driver.Rows) (avro.Charge, error) {
	var c avro.Charge
	var kind, what, direction string
	var stop *int32
	var quantity, rate int64
	var service, known time.Time
	err := r.Scan(&c.Tenant, &c.ChargeID, &c.LineID, &c.Predecessor, &kind, &what, &direction, &c.ShipmentID, &c.LoadID, &stop, &c.Party,
		&quantity, &c.Unit, &rate, &c.AmountMinor, &c.Currency, &c.ContractID, &c.ContractVersion, &c.Clause, &c.Arithmetic, &c.Reason,
		&service, &c.Period, &c.FactIDs, &known)
	if err != nil {
		return c, err
	}
	c.Kind, _ = avro.ParseLineKind(kind)
	c.Type, _ = avro.ParseChargeType(what)
	c.Direction, _ = avro.ParseDirection(direction)
	c.StopSequence, c.Quantity, c.Rate = opt(stop), avro.Unscaled(quantity), avro.Unscaled(rate)
	c.ServiceAt, c.EmittedAt = avro.MicrosOf(service), avro.MicrosOf(known)
	return c, nil
}
