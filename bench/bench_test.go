package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/bench/rig"
	"waybill/processors/runtime"
)

func TestMain(m *testing.M) {
	rig.Child()
	if len(os.Args) > 2 && os.Args[1] == partArgument {
		exit(runPart(context.Background(), os.Args[2], os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// Every contestant does its whole work on a small field: each checks itself that it read, committed and wrote everything.
func TestEveryContestant(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	f := testField(t, options{perDevice: 20, every: 10 * time.Second})
	for _, name := range []string{"track", "sink"} {
		c := ready(t, f, name)
		all := newTrials()
		if err := f.hold(ctx, c, 0, all, t.Logf); err != nil {
			t.Fatal(err)
		}
		for who, trials := range all[name] {
			if got := trials[0]; got[cpuMicros] <= 0 || got[rate] <= 0 || got[allocs] <= 0 {
				t.Errorf("%s measured %v", who, got)
			}
		}
		if got := tablesOf([]contest{c}, all); len(got) != len(c.tables) || len(got[0].Rows) != len(c.contestants) {
			t.Errorf("contest %s made %+v", name, got)
		}
	}
}

func testField(t *testing.T, o options) *field {
	f, err := newField(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// ready gives a contest that can be held, or skips the test.
func ready(t *testing.T, f *field, name string) contest {
	cs, err := chosen(name)
	if err == nil {
		err = f.ready(t.Context(), cs[0])
	}
	if errors.Is(err, errMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cs[0]
}

func TestTrialFindsWhatIsMissing(t *testing.T) {
	f := testField(t, options{perDevice: 1, every: time.Second})
	c := ready(t, f, "sink")
	_, err := f.trial(t.Context(), c, contestant{"writes nothing", "poll", tables})
	if err == nil || !strings.Contains(err.Error(), "0 rows of 10000") {
		t.Errorf("got %v, want the rows that are missing", err)
	}
}

func TestOnlyNamesContests(t *testing.T) {
	if got, err := chosen("sink,track"); err != nil || !slices.Equal(names(got), []string{"sink", "track"}) {
		t.Errorf("got %v, %v", names(got), err)
	}
	if _, err := chosen("tarck"); err == nil || !strings.Contains(err.Error(), "track-apache") {
		t.Errorf("got %v, want the names there are", err)
	}
}

const output = `goos: linux
BenchmarkDecode/Position/alias-2    2093431   60.5 ns/op  1156.20 MB/s  0 B/op  0 allocs/op
BenchmarkDecode/Position/alias-2    2093431   59.5 ns/op  1156.20 MB/s  0 B/op  0 allocs/op
BenchmarkDecode/Position/map-old    67878   1987 ns/op  2592 B/op  33 allocs/op
PASS
`

func TestReadMicro(t *testing.T) {
	got := newTrials()
	if err := readMicro(output, got); err != nil {
		t.Fatal(err)
	}
	want := trials{"Decode/Position": {
		"alias":   {{"ns/op": 59.5, "MB/s": 1156.2, "B/op": 0, "allocs/op": 0}},
		"map-old": {{"ns/op": 1987, "B/op": 2592, "allocs/op": 33}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{"PASS\n", "BenchmarkX/a-2 10 ten ns/op\n", "BenchmarkX-2 10 10 ns/op\n"} {
		if err := readMicro(bad, newTrials()); err == nil {
			t.Errorf("read %q without an error", bad)
		}
	}
}

// Ratios are of figures of the same round: a round that was slow for both does not move them.
func TestTablePairsRounds(t *testing.T) {
	all := newTrials()
	for _, base := range []float64{1, 10, 2} {
		all.add("sink", whoChgo, trial{cpuMillion: base, rowRate: base})
		all.add("sink", whoSink, trial{cpuMillion: 3 * base, rowRate: base, allocs: 7})
	}
	got := tablesOf([]contest{sinkContest}, all)
	if len(got) != 2 {
		t.Fatalf("%d tables, want 2", len(got))
	}
	want := []row{
		{Who: whoChgo, Rounds: []float64{1, 10, 2}, Figure: spread{1, 2, 10}, Ratio: spread{1, 1, 1}, Beside: map[string]float64{}},
		{Who: whoSink, Rounds: []float64{3, 30, 6}, Figure: spread{3, 6, 30}, Ratio: spread{3, 3, 3}, Beside: map[string]float64{allocs: 7}},
	}
	if !reflect.DeepEqual(got[0].Rows, want) {
		t.Errorf("got %+v, want %+v", got[0].Rows, want)
	}
}

func TestReportIsMarkdownAndJSON(t *testing.T) {
	r := report{Machine: machine{Date: "2026-01-02", Cores: 2, Go: "go1", System: "os/arch"}, Rounds: 1, Tables: []table{{
		Title: "T", Unit: "u", Base: "b", Rows: []row{
			{Who: "b", Figure: spread{1, 1, 1}, Ratio: spread{1, 1, 1}},
			{Who: "longer", Figure: spread{1234.5, 12345.6, 0}, Ratio: spread{0.5, 0.25, 12.34}},
		},
	}}}
	var b strings.Builder
	if err := r.write(&b); err != nil {
		t.Fatal(err)
	}
	want := `
## T, u

|        |   min | median |  max | ratio |    min–max |
|--------|------:|-------:|-----:|------:|-----------:|
| b      |  1.00 |   1.00 | 1.00 |     1 |            |
| longer | 1,234 | 12,346 |    0 | 0.250 | 0.500–12.3 |
`
	if got := b.String(); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s", got)
	}
	again := report{}
	if text, err := json.Marshal(r); err != nil || json.Unmarshal(text, &again) != nil || again.Tables[0].Rows[1].Figure != r.Tables[0].Rows[1].Figure {
		t.Errorf("JSON does not come back as it went: %v", err)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0394: "0.039", 1: "1.00", 59.68: "59.7", 846: "846", 2592: "2,592", 1234567: "1,234,567"} {
		if got := number(v); got != want {
			t.Errorf("%v is shown as %s, want %s", v, got, want)
		}
	}
}

// The positions must lead to stays, and to no record that track refuses.
func TestPositionsStandAndDrive(t *testing.T) {
	t0 := time.Unix(1_790_000_000, 0)
	moved, stood := 0, 0
	for round := 1; round < 181; round++ {
		was, is := position(7, round-1, t0, 10*time.Second), position(7, round, t0, 10*time.Second)
		if is.DeviceAt <= was.DeviceAt {
			t.Fatalf("round %d is not after round %d", round, round-1)
		}
		if is.LatE6 == was.LatE6 {
			stood++
		} else if is.LatE6-was.LatE6 == 1000 { // 111 m in 10 s
			moved++
		}
	}
	if moved+stood < 178 || moved < 117 || stood < 57 {
		t.Errorf("moved %d times, stood %d times", moved, stood)
	}
}

// A transaction that was aborted and done again is told, and costs no run its tables; an engine that was rebuilt did something else.
func TestAbortedTransactionsAreTold(t *testing.T) {
	if err := well(runtime.Stats{In: 10, Aborts: 1}, 10); err != nil {
		t.Errorf("refused: %v", err)
	}
	for _, s := range []runtime.Stats{{In: 9}, {In: 10, Rebuilds: 1}, {In: 10, DeadLetters: 1}} {
		if well(s, 10) == nil {
			t.Errorf("%+v is taken for well", s)
		}
	}
	c := contest{tables: []layout{{unit: cpuMicros}}}
	if got := (trial{cpuMicros: 2, abortedToo: 1}).brief(c); !strings.Contains(got, "1 aborted transactions") {
		t.Errorf("progress says %q and nothing of what was aborted", got)
	}
}
