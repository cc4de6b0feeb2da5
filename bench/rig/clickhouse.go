package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	clickHouseUser     = "waybill"
	clickHouseDatabase = "waybill"
	// keepAlive reads descriptor 0 until its end. An endless sleepEachRow would ignore the end of input.
	keepAlive = "SELECT * FROM file('-', LineAsString, 'l String') FORMAT Null"
)

// ClickHouseOptions says where ClickHouse keeps its data and listens.
type ClickHouseOptions struct {
	Dir      string    // its folder, made if absent; empty: a temporary one, removed by Stop
	TCPPort  int       // native protocol; 0: pick
	HTTPPort int       // 0: pick
	Log      io.Writer // what the child prints; nil: clickhouse.log in Dir
}

// ClickHouse is a running ClickHouse child process. Its data survives Stop and kill -9; it ends when this process does.
//
// A habit of libchdb 26.7.3: a refused login on the native port is answered (code 516), and then the engine aborts. Done tells.
type ClickHouse struct {
	HTTPAddr string // host:port

	tcpAddr  string
	password string
	dir      string
	ownDir   bool
	cmd      *exec.Cmd
	control  io.Closer // closing it asks the child to end
	log      io.Closer
	done     chan struct{}
	err      error // of Wait, valid once done is closed
}

// StartClickHouse starts ClickHouse and waits until it answers and its database `waybill` exists. It takes 0.2 s on warm
// files. ctx bounds the start alone. It fails fast when another instance holds Dir.
func StartClickHouse(ctx context.Context, o ClickHouseOptions) (ch *ClickHouse, err error) {
	if !childCalled.Load() {
		return nil, errors.New("start ClickHouse: call rig.Child() first in main or TestMain, or the child process would start the program again")
	}
	library, err := FindEngine()
	if err != nil {
		return nil, err
	}
	ch = &ClickHouse{done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = fmt.Errorf("start ClickHouse: %w", err)
			ch.abandon()
			ch = nil
		}
	}()
	if err := ch.prepare(o); err != nil {
		return ch, err
	}
	if err := ch.spawn(library, o); err != nil {
		return ch, err
	}
	return ch, ch.awaitReady(ctx)
}

// prepare makes the folder, the password and the configuration, and picks ports.
func (c *ClickHouse) prepare(o ClickHouseOptions) (err error) {
	c.dir, c.ownDir = o.Dir, o.Dir == ""
	if c.ownDir {
		if c.dir, err = os.MkdirTemp("", "waybill-clickhouse-"); err != nil {
			return err
		}
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	if c.tcpAddr, err = loopback(o.TCPPort); err != nil {
		return err
	}
	if c.HTTPAddr, err = loopback(o.HTTPPort); err != nil {
		return err
	}
	c.password, err = writeClickHouseConfig(c.dir)
	return err
}

func (c *ClickHouse) spawn(library string, o ClickHouseOptions) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	order, err := json.Marshal(childOrder{Library: library, Args: c.args()})
	if err != nil {
		return err
	}
	out := o.Log
	if out == nil {
		f, err := os.OpenFile(c.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		out, c.log = f, f
	}
	c.cmd = exec.Command(exe)
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(order))
	c.cmd.Dir = c.dir
	c.cmd.Stdout, c.cmd.Stderr = out, out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C goes to the parent, which stops the child in order
	if c.control, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		c.cmd = nil
		return err
	}
	go func() { // ends with the child; Stop waits for it through done
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	return nil
}

func (c *ClickHouse) args() []string {
	_, tcp, _ := net.SplitHostPort(c.tcpAddr)
	_, web, _ := net.SplitHostPort(c.HTTPAddr)
	queries := []string{
		"CREATE DATABASE IF NOT EXISTS " + clickHouseDatabase,
		"SYSTEM START LISTEN TCP", "SYSTEM START LISTEN HTTP", keepAlive,
	}
	return []string{
		"--config-file=" + filepath.Join(c.dir, configFile), "--path=" + filepath.Join(c.dir, "data"),
		"--listen_host=127.0.0.1", "--tcp_port=" + tcp, "--http_port=" + web,
		"--query", strings.Join(queries, "; "),
	}
}

// awaitReady polls /ping. An idle keep-alive connection would hold the server's shutdown for 5 s, so none is kept.
func (c *ClickHouse) awaitReady(ctx context.Context) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ping(ctx, &client, c.HTTPAddr) {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("the child ended while starting (%v): %s", c.err, c.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to answer: %w", c.HTTPAddr, ctx.Err())
		case <-tick.C:
		}
	}
}

func ping(ctx context.Context, client *http.Client, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/ping", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16))
	return err == nil && strings.HasPrefix(string(body), "Ok")
}

// DSN is what clickhouse-go/v2 opens: native protocol, user, password and database.
func (c *ClickHouse) DSN() string {
	u := url.URL{Scheme: "clickhouse", User: url.UserPassword(clickHouseUser, c.password), Host: c.tcpAddr, Path: clickHouseDatabase}
	return u.String()
}

// Pid is the child's process id.
func (c *ClickHouse) Pid() int { return c.cmd.Process.Pid }

// Done is closed when the child has ended, by Stop or by itself.
func (c *ClickHouse) Done() <-chan struct{} { return c.done }

// Stop asks the child for a clean shutdown and waits for it, normally some 30 ms; past the grace it is killed. It may be called twice.
func (c *ClickHouse) Stop() error {
	if c == nil || c.cmd == nil {
		return nil
	}
	_ = c.control.Close() // an error means that the child is gone already
	err := c.await()
	if c.log != nil {
		_ = c.log.Close()
		c.log = nil
	}
	if c.ownDir {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	c.cmd = nil
	return err
}

func (c *ClickHouse) await() error {
	timer := time.NewTimer(childGrace + 5*time.Second)
	defer timer.Stop()
	select {
	case <-c.done:
		if c.err != nil {
			return fmt.Errorf("stop ClickHouse: %w: %s", c.err, c.lastWords())
		}
		return nil
	case <-timer.C:
		killed := c.cmd.Process.Kill()
		<-c.done
		return errors.Join(errors.New("stop ClickHouse: it did not end in time and was killed"), killed)
	}
}

// abandon cleans up after a start that went wrong; the start's own error is the one to report.
func (c *ClickHouse) abandon() {
	if c.cmd != nil {
		_ = c.cmd.Process.Kill()
		<-c.done
	}
	if c.log != nil {
		_ = c.log.Close()
	}
	if c.ownDir && c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}

func (c *ClickHouse) logPath() string { return filepath.Join(c.dir, "clickhouse.log") }

// lastWords is the reason of a failed start: the last line of the child's log that names an exception, or its last line.
func (c *ClickHouse) lastWords() string {
	b, err := os.ReadFile(c.logPath())
	if err != nil {
		return "its log went to the caller"
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.Contains(line, "Exception") {
			return line
		}
	}
	return lines[len(lines)-1]
}

// loopback returns 127.0.0.1:port, with a port that was free a moment ago for 0.
func loopback(port int) (string, error) {
	if port != 0 {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}
