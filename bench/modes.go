package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/runtime"
	"waybill/topics"
)

const (
	whoOnce  = "relay, exactly once"
	whoLeast = "relay, at least once"
)

// modeContests: what exactly once costs more than at least once, where each record changes state and says one record.
func modeContests() []contest {
	on := func(name, site, kafka string) contest {
		return contest{
			name: name, site: site, about: "exactly once against at least once on " + kafka,
			contestants: []contestant{{whoLeast, "relay", relayBacklog(runtime.AtLeastOnce)}, {whoOnce, "relay", relayBacklog(runtime.ExactlyOnce)}},
			tables: []layout{{
				held: name, title: "A record in, its key's state changed, a record out, on " + kafka + ", CPU of the stage's process",
				unit: cpuMicros, base: whoLeast, beside: []string{rate, allocs, allocBytes, perCommit, abortedToo},
			}},
		}
	}
	return []contest{on("modes", embedded, "the embedded Kafka"), on("modes-apache", apache, "Apache Kafka")}
}

var (
	relayInbox = hop("bench-relay")
	relayed    = hop("bench-relayed")
	relayStage = relay("relay", relayInbox, relayed.Name)
)

const (
	relayKeys     = 10_000
	relayMessages = 1_200_000
	relayWarm     = 200_000
	relayPayload  = 150 // bytes
)

func relayBacklog(mode runtime.Mode) prepare {
	return func(ctx context.Context, f *field, s *site, o *order) (func(bool) error, error) {
		o.Mode, o.Records, o.Warm = mode, relayMessages, relayWarm
		err := s.relayed(ctx)
		if err == nil {
			err = s.once(relayInbox.Name, func() error { return s.fillHop(ctx, relayInbox, relayMessages) })
		}
		if err != nil {
			return nil, fmt.Errorf("write messages to relay: %w", err)
		}
		return stages(ctx, f, s, o, relayStage)
	}
}

// relayed makes the topic that takes what relays say.
func (s *site) relayed(ctx context.Context) error {
	return s.once(relayed.Name, func() error {
		s.output(relayed)
		return s.makeHops(ctx, relayed)
	})
}

// fillHop makes a topic between relays and writes so many messages.
func (s *site) fillHop(ctx context.Context, t topics.Topic, messages int) error {
	if err := s.makeHops(ctx, t); err != nil {
		return err
	}
	codec, err := newCodec(s.Registry)
	if err != nil {
		return err
	}
	var failed firstError
	for n := range messages {
		r, err := message(ctx, codec, t.Name, n, 0)
		if err != nil {
			return err
		}
		s.client.Produce(ctx, r, func(_ *kgo.Record, err error) { failed.keep(err) })
	}
	if err := s.client.Flush(ctx); err != nil {
		return err
	}
	return failed.get()
}

// makeHops makes topics between relays, and has their schemas known.
func (s *site) makeHops(ctx context.Context, ts ...topics.Topic) error {
	if err := s.create(ctx, ts...); err != nil {
		return err
	}
	return s.register(ctx, ts...)
}

// message is the n-th message for a relay, said at an instant.
func message(ctx context.Context, codec runtime.Encoder, to topics.Name, n int, at avro.Micros) (*kgo.Record, error) {
	key := n % relayKeys
	m := avro.PartnerMessage{Tenant: "bench", Format: "json", Line: int64(n), ReceivedAt: at, Payload: make([]byte, relayPayload)}
	copy(m.Payload, fmt.Sprint(n, "/", key*7919))
	value, err := codec.Append(ctx, nil, to, &m)
	return &kgo.Record{Topic: string(to), Partition: int32(key % partitions), Key: []byte(topics.Key("bench", fmt.Sprint("key-", key))), Value: value}, err
}

// relayPart works off a backlog of messages.
func relayPart(ctx context.Context, o order, m *meter) (trial, error) {
	return stagePart(ctx, o, m, relayStage)
}
