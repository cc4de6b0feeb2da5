package main

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// hanging starts a process whose transactions do not end, and waits until one does not. The broker goes on at the test's end.
func hanging(t *testing.T, more ...string) *process {
	t.Helper()
	k := parts(t)
	ctx := within(t, time.Minute)
	hangs, release := make(chan struct{}, 100), make(chan struct{})
	p := running(t, append([]string{"--sink=false"}, more...)...)
	url := p.address(t, ctx)
	waitFor(t, ctx, "readiness", func() bool { code, _ := look(url + "/readyz"); return code == 200 })
	k.Cluster.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.Cluster.KeepControl()
		hangs <- struct{}{}
		k.Cluster.SleepControl(func() { <-release })
		return nil, nil, false
	})
	t.Cleanup(func() { close(release) })
	select {
	case <-hangs: // ticks come every second
	case <-ctx.Done():
		t.Fatal("no transaction was to end")
	}
	return p
}

func TestAStopThatTakesTooLongIsGivenUp(t *testing.T) {
	p := hanging(t, "--set", "runtime.drain_timeout=1s")
	terminate(t, p)
	err := ended(t, p)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("ended with %v, want exit code %d", err, exitFailed)
	}
	if said := p.said.String(); !strings.Contains(said, "not finished within runtime.drain_timeout, 1s") || !strings.Contains(said, "had not ended") {
		t.Errorf("it said\n%s", said)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	p := hanging(t, "--set", "runtime.drain_timeout=5m")
	terminate(t, p)
	ctx := within(t, time.Minute)
	waitFor(t, ctx, "word that it stops", func() bool { return strings.Contains(p.said.String(), "another signal ends at once") })
	terminate(t, p)
	err := ended(t, p)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v, want the signal", err)
	}
}

func terminate(t *testing.T, p *process) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the process.
func ended(t *testing.T, p *process) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- p.wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		t.Fatalf("it goes on; it said\n%s", p.said)
	}
	return nil
}
