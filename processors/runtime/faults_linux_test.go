package runtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"waybill/bench/rig"
)

// diesWithUs makes a process die with this one, a stopped one too.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// ownNetwork is set in the process that has a network of its own.
const ownNetwork = "RUNTIME_TEST_OWN_NETWORK"

// TestFaultsNetworkCut takes the wire from an instance: nothing is refused and nothing reset, packets just do not arrive. It
// runs in a network namespace of its own, which ends with it; there Kafka has one address, and each instance a namespace and a
// wire to it.
func TestFaultsNetworkCut(t *testing.T) {
	if os.Getenv(ownNetwork) == "" {
		t.Parallel()
		inOwnNetwork(t)
		return
	}
	command(t, "ip", "link", "set", "lo", "up")
	command(t, "ip", "addr", "add", hub+"/32", "dev", "lo")
	k, err := rig.StartKafkaProcess(rig.KafkaOptions{Ports: []int{0, 0, 0}, Host: hub, MinSessionTimeout: 200 * time.Millisecond, ConsumerSession: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Kill() })
	t.Run("embedded Kafka", func(t *testing.T) { cutAll(t, kfakeVenue(k, &faultCount{})) })
	t.Run("Apache Kafka", func(t *testing.T) {
		a, err := rig.StartApacheCluster(t.Context(), t.TempDir(), rig.ApacheOptions{Host: hub, HeapMB: 256})
		if errors.Is(err, rig.ErrNoApacheKafka) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Stop() })
		cutAll(t, apacheVenue(a, 1))
	})
}

// hub is Kafka's address in the namespace.
const hub = "10.99.0.1"

// inOwnNetwork runs the test in a process with a network of its own, and fails or passes as it does.
func inOwnNetwork(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("network namespaces and wires between them are made by root alone")
	}
	for _, tool := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%v: install iproute2 and util-linux", err)
		}
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), ownNetwork+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	said, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("in a network of its own: %v\n%s", err, said)
	}
	for line := range strings.Lines(string(said)) {
		if _, what, ok := strings.Cut(line, "_test.go:"); ok && strings.Contains(what, "runs,") {
			_, what, _ = strings.Cut(what, "/")
			t.Log("network cut, " + strings.TrimSpace(what))
		}
	}
}

func command(t testing.TB, name string, args ...string) {
	t.Helper()
	if said, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, said)
	}
}

// cutAll cuts an instance off at points of its cycle, until another has its partitions, and for moments.
func cutAll(t *testing.T, v venue) {
	t.Cleanup(func() { t.Logf("%s: %s", t.Name(), v.tested) })
	for i, point := range []string{"fencing", "processed", "flushed", offsetsSent, endSent, "committed"} {
		for _, long := range []bool{true, false} {
			t.Run(fmt.Sprintf("at %s long=%v", point, long), func(t *testing.T) {
				t.Parallel()
				s := subjects[i%len(subjects)]
				r := newRun(t, v, protocols[i%2], s, uint64(i), false)
				r.load(600)
				a, cable := r.startWired(order{Instance: "a", Point: point, Nth: nthOf(point, i), Do: asks})
				a.at()
				cable.set(t, "down")
				r.load(100)
				a.tell("go")
				v.tested.fault("network cut")
				if long {
					r.startWired(order{Instance: "c"})
					r.untilMembers("c")
					r.quiet()
				} else {
					r.untilMembers()
				}
				cable.set(t, "up")
				r.finish()
			})
		}
	}
}

// cable is this end of an instance's wire.
type cable string

func (w cable) set(t testing.TB, state string) {
	t.Helper()
	command(t, "ip", "link", "set", string(w), state)
}

// startWired starts an instance in a namespace of its own, with a wire to here.
func (r *run) startWired(o order) (*kid, cable) {
	r.t.Helper()
	o.WaitForGo = true
	k := r.startIn(o, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNET})
	runs.Lock()
	runs.n++
	n := runs.n
	runs.Unlock()
	w, pid := cable(fmt.Sprint("wire", n)), fmt.Sprint(k.cmd.Process.Pid)
	here, there := fmt.Sprintf("10.99.%d.1", n), fmt.Sprintf("10.99.%d.2", n)
	command(r.t, "ip", "link", "add", string(w), "type", "veth", "peer", "name", "out", "netns", pid)
	command(r.t, "ip", "addr", "add", here+"/24", "dev", string(w))
	w.set(r.t, "up")
	inside := func(args ...string) { command(r.t, "nsenter", append([]string{"-t", pid, "-n", "ip"}, args...)...) }
	inside("addr", "add", there+"/24", "dev", "out")
	inside("link", "set", "out", "up")
	inside("route", "add", "default", "via", here)
	k.tell("go")
	return k, w
}

// TestFaultsDiskFull lets the disk of an instance's state fill up. An instance that has room in memory goes on; it ends,
// saying why, when it needs the disk: at the latest when it is to stop. With room again it is where it was.
func TestFaultsDiskFull(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a small disk is mounted by root alone")
	}
	tested := &faultCount{}
	t.Cleanup(func() { t.Logf("embedded Kafka, disk full: %s", tested) })
	for i, point := range []string{"fenced", "restored", "processed", "committed", "applied"} {
		t.Run("at "+point, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, startKfake(t, tested), protocols[i%2], subjects[i%len(subjects)], uint64(i), false)
			disk := mountSmall(t, r)
			r.load(600)
			a := r.start(order{Instance: "a", Dir: disk, Point: point, Nth: nthOf(point, i), Do: asks})
			a.at()
			free := fill(t, disk)
			tested.fault("disk full")
			r.load(300)
			a.tell("go")
			r.until("all is worked on, or the instance has ended", func() bool { return a.over() || r.idle() })
			a.endsFor("no space left on device")
			free()
			r.start(order{Instance: "a", Dir: disk})
			r.finish()
		})
	}
}

// mountSmall is a disk of 8 MiB.
func mountSmall(t *testing.T, r *run) string {
	t.Helper()
	dir := filepath.Join(r.folder, "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, "mount", "-t", "tmpfs", "-o", "size=8m", "none", dir)
	t.Cleanup(func() {
		for _, k := range r.kids {
			k.kill()
		}
		command(t, "umount", dir)
	})
	return dir
}

// fill takes all there is of a disk, and gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "full")
	if err := os.WriteFile(path, make([]byte, 16<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
