package rig

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one life of the child.
type process struct {
	cmd     *exec.Cmd
	control io.Closer // closing it asks the child to end
	started time.Time
	done    chan struct{}
	err     error // of Wait, valid once done is closed
}

func (c *ClickHouse) spawn() (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	order, err := json.Marshal(childOrder{Library: c.library, Args: c.args()})
	if err != nil {
		return nil, err
	}
	out := c.options.Log
	if out == nil {
		f, err := os.OpenFile(c.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return nil, err
		}
		defer f.Close() // the child has its own descriptor of it
		out = f
	}
	p := &process{cmd: exec.Command(exe), started: time.Now(), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(order))
	p.cmd.Dir = c.dir
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C goes to the parent, which stops the child in order
	if p.control, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the child; whoever has p waits through done
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop asks the process to end and waits; past the grace it kills it.
func (p *process) stop() error {
	_ = p.control.Close() // an error means that the child is gone already
	timer := time.NewTimer(childGrace + 5*time.Second)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		killed := p.cmd.Process.Kill()
		<-p.done
		return errors.Join(errors.New("stop ClickHouse: it did not end in time and was killed"), killed)
	}
}

// watch revives the child until Stop, or until reviving is of no use.
func (c *ClickHouse) watch() {
	defer close(c.done)
	for {
		c.mu.Lock()
		p := c.child
		c.mu.Unlock()
		<-p.done
		c.err = p.err
		if !c.revive(p) {
			return
		}
	}
}

// A life this short, so many times in a row, means that something is wrong with the data or the ports.
const (
	shortLife  = time.Second
	shortLives = 5
)

func (c *ClickHouse) revive(dead *process) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.short++; time.Since(dead.started) >= shortLife {
		c.short = 0
	}
	if c.stopping || !c.options.Revive || c.short == shortLives {
		return false
	}
	p, err := c.spawn()
	if err != nil {
		c.err = err
		return false
	}
	c.child = p
	c.revived++
	return true
}

// Revived is how often the child was started again.
func (c *ClickHouse) Revived() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revived
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
