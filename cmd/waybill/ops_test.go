package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"waybill/bench/rig"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/pipeline"
	"waybill/topics"
)

// parts starts Kafka and the registry in this process, makes topics and registers schemas. The environment leads there.
func parts(t *testing.T) *rig.Kafka {
	t.Helper()
	alone(t)
	k, err := rig.StartKafka(rig.KafkaOptions{MinSessionTimeout: time.Second})
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
	t.Setenv("WAYBILL_REGISTRY_URL", r.URL())
	for _, args := range [][]string{{"topics", "apply"}, {"schemas", "register"}} {
		if _, err := ask(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

var served = regexp.MustCompile(`at=http://([0-9.:]+)`)

// address is where a process shows how it stands.
func (p *process) address(t *testing.T, ctx context.Context) (url string) {
	t.Helper()
	waitFor(t, ctx, "the address of health and metrics", func() bool {
		if m := served.FindStringSubmatch(p.said.String()); m != nil {
			url = "http://" + m[1]
		}
		return url != ""
	})
	return url
}

// look asks the process; nothing where it does not answer.
func look(url string) (code int, body string) {
	r, err := http.Get(url)
	if err != nil {
		return 0, ""
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, ""
	}
	return r.StatusCode, string(b)
}

// running starts stages with the given flags on top.
func running(t *testing.T, more ...string) *process {
	t.Helper()
	return spawn(t, io.Discard, nil, append([]string{"run", "--set", "runtime.state_dir=" + filepath.Join(t.TempDir(), "state"), "--set", "ops.lag_every=200ms"}, more...)...)
}

func opened(t *testing.T, ctx context.Context) *pipeline.Line {
	t.Helper()
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

func TestRunShowsHowItStands(t *testing.T) {
	parts(t)
	ctx := within(t, time.Minute)
	p := running(t, "--sink=false")
	url := p.address(t, ctx)
	waitFor(t, ctx, "readiness", func() bool { code, _ := look(url + "/readyz"); return code == 200 })
	_, body := look(url + "/readyz")
	for _, stage := range stageNames() {
		if !strings.Contains(body, stage) {
			t.Errorf("%s is not among what is ready:\n%s", stage, body)
		}
	}
	if code, body := look(url + "/livez"); code != 200 {
		t.Errorf("not alive: %s", body)
	}
	if err := opened(t, ctx).SendRaw(ctx, topics.PartnerMessages.Name, []byte("k"), []byte("no frame")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`waybill_ready 1`, `waybill_dead_letters_total{reason="BAD_MAGIC",stage="normalise"} 1`,
		`waybill_lag_seconds{partition="0",stage="resolve",topic="` + string(topics.ResolveInbox.Name) + `"} 0`,
		`waybill_parked_facts{partition="0",stage="resolve"`, `waybill_state_disk_bytes{partition="0",stage="shipments"`,
		`waybill_end_to_end_latency_seconds_count{stage="normalise"} 1`, `waybill_joined{stage="track"} 1`,
	} {
		waitFor(t, ctx, want, func() bool { _, body := look(url + "/metrics"); return strings.Contains(body, want) })
	}
	second := running(t, "--sink=false", "--set", "ops.listen="+strings.TrimPrefix(url, "http://"))
	if err := second.wait(); err == nil || !strings.Contains(second.said.String(), "is in use") {
		t.Errorf("a second process at the same address: %v, it said\n%s", err, second.said)
	}
	p.stop(t)
	if code, _ := look(url + "/livez"); code != 0 {
		t.Error("it answers after its end")
	}
}

// What ClickHouse refuses for good must not take the stages with it, nor be lost.
func TestASinkThatIsRefusedLeavesTheStagesAtWork(t *testing.T) {
	for _, v := range startDev(t) {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	ctx := within(t, 2*time.Minute)
	line := opened(t, ctx)
	bare := database(t, ctx, line.Config.ClickHouse.DSN)
	p := running(t, "--clickhouse", bare, "--set", "clickhouse.consume.linger=100ms")
	url := p.address(t, ctx)
	bad := func() {
		if err := line.SendRaw(ctx, topics.PartnerMessages.Name, []byte("k"), []byte("no frame")); err != nil {
			t.Fatal(err)
		}
	}
	bad()
	waitFor(t, ctx, "the sink's failure", func() bool {
		code, body := look(url + "/readyz")
		return code == 503 && strings.Contains(body, "waybill clickhouse migrate")
	})
	bad()
	waitFor(t, ctx, "the stages' work meanwhile", func() bool {
		_, body := look(url + "/metrics")
		return strings.Contains(body, `waybill_dead_letters_total{reason="BAD_MAGIC",stage="normalise"} 2`) && strings.Contains(body, `waybill_sink_failing{stage="sink.clickhouse"} 1`)
	})
	if _, err := ask(ctx, "clickhouse", "migrate", "--clickhouse", bare); err != nil {
		t.Fatal(err)
	}
	waitFor(t, ctx, "the rows, and readiness", func() bool {
		code, _ := look(url + "/readyz")
		_, body := look(url + "/metrics")
		return code == 200 && strings.Contains(body, `waybill_sink_rows_total{stage="sink.clickhouse",topic="`+string(topics.DeadLetters.Name)+`"} 2`)
	})
	p.stop(t)
}

// database makes one without tables beside the one of dsn, and says where it is.
func database(t *testing.T, ctx context.Context, dsn string) string {
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
	if err := conn.Exec(ctx, "CREATE DATABASE bare"); err != nil {
		t.Fatal(err)
	}
	return dsn[:strings.LastIndex(dsn, "/")] + "/bare"
}
