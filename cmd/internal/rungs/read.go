package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is one line of `go test -json` (see `go doc cmd/test2json`).
type event struct {
	Action, Package, Test, Output, ImportPath string
}

// outcome is how one test ended.
type outcome struct {
	pkg, test string
	action    string // pass, fail or skip
	why       string // of a skip: what the test said
}

// results is everything read.
type results struct {
	lines    []string // as `go test -v` prints the ends of tests and packages
	tests    []outcome
	packages int
	failed   []string // packages that failed or did not build
}

// reader gathers each test's output until it is known whether anybody wants to see it.
type reader struct {
	out    *bufio.Writer
	said   map[outcome][]string
	result results
}

func read(in io.Reader, out *bufio.Writer) (results, error) {
	r := reader{out: out, said: map[outcome][]string{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // what the go command says outside JSON, such as a fault in go.mod
			continue
		}
		r.take(e)
	}
	if err := lines.Err(); err != nil {
		return results{}, fmt.Errorf("read the output of go test: %w", err)
	}
	return r.result, nil
}

func (r *reader) take(e event) {
	id := outcome{pkg: e.Package, test: e.Test}
	switch e.Action {
	case "output":
		r.said[id] = append(r.said[id], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		r.end(id, e.Action)
		delete(r.said, id)
		r.out.Flush()
	}
}

func (r *reader) end(id outcome, action string) {
	said := r.said[id]
	if id.test == "" {
		r.endPackage(id.pkg, action, said)
		return
	}
	id.action = action
	if action == "skip" {
		id.why = reason(said)
	}
	r.result.tests = append(r.result.tests, id)
	switch {
	case action == "fail":
		fmt.Fprint(r.out, strings.Join(said, ""))
	case action == "pass" && strings.Contains(id.test, "/"):
		return // a part of a test, or a seed of a fuzz target: there are thousands
	case action == "pass" && strings.HasPrefix(id.test, "TestOutside"):
		r.found(id.test, said)
	}
	for _, line := range said {
		if strings.HasPrefix(line, "--- ") {
			r.keep(line)
		}
	}
	if action == "skip" {
		r.keep("    " + id.why)
	}
}

// found prints what a test on outside data says it compared: a pass alone does not show that there was anything.
func (r *reader) found(test string, said []string) {
	if what := reason(said); what != "" {
		fmt.Fprintf(r.out, "    %s: %s\n", test, what)
	}
}

func (r *reader) endPackage(pkg, action string, said []string) {
	r.result.packages++
	if action == "fail" {
		r.result.failed = append(r.result.failed, pkg)
		r.unfinished(pkg)
		fmt.Fprint(r.out, strings.Join(said, ""))
	}
	printed := false
	for _, line := range said {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "FAIL\t") || strings.HasPrefix(line, "?") {
			r.keep(line)
			printed = true
			if action != "fail" {
				fmt.Fprint(r.out, line)
			}
		}
	}
	if !printed && action == "fail" {
		r.keep("FAIL\t" + pkg)
		fmt.Fprintln(r.out, "FAIL\t"+pkg)
	}
}

// unfinished prints what tests said that had not ended when their package did: of a panic or a test that hangs that is all there is.
func (r *reader) unfinished(pkg string) {
	of := func(a outcome) bool { return a.pkg == pkg && a.test != "" }
	left := slices.DeleteFunc(slices.Collect(maps.Keys(r.said)), func(a outcome) bool { return !of(a) })
	slices.SortFunc(left, func(a, b outcome) int { return strings.Compare(a.test, b.test) })
	for _, id := range left {
		fmt.Fprintf(r.out, "--- UNFINISHED: %s\n%s", id.test, strings.Join(r.said[id], ""))
		delete(r.said, id)
	}
}

func (r *reader) keep(line string) {
	r.result.lines = append(r.result.lines, strings.TrimRight(line, "\n"))
}

// reason is what a skipped test said, without the markers of go test and the file and line.
func reason(said []string) string {
	var words []string
	for _, line := range said {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, after, ok := strings.Cut(line, ".go:"); ok {
			if _, text, ok := strings.Cut(after, ": "); ok {
				line = text
			}
		}
		words = append(words, line)
	}
	return strings.Join(words, " ")
}
