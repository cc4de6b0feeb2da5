package sinks

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/topics"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// maxLetter keeps a letter with all that frames it below what the client and brokers take by default, 1,000,012 bytes.
const maxLetter = 1_000_012 - 256

// bury stores a record that cannot be used as a dead letter, and returns when Kafka has it. A crash before the block is
// committed buries it again: readers tell letters apart by topic, partition, offset and stage.
func (s *session) bury(ctx context.Context, r *kgo.Record, because error) error {
	about := letter(r, s.cfg.Stage, because)
	wire.FitLetter(about, maxLetter)
	value, err := s.encoder.Append(ctx, nil, topics.DeadLetters.Name, about)
	if err != nil {
		return fmt.Errorf("encode dead letter: %w", err)
	}
	dead := &kgo.Record{Topic: string(topics.DeadLetters.Name), Key: wire.LetterKey(r.Key), Value: value}
	if err := s.client.ProduceSync(ctx, dead).FirstErr(); err != nil {
		return classified(fmt.Errorf("produce dead letter: %w", err))
	}
	s.stats.buried(because)
	return nil
}

func letter(r *kgo.Record, stage string, because error) *avro.DeadLetter {
	l := &avro.DeadLetter{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Stage: stage,
		Reason: fault.Reason(because), Causes: fault.Causes(because), Attempt: 1, RecordAt: avro.MicrosOf(r.Timestamp),
	}
	if id, _, err := wire.Unframe(r.Value); err == nil {
		l.SchemaID = avro.Some(int32(id))
	}
	if r.Key != nil {
		l.Key = avro.Some(r.Key)
	}
	if r.Value != nil {
		l.Value = avro.Some(r.Value)
	}
	for _, h := range r.Headers {
		l.Headers = append(l.Headers, avro.Header{Key: h.Key, Value: h.Value})
	}
	return l
}
