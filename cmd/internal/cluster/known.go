package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/topics"
)

// Apache Kafka says that a topic is made before its brokers know it: who asks in between is told that there is none.
const (
	knownWithin = 30 * time.Second
	knownPause  = 50 * time.Millisecond
)

// await waits until every broker knows the topics and their leaders serve them.
func await(ctx context.Context, client *kgo.Client, names []string) error {
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, knownWithin)
	defer cancel()
	for {
		missing, err := unknown(ctx, client, names)
		if err == nil && missing == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return fmt.Errorf("wait until the brokers know the new topics: they were created, but %s; see whether all brokers are up, and apply again: %w", missing, err)
		case <-time.After(knownPause):
		}
	}
}

// unknown says what is not known yet; empty: nothing.
func unknown(ctx context.Context, client *kgo.Client, names []string) (string, error) {
	adm := kadm.NewClient(client)
	brokers, err := adm.ListBrokers(ctx)
	if err != nil {
		return "the brokers cannot be listed", err
	}
	for _, b := range brokers.NodeIDs() {
		missing, err := unknownTo(ctx, client.Broker(int(b)), names)
		if err != nil || missing != "" {
			return fmt.Sprintf("broker %d does not know topic %s", b, missing), err
		}
	}
	ends, err := adm.ListEndOffsets(ctx, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return "their leaders do not serve them", err
	}
	return "", nil
}

// unknownTo is a topic that the broker does not know, or knows a partition of without a leader.
func unknownTo(ctx context.Context, b *kgo.Broker, names []string) (string, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	answer, err := req.RequestWith(ctx, b)
	if err != nil {
		return names[0], err
	}
	for _, t := range answer.Topics {
		if t.ErrorCode != 0 {
			return *t.Topic, nil
		}
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 || p.Leader < 0 {
				return *t.Topic, nil
			}
		}
	}
	return "", nil
}

// created lists the topics that Apply made.
func created(all []Status) []string {
	var out []topics.Topic
	for _, s := range all {
		if s.State == Missing {
			out = append(out, s.Topic)
		}
	}
	return namesOf(out)
}
