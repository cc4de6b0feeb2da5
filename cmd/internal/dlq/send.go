package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/cmd/internal/cluster"
	"waybill/topics"
)

// transactionalID is the same for everybody who replays these letters, whatever their deployment: that is what lets one
// replay end another. It is named after what it guards.
var transactionalID = string(topics.DeadLetterReplays.Name)

// errCrashed is what a crash injected by a test ends with.
var errCrashed = errors.New("crashed on request")

// sender is one replay. Whatever fails ends it: to go on would need the marks read again, which is what the next one does.
type sender struct {
	*Box
	by     string
	told   func(n int)
	client *kgo.Client
	kill   context.CancelFunc // cuts the client off, as a crash would

	wanted map[ID]bool
	full   []*kgo.Record // of the next transaction: records and marks
	ids    []ID          // the letters they are of
	bytes  int
	sent   int // letters committed
	open   bool
}

// Send sends the records of all steps that say so, and marks their letters, in transactions of bounded size. It returns how
// many letters that were, also with an error: those are sent, and a repetition skips them. told hears of each transaction.
// Steps that somebody else did since they were planned become Skip.
func (b *Box) Send(ctx context.Context, steps []Step, by string, told func(n int)) (sent int, err error) {
	s := &sender{Box: b, by: by, told: told, wanted: map[ID]bool{}}
	for _, step := range steps {
		if step.Do == Send {
			s.wanted[step.ID] = true
		}
	}
	if len(s.wanted) == 0 {
		return 0, nil
	}
	if err := s.connect(ctx); err != nil {
		return 0, err
	}
	defer func() { s.close(ctx, err) }()
	if err := s.fence(ctx); err != nil {
		return 0, err
	}
	if err := s.skipSent(ctx, steps); err != nil {
		return 0, err
	}
	err = s.sendAll(ctx)
	return s.sent, err
}

func (s *sender) connect(ctx context.Context) (err error) {
	// The client outlives ctx: what is open is to be aborted.
	client, kill := context.WithCancel(context.WithoutCancel(ctx))
	s.kill = kill
	s.client, err = kgo.NewClient(append(slices.Clone(s.Kafka), kgo.WithContext(client),
		kgo.TransactionalID(transactionalID), kgo.TransactionTimeout(s.Limits.Timeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(int32(s.Limits.MessageBytes)))...)
	if err != nil {
		kill()
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	return nil
}

// fence takes the transactional id. When that is done an earlier replay can send nothing more, and what it had under way is
// either committed or aborted, for every reader to see.
func (s *sender) fence(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*s.Limits.Timeout)
	defer cancel()
	if _, _, err := s.client.ProducerID(ctx); err != nil {
		return fmt.Errorf("take the transactional id %s: %w", transactionalID, err)
	}
	if s.crashes("fenced") {
		return errCrashed
	}
	return s.settled(ctx)
}

// settled waits until readers of committed records see all marks. Nobody else writes them, so that is so at once, unless a
// broker that became leader just now does not know it yet.
func (s *sender) settled(ctx context.Context) error {
	adm, marks := kadm.NewClient(s.client), string(topics.DeadLetterReplays.Name)
	for {
		ends, err := adm.ListEndOffsets(ctx, marks)
		if err != nil {
			return fmt.Errorf("list the end of %s: %w", marks, err)
		}
		stable, err := adm.ListCommittedOffsets(ctx, marks)
		if err = errors.Join(err, ends.Error(), stable.Error()); err != nil {
			return fmt.Errorf("list the end of %s: %w", marks, err)
		}
		open := false
		ends.Each(func(end kadm.ListedOffset) {
			o, _ := stable.Lookup(end.Topic, end.Partition)
			open = open || o.Offset < end.Offset
		})
		if !open {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a transaction is open on %s: see which process but `waybill dlq replay` writes there: %w", marks, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// skipSent leaves out what was sent between plan and fence.
func (s *sender) skipSent(ctx context.Context, steps []Step) error {
	marks, err := s.marks(ctx)
	if err != nil {
		return err
	}
	for i := range steps {
		step := &steps[i]
		if sent, ok := marks[step.origin()]; ok && step.Do == Send {
			step.Do, step.Why, step.Sent = Skip, sentBefore, &sent
			delete(s.wanted, step.ID)
		}
	}
	if s.crashes("marks read") {
		return errCrashed
	}
	return nil
}

// sendAll reads the wanted letters again, with their bytes, and sends them as they come: those of one key in their order.
func (s *sender) sendAll(ctx context.Context) error {
	if len(s.wanted) == 0 {
		return nil
	}
	err := cluster.Scan(ctx, s.Kafka, s.spans(), func(r *kgo.Record) error {
		id := ID{r.Partition, r.Offset}
		if !s.wanted[id] {
			return nil
		}
		delete(s.wanted, id)
		return s.take(ctx, r)
	})
	if err == nil {
		err = s.transact(ctx)
	}
	if err == nil && len(s.wanted) > 0 {
		err = fmt.Errorf("%d letters are no longer there: the topic's retention took them while this ran; what they came from has to be sent anew from its source", len(s.wanted))
	}
	return err
}

// spans are where the wanted letters lie.
func (s *sender) spans() []cluster.Span {
	var spans []cluster.Span
	for id := range s.wanted {
		i := slices.IndexFunc(spans, func(s cluster.Span) bool { return s.Partition == id.Partition })
		if i < 0 {
			i = len(spans)
			spans = append(spans, cluster.Span{Topic: string(topics.DeadLetters.Name), Partition: id.Partition, From: id.Offset, To: id.Offset + 1})
		}
		spans[i].From, spans[i].To = min(spans[i].From, id.Offset), max(spans[i].To, id.Offset+1)
	}
	return spans
}

// take adds a letter to the next transaction, and sends that when it is full.
func (s *sender) take(ctx context.Context, r *kgo.Record) error {
	of, dead, err := s.Box.open(ctx, r)
	if err == nil {
		err = of.Fault
	}
	if err != nil {
		return fmt.Errorf("read letter %s: %w", of.ID, err)
	}
	mark, err := s.mark(ctx, of.ID, dead)
	if err != nil {
		return err
	}
	s.full = append(s.full, revived(dead), mark)
	s.ids = append(s.ids, of.ID)
	s.bytes += len(r.Value) + len(mark.Value)
	if len(s.ids) < s.Limits.Letters && s.bytes < s.Limits.Bytes {
		return nil
	}
	return s.transact(ctx)
}
