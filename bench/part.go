package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"syscall"
	"time"

	"waybill/processors/runtime"
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
	Records   int // to be worked on
	Warm      int // of these, before measuring begins
	BlockRows int
	Every     time.Duration // between two positions of a device, by its clock
	Mode      runtime.Mode  // empty: the engine's default
	Hops      int           // stages behind each other
	Static    bool          // membership
	Kill      bool          // the process before ends as kill -9 would
	Snapshots bool          // state goes to the changelog in snapshots, not with each commit
	For       time.Duration // how long to work, where no number of records says
	Profiles  string        // files for profiles, without their endings; empty: none
}

// part is work to be measured. It starts and stops the meter around what counts, and gives what else is to be known.
type part func(ctx context.Context, o order, m *meter) (trial, error)

// parts are the contestants that run in processes of their own.
var parts = map[string]part{
	"poll": barePoll, "decode": bareDecode, "copy": bareCopy, "track": trackPart, "sink": sinkPart, "chgo": bareInsert,
	"discard": bareDiscard, "restore": restorePart, "relay": relayPart,
	"latency": latencyPart, "probe": probePart,
	"firstpoll": bareFirst, "restart": restartPart, "before": beforePart,
	"live": livePart, "livepoll": barePaced, "drive": drivePart, "flood": floodPart,
}

// runPart is the whole life of a part.
func runPart(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	if name == clusterPart {
		return runCluster(ctx, in, out)
	}
	var o order
	said := json.NewDecoder(in)
	if err := said.Decode(&o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	go func() { // until the process ends
		_, _ = io.Copy(io.Discard, in)
		exit(errors.New("whoever started this part is gone"))
	}()
	found, err := o.work(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return json.NewEncoder(out).Encode(found)
}

// work does what the part is for, and gives what it found.
func (o order) work(ctx context.Context, name string) (found any, err error) {
	if name == soakPart {
		return runSoak(ctx, o)
	}
	work, ok := parts[name]
	if !ok {
		return nil, errors.New("there is no such part")
	}
	m := &meter{profiles: o.Profiles}
	t, err := work(ctx, o, m)
	all := trial{}
	maps.Copy(all, m.used)
	maps.Copy(all, t)
	return all, err
}

// partDeadline is the longest that a part may take.
const partDeadline = 5 * time.Minute

// spawn runs a part to its end and returns what it measured.
func spawn(ctx context.Context, name string, o order) (t trial, err error) {
	ctx, cancel := context.WithTimeout(ctx, partDeadline)
	defer cancel()
	return t, run(ctx, name, o, &t)
}

// run runs a part to its end and reads what it found.
func run(ctx context.Context, name string, o order, found any) error {
	cmd, err := command(ctx, name)
	if err != nil {
		return err
	}
	in, err := cmd.StdinPipe() // open as long as the part may live
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start part %s: %w", name, err)
	}
	_ = json.NewEncoder(in).Encode(o) // a part that cannot read it says so
	err = cmd.Wait()
	if killed(cmd.ProcessState) && ctx.Err() == nil {
		return errKilled
	}
	if err != nil {
		return errors.Join(fmt.Errorf("run part %s: %w", name, err), ctx.Err())
	}
	if err := json.Unmarshal(out.Bytes(), found); err != nil {
		return fmt.Errorf("read what part %s found: %w", name, err)
	}
	return nil
}

// errKilled is how a part ends that kills itself.
var errKilled = errors.New("killed")

func killed(p *os.ProcessState) bool {
	status, ok := p.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
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
