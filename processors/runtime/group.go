package runtime

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/processors/stream"
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

// agree decides on the protocol, by what all brokers are: one that is not upgraded yet may be the group's coordinator tomorrow.
//
// Auto takes the brokers' assignment only where it is no step back. They grant no session below 45 s unless their
// group.consumer.min.session.timeout.ms says so, and the partitions of a killed instance stand still for as long. Nor for static
// members: one that was killed is back at work in 0.5 s under the classic protocol, and under theirs when its session is over.
func (s *stage) agree(ctx context.Context) (Protocol, error) {
	if s.cfg.GroupProtocol == ClassicProtocol {
		return ClassicProtocol, nil
	}
	c, err := kgo.NewClient(s.clientOptions()...)
	if err != nil {
		return "", fmt.Errorf("make Kafka client: %w", err)
	}
	defer c.Close()
	old, err := older(ctx, kadm.NewClient(c))
	if err != nil {
		return "", err
	}
	auto := s.cfg.GroupProtocol == AutoProtocol
	switch {
	case old != "" && !auto:
		return "", fmt.Errorf("group protocol consumer wants Apache Kafka 4.3 or newer, and %s: set runtime.group_protocol to auto or classic", old)
	case old != "":
		return s.classic(old)
	case s.cfg.StaticMembership:
		return s.classic("members are static")
	}
	refused, err := s.sessions(ctx, c)
	switch {
	case err != nil:
		return "", err
	case refused != nil && auto:
		return s.classic(fmt.Sprintf("the brokers do not grant a session timeout of %s: %v", s.cfg.SessionTimeout, refused))
	case refused != nil:
		s.log.Warn("the group keeps the brokers' session timeout, and the partitions of an instance that dies stand still for so long", "wanted", s.cfg.SessionTimeout, "cause", refused)
	}
	s.log.Info("group protocol: consumer")
	return ConsumerProtocol, nil
}

func (s *stage) classic(because string) (Protocol, error) {
	s.log.Info("group protocol: classic", "because", because)
	return ClassicProtocol, nil
}

// older names a broker that is older than 4.3, or none.
func older(ctx context.Context, adm *kadm.Client) (string, error) {
	brokers, err := adm.ApiVersions(ctx)
	if err != nil {
		return "", kafka(fmt.Errorf("ask the brokers for their versions: %w", err))
	}
	for _, b := range brokers.Sorted() {
		if b.Err != nil {
			return "", kafka(fmt.Errorf("ask broker %d for its version: %w", b.NodeID, b.Err))
		}
		if !assigns(b) {
			return fmt.Sprintf("broker %d is %s", b.NodeID, b.VersionGuess()), nil
		}
	}
	return "", nil
}

// assigns says whether a broker is one to leave the assignment to. Before 4.3 (KIP-1251) a commit that meets a new epoch of
// the group fails, though the member still has the partition. DescribeLogDirs 5 is the one request that came with 4.3.
func assigns(b kadm.BrokerApiVersions) bool {
	heartbeat, _ := b.KeyMaxVersion(int16(kmsg.ConsumerGroupHeartbeat))
	logDirs, _ := b.KeyMaxVersion(int16(kmsg.DescribeLogDirs))
	return heartbeat >= 1 && logDirs >= 5
}

// outside says why the group does not have this member.
func (l *lane) outside(err error) error {
	err = fmt.Errorf("be a member of group %s: %w", l.cfg.Group(l.spec.Name), err)
	switch {
	case errors.Is(err, kerr.FencedInstanceID):
		return fmt.Errorf("%w: another process joined as instance %q: give each its own runtime.instance", err, l.cfg.Instance)
	case errors.Is(err, kerr.GroupIDNotFound), errors.Is(err, kerr.InconsistentGroupProtocol):
		return kafka(fmt.Errorf("%w: where this goes on, its members speak the other group protocol and the brokers do not convert it (group.consumer.migration.policy): stop all its instances, then start them with one runtime.group_protocol", err))
	}
	return kafka(err)
}

// Leave takes an instance out of the groups of the stages. It is for a static member that stopped for good: the groups keep
// its partitions for it until its session ends. It gives the groups that knew it.
func Leave(ctx context.Context, c *kgo.Client, cfg Config, specs ...stream.Spec) ([]string, error) {
	var left []string
	for _, spec := range specs {
		group, id := cfg.Group(spec.Name), cfg.instanceID(spec.Name)
		was, err := leave(ctx, c, group, id)
		if err != nil {
			return left, fmt.Errorf("take %s out of group %s: %w", id, group, err)
		}
		if was {
			left = append(left, group)
		}
	}
	return left, nil
}

func leave(ctx context.Context, c *kgo.Client, group, id string) (bool, error) {
	left, err := kadm.NewClient(c).LeaveGroup(ctx, kadm.LeaveGroup(group).InstanceIDs(id).Reason("taken out by hand"))
	if err == nil {
		err = left.Error()
	}
	if errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.GroupIDNotFound) {
		return false, nil
	}
	return err == nil, err
}

// sessions asks the brokers for our session timeout and heartbeats: under the consumer protocol they are settings of the group,
// not of the member. The first error is the brokers' refusal.
func (s *stage) sessions(ctx context.Context, c *kgo.Client) (refused, err error) {
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
		return nil, kafka(fmt.Errorf("set the session timeout of group %s: %w", group.ResourceName, err))
	}
	for _, r := range res.Resources {
		refused = kerr.ErrorForCode(r.ErrorCode)
		if refused != nil && r.ErrorMessage != nil {
			refused = fmt.Errorf("%w: %s", refused, *r.ErrorMessage)
		}
	}
	return refused, nil
}
