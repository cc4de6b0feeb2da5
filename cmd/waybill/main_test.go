package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waybill/bench/rig"
)

// asBinary makes the test binary be waybill: processes that a test starts, and kills.
const asBinary = "WAYBILL_TEST_AS_BINARY"

func TestMain(m *testing.M) {
	rig.Child()
	if os.Getenv(asBinary) != "" {
		_ = os.Unsetenv(asBinary) // it is no key
		main()
	}
	os.Exit(m.Run())
}

// answer is what a command said.
type answer struct {
	out, err string
	code     int
}

func ask(ctx context.Context, args ...string) (answer, error) {
	var out, errw strings.Builder
	root := newRoot(&out, &errw)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return answer{out.String(), errw.String(), exitCode(err)}, err
}

// alone is a folder without a waybill.yaml, so that nobody's configuration reaches the test.
func alone(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
}

func TestWrongUse(t *testing.T) {
	alone(t)
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a command that is not there", []string{"versoin"}, exitUsage, "did you mean version?"},
		{"a flag that is not there", []string{"version", "--loud"}, exitUsage, "see `waybill version --help`"},
		{"an argument too many", []string{"version", "now"}, exitUsage, "see `waybill version --help`"},
		{"a format that is not there", []string{"version", "-o", "yaml"}, exitUsage, "table or json"},
		{"a key that is not there", []string{"config", "--set", "kafka.borkers=a:1"}, exitUsage, "did you mean kafka.brokers?"},
		{"no key at all", []string{"config", "--set", "kafka"}, exitUsage, "key=value"},
		{"a file that is not there", []string{"config", "--config", "none.yaml"}, exitUsage, "none.yaml"},
		{"a timeline of nothing", []string{"timeline"}, exitUsage, "--shipment ID or --order ID"},
		{"a status that is not there", []string{"gaps", "--status", "ajar"}, exitUsage, "open, closed, waived or all"},
		{"a period that cannot be", []string{"charges", "--period", "2026-13"}, exitUsage, "YYYY-MM"},
		{"replay of nothing", []string{"replay", "--format", "ocel"}, exitUsage, "files or folders"},
		{"a letter of no such id", []string{"dlq", "show", "17"}, exitUsage, "such as 0-17"},
		{"no letter", []string{"dlq", "show"}, exitUsage, "name one letter"},
		{"a status that no letter has", []string{"dlq", "ls", "--status", "ajar"}, exitUsage, "open, replayed, all"},
		{"letters since when", []string{"dlq", "ls", "--since", "yesterday"}, exitUsage, "--since yesterday: give a day"},
		{"dlq replay of nothing", []string{"dlq", "replay", "--yes"}, exitUsage, "by id or by filters"},
		{"dlq replay of both", []string{"dlq", "replay", "0-1", "--stage", "track", "--yes"}, exitUsage, "not both"},
		{"dlq replay that nobody agreed to", []string{"dlq", "replay", "0-1"}, exitUsage, "--yes"},
		{"dlq replay of no attempt", []string{"dlq", "replay", "0-1", "--yes", "--max-attempts", "0"}, exitUsage, "1 or more"},
		{"letters of no Kafka", []string{"dlq", "ls", "--brokers", "127.0.0.1:1"}, exitFailed, "--brokers"},
		{"no Kafka", []string{"topics", "list", "--brokers", "127.0.0.1:1"}, exitFailed, "--brokers"},
		{"no ClickHouse", []string{"gaps", "--clickhouse", "clickhouse://x@127.0.0.1:1/x"}, exitFailed, "--clickhouse"},
		{"no registry", []string{"schemas", "check", "--registry", "http://127.0.0.1:1"}, exitFailed, "--registry"},
		{"a demo of no folder", []string{"demo", "--data", "none"}, exitUsage, "none"},
		{"a processor that is not there", []string{"run", "--processors", "track,trak"}, exitUsage, "normalise, track"},
		{"replay of an unknown format", []string{"replay", "--format", "xml", "main_test.go"}, exitUsage, "ocel"},
		{"replay of a file that is not there", []string{"replay", "--format", "ocel", "none.csv"}, exitUsage, "replay: none.csv is not there"},
		{"replay without a mapping", []string{"replay", "--format", "csv", "none.csv"}, exitUsage, "needs a mapping"},
		{"state of a stage that is not there", []string{"state", "get", "lods", "x"}, exitUsage, "track, resolve, loads"},
		{"state of a store that is not there", []string{"state", "get", "loads", "x", "--store", "fcat"}, exitUsage, "fact, load, needs"},
		{"state of a stage without any", []string{"state", "verify", "normalise"}, exitUsage, "track, resolve, loads"},
		{"state of no key", []string{"state", "get", "loads"}, exitUsage, "see `waybill state get --help`"},
		{"no state directory", []string{"state", "ls"}, exitFailed, "--dir"},
		{"nothing to verify", []string{"state", "verify", "--no-kafka", "--dir", "."}, exitFailed, "--app"},
		{"replay without a format", []string{"replay", "x"}, exitUsage, "ocel"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ask(t.Context(), tc.args...)
			if err == nil || got.code != tc.code || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("exit code %d and %v, want code %d and something about %q", got.code, err, tc.code, tc.want)
			}
		})
	}
}

func TestVersionAndConfigAsJSON(t *testing.T) {
	alone(t)
	t.Setenv("WAYBILL_KAFKA_APP", "elsewhere")
	got, err := ask(t.Context(), "config", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var settings []struct{ Key, Value, Origin string }
	if err := json.Unmarshal([]byte(got.out), &settings); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, s := range settings {
		found = found || s.Key == "kafka.app" && s.Value == "elsewhere" && s.Origin == "environment WAYBILL_KAFKA_APP"
	}
	if !found {
		t.Errorf("the environment's value is not there: %v", settings)
	}
	got, err = ask(t.Context(), "version", "-o", "json")
	if err != nil || !strings.Contains(got.out, `"go": "go`) {
		t.Errorf("version: %v %s", err, got.out)
	}
}

func TestCatalogueWithoutACluster(t *testing.T) {
	alone(t)
	got, err := ask(t.Context(), "topics", "list", "--catalogue", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var list []topicLine
	if err := json.Unmarshal([]byte(got.out), &list); err != nil {
		t.Fatal(err)
	}
	changelogs := 0
	for _, l := range list {
		if strings.HasSuffix(l.Name, ".changelog") {
			changelogs++
		}
	}
	if changelogs == 0 || changelogs == len(list) {
		t.Errorf("%d of %d topics are changelogs", changelogs, len(list))
	}
}

func TestCompletion(t *testing.T) {
	alone(t)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		got, err := ask(t.Context(), "completion", shell)
		if err != nil || len(got.out) < 1000 {
			t.Errorf("%s: %v, %d bytes", shell, err, len(got.out))
		}
	}
	got, err := ask(t.Context(), "__complete", "run", "--processors", "")
	if err != nil || !strings.Contains(got.out, "shipments\n") {
		t.Errorf("stages are not completed: %v %s", err, got.out)
	}
}

// Every command says in one line what it is for.
func TestEveryCommandHasHelp(t *testing.T) {
	root := newRoot(os.Stdout, os.Stderr)
	for _, c := range root.Commands() {
		if c.Short == "" {
			t.Errorf("%s has no short help", c.Name())
		}
	}
	if readme, err := os.ReadFile(filepath.Join("..", "..", "README.md")); err == nil {
		for _, c := range root.Commands() {
			if !strings.Contains(string(readme), "waybill "+c.Name()) && !c.Hidden && c.Name() != "help" && c.Name() != "completion" {
				t.Errorf("README.md does not tell of waybill %s", c.Name())
			}
		}
	}
}
