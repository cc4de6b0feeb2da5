package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Mode is what a crash may do to what is said.
type Mode string

// The modes.
const (
	// ExactlyOnce: what a cycle reads, says and remembers is one transaction.
	ExactlyOnce Mode = "exactly-once"
	// AtLeastOnce: a cycle is written in an order in which a crash loses nothing; what it had said before is said again.
	AtLeastOnce Mode = "at-least-once"
)

// session is a lane's client, and how its cycles end.
type session struct {
	*client
	tx     *kgo.GroupTransactSession // nil at least once
	nudged time.Time
}

type client = kgo.Client // embedded under a name that leaves Client to the method

func newSession(mode Mode, opts ...kgo.Opt) (*session, error) {
	if mode == AtLeastOnce {
		// Without a transaction nothing takes back what was written for a partition that another has by then: the rebalance waits.
		c, err := kgo.NewClient(append(opts, kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())...)
		return &session{client: c}, err
	}
	tx, err := kgo.NewGroupTransactSession(opts...)
	if err != nil {
		return nil, err
	}
	return &session{client: tx.Client(), tx: tx}, nil
}

// Client is for requests that are no cycle's.
func (s *session) Client() *kgo.Client { return s.client }

// Begin begins a cycle.
func (s *session) Begin() error {
	if s.tx == nil {
		return nil
	}
	return s.tx.Begin()
}

// Nudge is called again and again while the lane has nothing. Where the brokers assign, they do so in the answer to a
// heartbeat, and those are 5 s apart: what others gave up for us would lie idle until the next one.
func (s *session) Nudge() {
	if time.Since(s.nudged) > 200*time.Millisecond {
		s.nudged = time.Now()
		s.ForceRebalance()
	}
}

// Barrier stands between what a cycle says and what it remembers. At least once, what is remembered must not be there before
// what was said is: read again, a record whose fact is known already says nothing.
func (s *session) Barrier(ctx context.Context) error {
	if s.tx != nil {
		return nil // all of it is there at once
	}
	return s.Flush(ctx)
}

// gate is offsets of one topic that are committed once more.
type gate struct {
	topic   string
	id      [16]byte
	offsets map[int32]int64
}

// End ends a cycle: the offsets follow, those of what was polled, or where g is not nil those. It says whether they did;
// where not, the client reads again from where they stand.
func (s *session) End(ctx context.Context, commit bool, g *gate) (bool, error) {
	if s.tx == nil {
		return s.follow(ctx, commit, g)
	}
	if g != nil {
		ctx = g.inTransaction(ctx)
	}
	return s.tx.End(ctx, kgo.TransactionEndTry(commit))
}

// inTransaction adds the offsets to the commit of a transaction. The broker refuses that to a member that was put out of the
// group, and with it the transaction; one without offsets it would let through.
func (g *gate) inTransaction(ctx context.Context) context.Context {
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = g.topic, g.id
	for partition, offset := range g.offsets {
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = partition, offset
		t.Partitions = append(t.Partitions, p)
	}
	return kgo.PreTxnCommitFnContext(ctx, func(req *kmsg.TxnOffsetCommitRequest) error {
		req.Topics = append(req.Topics, t) // nothing was read since the last transaction: there are no others
		return nil
	})
}

// follow is End without a transaction. The order is what keeps a crash from losing anything: what was said is there, then
// what is remembered, then the offsets follow.
func (s *session) follow(ctx context.Context, commit bool, g *gate) (bool, error) {
	var err error
	if commit {
		if err = s.Flush(ctx); err == nil {
			err = s.commit(ctx, g)
		}
	} else {
		err = s.AbortBufferedRecords(ctx)
	}
	switch {
	case err == nil && commit:
		return true, nil
	case err == nil, evicted(err):
		s.SetOffsets(s.CommittedOffsets())
		return false, nil
	}
	return false, err
}

func (s *session) commit(ctx context.Context, g *gate) error {
	offsets := s.UncommittedOffsets()
	if g != nil {
		offsets = map[string]map[int32]kgo.EpochOffset{g.topic: {}}
		for partition, offset := range g.offsets {
			offsets[g.topic][partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
		}
	}
	var first error
	s.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, res *kmsg.OffsetCommitResponse, err error) {
		first = err
		if err != nil {
			return
		}
		for _, t := range res.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil && first == nil {
					first = fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err)
				}
			}
		}
	})
	return first
}

// evicted says whether the group moved on without this member. It finds its way back by itself.
func evicted(err error) bool {
	for _, e := range []error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.StaleMemberEpoch, kerr.FencedMemberEpoch} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
