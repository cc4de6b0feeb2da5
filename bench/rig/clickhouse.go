package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

	// Revive starts the child again, on the same ports and data, when it ends without Stop. libchdb 26.7.3 has no handler
	// for what goes wrong on a connection: it answers a refused login on the native port with code 516 and then aborts.
	Revive bool
}

// ClickHouse is a running ClickHouse child process. Its data survives Stop and kill -9; it ends when this process does.
type ClickHouse struct {
	HTTPAddr string // host:port

	options  ClickHouseOptions
	library  string
	tcpAddr  string
	password string
	dir      string
	done     chan struct{} // closed when no child runs any more
	err      error         // of the last child, valid once done is closed

	mu       sync.Mutex
	child    *process
	stopping bool
	revived  int
	short    int // short lives in a row
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
	ch = &ClickHouse{options: o, library: library, done: make(chan struct{})}
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
	if ch.child, err = ch.spawn(); err != nil {
		return ch, err
	}
	if err := ch.awaitReady(ctx, ch.child); err != nil {
		return ch, err
	}
	go ch.watch() // ends with Stop, or with the child where it is not revived
	return ch, nil
}

// prepare makes the folder, the password and the configuration, and picks ports.
func (c *ClickHouse) prepare(o ClickHouseOptions) (err error) {
	if c.dir = o.Dir; c.dir == "" {
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
func (c *ClickHouse) awaitReady(ctx context.Context, p *process) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ping(ctx, &client, c.HTTPAddr) {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("the child ended while starting (%v): %s", p.err, c.lastWords())
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
func (c *ClickHouse) Pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.child.cmd.Process.Pid
}

// Done is closed when the child has ended, by Stop or by itself, and is not revived.
func (c *ClickHouse) Done() <-chan struct{} { return c.done }

// Stop asks the child for a clean shutdown and waits for it, normally some 10 ms, a second where clients left connections
// open; past the grace it is killed. It may be called twice, and on nil.
func (c *ClickHouse) Stop() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	first := !c.stopping
	c.stopping = true
	killed := c.child.stop()
	c.mu.Unlock()
	<-c.done
	if !first {
		return nil
	}
	if c.err != nil {
		killed = errors.Join(killed, fmt.Errorf("stop ClickHouse: %w: %s", c.err, c.lastWords()))
	}
	return errors.Join(killed, c.cleanUp())
}

// cleanUp removes a temporary folder.
func (c *ClickHouse) cleanUp() error {
	if c.options.Dir != "" || c.dir == "" {
		return nil
	}
	return os.RemoveAll(c.dir)
}

// abandon cleans up after a start that went wrong; the start's own error is the one to report.
func (c *ClickHouse) abandon() {
	if c.child != nil {
		_ = c.child.cmd.Process.Kill()
		<-c.child.done
	}
	_ = c.cleanUp()
}
