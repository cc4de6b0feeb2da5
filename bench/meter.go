package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

// The quantities of a trial.
const (
	cpuMicros  = "CPU µs/record"
	cpuMillion = "client CPU s/million rows"
	rate       = "records/s"
	rowRate    = "rows/s"
	allocs     = "allocs/record"
	allocBytes = "B/record"

	wallSeconds = "s"
	cpuSeconds  = "CPU s"
)

// meter counts what this process spends between start and stop: user and system CPU of all its threads, wall time, allocations.
// What comes before start is a contestant's warming up.
type meter struct {
	profiles string // files for profiles, without their endings; empty: none

	records int
	cpu     time.Duration
	began   time.Time
	memory  runtime.MemStats
	cpuFile *os.File
	used    trial
}

// start begins to count; done says how many records are behind us.
func (m *meter) start(done func() int) error {
	runtime.GC()
	if m.profiles != "" {
		if err := m.profile(); err != nil {
			return err
		}
	}
	runtime.ReadMemStats(&m.memory)
	m.records, m.cpu, m.began = done(), cpuTime(), time.Now()
	return nil
}

// stop ends counting.
func (m *meter) stop(done func() int) error {
	records := float64(done() - m.records)
	wall, used := time.Since(m.began).Seconds(), (cpuTime() - m.cpu).Seconds()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	m.used = trial{
		cpuMicros: used / records * 1e6, cpuMillion: used / records * 1e6, rate: records / wall, rowRate: records / wall,
		allocs: float64(after.Mallocs-m.memory.Mallocs) / records, allocBytes: float64(after.TotalAlloc-m.memory.TotalAlloc) / records,
		wallSeconds: wall, cpuSeconds: used,
	}
	if m.cpuFile == nil {
		return nil
	}
	pprof.StopCPUProfile()
	return errors.Join(m.cpuFile.Close(), m.allocations())
}

// over counts all of f, which works on so many records.
func (m *meter) over(records int, f func() error) error {
	if err := m.start(func() int { return 0 }); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return m.stop(func() int { return records })
}

func (m *meter) profile() (err error) {
	if m.cpuFile, err = os.Create(m.profiles + ".cpu.prof"); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return pprof.StartCPUProfile(m.cpuFile)
}

// allocations are since the process began, its warming up included.
func (m *meter) allocations() (err error) {
	f, err := os.Create(m.profiles + ".allocs.prof")
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return pprof.Lookup("allocs").WriteTo(f, 0)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // RUSAGE_SELF with room for the answer cannot fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
