package sinks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"waybill/topics"
	"waybill/topics/fault"
)

// pollRecords bounds one poll: a partition's block may hold this many more than BlockRows.
const pollRecords = 10_000

// session holds what is not yet committed. Rebalance callbacks and the loop share it.
type session struct {
	*Consumer
	client  *kgo.Client
	ids     map[string][16]byte
	flushed time.Time // when everything was last written

	mu         sync.Mutex
	partitions map[place]*partition
	buffered   int // bytes
}

type place struct {
	topic     string
	partition int32
}

// partition is what waits of one partition. Invariant: records are consecutive polls from offset from on.
type partition struct {
	place
	from    int64 // committed
	promise int64 // end of the block that an earlier life announced; 0: none
	records []*kgo.Record
	bytes   int
}

func (s *session) groupOpts() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.ConsumerGroup(s.cfg.Group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Transaction markers take offsets. Seeing them lets the committed offset reach the end, so that lag 0 means done.
		kgo.KeepControlRecords(),
		// An offset out of range is lost data, for a person to decide; a reset would hide or double it.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(s.cfg.SessionTimeout), kgo.RebalanceTimeout(s.cfg.RebalanceTimeout), kgo.HeartbeatInterval(s.cfg.SessionTimeout / 4),
		kgo.OnOffsetsFetched(s.onFetched), kgo.OnPartitionsAssigned(s.stats.assigned), kgo.OnPartitionsRevoked(s.onGone), kgo.OnPartitionsLost(s.onGone),
	}
	if s.cfg.Instance != "" {
		opts = append(opts, kgo.InstanceID(s.cfg.Group+"."+s.cfg.Instance))
	}
	return opts
}

// onFetched learns committed offsets and intents of newly assigned partitions, before their first record is read.
func (s *session) onFetched(_ context.Context, _ *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range fetched(resp) {
		if f.offset < 0 {
			continue // never committed: the first record says where it begins
		}
		p := &partition{place: place{s.topicOf(f), f.partition}, from: f.offset}
		if next, ok := promised(f.metadata, f.offset); ok {
			p.promise = next
		}
		s.partitions[p.place] = p
	}
	return nil
}

func (s *session) topicOf(f fetchedPartition) string {
	for name, id := range s.ids {
		if f.topic == "" && id == f.id {
			return name
		}
	}
	return f.topic
}

// onGone forgets partitions that another member owns now: it reads our intent and goes on from there.
func (s *session) onGone(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	s.stats.gone(gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, parts := range gone {
		for _, n := range parts {
			if p := s.partitions[place{topic, n}]; p != nil {
				s.buffered -= p.bytes
				delete(s.partitions, p.place)
			}
		}
	}
}

// step is poll, decode, announce, write, commit.
func (s *session) step(ctx context.Context) error {
	s.stats.alive()
	fetches := s.poll(ctx)
	defer s.client.AllowRebalance()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := fetchError(fetches); err != nil {
		return err
	}
	fetches.EachRecord(s.keep)
	blocks, err := s.decode(ctx, s.due(time.Now()))
	if err != nil {
		return err
	}
	if err := s.announce(ctx, blocks); err != nil {
		return err
	}
	written, writing := s.write(ctx, blocks)
	err = errors.Join(writing, s.commit(ctx, written)) // what was written is committed even where another block was not
	if err == nil {
		s.stats.well(len(written) > 0)
	}
	return err
}

// poll returns when there are records or the linger is over.
func (s *session) poll(ctx context.Context) kgo.Fetches {
	ctx, cancel := context.WithDeadline(ctx, s.flushed.Add(s.cfg.Linger))
	defer cancel()
	return s.client.PollRecords(ctx, pollRecords)
}

func fetchError(fetches kgo.Fetches) error {
	for _, f := range fetches.Errors() {
		if errors.Is(f.Err, context.DeadlineExceeded) {
			continue // the linger is over
		}
		err := fmt.Errorf("read %s/%d: %w", f.Topic, f.Partition, f.Err)
		if errors.Is(f.Err, kerr.OffsetOutOfRange) {
			return fmt.Errorf("%w: records were deleted before this sink read them: set the group's offset by hand to go on without them", err)
		}
		return classified(err)
	}
	return nil
}

func (s *session) keep(r *kgo.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{r.Topic, r.Partition}
	p := s.partitions[at]
	if p == nil {
		p = &partition{place: at, from: r.Offset}
		s.partitions[at] = p
	}
	size := len(r.Key) + len(r.Value) + 200 // and what the record itself takes
	p.records = append(p.records, r)
	p.bytes += size
	s.buffered += size
}

// piece is records of one partition that become a block.
type piece struct {
	from, next int64
	replay     bool
	records    []*kgo.Record
	place
}

// due cuts what is to be written now: whole promises, full partitions, and everything once the linger is over or the buffer full.
func (s *session) due(now time.Time) []piece {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := now.Sub(s.flushed) >= s.cfg.Linger || s.buffered >= s.cfg.Buffer
	if all {
		s.flushed = now
	}
	var pieces []piece
	for _, p := range s.partitions {
		if n := p.cut(all, s.cfg.BlockRows); n > 0 {
			pieces = append(pieces, s.take(p, n))
		}
	}
	slices.SortFunc(pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	return pieces
}

// cut is how many of the waiting records the next block has; 0: wait. A promised block is exactly what was promised.
func (p *partition) cut(all bool, rows int) int {
	if len(p.records) == 0 {
		return 0
	}
	if p.promise > 0 {
		if p.records[len(p.records)-1].Offset < p.promise-1 {
			return 0
		}
		n, _ := slices.BinarySearchFunc(p.records, p.promise, func(r *kgo.Record, next int64) int { return cmp.Compare(r.Offset, next) })
		return n
	}
	if all || len(p.records) >= rows {
		return min(len(p.records), rows)
	}
	return 0
}

// take moves n records out of the partition, which then begins behind them.
func (s *session) take(p *partition, n int) piece {
	out := piece{place: p.place, from: p.from, replay: p.promise > 0, records: p.records[:n:n]}
	out.next = out.records[n-1].Offset + 1
	if out.replay {
		out.next = p.promise
	}
	p.from, p.promise, p.records = out.next, 0, p.records[n:]
	for _, r := range out.records {
		size := len(r.Key) + len(r.Value) + 200
		p.bytes -= size
		s.buffered -= size
	}
	return out
}

// announce commits the intent of every block that has something to write and was not announced before.
func (s *session) announce(ctx context.Context, blocks []*Block) error {
	at, metadata := map[string]map[int32]kgo.EpochOffset{}, map[place]string{}
	for _, b := range blocks {
		if b.Replay || len(b.Rows) == 0 {
			continue
		}
		put(at, b, b.From)
		metadata[place{string(b.Topic), b.Partition}] = intent{b.Next}.encode()
	}
	if len(metadata) == 0 {
		return nil
	}
	if err := s.commitOffsets(ctx, at, metadata); err != nil {
		return fmt.Errorf("announce blocks: %w", err)
	}
	return nil
}

// write writes blocks side by side and returns those that are stored.
func (s *session) write(ctx context.Context, blocks []*Block) (written []*Block, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.cfg.Writers)
	done := make([]bool, len(blocks))
	for i, b := range blocks {
		group.Go(func() error {
			if err := s.writeOne(ctx, b); err != nil {
				return fmt.Errorf("write %s: %w", b, err)
			}
			done[i] = true
			return nil
		})
	}
	err = group.Wait()
	for i, b := range blocks {
		if done[i] {
			written = append(written, b)
		}
	}
	return written, err
}

// writeOne retries under the same token. What is permanent ends the sink: dropping rows is not for it to decide alone.
func (s *session) writeOne(ctx context.Context, b *Block) error {
	if len(b.Rows) == 0 {
		return nil
	}
	begun := time.Now()
	err := s.retry(ctx, "write "+b.String(), func() error { return s.writer.Write(ctx, b) })
	if err == nil {
		s.stats.stored(b, time.Since(begun))
		for _, over := range b.stored {
			over()
		}
	}
	return err
}

func (s *session) commit(ctx context.Context, blocks []*Block) error {
	if len(blocks) == 0 {
		return nil
	}
	at := map[string]map[int32]kgo.EpochOffset{}
	for _, b := range blocks {
		put(at, b, b.Next)
	}
	if err := s.commitOffsets(ctx, at, nil); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func put(at map[string]map[int32]kgo.EpochOffset, b *Block, offset int64) {
	t := string(b.Topic)
	if at[t] == nil {
		at[t] = map[int32]kgo.EpochOffset{}
	}
	at[t][b.Partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
}

// commitOffsets commits with metadata by partition, none where there is none. A refusal means that the partitions may be
// another's: the session ends and a new one reads what really stands.
func (s *session) commitOffsets(ctx context.Context, at map[string]map[int32]kgo.EpochOffset, metadata map[place]string) error {
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				p := &req.Topics[i].Partitions[j]
				p.Metadata = kmsg.StringPtr(metadata[place{req.Topics[i].Topic, p.Partition}])
			}
		}
		return nil
	})
	var failed error
	s.client.CommitOffsetsSync(ctx, at, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		failed = commitError(resp, err)
	})
	return failed
}

func commitError(resp *kmsg.OffsetCommitResponse, err error) error {
	if err != nil {
		return classified(err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return classified(fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err))
			}
		}
	}
	return nil
}

// decode turns pieces into blocks; what does not decode is a dead letter, stored before the block is.
func (s *session) decode(ctx context.Context, pieces []piece) ([]*Block, error) {
	blocks := make([]*Block, 0, len(pieces))
	for _, p := range pieces {
		b := &Block{Topic: topics.Name(p.topic), TopicID: s.ids[p.topic], Partition: p.partition, From: p.from, Next: p.next, Replay: p.replay}
		b.Rows = make([]Row, 0, len(p.records))
		for _, r := range p.records {
			if err := s.decodeOne(ctx, b, r); err != nil {
				return nil, fmt.Errorf("decode %s/%d@%d: %w", r.Topic, r.Partition, r.Offset, err)
			}
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

func (s *session) decodeOne(ctx context.Context, b *Block, r *kgo.Record) error {
	if r.Attrs.IsControl() {
		return nil
	}
	value, err := s.decoder.DecodeAlias(ctx, r.Value)
	switch {
	case err == nil:
		b.Rows = append(b.Rows, Row{Offset: r.Offset, At: r.Timestamp, Value: value})
		s.trace(ctx, b, r)
		return nil
	case fault.Of(err) == fault.Poison:
		return s.bury(ctx, r, err)
	}
	return err
}

// trace costs two comparisons where records have no headers.
func (s *session) trace(ctx context.Context, b *Block, r *kgo.Record) {
	if s.cfg.Tracer == nil || len(r.Headers) == 0 {
		return
	}
	if over := s.cfg.Tracer.Land(ctx, s.cfg.Stage, r); over != nil {
		b.stored = append(b.stored, over)
	}
}
