package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics"
)

// Span is a stretch of one partition: the offsets from From up to To, without To.
type Span struct {
	Topic     string
	Partition int32
	From, To  int64
}

// Spans lists what the topics hold now for readers of committed records, empty partitions left out, in order.
func Spans(ctx context.Context, client *kgo.Client, of ...topics.Name) ([]Span, error) {
	var names []string
	for _, n := range of {
		names = append(names, string(n))
	}
	adm := kadm.NewClient(client)
	starts, err := adm.ListStartOffsets(ctx, names...)
	if err == nil {
		err = missing(starts.Error())
	}
	if err != nil {
		return nil, fmt.Errorf("list the starts of %v: %w", names, err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, names...)
	if err == nil {
		err = missing(ends.Error())
	}
	if err != nil {
		return nil, fmt.Errorf("list the ends of %v: %w", names, err)
	}
	var out []Span
	for _, end := range ends.Offsets().Sorted() {
		start, _ := starts.Lookup(end.Topic, end.Partition)
		if start.Offset < end.At {
			out = append(out, Span{end.Topic, end.Partition, start.Offset, end.At})
		}
	}
	return out, nil
}

// missing says what to do about a topic that is not there.
func missing(err error) error {
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("%w: create what is missing with `waybill topics apply`", err)
	}
	return err
}

// Scan calls visit with each committed record of the spans; within a partition in order. The record is visit's until it
// returns. Where a transaction is open behind a span's last record, Scan may wait for it to end.
func Scan(ctx context.Context, opts []kgo.Opt, spans []Span, visit func(*kgo.Record) error) error {
	if len(spans) == 0 {
		return nil
	}
	from := map[string]map[int32]kgo.Offset{}
	open := slices.Clone(spans)
	for _, s := range spans {
		if from[s.Topic] == nil {
			from[s.Topic] = map[int32]kgo.Offset{}
		}
		from[s.Topic][s.Partition] = kgo.NewOffset().At(s.From)
	}
	// Markers of transactions are asked for, because one of them may be all that there is at the end; visit does not see them.
	reader, err := kgo.NewClient(append(slices.Clone(opts), kgo.ConsumePartitions(from), kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer reader.Close()
	for len(open) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read topics: %w", err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			if open, err = show(open, it.Next(), visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// show visits a record of an open span and gives the spans that are open after it. Any record from the last offset on ends
// a span: where the last is an aborted one, readers see only what follows.
func show(open []Span, r *kgo.Record, visit func(*kgo.Record) error) ([]Span, error) {
	i := slices.IndexFunc(open, func(s Span) bool { return s.Topic == r.Topic && s.Partition == r.Partition })
	if i < 0 {
		return open, nil
	}
	s := open[i]
	if r.Offset < s.To && !r.Attrs.IsControl() {
		if err := visit(r); err != nil {
			return open, err
		}
	}
	if r.Offset >= s.To-1 {
		open = slices.Delete(open, i, i+1)
	}
	return open, nil
}
