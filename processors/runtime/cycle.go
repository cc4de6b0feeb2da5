package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics/fault"
)

// batch is what a cycle read of one partition.
type batch struct {
	place
	records []*kgo.Record
}

// poll reads until the commit interval is over or the cycle is full. Batches are in order of their places.
func (l *lane) poll(ctx context.Context) ([]batch, error) {
	until, cancel := context.WithTimeout(ctx, l.cfg.CommitInterval)
	defer cancel()
	read := map[place][]*kgo.Record{}
	for n, bytes := 0, 0; until.Err() == nil && n < l.cfg.CycleRecords && bytes < l.cfg.CycleBytes; {
		fetches := l.sess.PollRecords(until, l.cfg.CycleRecords-n)
		if err := l.fetchFault(fetches); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			read[at] = append(read[at], r)
			n++
			bytes += len(r.Key) + len(r.Value)
		})
	}
	batches := make([]batch, 0, len(read))
	for at, records := range read {
		batches = append(batches, batch{at, records})
	}
	slices.SortFunc(batches, func(a, b batch) int { return a.compare(b.place) })
	return batches, nil
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.topic, q.topic), cmp.Compare(p.partition, q.partition))
}

func (l *lane) fetchFault(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		switch {
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
func (l *lane) work(ctx context.Context, batches []batch) ([]*work, error) {
	done := make([]*work, len(batches))
	errs := make([]error, len(batches))
	var group sync.WaitGroup
	for i, b := range batches {
		t := l.tasks[b.place]
		if t == nil || t.Task == nil {
			return nil, fault.Retry(fmt.Errorf("%s/%d was read before it was taken over", b.topic, b.partition))
		}
		done[i] = &work{stage: l.stage, topo: &l.topo, task: t}
	}
	for i, b := range batches {
		group.Go(func() { errs[i] = done[i].run(ctx, b.records) })
	}
	group.Wait()
	if l.crashes("processed") {
		return done, errCrashed
	}
	return done, errors.Join(fatalFirst(errs)...)
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
func (l *lane) produce(ctx context.Context, done []*work) error {
	sent := newReceipts()
	for _, w := range done {
		for _, r := range w.out {
			l.sess.Produce(ctx, r, sent.acknowledge)
		}
		for _, r := range w.letters {
			l.sess.Produce(ctx, r, sent.acknowledge)
		}
		for _, c := range w.changes {
			l.sess.Produce(ctx, &kgo.Record{Topic: l.changelog, Partition: w.task.partition, Key: c.Key, Value: c.Value}, sent.acknowledge)
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
	for _, w := range done {
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
