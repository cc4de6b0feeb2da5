package main

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"testing"
)

const passing = `{"Action":"output","Package":"waybill/topics","Test":"TestAll","Output":"--- PASS: TestAll (0.00s)\n"}
{"Action":"pass","Package":"waybill/topics","Test":"TestAll"}
{"Action":"output","Package":"waybill/topics","Output":"ok  \twaybill/topics\t0.003s\n"}
{"Action":"pass","Package":"waybill/topics"}
`

const failing = `{"Action":"output","Package":"waybill/topics","Test":"TestAll","Output":"    topics_test.go:9: got 1, want 2\n"}
{"Action":"output","Package":"waybill/topics","Test":"TestAll","Output":"--- FAIL: TestAll (0.00s)\n"}
{"Action":"fail","Package":"waybill/topics","Test":"TestAll"}
{"Action":"output","Package":"waybill/topics","Output":"FAIL\twaybill/topics\t0.003s\n"}
{"Action":"fail","Package":"waybill/topics"}
`

const skipping = `{"Action":"output","Package":"waybill/bench/rig","Test":"TestClickHouse","Output":"=== RUN   TestClickHouse\n"}
{"Action":"output","Package":"waybill/bench/rig","Test":"TestClickHouse","Output":"    main_test.go:41: no engine: run make tools\n"}
{"Action":"output","Package":"waybill/bench/rig","Test":"TestClickHouse","Output":"--- SKIP: TestClickHouse (0.00s)\n"}
{"Action":"skip","Package":"waybill/bench/rig","Test":"TestClickHouse"}
{"Action":"pass","Package":"waybill/bench/rig"}
`

const everyRung = passing + `{"Action":"pass","Package":"waybill/processors/sim","Test":"TestLaw"}
{"Action":"pass","Package":"waybill/avro","Test":"FuzzOrder/seed#0"}
{"Action":"pass","Package":"waybill/bench/rig","Test":"TestKafka"}
{"Action":"pass","Package":"waybill/processors/runtime","Test":"TestApacheKafka/restart"}
{"Action":"pass","Package":"waybill/processors/runtime","Test":"TestFaults/zombie"}
{"Action":"pass","Package":"waybill/topics/wire","Test":"TestGate"}
`

const outsideRun = `{"Action":"pass","Package":"waybill/processors/track","Test":"TestOutsideDoors"}
`

func TestVerdict(t *testing.T) {
	tests := []struct {
		name, in string
		strict   strictness
		want     string // part of the verdict; empty: passes
	}{
		{"passes", passing, strictness{}, ""},
		{"a failed package", passing + failing, strictness{}, "failed: waybill/topics"},
		{"nothing ran", "go: errors parsing go.mod\n", strictness{}, "no package at all"},
		{"a skip on a person's machine", passing + skipping, strictness{}, ""},
		{"a skip in CI", everyRung + skipping, strictness{ci: true}, "no engine: run make tools"},
		{"a rung without a test in CI", passing, strictness{ci: true}, "rung 4"},
		{"all rungs in CI, no data", everyRung, strictness{ci: true}, ""},
		{"data is there and nothing looked at it", everyRung, strictness{ci: true, data: true}, "rung 7"},
		{"all rungs in CI with data", everyRung + outsideRun, strictness{ci: true, data: true}, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r, err := read(strings.NewReader(tc.in), bufio.NewWriter(io.Discard))
			if err != nil {
				t.Fatal(err)
			}
			got := verdict(r, ladder(r), tc.strict)
			if (got == nil) != (tc.want == "") || got != nil && !strings.Contains(got.Error(), tc.want) {
				t.Errorf("verdict = %v, want %q", got, tc.want)
			}
		})
	}
}

const telling = `{"Action":"output","Package":"waybill/processors/track","Test":"TestOutsideDoors","Output":"    doors_test.go:7: 12 doors compared\n"}
{"Action":"output","Package":"waybill/processors/track","Test":"TestOutsideDoors","Output":"--- PASS: TestOutsideDoors (0.00s)\n"}
{"Action":"output","Package":"waybill/processors/track","Test":"TestOutsideDoors/one","Output":"--- PASS: TestOutsideDoors/one (0.00s)\n"}
{"Action":"pass","Package":"waybill/processors/track","Test":"TestOutsideDoors/one"}
{"Action":"pass","Package":"waybill/processors/track","Test":"TestOutsideDoors"}
`

func TestOutsideTestsTellWhatTheyCompared(t *testing.T) {
	var out strings.Builder
	w := bufio.NewWriter(&out)
	r, err := read(strings.NewReader(telling), w)
	if err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if !strings.Contains(out.String(), "12 doors compared") {
		t.Errorf("not printed:\n%s", out.String())
	}
	if !slices.Equal(r.lines, []string{"--- PASS: TestOutsideDoors (0.00s)"}) {
		t.Errorf("results: %q", r.lines)
	}
}

func TestReadPrintsWhatFailedAndWhy(t *testing.T) {
	var out strings.Builder
	w := bufio.NewWriter(&out)
	r, err := read(strings.NewReader(failing+skipping), w)
	if err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if !strings.Contains(out.String(), "got 1, want 2") {
		t.Errorf("the failure's message is not printed:\n%s", out.String())
	}
	if !slices.Contains(r.lines, "    no engine: run make tools") {
		t.Errorf("the skip's reason is not among the results: %q", r.lines)
	}
}

// A test that hangs or panics has no end of its own: what it said is all there is to see.
func TestUnfinishedTestsAreShown(t *testing.T) {
	const in = `{"Action":"output","Package":"waybill/topics","Test":"TestHangs","Output":"panic: test timed out\n"}
{"Action":"output","Package":"waybill/topics","Output":"FAIL\twaybill/topics\t0.003s\n"}
{"Action":"fail","Package":"waybill/topics"}
`
	var out strings.Builder
	w := bufio.NewWriter(&out)
	if _, err := read(strings.NewReader(in), w); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if got := out.String(); !strings.Contains(got, "UNFINISHED: TestHangs\npanic: test timed out") {
		t.Errorf("printed %q", got)
	}
}
