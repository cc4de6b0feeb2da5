package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/cmd/internal/cluster"
	"waybill/topics"
)

// Scan reads every committed record that the topics hold now and calls visit with each; within a partition in order. The
// record is visit's until it returns.
func (l *Line) Scan(ctx context.Context, of []topics.Name, visit func(*kgo.Record) error) error {
	starts, err := kadm.NewClient(l.Client).ListStartOffsets(ctx, names(of)...)
	if err != nil {
		return fmt.Errorf("list the starts of topics: %w", err)
	}
	return l.scanFrom(ctx, of, func(topic string, partition int32) int64 {
		o, _ := starts.Lookup(topic, partition)
		return o.Offset
	}, visit)
}

// scanFrom reads from the given offsets to the last stable ones.
func (l *Line) scanFrom(ctx context.Context, of []topics.Name, from func(topic string, partition int32) int64, visit func(*kgo.Record) error) error {
	ends, err := kadm.NewClient(l.Client).ListCommittedOffsets(ctx, names(of)...)
	if err != nil {
		return fmt.Errorf("list the ends of topics: %w", err)
	}
	if err := ends.Error(); err != nil {
		return fmt.Errorf("list the ends of topics: %w", err)
	}
	last := map[string]map[int32]int64{} // offset of the last record of each partition that is still to come
	at := map[string]map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		start := from(end.Topic, end.Partition)
		if start >= end.Offset {
			return
		}
		if last[end.Topic] == nil {
			last[end.Topic], at[end.Topic] = map[int32]int64{}, map[int32]kgo.Offset{}
		}
		last[end.Topic][end.Partition] = end.Offset - 1
		at[end.Topic][end.Partition] = kgo.NewOffset().At(start)
	})
	if len(last) == 0 {
		return nil
	}
	return l.read(ctx, at, last, visit)
}

// read polls until every partition has shown its last record. Markers of transactions are asked for, because one of them
// may be the last; visit does not see them.
func (l *Line) read(ctx context.Context, at map[string]map[int32]kgo.Offset, last map[string]map[int32]int64, visit func(*kgo.Record) error) error {
	opts, err := cluster.Options(l.Config.Kafka)
	if err != nil {
		return err
	}
	reader, err := kgo.NewClient(append(opts, kgo.ConsumePartitions(at), kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer reader.Close()
	open := 0
	for _, partitions := range last {
		open += len(partitions)
	}
	for open > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read topics: %w", err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			end, waited := last[r.Topic][r.Partition]
			if !waited || r.Offset > end {
				continue // written since
			}
			if !r.Attrs.IsControl() {
				if err := visit(r); err != nil {
					return err
				}
			}
			if r.Offset == end {
				delete(last[r.Topic], r.Partition)
				open--
			}
		}
	}
	return nil
}

func names(of []topics.Name) []string {
	out := make([]string, len(of))
	for i, n := range of {
		out[i] = string(n)
	}
	return out
}
