package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

// partArgument makes this program one of its parts: a process of its own, so that CPU counted is the part's alone.
const partArgument = "part"

// order tells a part what to work on. It goes through standard input, since the DSN holds a password.
type order struct {
	App       string // a new one each time: nothing is left over from the time before
	Brokers   []string
	Registry  string
	DSN       string
	StateDir  string
	Positions int
	BlockRows int
	Profile   string // a file for a CPU profile; empty: none
}

// part is work to be measured. It calls measured around what counts.
type part func(ctx context.Context, o order, measured func(func() error) error) (trial, error)

// parts are the contestants that run in processes of their own.
var parts = map[string]part{
	"poll": barePoll, "decode": bareDecode, "copy": bareCopy, "track": trackPart, "sink": sinkPart, "chgo": bareInsert,
}

// runPart is the whole life of a part.
func runPart(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	if name == clusterPart {
		return runCluster(in, out)
	}
	work, ok := parts[name]
	if !ok {
		return fmt.Errorf("there is no part %q", name)
	}
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	var used trial
	t, err := work(ctx, o, func(f func() error) (err error) {
		used, err = meter(profiled(o.Profile, f))
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return json.NewEncoder(out).Encode(perRecord(t, used, o.Positions))
}

// The quantities of a trial.
const (
	cpuMicros  = "CPU µs/record"
	cpuMillion = "client CPU s/million rows"
	rate       = "records/s"
	rowRate    = "rows/s"
	allocs     = "allocs/record"
	allocBytes = "B/record"
)

// meter counts what this process spends while f runs: user and system CPU of all threads, wall time, allocations.
func meter(f func() error) (trial, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, began := cpuTime(), time.Now()
	err := f()
	wall, used := time.Since(began), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	return trial{
		"cpu": used.Seconds(), "wall": wall.Seconds(),
		"mallocs": float64(after.Mallocs - before.Mallocs), "bytes": float64(after.TotalAlloc - before.TotalAlloc),
	}, err
}

// profiled is f under the profiler, where file names a file.
func profiled(file string, f func() error) func() error {
	if file == "" {
		return f
	}
	return func() (err error) {
		out, err := os.Create(file)
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer func() { err = errors.Join(err, out.Close()) }()
		if err := pprof.StartCPUProfile(out); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
		return f()
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // RUSAGE_SELF with room for the answer cannot fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perRecord adds to t what was used, by record.
func perRecord(t, used trial, records int) trial {
	n := float64(records)
	if t == nil {
		t = trial{}
	}
	t[cpuMicros], t[cpuMillion] = used["cpu"]/n*1e6, used["cpu"]/n*1e6
	t[rate], t[rowRate] = n/used["wall"], n/used["wall"]
	t[allocs], t[allocBytes] = used["mallocs"]/n, used["bytes"]/n
	return t
}

// spawn runs a part to its end and returns what it measured.
func spawn(ctx context.Context, name string, o order) (t trial, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd, err := command(ctx, name)
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout = bytes.NewReader(in), &out
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("run part %s: %w", name, err), ctx.Err())
	}
	if err := json.Unmarshal(out.Bytes(), &t); err != nil {
		return nil, fmt.Errorf("read what part %s measured: %w", name, err)
	}
	return t, nil
}

func command(ctx context.Context, name string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, partArgument, name)
	cmd.Stderr = os.Stderr
	return cmd, nil
}
