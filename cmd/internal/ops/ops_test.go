package ops

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"waybill/cmd/internal/config"
	"waybill/processors/runtime"
	"waybill/processors/state"
	"waybill/sinks"
	"waybill/topics"
	"waybill/topics/meter"
)

var silent = slog.New(slog.DiscardHandler)

func listen(t *testing.T, change func(*config.Ops)) *Server {
	t.Helper()
	cfg := config.Default().Ops
	cfg.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	s, err := Listen(cfg, silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.listens.Close() })
	return s
}

func ask(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// Partitions as they may stand.
var (
	working = runtime.PartitionStats{Topic: "in", Partition: 0, Working: true, State: state.Size{DiskBytes: 4096, Keys: 17}, Tallies: map[string]int64{"parked_facts": 3},
		Hot: []runtime.HotKey{{Key: "LD-7", Records: 0.31, Work: 0.02}, {Key: "LD\x008", Records: 0.01, Work: 0.62}, {Key: "LD-9", Records: 0.04, Work: 0.01}}}
	fenced  = runtime.PartitionStats{Topic: "in", Partition: 4}
	paused  = runtime.PartitionStats{Topic: "in", Partition: 6, Working: true, Paused: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	halfway = runtime.PartitionStats{Topic: "in", Partition: 5, Restore: runtime.Progress{Done: 100, Total: 400, Took: 4 * time.Second}}
)

func stageOf(joined bool, partitions ...runtime.PartitionStats) runtime.Stats {
	var h meter.Histogram
	h.Observe(250*time.Millisecond, 7)
	return runtime.Stats{
		Stage: "loads", Joined: joined, Beat: time.Now(), Partitions: partitions, In: 70, Out: 40, Commits: 9, Aborts: 2, Rebuilds: 1, Pauses: 2, Hits: 11, Misses: 12,
		Reasons: map[string]int64{"AVRO": 5, "BAD_KEY": 6}, EndToEnd: h.Snapshot(), CommitTime: h.Snapshot(), CycleTime: h.Snapshot(),
	}
}

func sinkOf(failing string) *sinks.Stats {
	s := &sinks.Stats{
		Joined: true, Beat: time.Now(), Failing: failing, Partitions: []sinks.Partition{{Topic: "out", Partition: 2}},
		Rows: map[topics.Name]int64{"out": 50}, Blocks: 4, Retries: 1, DeadLetters: map[string]int64{"AVRO": 1},
	}
	if failing != "" {
		s.Since = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	}
	return s
}

func source(now State, behind ...runtime.Behind) Source {
	return Source{
		Look:   func() State { return now },
		Behind: func(context.Context, Owned) ([]runtime.Behind, error) { return behind, nil },
	}
}

func TestReadiness(t *testing.T) {
	broken := stageOf(true, working)
	broken.Broken = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		now  State
		code int
		says []string
	}{
		{"all at work", State{[]runtime.Stats{stageOf(true, working)}, sinkOf("")}, 200, []string{"ready, running", "loads", "1 of 1 partitions at work", "consumes 1 partitions"}},
		{"no sink here", State{[]runtime.Stats{stageOf(true, working)}, nil}, 200, []string{"ready, running"}},
		{"a source is paused", State{[]runtime.Stats{stageOf(true, working, paused)}, nil}, 200, []string{"2 of 2 partitions", "6 of in is paused until 2026-03-02T12:00:00Z"}},
		{"others have all", State{[]runtime.Stats{stageOf(true)}, nil}, 200, []string{"stands by"}},
		{"no share yet", State{[]runtime.Stats{stageOf(false)}, nil}, 503, []string{"not ready, running", "waits for its share"}},
		{"restores", State{[]runtime.Stats{stageOf(true, working, fenced, halfway)}, nil}, 503, []string{
			"1 of 3 partitions at work", "4 waits for its predecessor", "5 restores: 100 of 400 records, about 12s left"}},
		{"it stands still", State{[]runtime.Stats{broken}, nil}, 503, []string{"stands still since 2026-03-02T12:00:00Z"}},
		{"the sink fails", State{[]runtime.Stats{stageOf(true, working)}, sinkOf("no such table")}, 503, []string{"fails since 2026-03-02T12:00:00Z: no such table"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := listen(t, nil)
			s.Show(source(tc.now))
			code, body := ask(t, s, "/readyz")
			if code != tc.code {
				t.Errorf("answers %d, want %d", code, tc.code)
			}
			for _, want := range tc.says {
				if !strings.Contains(body, want) {
					t.Errorf("does not say %q:\n%s", want, body)
				}
			}
			code, body = ask(t, s, "/readyz?format=json")
			var rep Report
			if err := json.Unmarshal([]byte(body), &rep); err != nil || code != tc.code || rep.Ready != (tc.code == 200) || len(rep.Parts) == 0 {
				t.Errorf("as JSON %d: %v\n%s", code, err, body)
			}
			if code, body := ask(t, s, "/livez"); code != 200 {
				t.Errorf("not alive: %s", body)
			}
		})
	}
}

func TestPhases(t *testing.T) {
	s := listen(t, nil)
	if code, body := ask(t, s, "/readyz"); code != 503 || !strings.Contains(body, "not ready, starting") {
		t.Errorf("before the process runs: %d %s", code, body)
	}
	if code, _ := ask(t, s, "/livez"); code != 200 {
		t.Error("not alive while it starts")
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := s.While(ctx, func() error {
		s.Show(source(State{[]runtime.Stats{stageOf(true, working)}, nil}))
		if code, body := get(t, s, "/readyz"); code != 200 {
			t.Errorf("while it runs: %d %s", code, body)
		}
		cancel()
		for end := time.Now().Add(10 * time.Second); ; { // told by a goroutine of the context's
			code, body := get(t, s, "/readyz")
			if code == 503 && strings.Contains(body, "not ready, stopping") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("while it stops: %d %s", code, body)
			}
		}
		return errors.New("its own")
	})
	if err == nil || err.Error() != "its own" {
		t.Errorf("ended with %v", err)
	}
	if _, err := http.Get("http://" + s.Address() + "/livez"); err == nil {
		t.Error("it still answers")
	}
}

// get asks over the network.
func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	r, err := http.Get("http://" + s.Address() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestOnlyWhatMakesNoMoveIsDead(t *testing.T) {
	s := listen(t, nil)
	still := stageOf(true, working)
	still.Beat = time.Now().Add(-6 * time.Minute)
	s.Show(source(State{[]runtime.Stats{still}, nil}))
	if code, _ := ask(t, s, "/livez"); code != 200 {
		t.Error("dead for what was before it started")
	}
	s.begun = time.Now().Add(-time.Hour)
	code, body := ask(t, s, "/livez")
	if code != 503 || !strings.Contains(body, "loads has made no move for 6m0s, ops.stalled_after is 5m0s") {
		t.Errorf("%d %s", code, body)
	}
	quiet := sinkOf("")
	quiet.Beat = time.Now().Add(-6 * time.Minute)
	s.Show(source(State{nil, quiet}))
	if code, body := ask(t, s, "/livez"); code != 503 || !strings.Contains(body, SinkStage) {
		t.Errorf("the sink: %d %s", code, body)
	}
}

func TestMetrics(t *testing.T) {
	s := listen(t, nil)
	oldest := time.Now().Add(-90 * time.Second)
	s.Show(source(State{[]runtime.Stats{stageOf(true, working, halfway, paused)}, sinkOf("no such table")},
		runtime.Behind{Group: "loads", Topic: "in", Partition: 0, Records: 12, Oldest: oldest},
		runtime.Behind{Group: "loads", Topic: "in", Partition: 5, Records: 13},
		runtime.Behind{Group: "loads", Topic: "in", Partition: 9, Records: 14}, // not ours any more
		runtime.Behind{Group: SinkStage, Topic: "out", Partition: 2}))
	s.lookAtLag(t.Context())
	_, body := ask(t, s, "/metrics")
	for _, want := range []string{
		`waybill_ready 0`,
		`waybill_records_in_total{stage="loads"} 70`,
		`waybill_records_out_total{stage="loads"} 40`,
		`waybill_commits_total{stage="loads"} 9`,
		`waybill_aborts_total{stage="loads"} 2`,
		`waybill_rebuilds_total{stage="loads"} 1`,
		`waybill_decoded_cache_hits_total{stage="loads"} 11`,
		`waybill_decoded_cache_misses_total{stage="loads"} 12`,
		`waybill_dead_letters_total{reason="BAD_KEY",stage="loads"} 6`,
		`waybill_dead_letters_total{reason="AVRO",stage="sink.clickhouse"} 1`,
		`waybill_end_to_end_latency_seconds_bucket{stage="loads",le="0.2"} 0`,
		`waybill_end_to_end_latency_seconds_bucket{stage="loads",le="0.3"} 7`,
		`waybill_end_to_end_latency_seconds_bucket{stage="loads",le="+Inf"} 7`,
		`waybill_end_to_end_latency_seconds_sum{stage="loads"} 1.75`,
		`waybill_commit_duration_seconds_count{stage="loads"} 7`,
		`waybill_cycle_duration_seconds_count{stage="loads"} 7`,
		`waybill_partition_working{partition="0",stage="loads",topic="in"} 1`,
		`waybill_partition_working{partition="5",stage="loads",topic="in"} 0`,
		`waybill_source_paused{partition="0",stage="loads",topic="in"} 0`,
		`waybill_source_paused{partition="6",stage="loads",topic="in"} 1`,
		`waybill_source_pauses_total{stage="loads"} 2`,
		`waybill_restore_done_records{partition="5",stage="loads",topic="in"} 100`,
		`waybill_restore_total_records{partition="5",stage="loads",topic="in"} 400`,
		`waybill_restore_left_seconds{partition="5",stage="loads",topic="in"} 12`,
		`waybill_state_disk_bytes{partition="0",stage="loads",topic="in"} 4096`,
		`waybill_state_keys{partition="0",stage="loads",topic="in"} 17`,
		`waybill_parked_facts{partition="0",stage="loads",topic="in"} 3`,
		`waybill_hot_key_share{partition="0",stage="loads",topic="in"} 0.31`,
		`waybill_hot_key_work_share{partition="0",stage="loads",topic="in"} 0.62`,
		`waybill_lag_records{partition="0",stage="loads",topic="in"} 12`,
		`waybill_lag_seconds{partition="0",stage="loads",topic="in"} 9`, // 90 and something
		`waybill_lag_records{partition="5",stage="loads",topic="in"} 13`,
		`waybill_lag_seconds{partition="2",stage="sink.clickhouse",topic="out"} 0`,
		`waybill_sink_rows_total{stage="sink.clickhouse",topic="out"} 50`,
		`waybill_sink_inserts_total{stage="sink.clickhouse"} 4`,
		`waybill_sink_failing{stage="sink.clickhouse"} 1`,
		`waybill_joined{stage="loads"} 1`,
		`go_goroutines`, `process_open_fds`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, wrong := range []string{"LD-7", `waybill_hot_key_share{partition="5"`, `waybill_lag_records{partition="9"`, `waybill_lag_seconds{partition="5"`, `waybill_restore_done_records{partition="0"`} {
		if strings.Contains(body, wrong) {
			t.Errorf("there is %s", wrong)
		}
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "waybill_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// A record that is being worked on while somebody looks must not look like lag until the next look.
func TestAgeGrowsOnlyWhereNobodyCanLook(t *testing.T) {
	seen := time.Now()
	b := runtime.Behind{Records: 1, Oldest: seen.Add(-time.Second)}
	if got := (lags{at: seen}).age(b, seen.Add(9*time.Second)); got != time.Second {
		t.Errorf("seen nine seconds ago at the age of a second: %s", got)
	}
	if got := (lags{}).age(b, seen.Add(9*time.Second)); got != 10*time.Second {
		t.Errorf("looks fail since: %s, want 10s", got)
	}
	if got := (lags{at: seen}).age(runtime.Behind{Records: 1, Oldest: seen.Add(time.Hour)}, seen); got != 0 {
		t.Errorf("the broker's clock is ahead: %s, want 0s", got)
	}
}

// What cannot be seen keeps its last figures and is counted.
func TestBlindLooksAreCounted(t *testing.T) {
	s := listen(t, nil)
	from := source(State{[]runtime.Stats{stageOf(true, working)}, nil}, runtime.Behind{Group: "loads", Topic: "in", Partition: 0, Records: 12, Oldest: time.Now()})
	s.Show(from)
	s.lookAtLag(t.Context())
	from.Behind = func(context.Context, Owned) ([]runtime.Behind, error) { return nil, errors.New("no broker") }
	s.Show(from)
	s.lookAtLag(t.Context())
	if _, body := ask(t, s, "/metrics"); !strings.Contains(body, "waybill_lag_looks_failed_total 1") || !strings.Contains(body, `waybill_lag_records{partition="0",stage="loads",topic="in"} 12`) {
		t.Errorf("got\n%s", body)
	}
}

func TestHotKeysAreNamed(t *testing.T) {
	s := listen(t, nil)
	if code, body := ask(t, s, "/hot"); code != 200 || !strings.Contains(body, "no key takes 5%") {
		t.Errorf("before the process runs: %d %s", code, body)
	}
	s.Show(source(State{[]runtime.Stats{stageOf(true, working, halfway)}, nil}))
	_, body := ask(t, s, "/hot")
	want := "loads, in/0\n   31% of records    2% of work  \"LD-7\"\n    1% of records   62% of work  \"LD\\x008\"\n"
	if body != want {
		t.Errorf("says\n%swant\n%s", body, want)
	}
	_, body = ask(t, s, "/hot?format=json")
	var found []Heat
	if err := json.Unmarshal([]byte(body), &found); err != nil || len(found) != 1 || found[0].Stage != "loads" || len(found[0].Keys) != 2 || found[0].Keys[1] != (Key{"LD\x008", 0.01, 0.62}) {
		t.Errorf("as JSON: %v\n%s", err, body)
	}
}

func TestProfilesAreOffUnlessAskedFor(t *testing.T) {
	for _, on := range []bool{false, true} {
		s := listen(t, func(c *config.Ops) { c.Pprof = on })
		if code, _ := ask(t, s, "/debug/pprof/goroutine?debug=1"); (code == 200) != on {
			t.Errorf("ops.pprof %v: %d", on, code)
		}
		if _, body := ask(t, s, "/"); strings.Contains(body, "pprof") != on {
			t.Errorf("ops.pprof %v: the first page says\n%s", on, body)
		}
	}
}

func TestAnAddressInUseIsSaid(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := config.Default().Ops
	cfg.Listen = taken.Addr().String()
	if _, err := Listen(cfg, silent); err == nil || !strings.Contains(err.Error(), "ops.listen "+cfg.Listen+" is in use") {
		t.Errorf("got %v", err)
	}
	cfg.Listen = ""
	s, err := Listen(cfg, silent)
	if s != nil || err != nil || s.Address() != "" {
		t.Errorf("turned off: %v, %v", s, err)
	}
	s.Show(Source{})
	if err := s.While(t.Context(), func() error { return errors.New("its own") }); err == nil || err.Error() != "its own" {
		t.Errorf("turned off, it runs to %v", err)
	}
}
