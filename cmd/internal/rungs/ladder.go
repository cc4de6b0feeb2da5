package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rung is one line of the ladder.
type rung struct {
	number       int
	name         string
	passed       int
	failed       int
	skips        []string // reasons, each once
	skipped      int
	later        string // why the rung does not exist yet
	outsideTruth bool
}

func (g rung) String() string {
	head := fmt.Sprintf("rung %d %-10s", g.number, g.name)
	switch {
	case g.later != "":
		return head + " SKIPPED: " + g.later
	case g.passed+g.failed == 0 && g.skipped > 0:
		return fmt.Sprintf("%s SKIPPED: %s", head, strings.Join(g.skips, "; "))
	case g.passed+g.failed == 0:
		return head + " SKIPPED: there were no such tests in this run"
	}
	line := fmt.Sprintf("%s %d passed", head, g.passed)
	if g.failed > 0 {
		line += fmt.Sprintf(", %d FAILED", g.failed)
	}
	if g.skipped > 0 {
		line += fmt.Sprintf(", %d SKIPPED: %s", g.skipped, strings.Join(g.skips, "; "))
	}
	return line
}

// Indexes into the ladder.
const (
	unit = iota
	law
	fuzz
	embedded
	realKafka
	faults
	outside
	schema
)

// ladder files every test under its rung.
func ladder(r results) []rung {
	rungs := []rung{
		unit:      {number: 1, name: "unit"},
		law:       {number: 2, name: "law"},
		fuzz:      {number: 3, name: "fuzz seeds"},
		embedded:  {number: 4, name: "embedded"},
		realKafka: {number: 5, name: "real Kafka"},
		faults:    {number: 6, name: "faults"},
		outside:   {number: 7, name: "outside", outsideTruth: true},
		schema:    {number: 8, name: "schema"},
	}
	for _, t := range r.tests {
		rungs[rungOf(t)].count(t)
	}
	return append(rungs, rung{number: 8, name: "chart", later: "the Helm chart comes with its own issue"})
}

// realParts are the packages whose tests run Kafka or ClickHouse.
var realParts = []string{"waybill/bench/rig", "waybill/cmd/waybill", "waybill/cmd/internal/cluster", "waybill/cmd/internal/demo", "waybill/cmd/internal/dlq", "waybill/processors/runtime", "waybill/sinks"}

func rungOf(t outcome) int {
	switch {
	case strings.HasPrefix(t.test, "TestOutside"):
		return outside
	case strings.HasPrefix(t.test, "Fuzz"):
		return fuzz
	case strings.HasPrefix(t.test, "TestFaults"), strings.HasPrefix(t.test, "TestChaos"):
		return faults
	case strings.HasPrefix(t.test, "TestApacheKafka"):
		return realKafka
	case strings.HasPrefix(t.test, "TestLaw"), t.pkg == "waybill/processors/sim":
		return law
	case t.pkg == "waybill/topics/wire", strings.HasPrefix(t.test, "TestSchema"):
		return schema
	case slices.ContainsFunc(realParts, func(p string) bool { return strings.HasPrefix(t.pkg, p) }):
		return embedded
	}
	return unit
}

func (g *rung) count(t outcome) {
	switch t.action {
	case "pass":
		// A seed of a fuzz target is a subtest, and so are a scenario on the one real broker and a cell of the crash matrix; other subtests are parts.
		if g.number == 3 || g.number == 5 || g.number == 6 || !strings.Contains(t.test, "/") {
			g.passed++
		}
	case "fail":
		g.failed++
	case "skip":
		g.skipped++
		if !slices.Contains(g.skips, t.why) {
			g.skips = append(g.skips, t.why)
		}
	}
}

// strictness is what decides whether a skip is a failure.
type strictness struct {
	ci   bool // all tools are there: nothing may be skipped
	data bool // the outside data is there: rung 7 must find something in it
}

// verdict is nil if the run proves what it set out to prove.
func verdict(r results, rungs []rung, s strictness) error {
	var errs []error
	if r.packages == 0 {
		errs = append(errs, errors.New("go test ran no package at all: read what it says above"))
	}
	if len(r.failed) > 0 {
		errs = append(errs, fmt.Errorf("failed: %s", strings.Join(r.failed, ", ")))
	}
	if !s.ci {
		return errors.Join(errs...)
	}
	for _, g := range rungs {
		if g.mustRun(s) {
			errs = append(errs, fmt.Errorf("CI=true allows no skipped rung: %v", g))
		}
	}
	return errors.Join(errs...)
}

// mustRun says that the rung should have run and did not. A data set of one kind may be absent, all of them may not.
func (g rung) mustRun(s strictness) bool {
	ran := g.passed+g.failed > 0
	switch {
	case g.later != "":
		return false
	case g.outsideTruth:
		return s.data && !ran
	default:
		return !ran || g.skipped > 0
	}
}
