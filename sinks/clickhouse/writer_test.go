package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"waybill/avro"
	"waybill/bench/rig"
	"waybill/sinks"
	"waybill/topics"
	"waybill/topics/fault"
)

var day = avro.MicrosOf(time.Date(2026, 3, 4, 5, 6, 7, 891_000, time.UTC))

// full is a record of every type that has a table, with every nested part filled.
func full(n int64) []avro.Record {
	id := fmt.Sprintf("%032d", n)
	source := avro.Source{System: avro.SourceSystemTelematics, Partner: "fleet"}
	entry := avro.TimelineEntry{
		Milestone: avro.MilestoneCodeArrivedPickup, Classifier: avro.ClassifierActual, LoadID: "L1", StopSequence: avro.Some[int32](1),
		Subject: avro.Some(avro.Identifier{Kind: avro.IdentifierKindSSCC, Value: "00340"}), PlaceID: "P1", OccurredAt: day, PlannedAt: avro.Some(day - 60_000_000),
		Source: source, Agreement: avro.AgreementConflict, Code: "X3",
		Reports: []avro.Report{{Source: source, OccurredAt: day, FactID: "f1"}, {Source: source, OccurredAt: day + 1, FactID: "f2"}},
	}
	ids := []avro.Identifier{{Kind: avro.IdentifierKindVehicle, Issuer: "fleet", Value: "V1"}}
	estimates := []avro.Estimate{{ShipmentID: "S1", LoadID: "L1", Sequence: 2, ExpectedAt: day, SaidAt: avro.Some(day - 1), Source: source, FactID: "f3", Words: 2}, {Sequence: 3}}
	incidents := []avro.Incident{{ShipmentID: "S1", Milestone: avro.MilestoneCodeDamaged, LoadID: "L1", StopSequence: avro.Some[int32](2), OccurredAt: day, Source: source, Code: "A9", ReasonCode: "A5", FactIDs: []string{"f4", "f5"}}}
	return []avro.Record{
		&avro.Milestone{Tenant: "t", MilestoneID: id, Revision: 1, ShipmentID: "S1", OrderIDs: []string{"O1", "O2"}, Entry: entry, EmittedAt: day + 5},
		&avro.Timeline{Tenant: "t", ShipmentID: "S" + id, Revision: 1, CreatedAt: day, EmittedAt: day, Equipment: ids, References: ids, State: avro.MilestoneCodeDelivered,
			Stops:        []avro.TimelineStop{{LoadID: "L1", Sequence: 1, ArrivedAt: avro.Some(day)}, {LoadID: "L1", Sequence: 2}},
			Entries:      []avro.TimelineEntry{entry, {OccurredAt: day}},
			Expectations: []avro.ExpectationStatus{{Milestone: avro.MilestoneCodeDelivered, DueAt: day}}, Estimates: estimates, Incidents: incidents},
		&avro.OrderTimeline{Tenant: "t", OrderID: "O" + id, Revision: 1, CreatedAt: day, EmittedAt: day, Equipment: ids, Entries: []avro.TimelineEntry{entry}, Estimates: estimates, Incidents: incidents},
		&avro.Charge{Tenant: "t", ChargeID: "c1", LineID: id, ShipmentID: "S1", Type: avro.ChargeTypeDetention, Quantity: 15000, Rate: 752500, AmountMinor: 11288, Currency: "EUR", ServiceAt: day, EmittedAt: day},
		&avro.Gap{Tenant: "t", GapID: id, Revision: 1, Kind: avro.GapKindMissingMilestone, Status: avro.GapStatusOpen, ShipmentID: "S1", Milestone: avro.MilestoneCodePodReceived, DueAt: day, CreatedAt: day, EmittedAt: day},
		&avro.Parked{Tenant: "t", FactID: id, At: ids[0], Reason: "NO_LINK", OccurredAt: day, EmittedAt: day},
		&avro.Position{Tenant: "t", Issuer: "fleet", DeviceID: "d1", DeviceAt: day, LatE6: -48_137_154, LonE6: 11_576_124, SpeedMmS: avro.Some[int32](13_900), DoorOpen: avro.Some(false), Valid: true},
		&avro.DeadLetter{Topic: "x", Partition: 1, Offset: n, Stage: "s", Reason: "BAD_MAGIC", Causes: []string{"a", "b"}, Key: avro.Some([]byte{0, 1}), Value: avro.Some([]byte{0xff, 0}), Headers: []avro.Header{{Key: "h", Value: []byte{1}}}, RecordAt: day},
		&avro.Tick{},
	}
}

func block(from, next int64, records ...avro.Record) *sinks.Block {
	b := &sinks.Block{Topic: topics.Milestones.Name, TopicID: [16]byte{1, 2}, Partition: 3, From: from, Next: next}
	for i, r := range records {
		b.Rows = append(b.Rows, sinks.Row{Offset: from + int64(i), At: day.Time(), Value: r})
	}
	return b
}

// A sink that starts before the tables are there ends with what to do.
func TestMissingTablesAreNamed(t *testing.T) {
	cfg, _ := emptyDatabase(t)
	s := newSink(t, cfg)
	err := s.writer.Write(t.Context(), block(0, 1, full(0)[0]))
	if err == nil || fault.Of(err) != fault.Fatal || !strings.Contains(err.Error(), "waybill clickhouse migrate") {
		t.Errorf("got %v", err)
	}
}

func newSink(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestRowsSayWhatTheRecordsSaid(t *testing.T) {
	cfg, conn := database(t)
	if err := newSink(t, cfg).writer.Write(t.Context(), block(100, 109, full(7)...)); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ query, want string }{
		{"SELECT (shipment_id, order_ids, milestone, classifier, stop_sequence, subject_kind, subject, agreement, delay_s, k_off)) FROM milestones", "('S1',['O1','O2'],'ARRIVED_PICKUP','ACTUAL',1,'SSCC','00340','CONFLICT',60,100)"},
		{"SELECT (occurred_at, known_at, planned_at)) FROM milestones", "('2026-03-04 05:06:07.000891','2026-03-04 05:06:07.000896','2026-03-04 05:05:07.000891')"},
		{"SELECT (reports.fact_id, reports.source_system, k_topic_id, k_part)) FROM milestones", "(['f1','f2'],['TELEMATICS','TELEMATICS'],'01020000-0000-0000-0000-000000000000',3)"},
		{"SELECT (stops.sequence, stops.arrived_at, entries.stop_sequence, entries.fact_ids, expectations.milestone, state)) FROM timeline", "([1,2],['2026-03-04 05:06:07.000891',NULL],[1,NULL],[['f1','f2'],[]],['DELIVERED'],'DELIVERED')"},
		{"SELECT (equipment.kind, equipment.value, entries.source_partner, requested_delivery_at)) FROM order_timeline", "(['VEHICLE'],['V1'],['fleet'],NULL)"},
		{"SELECT (estimates.stop_sequence, estimates.said_at, estimates.source_partner, estimates.words, incidents.milestone, incidents.reason_code, incidents.fact_ids)) FROM timeline", "([2,3],['2026-03-04 05:06:07.000890',NULL],['fleet',''],[2,0],['DAMAGED'],['A5'],[['f4','f5']])"},
		{"SELECT (estimates.expected_at, incidents.shipment_id, incidents.stop_sequence)) FROM order_timeline", "(['2026-03-04 05:06:07.000891','1970-01-01 00:00:00.000000'],['S1'],[2])"},
		{"SELECT (quantity, rate, amount_minor, currency, stop_sequence)) FROM charges", "(1.5,75.25,11288,'EUR',NULL)"},
		{"SELECT (net_minor, lines, held_lines)) FROM charge_balance", "(11288,1,0)"},
		{"SELECT (kind, status, milestone, occurred_at)) FROM gaps", "('MISSING_MILESTONE','OPEN','POD_RECEIVED',NULL)"},
		{"SELECT (kind, issuer, value, reason)) FROM parked", "('VEHICLE','fleet','V1','NO_LINK')"},
		{"SELECT (lat_e6, lon_e6, speed_mm_s, heading_deg, ignition, door_open, valid, device_at, appended_at, k_off)) FROM positions", "(-48137154,11576124,13900,NULL,NULL,false,true,'2026-03-04 05:06:07.000891','2026-03-04 05:06:07.000',106)"},
		{"SELECT (reason, causes, hex(key), hex(value), headers.key, schema_id, offset)) FROM dead_letters", "('BAD_MAGIC',['a','b'],'0001','FF00',['h'],NULL,7)"},
		{"SELECT (sum(row_count), sum(offsets), count())) FROM sink_audit", "(8,8,8)"},
	}
	for _, tt := range tests {
		if got := ask[string](t, conn, strings.Replace(tt.query, "SELECT (", "SELECT toString((", 1)); got != tt.want {
			t.Errorf("%s\n gives %s\n want  %s", tt.query, got, tt.want)
		}
	}
}

// Each line of defence holds alone; with none the rows double, and only the sorting key is left.
func TestARepeatedBlockAddsNothing(t *testing.T) {
	tests := []struct {
		name       string
		ask, token bool
		want       uint64 // rows of 2 blocks of 50, the first written twice
	}{
		{"asking and token", true, true, 100},
		{"token alone", false, true, 100},
		{"asking alone", true, false, 100},
		{"mutation: neither", false, false, 150},
	}
	for _, table := range []string{"milestones", positionsTable, "charges"} {
		for _, tt := range tests {
			t.Run(table+", "+tt.name, func(t *testing.T) {
				cfg, conn := database(t)
				w := newSink(t, cfg).writer
				w.ask, w.token = tt.ask, tt.token
				first, second := block(0, 50, of(table, 0, 50)...), block(50, 100, of(table, 50, 100)...)
				again := block(0, 50, of(table, 0, 50)...)
				again.Replay = true
				for _, b := range []*sinks.Block{first, second, again} {
					if err := w.Write(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				if n := ask[uint64](t, conn, "SELECT count() FROM "+table); n != tt.want {
					t.Errorf("%d rows, want %d", n, tt.want)
				}
				if n := ask[uint64](t, conn, "SELECT count() FROM "+table+" FINAL"); n != 100 {
					t.Errorf("%d rows under FINAL, want 100", n)
				}
			})
		}
	}
}

// of makes records of the type that goes to table, over two months so that a block has two parts.
func of(table string, from, to int64) []avro.Record {
	var out []avro.Record
	for n := from; n < to; n++ {
		for _, r := range full(n) {
			if tableOf(r) != table {
				continue
			}
			if m, ok := r.(*avro.Milestone); ok {
				m.EmittedAt += avro.Micros(n%2) * 40 * 86_400_000_000
			}
			if c, ok := r.(*avro.Charge); ok {
				c.ServiceAt += avro.Micros(n%2) * 40 * 86_400_000_000
			}
			out = append(out, r)
		}
	}
	return out
}

// Half a block in the table, as after a server's death between two partitions, does not pass for the whole.
func TestHalfABlockIsNotThere(t *testing.T) {
	cfg, conn := database(t)
	w := newSink(t, cfg).writer
	records := of("milestones", 0, 50)
	whole := block(0, 50, records...)
	if err := w.Write(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(t.Context(), "ALTER TABLE milestones DROP PARTITION 202603"); err != nil {
		t.Fatal(err)
	}
	left := ask[uint64](t, conn, "SELECT count() FROM milestones")
	if left == 0 || left == 50 {
		t.Fatalf("%d rows left: the block had one partition", left)
	}
	whole.Replay = true
	there, err := w.there(t.Context(), &part{block: whole, table: "milestones", rows: whole.Rows})
	if err != nil || there {
		t.Errorf("half a block counts as there: %v (%v)", there, err)
	}
}

// A topic made anew starts at offset 0 again: its blocks are news.
func TestANewTopicOfTheSameNameLosesNothing(t *testing.T) {
	cfg, conn := database(t)
	w := newSink(t, cfg).writer
	old, anew := block(0, 10, of("milestones", 0, 10)...), block(0, 10, of("milestones", 10, 20)...)
	anew.TopicID, anew.Replay = [16]byte{9}, true
	for _, b := range []*sinks.Block{old, anew} {
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if n := ask[uint64](t, conn, "SELECT count() FROM milestones FINAL"); n != 20 {
		t.Errorf("%d rows, want 20", n)
	}
}

// A view that somebody hangs on a table stays right over a repetition.
func TestAMaterializedViewStaysRight(t *testing.T) {
	cfg, conn := database(t)
	for _, q := range []string{
		"CREATE TABLE lines_by_charge (charge_id String, n UInt64) ENGINE = SummingMergeTree ORDER BY charge_id SETTINGS non_replicated_deduplication_window = 10000",
		"CREATE MATERIALIZED VIEW lines_mv TO lines_by_charge AS SELECT charge_id, count() AS n FROM charges GROUP BY charge_id",
	} {
		if err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	w := newSink(t, cfg).writer
	b := block(0, 50, of("charges", 0, 50)...)
	for range 3 {
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.Replay = true
	}
	if n := ask[uint64](t, conn, "SELECT sum(n) FROM lines_by_charge"); n != 50 {
		t.Errorf("the view counts %d lines, want 50", n)
	}
}

func TestErrorsAreClassified(t *testing.T) {
	cfg, conn := database(t)
	w := newSink(t, cfg).writer
	b := block(0, 1, of("milestones", 0, 1)...)

	if err := conn.Exec(t.Context(), "DROP TABLE milestones SYNC"); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), b); fault.Of(err) != fault.Fatal || Code(err) != 60 {
		t.Errorf("no table: %v, code %d, class %s; want fatal with code 60", err, Code(err), fault.Of(err))
	}
	away := DefaultConfig()
	away.DSN = "clickhouse://nobody:x@127.0.0.1:1/none"
	for _, table := range []string{"milestones", positionsTable} {
		if err := newSink(t, away).writer.Write(t.Context(), block(0, 1, of(table, 0, 1)...)); fault.Of(err) != fault.Retryable {
			t.Errorf("no server, %s: %v is %s, want retryable", table, err, fault.Of(err))
		}
	}
	for code, want := range map[int32]fault.Class{241: fault.Retryable, 252: fault.Retryable, 53: fault.Fatal, 16: fault.Fatal} {
		if got := fault.Of(classified(&clickhouse.Exception{Code: code})); got != want {
			t.Errorf("code %d is %s, want %s", code, got, want)
		}
	}
	if fault.Of(classified(context.Canceled)) != fault.Fatal {
		t.Error("the end of the context is no reason to try again")
	}
}

// The engine ends itself after it has refused a login, so this one is the test's own.
func TestARefusedLoginIsFatal(t *testing.T) {
	if server == nil {
		t.Skip("the ClickHouse engine is not installed: run `make tools`")
	}
	own, err := rig.StartClickHouse(t.Context(), rig.ClickHouseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = own.Stop() }() // it reports the abort
	options, err := clickhouse.ParseDSN(own.DSN())
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.DSN = "clickhouse://waybill:wrong@" + options.Addr[0] + "/waybill"
	err = newSink(t, cfg).writer.Write(t.Context(), block(0, 1, of(positionsTable, 0, 1)...))
	if fault.Of(err) != fault.Fatal || Code(err) != 516 {
		t.Errorf("wrong password: %v, code %d, class %s; want fatal with code 516", err, Code(err), fault.Of(err))
	}
}

func TestConfigListsEveryFault(t *testing.T) {
	cfg := DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	cfg.DSN, cfg.Timeout, cfg.Consume.Writers = "://secret", 0, 0
	err := cfg.Validate()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 3 {
		t.Errorf("want 3 faults, got %v", err)
	}
}
