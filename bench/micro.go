package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// microPackage has Go benchmarks that belong into the tables, and their pattern. No number of theirs depends on a server.
type microPackage struct {
	pkg, pattern string

	args func(options) []string // instead of microTime and microRuns
}

var micros = []string{"allocs/op", "B/op"}

var codecContest = contest{
	name: "codecs", about: "decoding, encoding and track's handler, in memory",
	micro: []microPackage{{pkg: "./avro", pattern: "^Benchmark(Decode|Encode)$"}, {pkg: "./processors/track", pattern: "^BenchmarkPosition$"}},
	tables: []layout{
		{held: "Decode/Position", title: "Decode a Position", unit: nsPerOp, base: "generated-alias", beside: micros},
		{held: "Decode/Fact", title: "Decode a Fact", unit: nsPerOp, base: "generated-alias", beside: micros},
		{held: "Encode/Position", title: "Encode a Position", unit: nsPerOp, base: "generated", beside: micros},
		{held: "Encode/Fact", title: "Encode a Fact", unit: nsPerOp, base: "generated", beside: micros},
		{held: "Position", title: "Track's handler alone, in memory, no Kafka (commit: state encoded after every position)", unit: nsPerOp, base: "handler", beside: micros},
	},
}

// A round's figure is the fastest of microRuns short runs: what else the machine does makes a run slower, never faster.
const (
	microRuns = 3
	microTime = "50ms"
)

var hotContest = contest{
	name: "hot", about: "reading, changing and writing state that is decoded in memory",
	micro:  []microPackage{{pkg: "./processors/stream", pattern: "^BenchmarkHotState$"}},
	tables: []layout{{held: "HotState", title: "A record changes its key's state, decoded in memory, 10,000 keys (commit: a changed key, with a commit every 5,000 records)", unit: nsPerOp, base: "edit", beside: []string{"allocs/op", "encodes/changed-key"}}},
}

// micro is the test binaries of a contest, built once.
type micro struct {
	contest contest
	dir     string
	runs    [][]string // commands
}

// buildMicro needs the go command and a working folder in Waybill's tree.
func buildMicro(ctx context.Context, c contest, o options) (m micro, err error) {
	m.contest = c
	if m.dir, err = os.MkdirTemp("", "waybill-bench-tests-"); err != nil {
		return m, err
	}
	for i, p := range c.micro {
		binary := filepath.Join(m.dir, fmt.Sprint(i, ".test"))
		out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, p.pkg).CombinedOutput()
		if err != nil {
			return m, errors.Join(fmt.Errorf("build the benchmarks of %s (run from Waybill's folder, with Go installed): %w: %s", p.pkg, err, out), m.close())
		}
		args := []string{"-test.benchtime", microTime, "-test.count", fmt.Sprint(microRuns)}
		if p.args != nil {
			args = p.args(o)
		}
		m.runs = append(m.runs, append([]string{binary, "-test.run", "^$", "-test.bench", p.pattern, "-test.benchmem"}, args...))
	}
	return m, nil
}

func (m micro) close() error { return os.RemoveAll(m.dir) }

// measure runs every benchmark once.
func (m micro) measure(ctx context.Context, into trials) error {
	for i, run := range m.runs {
		cmd := exec.CommandContext(ctx, run[0], run[1:]...)
		cmd.Dir = filepath.FromSlash(m.contest.micro[i].pkg) // where its samples lie
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("run the benchmarks of %s: %w: %s%s", m.contest.micro[i].pkg, err, out, stderr.Bytes())
		}
		if err := readMicro(string(out), into); err != nil {
			return fmt.Errorf("read the benchmarks of %s: %w", m.contest.micro[i].pkg, err)
		}
	}
	return m.complete(into)
}

// complete finds benchmarks that were renamed or removed, whose table would be missing in silence.
func (m micro) complete(held trials) error {
	for _, l := range m.contest.tables {
		if held[l.held][l.base] == nil {
			return fmt.Errorf("there is no benchmark %s/%s any more: say in contest %s what takes its place", l.held, l.base, m.contest.name)
		}
	}
	return nil
}

// readMicro takes what `go test -bench` prints, several lines for a benchmark that ran several times. The last element of a
// benchmark's name is who competes, those before it are the contest.
func readMicro(out string, into trials) error {
	var order []string
	best := map[string]trial{}
	for line := range strings.Lines(out) {
		name, t, err := readLine(line)
		if err != nil {
			return fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
		if t == nil {
			continue
		}
		if was := best[name]; was == nil {
			order = append(order, name)
		} else if was[nsPerOp] <= t[nsPerOp] {
			continue
		}
		best[name] = t
	}
	if len(order) == 0 {
		return errors.New("there is not one in its output")
	}
	for _, name := range order {
		cut := strings.LastIndexByte(name, '/')
		if cut < 0 {
			return fmt.Errorf("%s has no sub-benchmark to compare", name)
		}
		into.add(name[:cut], name[cut+1:], best[name])
	}
	return nil
}

// readLine reads a benchmark's line: name, iterations, then pairs of value and unit. The trial is nil for other lines.
func readLine(line string) (name string, t trial, err error) {
	fields := strings.Fields(line)
	if !strings.HasPrefix(line, "Benchmark") || len(fields) < 4 || len(fields)%2 != 0 {
		return "", nil, nil
	}
	name = strings.TrimPrefix(fields[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 { // GOMAXPROCS, which is left out where it is 1
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name = name[:i]
		}
	}
	t = trial{}
	for i := 2; i < len(fields); i += 2 {
		if t[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
			return name, nil, err
		}
	}
	return name, t, nil
}
