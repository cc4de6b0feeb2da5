package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine is what the figures depend on: no names, no paths.
type machine struct {
	Date      string   `json:"date"`
	Commit    string   `json:"commit"` // empty: no checkout; + at its end: with changes
	Cores     int      `json:"cores"`
	CPU       string   `json:"cpu"`        // empty where the system does not say
	MemoryGiB float64  `json:"memory_gib"` // 0 where the system does not say
	Load      string   `json:"load"`       // over the minute before, this machine's other work included; empty where the system does not say
	Go        string   `json:"go"`
	System    string   `json:"system"`
	Libraries []string `json:"libraries"`
}

// libraries are those whose versions the figures depend on.
var libraries = []string{
	"github.com/ClickHouse/ch-go", "github.com/cockroachdb/pebble/v2", "github.com/linkedin/goavro/v2", "github.com/twmb/avro",
	"github.com/twmb/franz-go", "github.com/twmb/franz-go/pkg/kfake",
}

// describe needs the go command and a working folder in Waybill's tree.
func describe(ctx context.Context) (machine, error) {
	m := machine{
		Date: time.Now().UTC().Format(time.DateOnly), Cores: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		CPU: procField("/proc/cpuinfo", "model name"), MemoryGiB: memory(), Load: load1(),
	}
	out, err := exec.CommandContext(ctx, "go", append([]string{"list", "-m", "-f", "{{.Path}} {{.Version}}"}, libraries...)...).Output()
	if err != nil {
		return m, fmt.Errorf("list the versions of libraries (run from Waybill's folder, with Go installed): %w", err)
	}
	m.Libraries = strings.Split(strings.TrimSpace(string(out)), "\n")
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--exclude=*", "--abbrev=9", "--dirty=+").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(out))
	}
	return m, nil
}

// short names a run in a file's name.
func (m machine) short() string {
	if m.Commit == "" {
		return "unknown"
	}
	return strings.TrimSuffix(m.Commit, "+")
}

func (m machine) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- machine: %d cores", m.Cores)
	if m.CPU != "" {
		fmt.Fprintf(&b, " (%s)", m.CPU)
	}
	if m.MemoryGiB > 0 {
		fmt.Fprintf(&b, ", %.0f GiB", m.MemoryGiB)
	}
	fmt.Fprintf(&b, ", %s, %s\n", m.System, m.Go)
	if m.Load != "" {
		fmt.Fprintf(&b, "- load average over the minute before: %s\n", m.Load)
	}
	if m.Commit != "" {
		fmt.Fprintf(&b, "- commit: %s\n", strings.Replace(m.Commit, "+", ", with changes", 1))
	}
	fmt.Fprintf(&b, "- libraries: %s\n", strings.Join(m.Libraries, ", "))
	return b.String()
}

func memory() float64 {
	var kib float64
	if _, err := fmt.Sscan(procField("/proc/meminfo", "MemTotal"), &kib); err != nil {
		return 0
	}
	return kib / (1 << 20)
}

func load1() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// procField is the value of the first line `name : value` of a file of Linux; empty on other systems.
func procField(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
