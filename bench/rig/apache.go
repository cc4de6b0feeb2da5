package rig

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// apacheLog is the environment's word for how much the brokers log into kafka.log of their folders: WARN, or INFO, or DEBUG.
const apacheLog = "WAYBILL_KAFKA_LOG"

// ErrNoApacheKafka is wrapped where Apache Kafka or the JDK to run it is missing.
var ErrNoApacheKafka = errors.New("there is no Apache Kafka here: run `make tools` with a JDK 17 and Maven installed")

// ApacheOptions says how large the cluster is.
type ApacheOptions struct {
	Brokers int    // 0: one. Of three each topic should have three replicas; two of them must be in sync for a write
	HeapMB  int    // of each broker; 0: 512
	Host    string // address of this machine's own to listen on; empty: 127.0.0.1

	// Door is a second listener of each broker, at which clients must show who they are: its security protocol, such as
	// SASL_SSL; empty: none. DoorConfig are its properties, without listener.name and such before them.
	Door       string
	DoorConfig []string
}

// ApacheKafka is a cluster of real brokers in KRaft mode, each combined with a controller, each in a process of its own.
type ApacheKafka struct {
	nodes []*apacheNode
}

// StartApacheKafka formats dir and starts one broker in it, on a free port of 127.0.0.1. It answers when this returns.
// Sessions of group members may be as short as 200 ms, for tests.
func StartApacheKafka(ctx context.Context, dir string) (*ApacheKafka, error) {
	return StartApacheCluster(ctx, dir, ApacheOptions{})
}

// StartApacheCluster is StartApacheKafka with as many brokers as wanted. Nothing of it is durable against power loss.
func StartApacheCluster(ctx context.Context, dir string, o ApacheOptions) (*ApacheKafka, error) {
	java, lib, err := findApacheKafka()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find %s: %w", dir, err)
	}
	if strings.Contains(dir, ",") {
		return nil, fmt.Errorf("start Kafka in %s: to Kafka a comma parts two folders: take a path without one", dir)
	}
	o.Brokers, o.HeapMB, o.Host = max(o.Brokers, 1), cmp.Or(o.HeapMB, 512), cmp.Or(o.Host, "127.0.0.1")
	ports, err := freePorts(o.Host, 3*o.Brokers)
	if err != nil {
		return nil, err
	}
	k := &ApacheKafka{}
	var voters []string
	for i := range o.Brokers {
		n := &apacheNode{
			id: i + 1, java: java, classpath: filepath.Join(lib, "*"), heapMB: o.HeapMB, level: cmp.Or(os.Getenv(apacheLog), "WARN"), dir: filepath.Join(dir, fmt.Sprint("broker-", i+1)),
			broker: fmt.Sprintf("%s:%d", o.Host, ports[3*i]), controller: fmt.Sprintf("%s:%d", o.Host, ports[3*i+1]),
			door: fmt.Sprintf("%s:%d", o.Host, ports[3*i+2]), protocol: o.Door, doorConfig: o.DoorConfig,
		}
		k.nodes = append(k.nodes, n)
		voters = append(voters, fmt.Sprintf("%d@%s", n.id, n.controller))
	}
	id := clusterID()
	err = k.each(func(n *apacheNode) error { return n.format(ctx, id, voters) })
	if err == nil {
		err = k.each(func(n *apacheNode) error { return n.start(ctx) })
	}
	if err != nil {
		return nil, errors.Join(err, k.Stop())
	}
	return k, nil
}

// each does something to every broker at once.
func (k *ApacheKafka) each(do func(*apacheNode) error) error {
	var group errgroup.Group
	for _, n := range k.nodes {
		group.Go(func() error { return do(n) })
	}
	return group.Wait()
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

func freePorts(host string, n int) ([]int, error) {
	var out []int
	for range n {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
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

func (n *apacheNode) properties(voters []string) string {
	copies, inSync := min(len(voters), 3), max(min(len(voters), 3)-1, 1)
	return strings.Join(append(n.listeners(),
		"process.roles=broker,controller", fmt.Sprint("node.id=", n.id),
		"controller.quorum.voters="+strings.Join(voters, ","), "controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT",
		"log.dirs="+filepath.Join(n.dir, "data"),
		fmt.Sprint("default.replication.factor=", copies), fmt.Sprint("min.insync.replicas=", inSync),
		fmt.Sprint("offsets.topic.replication.factor=", copies), "offsets.topic.num.partitions=4",
		fmt.Sprint("transaction.state.log.replication.factor=", copies), fmt.Sprint("transaction.state.log.min.isr=", inSync), "transaction.state.log.num.partitions=4",
		fmt.Sprint("share.coordinator.state.topic.replication.factor=", copies), fmt.Sprint("share.coordinator.state.topic.min.isr=", inSync),
		"auto.create.topics.enable=false", "group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=200",
		"group.consumer.min.session.timeout.ms=200", "group.consumer.min.heartbeat.interval.ms=50",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms=200",
		// For tests that wait for what an operator waits for: a dead broker is noticed in 3 s instead of 9, a topic deleted or
		// compacted in a second instead of a quarter of a minute or more.
		"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500",
		"log.cleaner.backoff.ms=200", "log.segment.delete.delay.ms=500", "log.initial.task.delay.ms=500",
		"log.index.size.max.bytes=65536", "auto.leader.rebalance.enable=false",
	), "\n") + "\n"
}

// listeners are properties.
func (n *apacheNode) listeners() []string {
	listen, advertise, protocols := "PLAINTEXT://"+n.broker+",CONTROLLER://"+n.controller, "PLAINTEXT://"+n.broker, "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
	var more []string
	if n.protocol != "" {
		listen, advertise, protocols = listen+",DOOR://"+n.door, advertise+",DOOR://"+n.door, protocols+",DOOR:"+n.protocol
		for _, p := range n.doorConfig {
			more = append(more, "listener.name.door."+p)
		}
	}
	return append(more, "listeners="+listen, "advertised.listeners="+advertise, "listener.security.protocol.map="+protocols)
}

// Doors lists host:port of every broker's second listener.
func (k *ApacheKafka) Doors() []string {
	var all []string
	for _, n := range k.nodes {
		all = append(all, n.door)
	}
	return all
}

// Brokers lists host:port of every broker, those that are down included.
func (k *ApacheKafka) Brokers() []string {
	var all []string
	for _, n := range k.nodes {
		all = append(all, n.broker)
	}
	return all
}

// Kill ends broker i as kill -9 does.
func (k *ApacheKafka) Kill(i int) { k.nodes[i].kill() }

// Start starts broker i again after Kill. It answers when this returns.
func (k *ApacheKafka) Start(ctx context.Context, i int) error { return k.nodes[i].start(ctx) }

// Stop kills every broker: the data is a test's, and an orderly shutdown takes seconds.
func (k *ApacheKafka) Stop() error {
	return k.each(func(n *apacheNode) error {
		n.kill()
		return nil
	})
}

// lastWord is the last line of what a process said that is no part of a stack trace.
func lastWord(path string) string {
	said, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	word := ""
	for line := range strings.Lines(string(said)) {
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(line, "\t") {
			word = trimmed
		}
	}
	return word
}
