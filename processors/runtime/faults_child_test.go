package runtime

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/avro"
	"waybill/processors/stream"
)

// orderEnv carries an order to the re-executed test binary, which then is an instance of the engine.
const orderEnv = "RUNTIME_TEST_INSTANCE"

// faultMessageBytes is the longest record of these tests: short, so that one too long costs little.
const faultMessageBytes = 100_000

// order is what an instance is to do, and where it is to meet with what.
type order struct {
	Subject, App, Instance string
	Brokers                []string
	Dir                    string
	Protocol               Protocol

	Point string // where; "" nowhere
	Nth   int64  // the how-manieth time
	Do    what
	Disk  bool          // of a kill: what was written to the local state has reached the disk
	Cut   time.Duration // of a cut: for so long

	Newer              bool // the program that comes next
	SmallFetches       bool // a restore takes many polls
	TransactionTimeout time.Duration
	WaitForGo          bool // before anything, for its network
}

// what happens to an instance at its point.
type what string

const (
	killed  what = "kill -9"
	stopped what = "SIGSTOP" // until SIGCONT
	asks    what = "hold"    // until it is told to go on; its heartbeats go on
	cut     what = "cut"     // off the brokers
)

// Points by hook of the client, and of the codec; the others are the engine's own.
const (
	offsetsSent  = "TxnOffsetCommit sent"
	offsetsAcked = "TxnOffsetCommit acknowledged"
	endSent      = "EndTxn sent"
	endAcked     = "EndTxn acknowledged"
	sweeping     = "sweeping" // between two of a sweep's transactions
)

// child is the instance, inside its process.
type child struct {
	order
	network
	met  atomic.Int64
	goOn chan struct{}
}

// beInstance is the process's main. It ends with 0 when it was asked to, with 1 where the engine gave up.
func beInstance(text string) int {
	c := &child{goOn: make(chan struct{}, 1)}
	if err := json.Unmarshal([]byte(text), &c.order); err != nil {
		fmt.Println("ended", err)
		return 1
	}
	go c.listen()
	if c.WaitForGo {
		<-c.goOn
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	e, err := New(c.config(), c.deps(), c.spec())
	if err == nil {
		err = e.Run(ctx)
	}
	switch {
	case errors.Is(err, errCrashed):
		die()
	case err != nil:
		fmt.Println("ended", err)
		return 1
	}
	return 0
}

func (c *child) spec() stream.Spec {
	s := subjectOf(c.Subject)
	if c.Newer {
		return s.newer(runTopics{c.App})
	}
	return s.spec(runTopics{c.App})
}

func (c *child) config() Config {
	cfg := DefaultConfig()
	cfg.App, cfg.Instance, cfg.Brokers, cfg.StateDir = c.App, c.Instance, c.Brokers, c.Dir
	cfg.CommitInterval, cfg.CycleRecords, cfg.MaxMessageBytes = 20*time.Millisecond, 100, faultMessageBytes
	// A member that dies while it joins stays for the rebalance timeout on kfake, which sets no session timer for it.
	cfg.SessionTimeout, cfg.RebalanceTimeout, cfg.TransactionTimeout = 1500*time.Millisecond, 3*time.Second, 5*time.Second
	if c.order.TransactionTimeout > 0 {
		cfg.TransactionTimeout = c.order.TransactionTimeout
	}
	cfg.GroupProtocol = c.Protocol
	cfg.CacheBytes, cfg.HotBytes = 4<<20, 32<<10 // some state is decoded, some is not
	cfg.SnapshotInterval, cfg.SnapshotRecords = 200*time.Millisecond, 40
	return cfg
}

func (c *child) deps() Deps {
	opts := []kgo.Opt{kgo.Dialer(c.dial), kgo.WithHooks(c)}
	if c.SmallFetches {
		opts = append(opts, kgo.FetchMaxPartitionBytes(1))
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("instance", c.Instance)
	return Deps{Decoder: meeting{c: c}, Encoder: codec{}, Log: log, Kafka: opts, crash: c.meets, anyStamps: true}
}

// meeting is the codec, and a point: what a sweep goes on with was read, so that part of the sweep is committed.
type meeting struct {
	codec
	c *child
}

func (m meeting) Decode(ctx context.Context, value []byte) (avro.Record, error) {
	rec, err := m.codec.Decode(ctx, value)
	if _, ok := rec.(*avro.Sweep); ok {
		m.c.meets(sweeping)
	}
	return rec, err
}

// listen obeys the test. Its end is the end of the test.
func (c *child) listen() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if word, arg, _ := strings.Cut(in.Text(), " "); word == "cut" {
			d, _ := time.ParseDuration(arg)
			c.cut(d)
		} else {
			c.goOn <- struct{}{}
		}
	}
	die()
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// meets is called at every point. It says whether the engine is to drop everything.
func (c *child) meets(point string) bool {
	if point == "disk keeps everything" {
		return c.Disk
	}
	if point != c.Point || c.met.Add(1) != c.Nth {
		return false
	}
	fmt.Println("at", point)
	switch c.Do {
	case killed:
		if c.Disk {
			return true
		}
		die()
	case stopped:
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case asks:
		<-c.goOn
	case cut:
		c.cut(c.Cut)
	}
	return false
}

func (c *child) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	c.hooked(key, err, offsetsSent, endSent)
}

func (c *child) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	c.hooked(key, err, offsetsAcked, endAcked)
}

func (c *child) hooked(key int16, err error, offsets, end string) {
	switch {
	case err != nil:
	case key == int16(kmsg.TxnOffsetCommit):
		c.meets(offsets)
	case key == int16(kmsg.EndTxn):
		c.meets(end)
	}
}

// kid is an instance, seen from the test.
type kid struct {
	order
	t     testing.TB
	cmd   *exec.Cmd
	in    io.Writer
	log   string
	met   chan struct{} // closed when it met its point
	done  chan struct{} // closed when it ended
	ended error         // of Wait, once done
	words []string      // what it said, once done
	alive bool          // as far as the test has done to it
}

// launch starts an instance. It ends with the test, however that ends.
func launch(t testing.TB, o order, where *syscall.SysProcAttr, logfile string) *kid {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(logfile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the instance has its own descriptor of it
	k := &kid{order: o, t: t, log: logfile, met: make(chan struct{}), done: make(chan struct{}), alive: true}
	k.cmd = exec.Command(os.Args[0])
	k.cmd.Env = append(os.Environ(), orderEnv+"="+string(text))
	k.cmd.Stderr = log
	k.cmd.SysProcAttr = where
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // waited for through done
		defer close(k.done)
		for said := bufio.NewScanner(out); said.Scan(); {
			if strings.HasPrefix(said.Text(), "at ") {
				close(k.met)
			}
			k.words = append(k.words, said.Text())
		}
		k.ended = k.cmd.Wait()
	}()
	var once sync.Once
	t.Cleanup(func() {
		once.Do(func() {
			_ = k.cmd.Process.Kill() // it may have ended
			<-k.done
			if t.Failed() {
				t.Logf("instance %s (%v, %q):\n%s", o.Instance, k.ended, k.words, tail(logfile, 40))
			}
		})
	})
	return k
}

func tail(file string, n int) string {
	b, _ := os.ReadFile(file)
	lines := slices.Collect(strings.Lines(string(b)))
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// patience is how long these tests wait for what takes seconds on a free machine. `make mutants`, where waiting is in vain, has
// less of it.
var patience = func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("RUNTIME_TEST_PATIENCE")); err == nil {
		return d
	}
	return 90 * time.Second
}()

// at waits until the instance meets its point.
func (k *kid) at() {
	k.t.Helper()
	select {
	case <-k.met:
	case <-k.done:
		select {
		case <-k.met:
		default:
			k.t.Fatalf("instance %s ended (%v, %q) and never came to %q", k.Instance, k.ended, k.words, k.Point)
		}
	case <-time.After(patience):
		k.t.Fatalf("instance %s did not come to %q number %d", k.Instance, k.Point, k.Nth)
	}
}

// killed waits until the instance was killed at its point.
func (k *kid) killed() {
	k.t.Helper()
	k.at()
	<-k.done
	k.alive = false
}

// kill kills it, wherever it is.
func (k *kid) kill() {
	_ = k.cmd.Process.Kill()
	<-k.done
	k.alive = false
}

// wake lets a stopped instance go on.
func (k *kid) wake() {
	k.t.Helper()
	if err := k.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		k.t.Fatal(err)
	}
}

// wasKilled says whether the instance ended by SIGKILL.
func wasKilled(k *kid) bool {
	var exit *exec.ExitError
	if !errors.As(k.ended, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == syscall.SIGKILL
}

// tell says a line to the instance.
func (k *kid) tell(line string) {
	k.t.Helper()
	if _, err := fmt.Fprintln(k.in, line); err != nil {
		k.t.Fatalf("tell instance %s to %s: %v", k.Instance, line, err)
	}
}

// stop asks the instance to end, as an operator does, and waits for it.
func (k *kid) stop() {
	k.t.Helper()
	if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		k.t.Errorf("instance %s ended by itself: %v %q", k.Instance, err, k.words)
	}
	select {
	case <-k.done:
	case <-time.After(patience):
		k.t.Fatalf("instance %s does not end", k.Instance)
	}
	if k.alive = false; k.ended != nil {
		k.t.Errorf("instance %s ended with %v: %q", k.Instance, k.ended, k.words)
	}
}

// over says whether the instance has ended.
func (k *kid) over() bool {
	select {
	case <-k.done:
		return true
	default:
		return false
	}
}

// endsFor waits until the instance has ended in error, asked or not, and by its own word for this reason.
func (k *kid) endsFor(reason string) {
	k.t.Helper()
	_ = k.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-k.done:
	case <-time.After(patience):
		k.t.Fatalf("instance %s does not end", k.Instance)
	}
	k.alive = false
	if said := strings.Join(k.words, "\n"); k.ended == nil || wasKilled(k) || !strings.Contains(said, reason) {
		k.t.Errorf("instance %s ended with %v and said %q, want a sentence with %q", k.Instance, k.ended, said, reason)
	}
}
