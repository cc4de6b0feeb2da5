package runtime

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Protocol is how the members of a stage's group share its partitions.
type Protocol string

// The protocols.
const (
	AutoProtocol     Protocol = "auto"     // consumer where every broker is Apache Kafka 4.3 or newer, else classic
	ClassicProtocol  Protocol = "classic"  // the members agree among themselves, cooperatively
	ConsumerProtocol Protocol = "consumer" // the brokers assign (KIP-848)
)

// membership are the options of a member of the stage's group.
func (s *stage) membership(p Protocol) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.ConsumerGroup(s.cfg.Group(s.spec.Name)),
		kgo.SessionTimeout(s.cfg.SessionTimeout),
		kgo.HeartbeatInterval(s.cfg.heartbeat()),
		kgo.RebalanceTimeout(s.cfg.RebalanceTimeout),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), // to the brokers this means their assignor "uniform"
	}
	if p == ConsumerProtocol {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	if s.cfg.StaticMembership {
		opts = append(opts, kgo.InstanceID(s.cfg.instanceID(s.spec.Name)))
	}
	return opts
}

// agree decides on the protocol and, where it is the brokers', on the session timeout.
func (s *stage) agree(ctx context.Context) (Protocol, error) {
	c, err := kgo.NewClient(s.clientOptions()...)
	if err != nil {
		return "", fmt.Errorf("make Kafka client: %w", err)
	}
	defer c.Close()
	p, err := s.protocol(ctx, kadm.NewClient(c))
	if err == nil && p == ConsumerProtocol {
		err = s.sessions(ctx, c)
	}
	return p, err
}

// protocol decides by what all brokers are: one that is not yet upgraded may be the group's coordinator tomorrow.
func (s *stage) protocol(ctx context.Context, adm *kadm.Client) (Protocol, error) {
	if s.cfg.GroupProtocol == ClassicProtocol {
		return ClassicProtocol, nil
	}
	brokers, err := adm.ApiVersions(ctx)
	if err != nil {
		return "", kafka(fmt.Errorf("ask the brokers for their versions: %w", err))
	}
	for _, b := range brokers.Sorted() {
		switch {
		case b.Err != nil:
			return "", kafka(fmt.Errorf("ask broker %d for its version: %w", b.NodeID, b.Err))
		case assigns(b):
			continue
		case s.cfg.GroupProtocol == ConsumerProtocol:
			return "", fmt.Errorf("group protocol consumer wants Apache Kafka 4.3 or newer, and broker %d is %s: set runtime.group_protocol to auto or classic", b.NodeID, b.VersionGuess())
		}
		s.log.Info("group protocol: classic", "because", fmt.Sprintf("broker %d is %s, older than 4.3", b.NodeID, b.VersionGuess()))
		return ClassicProtocol, nil
	}
	s.log.Info("group protocol: consumer", "because", "every broker is 4.3 or newer")
	return ConsumerProtocol, nil
}

// assigns says whether a broker is one to leave the assignment to. Before 4.3 (KIP-1251) a commit that meets a new epoch of
// the group fails, though the member still has the partition. DescribeLogDirs 5 is the one request that came with 4.3.
func assigns(b kadm.BrokerApiVersions) bool {
	heartbeat, _ := b.KeyMaxVersion(int16(kmsg.ConsumerGroupHeartbeat))
	logDirs, _ := b.KeyMaxVersion(int16(kmsg.DescribeLogDirs))
	return heartbeat >= 1 && logDirs >= 5
}

// sessions asks the brokers for our session timeout and heartbeats: under the consumer protocol they are settings of the group,
// not of the member.
func (s *stage) sessions(ctx context.Context, c *kgo.Client) error {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	group := kmsg.NewIncrementalAlterConfigsRequestResource()
	group.ResourceType, group.ResourceName = kmsg.ConfigResourceTypeGroupConfig, s.cfg.Group(s.spec.Name)
	set := func(name string, d time.Duration) {
		entry := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		entry.Name, entry.Value = name, kmsg.StringPtr(strconv.FormatInt(d.Milliseconds(), 10))
		group.Configs = append(group.Configs, entry)
	}
	set("consumer.session.timeout.ms", s.cfg.SessionTimeout)
	set("consumer.heartbeat.interval.ms", s.cfg.heartbeat())
	req.Resources = append(req.Resources, group)
	res, err := req.RequestWith(ctx, c)
	if err != nil {
		return kafka(fmt.Errorf("set the session timeout of group %s: %w", group.ResourceName, err))
	}
	for _, r := range res.Resources {
		err := kerr.ErrorForCode(r.ErrorCode)
		if err != nil && r.ErrorMessage != nil {
			err = fmt.Errorf("%w: %s", err, *r.ErrorMessage)
		}
		if err != nil {
			s.log.Warn("the group keeps the brokers' session timeout and heartbeats", "wanted", s.cfg.SessionTimeout, "cause", err)
		}
	}
	return nil
}
