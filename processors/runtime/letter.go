package runtime

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// HeaderAttempt is the header by which a replayed dead letter says how often it was tried before, in decimal digits. A
// record without it is at its first attempt.
const HeaderAttempt = "waybill-attempt"

// bury makes a dead letter of a record.
func (w *work) bury(ctx context.Context, r *kgo.Record, why error) error {
	w.dead++
	err := w.say(ctx, []stream.Emit{{Topic: topics.DeadLetters.Name, Key: string(r.Key), Value: LetterOf(r, w.spec.Name, why)}})
	if err != nil {
		return fmt.Errorf("dead letter of %s: %w", at(r), err)
	}
	return nil
}

// LetterOf is the dead letter of a record that a stage or sink refused for the given reason.
func LetterOf(r *kgo.Record, stage string, why error) *avro.DeadLetter {
	letter := &avro.DeadLetter{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Stage: stage,
		Reason: fault.Reason(why), Causes: fault.Causes(why), Attempt: 1, RecordAt: avro.MicrosOf(r.Timestamp),
	}
	if r.Key != nil {
		letter.Key = avro.Some(r.Key)
	}
	if r.Value != nil {
		letter.Value = avro.Some(r.Value)
	}
	if id, _, err := wire.Unframe(r.Value); err == nil {
		letter.SchemaID = avro.Some(int32(id))
	}
	for _, h := range r.Headers {
		letter.Headers = append(letter.Headers, avro.Header{Key: h.Key, Value: h.Value})
		if h.Key == HeaderAttempt {
			letter.Attempt = attemptAfter(string(h.Value))
		}
	}
	return letter
}

// attemptAfter is the attempt that follows as many as the header says. Whatever stands there, a letter's attempt is 1 or
// more: it is what guards against loops.
func attemptAfter(header string) int32 {
	n, err := strconv.ParseInt(header, 10, 32)
	if err != nil || n < 0 {
		return 1
	}
	return int32(min(n, math.MaxInt32-1)) + 1
}
