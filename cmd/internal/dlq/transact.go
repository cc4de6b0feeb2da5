package dlq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/runtime"
	"waybill/topics"
)

// revived is the dead record as it was: bytes, headers, partition and, where the topic leaves that to the producer, time.
// The attempt is raised. Avro tells no header without value from one with an empty one: it comes back empty.
func revived(l *avro.DeadLetter) *kgo.Record {
	r := &kgo.Record{Topic: l.Topic, Partition: l.Partition}
	if l.Key.Ok {
		r.Key = append([]byte{}, l.Key.V...)
	}
	if l.Value.Ok {
		r.Value = append([]byte{}, l.Value.V...)
	}
	if l.RecordAt != 0 {
		r.Timestamp = l.RecordAt.Time()
	}
	for _, h := range l.Headers {
		if h.Key != runtime.HeaderAttempt {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: runtime.HeaderAttempt, Value: strconv.AppendInt(nil, int64(l.Attempt), 10)})
	return r
}

// mark says that a letter's record was sent back.
func (s *sender) mark(ctx context.Context, id ID, l *avro.DeadLetter) (*kgo.Record, error) {
	topic := topics.DeadLetterReplays.Name
	value, err := s.Codec.Append(ctx, nil, topic, &avro.DeadLetterReplay{
		Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Stage: l.Stage, RecordAt: l.RecordAt, Attempt: l.Attempt, SentBy: s.by,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the mark of letter %s: %w", id, err)
	}
	return &kgo.Record{Topic: string(topic), Key: []byte(id.String()), Value: value}, nil
}

// transact sends what was taken, records and marks, in one transaction: all of it or nothing.
func (s *sender) transact(ctx context.Context) error {
	if len(s.ids) == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	// From here on the end of ctx waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.Timeout)
	defer cancel()
	if err := s.client.BeginTransaction(); err != nil {
		return s.ended(fmt.Errorf("begin a transaction: %w", err))
	}
	s.open = true
	if err := s.produce(ctx); err != nil {
		return s.ended(err)
	}
	if err := s.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return s.ended(s.uncommitted(err))
	}
	s.open = false
	if s.crashes("committed") {
		return errCrashed
	}
	s.sent += len(s.ids)
	s.told(len(s.ids))
	s.full, s.ids, s.bytes = nil, nil, 0
	return nil
}

func (s *sender) produce(ctx context.Context) error {
	var mu sync.Mutex
	var first error
	for i, r := range s.full {
		id := s.ids[i/2]
		s.client.Produce(ctx, r, func(r *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil && first == nil {
				first = fmt.Errorf("send letter %s to %s/%d: %w", id, r.Topic, r.Partition, err)
			}
		})
		if i == 0 && s.crashes("begun") {
			return errCrashed
		}
	}
	if s.crashes("produced") {
		return errCrashed
	}
	if err := s.client.Flush(ctx); err != nil {
		return fmt.Errorf("send %d letters: %w", len(s.ids), err)
	}
	if s.crashes("flushed") {
		return errCrashed
	}
	mu.Lock()
	defer mu.Unlock()
	return first
}

// uncommitted is the error of a commit. Unless the brokers refused it, nobody here knows whether it happened.
func (s *sender) uncommitted(err error) error {
	if fenced(err) {
		return fmt.Errorf("commit: %w", err)
	}
	return fmt.Errorf("commit: whether the last %d letters were sent is not known; run it again, what was sent is skipped: %w", len(s.ids), err)
}

// ended adds to an error what it means when another replay is the cause.
func (s *sender) ended(err error) error {
	if !fenced(err) {
		return err
	}
	return fmt.Errorf("another `waybill dlq replay` began meanwhile and put this one out, or the brokers did for it stood still for more than %s; %d letters were sent before that, none twice; when the other is done run this again, what is sent is skipped: %w", s.Limits.Timeout, s.sent, err)
}

// fenced says whether the brokers refused a transaction because it is no longer this replay's: it was aborted.
func fenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.InvalidTxnState)
}

// close aborts what is open, so that nobody's reading has to wait for its timeout. One that was fenced has nothing open.
func (s *sender) close(ctx context.Context, cause error) {
	defer s.client.Close()
	defer s.kill()
	if !s.open || fenced(cause) || errors.Is(cause, errCrashed) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.Timeout)
	defer cancel()
	if err := s.client.AbortBufferedRecords(ctx); err == nil {
		_ = s.client.EndTransaction(ctx, kgo.TryAbort) // where it fails, the timeout does it, or the next replay
	}
}

func (s *sender) crashes(point string) bool {
	if s.crash == nil || !s.crash(point) {
		return false
	}
	s.kill() // nothing more reaches a broker
	return true
}
