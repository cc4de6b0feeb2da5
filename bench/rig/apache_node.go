package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// apacheNode is one broker and its controller.
type apacheNode struct {
	id                 int
	java, classpath    string
	heapMB             int
	level              string // of its log
	dir                string
	broker, controller string // host:port
	door, protocol     string // of the second listener
	doorConfig         []string

	cmd  *exec.Cmd // nil before the first start
	done chan struct{}
}

func (n *apacheNode) config() string { return filepath.Join(n.dir, "server.properties") }
func (n *apacheNode) log() string    { return filepath.Join(n.dir, "kafka.log") }

// jvm starts faster with the first compiler alone, and holds less memory with one collector thread.
func (n *apacheNode) jvm(args ...string) *exec.Cmd {
	flags := []string{fmt.Sprintf("-Xmx%dm", n.heapMB), fmt.Sprintf("-Xms%dm", n.heapMB/2), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", n.classpath}
	cmd := exec.Command(n.java, append(flags, args...)...)
	cmd.SysProcAttr = detached()
	return cmd
}

func (n *apacheNode) format(ctx context.Context, cluster string, voters []string) error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return fmt.Errorf("make Kafka's folder: %w", err)
	}
	if err := os.WriteFile(n.config(), []byte(n.properties(voters)), 0o600); err != nil {
		return fmt.Errorf("write Kafka's configuration: %w", err)
	}
	log, err := os.Create(n.log())
	if err != nil {
		return fmt.Errorf("open Kafka's log: %w", err)
	}
	defer log.Close()
	format := n.jvm("kafka.tools.StorageTool", "format", "-t", cluster, "-c", n.config())
	format.Stdout, format.Stderr = log, log
	if err := format.Run(); err != nil {
		return fmt.Errorf("format Kafka's storage: %w: %s", err, lastWord(n.log()))
	}
	return ctx.Err()
}

// start starts the broker and waits until it answers.
func (n *apacheNode) start(ctx context.Context) error {
	log, err := os.OpenFile(n.log(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("open Kafka's log: %w", err)
	}
	defer log.Close() // the broker has its own descriptor of it
	cmd := n.jvm("-Dorg.apache.logging.log4j.level="+n.level, "kafka.Kafka", n.config())
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	done := make(chan struct{})
	n.cmd, n.done = cmd, done
	go func() { // waited for by kill and shutdown
		defer close(done)
		_ = cmd.Wait()
	}()
	if err := n.answers(ctx); err != nil {
		n.kill()
		return err
	}
	return nil
}

// answers waits until the broker does, or has ended.
func (n *apacheNode) answers(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.broker))
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	for {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		err := client.Ping(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-n.done:
			return fmt.Errorf("Kafka ended while starting: %s", lastWord(n.log()))
		case <-ctx.Done():
			return fmt.Errorf("wait for Kafka: %w: %s", context.Cause(ctx), lastWord(n.log()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (n *apacheNode) kill() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill() // it may have ended
	<-n.done
}
