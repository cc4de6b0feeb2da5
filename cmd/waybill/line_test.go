package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/bench/rig"
	"waybill/bench/world"
	"waybill/cmd/internal/audit"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/query"
	"waybill/topics"
)

// A pipeline process that is killed in the middle of its work, and started again, ends where an undisturbed one ends: at
// the truth, each row once in ClickHouse. Kafka, registry and ClickHouse live in another process. The commands then tell
// what is there.
func TestKilledInTheMiddleItEndsAtTheTruth(t *testing.T) {
	disturbed := live(t, twice, embedded)
	undisturbed := live(t, never, embedded)
	for what, want := range undisturbed {
		if got := disturbed[what]; got != want || want == "" {
			t.Errorf("%s in ClickHouse: %s after kills, %s undisturbed", what, got, want)
		}
	}
}

// The same on Apache Kafka.
func TestApacheKafkaCarriesAKilledPipelineToTheTruth(t *testing.T) {
	live(t, once, apache)
}

// trouble is what a pipeline meets, by name.
type trouble struct {
	name    string
	within  time.Duration
	through func(*testing.T, context.Context, *pipeline.Line) world.Truth
}

var never, once, twice = killing(0), killing(1), killing(2)

func killing(times int) trouble {
	return trouble{fmt.Sprintf("killed %d times", times), 4 * time.Minute, func(t *testing.T, ctx context.Context, line *pipeline.Line) world.Truth {
		return through(t, ctx, line, times)
	}}
}

// embedded leaves Kafka to `waybill dev`.
func embedded(*testing.T) []string { return nil }

// apache starts a real broker. It is looked for from the package's folder, so before the test goes elsewhere.
func apache(t *testing.T) []string {
	t.Helper()
	k, err := rig.StartApacheKafka(t.Context(), t.TempDir())
	if errors.Is(err, rig.ErrNoApacheKafka) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Stop() })
	return []string{"WAYBILL_KAFKA_BROKERS=" + strings.Join(k.Brokers(), ","), "WAYBILL_KAFKA_REPLICATION=1"}
}

// live lets a small world through pipeline processes that meet trouble, holds the end against the truth, and gives
// ClickHouse's totals.
func live(t *testing.T, met trouble, kafka func(*testing.T) []string) (totals map[string]string) {
	t.Run(met.name, func(t *testing.T) {
		instead := kafka(t)
		env := append(startDev(t), instead...)
		ctx := within(t, met.within)
		for _, v := range append(env, "WAYBILL_RUNTIME_STATE_DIR="+filepath.Join(t.TempDir(), "state")) {
			name, value, _ := strings.Cut(v, "=")
			t.Setenv(name, value)
		}
		l, err := config.Load(config.Where{})
		if err != nil {
			t.Fatal(err)
		}
		line, err := pipeline.Open(ctx, l.Config, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer line.Close()
		if _, err := line.Prepare(ctx); err != nil {
			t.Fatal(err)
		}
		truth := met.through(t, ctx, line)
		a := count(t, ctx, line)
		holds(t, a, truth)
		landedOnce(t, ctx, l.ClickHouse.DSN, a)
		stateIsWhole(t, ctx, a)
		if met.name == never.name {
			commandsTell(t, ctx, a)
		}
		totals = tally(t, ctx, l.ClickHouse.DSN)
	})
	return totals
}

// through feeds the world in parts. In the middle of each part but the last, with work under way, the process is killed.
func through(t *testing.T, ctx context.Context, line *pipeline.Line, kills int) world.Truth {
	w := smallWorld(t, line.Config.Tenant)
	truth := w.Truth()
	args := hasty
	next, stop := iter.Pull(w.Deliveries())
	defer stop()
	total, told := delivered(truth), int64(0)
	for range kills {
		running := spawn(t, io.Discard, nil, args...)
		send(t, ctx, line, next, total/(kills+1))
		waitFor(t, ctx, "timelines of a run under way", func() bool { return count(t, ctx, line).Records[topics.Timelines.Name] > told+50 })
		running.kill(t)
		told = count(t, ctx, line).Records[topics.Timelines.Name]
	}
	send(t, ctx, line, next, total)
	toItsEnd(t, ctx, line, args)
	return truth
}

// hasty are the arguments of a pipeline that does soon what others leave for later.
var hasty = []string{"run", "--set", "runtime.session_timeout=6s",
	"--set", "clickhouse.consume.session_timeout=6s", "--set", "processors.track.settle=1s", "--set", "runtime.snapshot_interval=2s", "--set", "clickhouse.consume.linger=100ms"}

// toItsEnd lets one process work on all that is left.
func toItsEnd(t *testing.T, ctx context.Context, line *pipeline.Line, args []string) {
	t.Helper()
	last := spawn(t, io.Discard, nil, args...)
	if err := line.Drain(ctx, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	if err := line.Settle(ctx, 3*time.Second, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	if err := line.DrainSink(ctx, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	last.stop(t)
}

// content sums up what the views hold, by what the law of convergence calls content: not when it was said, nor how often.
var content = map[string]string{
	"positions":  "SELECT toString((count(), uniqExact(device_id, device_at))) FROM positions FINAL",
	"milestones": "SELECT toString((count(), groupBitXor(cityHash64(shipment_id, milestone, classifier, load_id, ifNull(stop_sequence, -1), subject, occurred_at, source_system, agreement, reports.fact_id)))) FROM milestones_current",
	"timelines":  "SELECT toString((count(), groupBitXor(cityHash64(shipment_id, order_ids, load_ids, state, facts)))) FROM timeline",
	"orders":     "SELECT toString((count(), groupBitXor(cityHash64(order_id, shipment_ids, load_ids, state, facts)))) FROM order_timeline",
	"gaps":       "SELECT toString((count(), groupBitXor(cityHash64(gap_id, status, due_at, occurred_at)))) FROM gaps WHERE status = 'OPEN' OR reason = 'late'",
	"charges":    "SELECT toString((sum(net_minor), count(), groupBitXor(cityHash64(charge_id, currency, net_minor)))) FROM charge_balance WHERE net_minor != 0",
}

func tally(t *testing.T, ctx context.Context, dsn string) map[string]string {
	t.Helper()
	o, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	totals := map[string]string{}
	for what, sql := range content {
		var total string
		if err := conn.QueryRow(ctx, sql).Scan(&total); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		totals[what] = total
	}
	t.Logf("ClickHouse holds %v", totals)
	return totals
}

func smallWorld(t *testing.T, tenant string) *world.World {
	t.Helper()
	cfg := world.DefaultConfig()
	cfg.Tenant, cfg.Vehicles, cfg.Loads = tenant, 8, 24
	w, err := world.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func delivered(truth world.Truth) (n int) {
	for _, c := range truth.Accounting {
		n += c.Delivered
	}
	return n
}

// send sends at most n deliveries.
func send(t *testing.T, ctx context.Context, line *pipeline.Line, next func() (world.Delivery, bool), n int) {
	t.Helper()
	for range n {
		d, ok := next()
		if !ok {
			break
		}
		if err := line.Send(ctx, d.Topic, d.Key, d.Record); err != nil {
			t.Fatal(err)
		}
	}
	if err := line.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, ctx context.Context, what string, is func() bool) {
	t.Helper()
	for !is() {
		if ctx.Err() != nil {
			t.Fatalf("wait for %s: %v", what, context.Cause(ctx))
		}
	}
}

// count reads every topic.
func count(t *testing.T, ctx context.Context, line *pipeline.Line) *audit.Audit {
	t.Helper()
	a := &audit.Audit{Records: nil}
	var all []topics.Name
	for _, topic := range topics.All() {
		all = append(all, topic.Name)
	}
	err := line.Scan(ctx, all, func(r *kgo.Record) error {
		rec, err := line.Codec.Decode(ctx, r.Value)
		a.Take(audit.Place{Topic: topics.Name(r.Topic), Partition: r.Partition, Offset: r.Offset}, rec, r.Value)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func holds(t *testing.T, a *audit.Audit, truth world.Truth) {
	t.Helper()
	for what, differences := range map[string][]string{
		"timelines": world.CompareTimelines(truth, a.Timelines), "orders": world.CompareOrders(truth, a.Orders),
		"expectations": world.CompareExpectations(truth, a.Timelines), "gaps": world.CompareGaps(truth, a.Gaps), "charges": world.CompareCharges(truth, a.Charges),
	} {
		if len(differences) > 0 {
			t.Errorf("%s: %d differ from the truth, such as %s", what, len(differences), differences[0])
		}
	}
	for what, fates := range map[string]audit.Fates{"records": a.RecordFates(), "facts": a.FactFates(), "stays": a.StayFates()} {
		if !fates.Holds() || fates.Total == 0 {
			t.Errorf("%s do not add up: %+v", what, fates)
		}
	}
}

// landedOnce holds the tables against the topics. Without FINAL: a doubled row must not hide behind a merge.
func landedOnce(t *testing.T, ctx context.Context, dsn string, a *audit.Audit) {
	t.Helper()
	db, err := query.Open(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	of := map[string]topics.Name{
		"positions": topics.Positions.Name, "milestones": topics.Milestones.Name, "timeline_history": topics.Timelines.Name, "order_timeline_history": topics.OrderTimelines.Name,
		"charges": topics.Charges.Name, "gap_events": topics.Gaps.Name, "parked_events": topics.Parked.Name,
	}
	for table, topic := range of {
		final, err := db.Counts(ctx, table)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := db.Raw(ctx, table)
		if err != nil {
			t.Fatal(err)
		}
		if want := a.Records[topic]; final[table] != want || raw != want || want == 0 {
			t.Errorf("%s has %d rows (%d without FINAL), %s has %d records", table, final[table], raw, topic, want)
		}
	}
}

// commandsTell asks the commands for what the topics hold.
func commandsTell(t *testing.T, ctx context.Context, a *audit.Audit) {
	t.Helper()
	timelines := audit.Current(a.Timelines)
	shipment := timelines[len(timelines)/2]
	var told struct {
		ShipmentID string `json:"shipment_id"`
		Revision   int64
		Stops      []any
		Entries    []struct{ Milestone string }
	}
	tell(t, ctx, &told, "timeline", "--shipment", shipment.ShipmentID)
	if told.ShipmentID != shipment.ShipmentID || told.Revision != shipment.Revision || len(told.Stops) != len(shipment.Stops) || len(told.Entries) != len(shipment.Entries) {
		t.Errorf("timeline: %+v, the topic says revision %d with %d stops and %d entries", told, shipment.Revision, len(shipment.Stops), len(shipment.Entries))
	}
	var order struct {
		OrderID string `json:"order_id"`
	}
	tell(t, ctx, &order, "timeline", "--order", shipment.OrderIDs[0])
	var gaps []struct{ Status string }
	tell(t, ctx, &gaps, "gaps", "--status", "all", "--limit", "0")
	if want := audit.CurrentGaps(a.Gaps); len(gaps) != len(want) {
		t.Errorf("gaps: %d, the topic has %d", len(gaps), len(want))
	}
	var charges []struct {
		AmountMinor int64 `json:"amount_minor"`
	}
	tell(t, ctx, &charges, "charges", "--limit", "0")
	var got, want int64
	for _, c := range charges {
		got += c.AmountMinor
	}
	for _, c := range a.Charges {
		want += c.AmountMinor
	}
	if len(charges) != len(a.Charges) || got != want {
		t.Errorf("charges: %d lines of %d, the topic has %d of %d", len(charges), got, len(a.Charges), want)
	}
	drawn, err := ask(ctx, "timeline", "--shipment", shipment.ShipmentID)
	if err != nil || !strings.Contains(drawn.out, shipment.ShipmentID) || !strings.Contains(drawn.out, "█") {
		t.Errorf("the drawing: %v\n%s", err, drawn.out)
	}
	if _, err := ask(ctx, "timeline", "--shipment", "none"); err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("a shipment that is not there: %v", err)
	}
	if got, err := ask(ctx, "topics", "list", "-o", "json"); err != nil || strings.Contains(got.out, `"state": "missing"`) {
		t.Errorf("topics list: %v\n%s", err, got.out)
	}
	if got, err := ask(ctx, "schemas", "check", "-o", "json"); err != nil || !strings.Contains(got.out, fmt.Sprintf("%q", "registered")) {
		t.Errorf("schemas check: %v\n%s", err, got.out)
	}
	if got, err := ask(ctx, "clickhouse", "migrate"); err != nil || !strings.Contains(got.out, "nothing to do") {
		t.Errorf("migrate: %v\n%s", err, got.out)
	}
}

func tell(t *testing.T, ctx context.Context, into any, args ...string) {
	t.Helper()
	got, err := ask(ctx, append(args, "-o", "json")...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	if err := json.Unmarshal([]byte(got.out), into); err != nil {
		t.Fatalf("%v: %v in %s", args, err, got.out)
	}
}
