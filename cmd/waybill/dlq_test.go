package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/bench/rig"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/dlq"
	"waybill/cmd/internal/pipeline"
	"waybill/topics"
)

const linesMapping = `name: lines
format: csv
system: ERP
identifiers: [{kind: ORDER_LINE, from: line}]
facts:
  - milestone: {constant: ORDER_RELEASED}
    identifiers: [ORDER_LINE]
    occurred_at: {from: day, layouts: ["2006-01-02"], zone: UTC}
`

// A partner's rows die for want of a mapping; the mapping comes, the letters are replayed by processes that are killed at any
// time, and each row is worked on once.
func TestDeadLettersAreMendedAndReplayedOnce(t *testing.T) {
	const rows = 8000
	alone(t)
	ctx := within(t, 2*time.Minute)
	line := kafkaAndRegistry(t, ctx)
	mappings := t.TempDir()
	t.Setenv("WAYBILL_PROCESSORS_NORMALISE_MAPPING_DIR", mappings)
	t.Setenv("WAYBILL_RUNTIME_STATE_DIR", filepath.Join(t.TempDir(), "state"))
	stages := []string{"run", "--processors", "normalise,resolve", "--set", "runtime.session_timeout=6s", "--set", "runtime.poison.letters=0"}

	running := spawn(t, io.Discard, nil, stages...)
	file := filepath.Join(t.TempDir(), "lines.csv")
	if err := os.WriteFile(file, []byte(csvOf(rows)), 0o600); err != nil {
		t.Fatal(err)
	}
	said(t, ctx, "replay", "--format", "csv", "--mapping", "lines", "--partner", "X", file)
	waitFor(t, ctx, "letters of all rows", func() bool { return groupOf(t, ctx).Open == rows })
	shown := said(t, ctx, "dlq", "show", groupOf(t, ctx).Newest.String())
	if !strings.Contains(shown, "NO_MAPPING") || !strings.Contains(shown, "mapping_dir") || !strings.Contains(shown, `"payload": "L`) {
		t.Errorf("dlq show said\n%s", shown)
	}
	running.stop(t)

	if err := os.WriteFile(filepath.Join(mappings, "lines.yaml"), []byte(linesMapping), 0o600); err != nil {
		t.Fatal(err)
	}
	running = spawn(t, io.Discard, nil, stages...)
	wouldBe := said(t, ctx, "dlq", "replay", "--reason", "NO_MAPPING", "--dry-run")
	if !strings.Contains(wouldBe, "would be sent") || groupOf(t, ctx).Replayed != 0 {
		t.Errorf("the dry run said\n%s", wouldBe)
	}
	killReplays(t, ctx, line, rows)
	said(t, ctx, "dlq", "replay", "--reason", "NO_MAPPING", "--yes")
	if g := groupOf(t, ctx); g.Open != 0 || g.Replayed != rows {
		t.Errorf("after the replay there are %+v", g)
	}
	if err := line.Drain(ctx, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	running.stop(t)
	workedOnOnce(t, ctx, line, rows)
	if again := said(t, ctx, "dlq", "replay", "--reason", "NO_MAPPING", "--yes"); !strings.Contains(again, "no dead letters to replay") {
		t.Errorf("a replay of nothing said\n%s", again)
	}
}

// kafkaAndRegistry starts both in this process, and leaves the way to them in the environment.
func kafkaAndRegistry(t *testing.T, ctx context.Context) *pipeline.Line {
	t.Helper()
	k, err := rig.StartKafka(rig.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	r, err := rig.StartRegistry(rig.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	t.Setenv("WAYBILL_KAFKA_BROKERS", k.BrokerList())
	t.Setenv("WAYBILL_KAFKA_REPLICATION", "1")
	t.Setenv("WAYBILL_REGISTRY_URL", r.URL())
	said(t, ctx, "topics", "apply")
	said(t, ctx, "schemas", "register")
	l, err := config.Load(config.Where{})
	if err != nil {
		t.Fatal(err)
	}
	line, err := pipeline.Open(ctx, l.Config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(line.Close)
	return line
}

func csvOf(rows int) string {
	var b strings.Builder
	b.WriteString("line,day\n")
	for i := range rows {
		fmt.Fprintf(&b, "L%05d,2026-03-02\n", i)
	}
	return b.String()
}

// said is what a command prints; it must succeed.
func said(t *testing.T, ctx context.Context, args ...string) string {
	t.Helper()
	got, err := ask(ctx, args...)
	if err != nil {
		t.Fatalf("waybill %s: %v", strings.Join(args, " "), err)
	}
	return got.out
}

// groupOf is what `dlq ls` counts; all letters of the test are of one kind.
func groupOf(t *testing.T, ctx context.Context) dlq.Group {
	t.Helper()
	var groups []struct {
		Reason         string
		Open, Replayed int
		Newest         string
	}
	tell(t, ctx, &groups, "dlq", "ls")
	if len(groups) == 0 {
		return dlq.Group{}
	}
	id, err := dlq.ParseID(groups[0].Newest)
	if err != nil || len(groups) > 1 {
		t.Fatalf("dlq ls says %+v, %v", groups, err)
	}
	return dlq.Group{Reason: groups[0].Reason, Open: groups[0].Open, Replayed: groups[0].Replayed, Newest: id}
}

// killReplays starts replays and kills each in the middle, until most letters are sent.
func killReplays(t *testing.T, ctx context.Context, line *pipeline.Line, rows int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for done := 0; done < rows/2; {
		more := marks(t, ctx, line) + 1 + random.IntN(rows/8)
		p := spawn(t, io.Discard, nil, "dlq", "replay", "--reason", "NO_MAPPING", "--yes")
		waitFor(t, ctx, "marks of a replay under way", func() bool { return marks(t, ctx, line) >= more })
		p.kill(t)
		done = groupOf(t, ctx).Replayed
		t.Logf("killed when %d of %d were replayed", done, rows)
	}
}

// marks is how long the topic of marks is, transactions that never end included.
func marks(t *testing.T, ctx context.Context, line *pipeline.Line) int {
	ends, err := kadm.NewClient(line.Client).ListEndOffsets(ctx, string(topics.DeadLetterReplays.Name))
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(string(topics.DeadLetterReplays.Name), 0)
	return int(end.Offset)
}

// workedOnOnce counts what normalise made of the rows: a fact each, said once.
func workedOnOnce(t *testing.T, ctx context.Context, line *pipeline.Line, rows int) {
	t.Helper()
	times := map[string]int{}
	err := line.Scan(ctx, []topics.Name{topics.ResolveInbox.Name}, func(r *kgo.Record) error {
		rec, err := line.Codec.Decode(ctx, r.Value)
		if f, ok := rec.(*avro.Fact); ok {
			times[f.Identifiers[0].Value]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(times) != rows {
		t.Errorf("facts of %d rows, want %d", len(times), rows)
	}
	for row, n := range times {
		if n != 1 {
			t.Errorf("row %s was worked on %d times", row, n)
		}
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ in, want string }{
		{"", "0001-01-01T00:00:00Z"}, {"2026-03-01", "2026-03-01T00:00:00Z"}, {"2026-03-01T08:00:00+02:00", "2026-03-01T06:00:00Z"},
		{"2026-03-01 08:00:00", "2026-03-01T08:00:00Z"}, {"36h", "2026-03-01T00:00:00Z"}, {"-1h", ""}, {"yesterday", ""},
	} {
		at, err := when("--since", tc.in, now)
		if got := at.UTC().Format(time.RFC3339); (err == nil) != (tc.want != "") || err == nil && got != tc.want {
			t.Errorf("%q: %s, %v, want %q", tc.in, got, err, tc.want)
		}
	}
}
