package rig

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrNoApacheKafka is wrapped where Apache Kafka or the JDK to run it is missing.
var ErrNoApacheKafka = errors.New("there is no Apache Kafka here: run `make tools` with a JDK 17 and Maven installed")

// ApacheKafka is one real broker in KRaft mode, combined with its controller, in a process of its own.
type ApacheKafka struct {
	cmd    *exec.Cmd
	done   chan struct{}
	broker string
	log    *os.File
}

// StartApacheKafka formats dir and starts a broker in it, on a free port of 127.0.0.1. It answers when this returns.
// The heap is 512 MB. Sessions of group members may be as short as 200 ms, for tests.
func StartApacheKafka(ctx context.Context, dir string) (*ApacheKafka, error) {
	java, lib, err := findApacheKafka()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find %s: %w", dir, err)
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	broker := fmt.Sprintf("127.0.0.1:%d", ports[0])
	config := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(config, []byte(properties(dir, broker, fmt.Sprintf("127.0.0.1:%d", ports[1]))), 0o600); err != nil {
		return nil, fmt.Errorf("write Kafka's configuration: %w", err)
	}
	classpath := filepath.Join(lib, "*")
	format := exec.CommandContext(ctx, java, "-cp", classpath, "kafka.tools.StorageTool", "format", "--standalone", "-t", clusterID(), "-c", config)
	if said, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format Kafka's storage: %w: %s", err, lastLine(string(said)))
	}
	k := &ApacheKafka{broker: broker, done: make(chan struct{})}
	if k.log, err = os.Create(filepath.Join(dir, "kafka.log")); err != nil {
		return nil, fmt.Errorf("open Kafka's log: %w", err)
	}
	k.cmd = exec.Command(java, "-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-cp", classpath, "kafka.Kafka", config)
	k.cmd.Stdout, k.cmd.Stderr = k.log, k.log
	k.cmd.SysProcAttr = detached()
	if err := k.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start Kafka: %w", err), k.log.Close())
	}
	go func() { // waited for by Stop
		defer close(k.done)
		_ = k.cmd.Wait()
	}()
	if err := k.answers(ctx); err != nil {
		return nil, errors.Join(err, k.Stop())
	}
	return k, nil
}

// HasApacheKafka says whether StartApacheKafka finds what it needs.
func HasApacheKafka() bool {
	_, _, err := findApacheKafka()
	return err == nil
}

func findApacheKafka() (java, lib string, err error) {
	java, err = exec.LookPath("java")
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrNoApacheKafka, err)
	}
	for _, root := range engineRoots() {
		if lib = filepath.Join(root, "kafka", "lib"); isFile(filepath.Join(lib, apacheJar)) {
			return java, lib, nil
		}
	}
	return "", "", ErrNoApacheKafka
}

// apacheJar is the broker itself, in the version that bench/rig/kafka/pom.xml pins.
const apacheJar = "kafka_2.13-4.3.1.jar"

func freePorts(n int) ([]int, error) {
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // all of them at the end, so that none is given twice
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out, nil
}

// clusterID is a Kafka UUID: 16 bytes, base64url. StorageTool takes one that begins with a dash for a flag.
func clusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func properties(dir, broker, controller string) string {
	return strings.Join([]string{
		"process.roles=broker,controller", "node.id=1",
		"controller.quorum.bootstrap.servers=" + controller, "controller.listener.names=CONTROLLER",
		"listeners=PLAINTEXT://" + broker + ",CONTROLLER://" + controller, "advertised.listeners=PLAINTEXT://" + broker,
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT", "inter.broker.listener.name=PLAINTEXT",
		"log.dirs=" + filepath.Join(dir, "data"),
		// One broker: what the cluster keeps for itself has one copy.
		"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.replication.factor=1", "share.coordinator.state.topic.min.isr=1",
		"auto.create.topics.enable=false", "group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=200",
		"group.consumer.min.session.timeout.ms=200", "group.consumer.min.heartbeat.interval.ms=50",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms=200",
	}, "\n") + "\n"
}

// answers waits until the broker does, or has ended.
func (k *ApacheKafka) answers(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.broker))
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
		case <-k.done:
			return fmt.Errorf("Kafka ended while starting: %s", k.lastWord())
		case <-ctx.Done():
			return fmt.Errorf("wait for Kafka: %w: %s", context.Cause(ctx), k.lastWord())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (k *ApacheKafka) lastWord() string {
	if _, err := k.log.Seek(0, io.SeekStart); err != nil {
		return err.Error()
	}
	said, _ := io.ReadAll(k.log)
	return lastLine(string(said))
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// Brokers is the broker's address.
func (k *ApacheKafka) Brokers() []string { return []string{k.broker} }

// Pid is the broker's process, for tests that kill or stop it.
func (k *ApacheKafka) Pid() int { return k.cmd.Process.Pid }

// Stop kills the broker: its data is a test's, and an orderly shutdown takes seconds.
func (k *ApacheKafka) Stop() error {
	_ = k.cmd.Process.Kill() // it may have ended
	<-k.done
	return k.log.Close()
}
