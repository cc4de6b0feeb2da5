package rig

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// KafkaOptions says where Kafka listens and what it keeps.
type KafkaOptions struct {
	// Ports has one port a broker; 0: pick. Empty: one broker on a picked port.
	Ports []int

	// Host is the address to listen on: another one of this machine's own, such as the end of a veth pair. Empty: 127.0.0.1.
	Host string

	// DataDir keeps topics, records, groups and transactions between runs: all of it over Stop, also in the middle of a
	// transaction. Over kill -9 of this process what was committed survives, but kfake forgets a transaction that was open, and
	// a read_committed reader then misses that producer's next one: stop it with Stop. Empty: memory.
	DataDir string

	// MinSessionTimeout lowers the shortest session timeout a group member may ask for. 0: Kafka's 6 s.
	MinSessionTimeout time.Duration

	// ConsumerSession is how long a member may be silent under the consumer protocol, where the brokers decide; heartbeats are
	// a tenth of it apart. 0: Kafka's 45 s.
	ConsumerSession time.Duration
}

// Kafka is a Kafka cluster in this process: topics are made by request only (no automatic creation), transactions,
// groups and read_committed work. A topic with message.timestamp.type=LogAppendTime has its records stamped by the broker.
type Kafka struct {
	// Cluster is the cluster itself, for tests that inject faults.
	Cluster *kfake.Cluster

	brokers []string
}

// StartKafka starts the brokers. They answer when it returns.
func StartKafka(o KafkaOptions) (*Kafka, error) {
	ports := o.Ports
	if len(ports) == 0 {
		ports = []int{0}
	}
	opts := []kfake.Opt{kfake.NumBrokers(len(ports)), kfake.Ports(ports...)}
	if o.DataDir != "" {
		opts = append(opts, kfake.DataDir(o.DataDir))
	}
	if o.Host != "" {
		opts = append(opts, kfake.ListenFn(func(network, address string) (net.Listener, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return net.Listen(network, net.JoinHostPort(o.Host, port))
		}))
	}
	if o.MinSessionTimeout > 0 {
		opts = append(opts, kfake.GroupMinSessionTimeout(o.MinSessionTimeout))
	}
	if o.ConsumerSession > 0 {
		opts = append(opts, kfake.BrokerConfigs(map[string]string{
			"group.consumer.session.timeout.ms":    strconv.FormatInt(o.ConsumerSession.Milliseconds(), 10),
			"group.consumer.heartbeat.interval.ms": strconv.FormatInt(o.ConsumerSession.Milliseconds()/10, 10),
		}))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start Kafka on %s ports %v: %w", cmp.Or(o.Host, "127.0.0.1"), ports, err)
	}
	stampAppendTime(cluster)
	return &Kafka{Cluster: cluster, brokers: cluster.ListenAddrs()}, nil
}

// Brokers lists host:port of every broker.
func (k *Kafka) Brokers() []string { return k.brokers }

// BrokerList is Brokers joined by commas, as kcat and bootstrap.servers want them.
func (k *Kafka) BrokerList() string { return strings.Join(k.brokers, ",") }

// Stop saves what DataDir keeps and closes every connection.
func (k *Kafka) Stop() { k.Cluster.Close() }
