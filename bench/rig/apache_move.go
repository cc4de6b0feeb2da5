package rig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// MoveLeaders makes another replica the leader of every partition of the topics, or of all topics where none is named, and
// waits until every broker knows. It does nothing on one broker.
func (k *ApacheKafka) MoveLeaders(ctx context.Context, topics ...string) error {
	if len(k.nodes) == 1 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...))
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	adm := kadm.NewClient(client)
	listed, err := adm.ListTopicsWithInternal(ctx, topics...)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	// The order of replicas says who is preferred: a reassignment to the same ones in another order copies nothing.
	var order kadm.AlterPartitionAssignmentsReq
	elect := kadm.TopicsSet{}
	for _, d := range listed.Sorted() {
		for _, p := range d.Partitions.Sorted() {
			replicas := slices.Clone(p.Replicas)
			replicas = append(replicas[1:], replicas[0])
			order.Assign(d.Topic, p.Partition, replicas)
			elect.Add(d.Topic, p.Partition)
		}
	}
	if _, err := adm.AlterPartitionAssignments(ctx, order); err != nil {
		return fmt.Errorf("order replicas: %w", err)
	}
	elected, err := adm.ElectLeaders(ctx, kadm.ElectPreferredReplica, elect)
	if err != nil {
		return fmt.Errorf("elect leaders: %w", err)
	}
	for _, partitions := range elected {
		for _, p := range partitions {
			// Where the preferred replica is down, or leads already, nothing moves.
			if p.Err != nil && !errors.Is(p.Err, kerr.ElectionNotNeeded) && !errors.Is(p.Err, kerr.PreferredLeaderNotAvailable) {
				return fmt.Errorf("elect a leader of %s/%d: %w", p.Topic, p.Partition, p.Err)
			}
			if p.Err != nil {
				delete(listed[p.Topic].Partitions, p.Partition)
			}
		}
	}
	return k.await(ctx, nil, func(topic string, p kmsg.MetadataResponseTopicPartition) bool {
		was, ok := listed[topic].Partitions[p.Partition]
		return !ok || p.LeaderEpoch > was.LeaderEpoch
	})
}

// Buried waits until broker i, which was killed, leads nothing more by the word of the others. One that is started before has
// its log end taken for the truth, of which the others may lack the last records: as a coordinator of transactions it commits by
// them, and the next one aborts the same transaction [seen: markers of both kinds, outputs committed, offsets not].
func (k *ApacheKafka) Buried(ctx context.Context, i int) error {
	dead := k.nodes[i]
	return k.await(ctx, dead, func(_ string, p kmsg.MetadataResponseTopicPartition) bool {
		return p.Leader >= 0 && int(p.Leader) != dead.id && !slices.Contains(p.ISR, int32(dead.id))
	})
}

// InSync waits until every replica of every partition is in sync: before that another broker must not be lost.
func (k *ApacheKafka) InSync(ctx context.Context) error {
	return k.await(ctx, nil, func(_ string, p kmsg.MetadataResponseTopicPartition) bool {
		return p.Leader >= 0 && len(p.ISR) == len(p.Replicas) && len(p.OfflineReplicas) == 0
	})
}

// await waits until by the word of each broker but one that is down something holds of every partition.
func (k *ApacheKafka) await(ctx context.Context, down *apacheNode, holds func(topic string, p kmsg.MetadataResponseTopicPartition) bool) error {
	for _, n := range k.nodes {
		if n == down {
			continue
		}
		if err := n.await(ctx, holds); err != nil {
			return fmt.Errorf("wait for what broker %d knows of its partitions: %w", n.id, err)
		}
	}
	return nil
}

func (n *apacheNode) await(ctx context.Context, holds func(topic string, p kmsg.MetadataResponseTopicPartition) bool) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.broker))
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	for {
		// The seed is the broker that is meant; it tells of all topics.
		res, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client.SeedBrokers()[0])
		if err == nil && allHold(res, holds) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func allHold(res *kmsg.MetadataResponse, holds func(topic string, p kmsg.MetadataResponseTopicPartition) bool) bool {
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if !holds(*t.Topic, p) {
				return false
			}
		}
	}
	return true
}

// MoveCoordinators moves the coordinators of all groups and transactions: they are the leaders of Kafka's own topics.
func (k *ApacheKafka) MoveCoordinators(ctx context.Context) error {
	return k.MoveLeaders(ctx, "__consumer_offsets", "__transaction_state")
}
