package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
)

// kafkaEnv carries the KafkaOptions to the re-executed binary.
const kafkaEnv = "WAYBILL_KAFKA_CHILD"

// KafkaProcess is a Kafka cluster (kfake) in a process of its own: whoever is killed beside it does not take it along, and it
// can be stopped, killed and started again at the same addresses.
type KafkaProcess struct {
	options KafkaOptions // with the ports it got
	brokers []string

	mu  sync.Mutex // one order at a time
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// kafkaOrder is what the child is to do, one JSON value each.
type kafkaOrder struct{ Do string }

// kafkaAnswer is what the child says: first when it runs, then to every order.
type kafkaAnswer struct {
	Brokers []string
	Error   string
}

// Orders to the child.
const (
	moveLeaders      = "move leaders"
	moveCoordinators = "move coordinators"
	compactTopics    = "compact"
)

// StartKafkaProcess starts the brokers in a child process of this binary. They answer when it returns, and end when this
// process does, however it ends.
func StartKafkaProcess(o KafkaOptions) (*KafkaProcess, error) {
	if len(o.Ports) == 0 {
		o.Ports = []int{0}
	}
	o.Ports = slices.Clone(o.Ports)
	k := &KafkaProcess{options: o}
	if err := k.start(); err != nil {
		return nil, err
	}
	for i, addr := range k.brokers {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("broker address %q: %w", addr, err), k.Kill())
		}
		k.options.Ports[i], _ = strconv.Atoi(port)
	}
	return k, nil
}

func (k *KafkaProcess) start() error {
	if !childCalled.Load() {
		return errors.New("start Kafka: call rig.Child() first in main or TestMain, or the child process would start the program again")
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	order, err := json.Marshal(k.options)
	if err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	k.cmd = exec.Command(exe)
	k.cmd.Env = append(os.Environ(), kafkaEnv+"="+string(order))
	k.cmd.Stderr = os.Stderr
	k.cmd.SysProcAttr = detached()
	in, err := k.cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	if err := k.cmd.Start(); err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	k.in, k.out = in, json.NewDecoder(out)
	answer, err := k.hear()
	if err != nil {
		return errors.Join(err, k.Kill())
	}
	k.brokers = answer.Brokers
	return nil
}

func (k *KafkaProcess) hear() (kafkaAnswer, error) {
	var a kafkaAnswer
	if err := k.out.Decode(&a); err != nil {
		return a, fmt.Errorf("hear from Kafka's process: %w", err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("the process of Kafka says: %s", a.Error)
	}
	return a, nil
}

func (k *KafkaProcess) order(do string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := json.NewEncoder(k.in).Encode(kafkaOrder{do}); err != nil {
		return fmt.Errorf("tell Kafka's process to %s: %w", do, err)
	}
	_, err := k.hear()
	return err
}

// Brokers lists host:port of every broker. They stay over Stop, Kill and Start.
func (k *KafkaProcess) Brokers() []string { return k.brokers }

// MoveLeaders gives every partition a leader by chance.
func (k *KafkaProcess) MoveLeaders(context.Context) error { return k.order(moveLeaders) }

// MoveCoordinators moves the coordinators of all groups and transactions.
func (k *KafkaProcess) MoveCoordinators(context.Context) error { return k.order(moveCoordinators) }

// Compact compacts every compacted topic. kfake does that without regard to open transactions, and loses what is committed
// then: it must be called only while none is open.
func (k *KafkaProcess) Compact(context.Context) error { return k.order(compactTopics) }

// Stop ends the process in order: DataDir then has everything, a transaction in its middle included.
func (k *KafkaProcess) Stop() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.in.Close() // an error means that it has ended already, which Wait tells
	if err := k.cmd.Wait(); err != nil {
		return fmt.Errorf("stop Kafka's process: %w", err)
	}
	return nil
}

// Kill ends the process as kill -9 does. DataDir has what was committed, but not a transaction that was open: see DataDir.
func (k *KafkaProcess) Kill() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill Kafka's process: %w", err)
	}
	_ = k.cmd.Wait() // it says that it was killed
	return nil
}

// Start starts the brokers again after Stop or Kill.
func (k *KafkaProcess) Start(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.start()
}

// beKafka is the child: a cluster that obeys the orders on standard input, and stops in order when that ends.
func beKafka(options string) error {
	var o KafkaOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	say := json.NewEncoder(os.Stdout)
	k, err := StartKafka(o)
	if err != nil {
		return errors.Join(say.Encode(kafkaAnswer{Error: err.Error()}), err)
	}
	defer k.Stop()
	if err := say.Encode(kafkaAnswer{Brokers: k.Brokers()}); err != nil {
		return err
	}
	for orders := json.NewDecoder(os.Stdin); ; {
		var order kafkaOrder
		if err := orders.Decode(&order); err != nil {
			return nil // the other end was closed
		}
		if err := say.Encode(k.obey(order)); err != nil {
			return err
		}
	}
}

func (k *Kafka) obey(order kafkaOrder) kafkaAnswer {
	switch order.Do {
	case moveLeaders:
		k.Cluster.ShufflePartitionLeaders()
	case moveCoordinators:
		k.Cluster.RehashCoordinators()
	case compactTopics:
		k.Cluster.Compact()
	default:
		return kafkaAnswer{Error: "there is no order " + strconv.Quote(order.Do)}
	}
	return kafkaAnswer{}
}
