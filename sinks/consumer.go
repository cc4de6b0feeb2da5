package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics"
	"waybill/topics/fault"
)

// Consumer reads topics as a member of a group and hands blocks to a [Writer], each once under one token.
type Consumer struct {
	cfg     Config
	writer  Writer
	decoder Decoder
	encoder Encoder
	opts    []kgo.Opt // how to reach Kafka
	stats   *counters
}

// Codec decodes what is read and encodes dead letters; *wire.Codec is one.
type Codec interface {
	Decoder
	Encoder
}

// NewConsumer checks the configuration; opts say how to reach Kafka (seed brokers, TLS, SASL).
func NewConsumer(cfg Config, w Writer, codec Codec, opts ...kgo.Opt) (*Consumer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Consumer{cfg: cfg, writer: w, decoder: codec, encoder: codec, opts: opts, stats: newCounters()}, nil
}

// Run works until ctx ends, which is no error, or an error that no retry cures. Whatever Kafka may cure (a lost
// session, a moved coordinator) begins a new session from the committed offsets and intents.
func (c *Consumer) Run(ctx context.Context) error {
	err := c.retry(ctx, "run "+c.cfg.Group, func() error { return c.session(ctx) })
	if ctx.Err() != nil || err == nil {
		return nil
	}
	c.stats.failed(err)
	return err
}

// session is one membership of the group, from join to the first error.
func (c *Consumer) session(ctx context.Context) (err error) {
	s := &session{Consumer: c, partitions: map[place]*partition{}, flushed: time.Now()}
	if s.client, err = kgo.NewClient(append(s.groupOpts(), c.opts...)...); err != nil {
		return fmt.Errorf("make Kafka client for %s: %w", c.cfg.Group, err)
	}
	defer c.stats.left()
	defer s.client.CloseAllowingRebalance()
	if s.ids, err = topicIDs(ctx, s.client, c.cfg.Topics); err != nil {
		return err
	}
	s.client.AddConsumeTopics(names(c.cfg.Topics)...)
	for {
		if err := s.step(ctx); err != nil {
			return err
		}
	}
}

// topicIDs also finds topics that are not there, which a consumer would otherwise await in silence.
func topicIDs(ctx context.Context, cl *kgo.Client, wanted []topics.Name) (map[string][16]byte, error) {
	details, err := kadm.NewClient(cl).ListTopics(ctx, names(wanted)...)
	if err != nil {
		return nil, fault.Retry(fmt.Errorf("list topics: %w", err))
	}
	ids := map[string][16]byte{}
	for _, t := range names(wanted) {
		d, ok := details[t]
		if !ok || errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			return nil, fmt.Errorf("topic %s is not there: make it with `waybill topics apply`", t)
		}
		if d.Err != nil {
			return nil, classified(fmt.Errorf("describe topic %s: %w", t, d.Err))
		}
		ids[t] = d.ID
	}
	return ids, nil
}

func names(of []topics.Name) []string {
	out := make([]string, len(of))
	for i, n := range of {
		out[i] = string(n)
	}
	return out
}

// retry runs f until it succeeds, ctx ends, or its error is not retryable; it returns f's last error or that of ctx.
func (c *Consumer) retry(ctx context.Context, what string, f func() error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = c.cfg.RetryFirst, c.cfg.RetryMost
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := f()
		if err != nil && fault.Of(err) != fault.Retryable {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, next time.Duration) {
		c.stats.failed(err)
		c.cfg.Log.Warn("trying again", "what", what, "in", next, "because", err)
	}))
	return err
}

// classified marks a Kafka error as retryable unless the broker says that it is about us. A login that is refused may be mended
// by others, as a password that is being changed is: the stages wait for that too.
func classified(err error) error {
	for _, ours := range []error{
		kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.OffsetOutOfRange, kerr.OffsetMetadataTooLarge, kerr.InvalidGroupID, kerr.FencedInstanceID, kerr.MessageTooLarge,
	} {
		if errors.Is(err, ours) {
			return err
		}
	}
	return fault.Retry(err)
}

// Lag is how many offsets lie between what the group has committed and what a read_committed reader can see: 0 when
// everything has landed. It needs no running consumer.
func Lag(ctx context.Context, cl *kgo.Client, group string, of ...topics.Name) (lag int64, err error) {
	adm := kadm.NewClient(cl)
	ends, err := adm.ListCommittedOffsets(ctx, names(of)...)
	if err != nil {
		return 0, fmt.Errorf("list ends of %v: %w", of, err)
	}
	starts, err := adm.ListStartOffsets(ctx, names(of)...)
	if err != nil {
		return 0, fmt.Errorf("list starts of %v: %w", of, err)
	}
	done, err := adm.FetchOffsets(ctx, group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // nobody has joined yet: nothing is done
		return 0, fmt.Errorf("fetch offsets of %s: %w", group, err)
	}
	ends.Each(func(end kadm.ListedOffset) {
		at, ok := done.Lookup(end.Topic, end.Partition)
		if start, _ := starts.Lookup(end.Topic, end.Partition); !ok || at.At < start.Offset {
			at.At = start.Offset
		}
		lag += max(0, end.Offset-at.At)
	})
	return lag, ends.Error()
}
