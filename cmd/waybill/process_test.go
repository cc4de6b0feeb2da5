package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"waybill/bench/rig"
)

// process is a waybill of its own, as the operating system sees it.
type process struct {
	cmd  *exec.Cmd
	said *talk        // standard error
	wait func() error // waits for its end, and says the same to all who ask
}

// talk is what a process says while it runs.
type talk struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *talk) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *talk) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// spawn starts the test binary as waybill. It is killed at the test's end if it still runs.
func spawn(t *testing.T, out io.Writer, env []string, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe, args...), said: &talk{}}
	p.cmd.Env = append(append(os.Environ(), asBinary+"=1", "WAYBILL_OPS_LISTEN=127.0.0.1:0"), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, p.said
	p.wait = sync.OnceValue(p.cmd.Wait)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.wait()
		if t.Failed() {
			t.Logf("waybill %s said:\n%s", strings.Join(args, " "), p.said)
		}
	})
	return p
}

// kill ends the process as a crash would.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.wait() // it says that it was killed
}

// stop asks the process to end and says whether it ended well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// engine skips the test where there is no ClickHouse, and else tells processes started elsewhere where it is.
func engine(t *testing.T) {
	t.Helper()
	path, err := rig.FindEngine()
	if errors.Is(err, rig.ErrNoEngine) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(rig.EngineEnv, path)
}

// startDev starts Kafka, registry and ClickHouse in a process of their own and gives the variables that lead to them.
func startDev(t *testing.T) []string {
	t.Helper()
	engine(t)
	alone(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dev := spawn(t, w, nil, "dev", "--kafka-port=0", "--registry-port=0", "--clickhouse-port=0", "--clickhouse-http-port=0")
	_ = w.Close()
	t.Cleanup(func() { dev.stop(t) })
	var env []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "export "); ok {
			env = append(env, strings.ReplaceAll(v, "'", ""))
		}
		if lines.Text() == "dev: ready" {
			return env
		}
	}
	t.Fatalf("dev ended before it was ready:\n%s", dev.said)
	return nil
}

// within bounds what a test waits for.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, errors.New("the test waited long enough"))
	t.Cleanup(cancel)
	return ctx
}
