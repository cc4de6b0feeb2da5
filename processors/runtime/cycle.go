package runtime

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

	"waybill/topics/fault"
)

// cycle is what a lane reads, says and remembers in one transaction.
type cycle struct {
	works   []*work // one a task that has read something, in order of their places
	records int
	bytes   int   // read and said
	cause   error // why it must not be committed
	noted   bool  // its changes are on their way to the changelog
}

func (c *cycle) full(cfg Config) bool {
	return c.records >= cfg.CycleRecords || c.bytes >= cfg.CycleBytes
}

// batch is what one poll read of one partition.
type batch struct {
	place
	records []*kgo.Record
}

// read polls and handles what it gets, in turn, until the commit interval is over or the cycle is full. So a cycle lasts about as
// long as the interval whether handlers are fast or slow. The error is of reading; the cycle's cause is of handling.
func (l *lane) read(ctx context.Context) (*cycle, error) {
	until, cancel := context.WithTimeout(ctx, l.cfg.CommitInterval)
	defer cancel()
	c := &cycle{}
	for until.Err() == nil && !c.full(l.cfg) && c.cause == nil {
		batches, err := l.poll(until, l.most(l.room(c)))
		if err != nil {
			return c, err
		}
		l.holdBack(batches)
		// What is read is worked on to its end, whatever becomes of ctx.
		l.work(context.WithoutCancel(ctx), c, batches)
	}
	slices.SortFunc(c.works, func(a, b *work) int { return a.task.compare(b.task.place) })
	return c, nil
}

// pollRecords is the most that is read at once: between two polls the clock is looked at.
const pollRecords = 5000

// room is how many records more the cycle may hold. A handler says much or little of a record: that this record leads to as much as the last
// did is the best guess, and what is read is worked on and said in one transaction, however much it is.
func (l *lane) room(c *cycle) int {
	n := min(l.cfg.CycleRecords-c.records, pollRecords)
	if l.perRecord > 0 {
		n = min(n, (l.cfg.CycleBytes-c.bytes)/l.perRecord)
	}
	return max(n, 1)
}

func (l *lane) poll(ctx context.Context, most int) ([]batch, error) {
	fetches := l.sess.PollRecords(ctx, most)
	if err := l.fetchFault(fetches); err != nil {
		return nil, err
	}
	var batches []batch
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		at := place{p.Topic, p.Partition}
		if i := slices.IndexFunc(batches, func(b batch) bool { return b.place == at }); i >= 0 {
			batches[i].records = append(batches[i].records, p.Records...)
			return
		}
		batches = append(batches, batch{at, p.Records})
	})
	return l.ahead(batches), nil
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.topic, q.topic), cmp.Compare(p.partition, q.partition))
}

func (l *lane) fetchFault(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		var outside *kgo.ErrGroupSession
		switch {
		case errors.As(e.Err, &outside):
			return l.outside(outside.Err)
		case errors.Is(e.Err, context.DeadlineExceeded), errors.Is(e.Err, context.Canceled):
			continue
		case errors.Is(e.Err, kerr.OffsetOutOfRange):
			return fmt.Errorf("read %s/%d: %w: the topic was purged ahead of stage %s; set the group's offset to where it may go on, and expect what lay between to be missing", e.Topic, e.Partition, e.Err, l.spec.Name)
		}
		return kafka(fmt.Errorf("read %s/%d: %w", e.Topic, e.Partition, e.Err))
	}
	return nil
}

// work runs each batch in its task, all at once. Nothing is produced and nothing but memory is changed.
func (l *lane) work(ctx context.Context, c *cycle, batches []batch) {
	errs := make([]error, len(batches))
	var group sync.WaitGroup
	for i, b := range batches {
		c.records += len(b.records)
		w, err := l.workOf(c, b.place)
		if err != nil {
			errs[i] = err
			continue
		}
		if i == len(batches)-1 {
			errs[i] = w.run(ctx, b.records) // the last one here
			break
		}
		group.Go(func() { errs[i] = w.run(ctx, b.records) })
	}
	group.Wait()
	c.bytes = 0
	for _, w := range c.works {
		c.bytes += w.bytes
	}
	if c.records > 0 {
		l.perRecord = c.bytes / c.records
	}
	c.cause = errors.Join(fatalFirst(errs)...)
}

// workOf gives the work of a place in this cycle.
func (l *lane) workOf(c *cycle, at place) (*work, error) {
	for _, w := range c.works {
		if w.task.place == at {
			return w, nil
		}
	}
	t := l.tasks[at]
	if t == nil || t.Task == nil {
		return nil, fault.Retry(fmt.Errorf("%s/%d was read before it was taken over", at.topic, at.partition))
	}
	if t.work == nil {
		t.work = &work{stage: l.stage, topo: &l.topo, task: t}
	}
	t.work.clear()
	t.work.records = t.work.records[:0]
	c.works = append(c.works, t.work)
	return t.work, nil
}

// seal ends what each task has to say.
func (l *lane) seal(ctx context.Context, c *cycle, now time.Time) error {
	errs := make([]error, len(c.works))
	var group sync.WaitGroup
	for i, w := range c.works {
		group.Go(func() { errs[i] = w.seal(ctx, now) })
	}
	group.Wait()
	return errors.Join(fatalFirst(errs)...)
}

// fatalFirst puts fatal errors first, since the outermost mark in a chain decides.
func fatalFirst(errs []error) []error {
	for _, err := range errs {
		if err != nil && fault.Of(err) == fault.Fatal {
			return []error{err}
		}
	}
	return errs
}

// produce sends what the tasks said, their dead letters, and their changes, one record a changed key. It returns when all
// of it is acknowledged.
func (l *lane) produce(ctx context.Context, c *cycle) error {
	sent := newReceipts()
	acknowledge := sent.acknowledge // one function for all
	for _, w := range c.works {
		for _, r := range w.out {
			l.sess.Produce(ctx, r, acknowledge)
		}
	}
	if err := l.sess.Barrier(ctx); err != nil {
		return kafka(fmt.Errorf("flush what is said: %w", err))
	}
	if err := sent.fault(); err != nil {
		return err
	}
	for _, w := range c.works {
		for _, r := range w.changed() {
			c.noted = true
			l.sess.Produce(ctx, r, acknowledge)
		}
	}
	if l.crashes("produced") {
		return errCrashed
	}
	if err := l.sess.Client().Flush(ctx); err != nil {
		return kafka(fmt.Errorf("flush: %w", err))
	}
	if l.crashes("flushed") {
		return errCrashed
	}
	for _, w := range c.works {
		w.next = sent.next(place{l.changelog, w.task.partition})
	}
	return sent.err
}

// receipts collects what the brokers acknowledge.
type receipts struct {
	mu   sync.Mutex
	last map[place]int64
	err  error
}

func newReceipts() *receipts { return &receipts{last: map[place]int64{}} }

func (s *receipts) acknowledge(r *kgo.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = cmp.Or(s.err, kafka(fmt.Errorf("write to %s/%d: %w", r.Topic, r.Partition, err)))
		return
	}
	at := place{r.Topic, r.Partition}
	s.last[at] = max(s.last[at], r.Offset)
}

// fault is the first write that failed so far.
func (s *receipts) fault() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// next is the offset behind the last record written to a partition, 0 where none was.
func (s *receipts) next(at place) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := s.last[at]
	if !ok {
		return 0
	}
	return last + 1
}
