package rig

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// MoveLeaders makes another replica the leader of every partition of the topics, or of all topics where none is named. It
// does nothing on one broker.
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
		}
	}
	return nil
}

// MoveCoordinators moves the coordinators of all groups and transactions: they are the leaders of Kafka's own topics.
func (k *ApacheKafka) MoveCoordinators(ctx context.Context) error {
	return k.MoveLeaders(ctx, "__consumer_offsets", "__transaction_state")
}
