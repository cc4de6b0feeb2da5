package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/state"
	"waybill/processors/stream"
	"waybill/topics"
)

// Log is a partition of a stage's changelog, for those who look at state from outside of the engine.
type Log struct {
	state.Changelog
	Committed int64 // offset up to which no transaction is open

	topic     string
	partition int32
}

// Entry is a changelog record.
type Entry struct {
	Offset   int64
	Change   stream.Change   // without a key where it is a fence or the end of a snapshot
	Snapshot avro.Opt[int64] // inbox offset that is contained in the state so far
}

// NoSnapshot is that offset where none was taken yet.
const NoSnapshot = noSnapshot

// DescribeChangelog asks the brokers for the partitions of a stage's changelog, by number. It waits until no transaction is open over what
// is there: of one that its producer ended, markers may be under way.
func DescribeChangelog(ctx context.Context, client *kgo.Client, app, stage string) ([]Log, error) {
	adm, topic := kadm.NewClient(client), string(topics.Changelog(app, stage, 0).Name)
	listed, err := adm.ListTopics(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("look for changelog %s: %w", topic, err)
	}
	tombstones, err := deleteRetention(ctx, adm, topic, 24*time.Hour)
	if err != nil {
		return nil, err
	}
	starts, err := offsets(adm.ListStartOffsets(ctx, topic))
	if err != nil {
		return nil, err
	}
	ends, err := offsets(adm.ListEndOffsets(ctx, topic))
	if err != nil {
		return nil, err
	}
	stable, err := settled(ctx, adm, topic, ends)
	if err != nil {
		return nil, err
	}
	logs := make([]Log, len(listed[topic].Partitions))
	for p := range logs {
		at := func(of kadm.ListedOffsets) int64 { o, _ := of.Lookup(topic, int32(p)); return o.Offset }
		logs[p] = Log{
			Changelog: state.Changelog{Topic: listed[topic].ID, Of: int32(len(logs)), Start: at(starts), End: at(ends), Tombstones: tombstones},
			Committed: at(stable), topic: topic, partition: int32(p),
		}
	}
	return logs, nil
}

// settled gives the offsets up to which no transaction is open, once that is so up to the ends.
func settled(ctx context.Context, adm *kadm.Client, topic string, ends kadm.ListedOffsets) (kadm.ListedOffsets, error) {
	for asked, pause := time.Now(), time.Millisecond; ; pause = min(2*pause, time.Second) {
		stable, err := offsets(adm.ListCommittedOffsets(ctx, topic))
		if err != nil {
			return nil, err
		}
		var open []string
		ends.Each(func(end kadm.ListedOffset) {
			if o, _ := stable.Lookup(topic, end.Partition); o.Offset < end.Offset {
				open = append(open, fmt.Sprintf("%d@%d", end.Partition, o.Offset))
			}
		})
		if len(open) == 0 {
			return stable, ctx.Err()
		}
		if time.Since(asked) > silence {
			slices.Sort(open)
			return nil, fmt.Errorf("a transaction has been open over %s for %s, at %s: wait until its producer ends it or the transaction timeout does", topic, silence, strings.Join(open, ", "))
		}
		sleep(ctx, pause)
	}
}

func offsets(listed kadm.ListedOffsets, err error) (kadm.ListedOffsets, error) {
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	return listed, nil
}

// silence is how long a broker may keep a reader of what is there waiting.
const silence = 30 * time.Second

// Read hands over what is committed, all of it, in order, whole cycles only; opts say how to reach the brokers.
func (l Log) Read(ctx context.Context, opts []kgo.Opt, each func(Entry) error) error {
	if l.Start >= l.Committed {
		return nil
	}
	client, err := kgo.NewClient(append(slices.Clone(opts),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.topic: {l.partition: kgo.NewOffset().At(l.Start)}}),
		kgo.FetchIsolationLevel(restoreIsolation), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)...)
	if err != nil {
		return fmt.Errorf("make Kafka client: %w", err)
	}
	defer client.Close()
	var whole []*kgo.Record
	cycles := cycles{whole: func(r *kgo.Record) { whole = append(whole, r) }}
	for next := l.Start; next < l.Committed; {
		records, err := l.poll(ctx, client)
		if err != nil {
			return fmt.Errorf("read %s/%d from %d, to %d: %w", l.topic, l.partition, next, l.Committed, err)
		}
		for _, r := range records {
			next = r.Offset + 1
			if r.Attrs.IsControl() || r.Offset >= l.Committed {
				continue
			}
			if cycles.take(r); string(r.Key) == fenceKey || string(r.Key) == snapshotKey {
				whole = append(whole, r)
			}
		}
		for _, r := range whole {
			e, err := entry(r)
			if err == nil {
				err = each(e)
			}
			if err != nil {
				return err
			}
		}
		whole = whole[:0]
	}
	return nil
}

func (l Log) poll(ctx context.Context, client *kgo.Client) ([]*kgo.Record, error) {
	patience, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	fetches := client.PollFetches(patience)
	if patience.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("nothing came for %s: is it compacted or are brokers lost at this moment? Try again", silence)
	}
	return fetches.Records(), errors.Join(fetches.Err0(), firstFault(fetches), ctx.Err())
}

func entry(r *kgo.Record) (Entry, error) {
	e := Entry{Offset: r.Offset}
	switch string(r.Key) {
	case fenceKey:
	case snapshotKey:
		var s avro.Snapshot
		if err := s.Decode(r.Value); err != nil {
			return e, fmt.Errorf("read the snapshot at %s: %w", at(r), err)
		}
		e.Snapshot = avro.Some(s.Input)
	default:
		e.Change = stream.Change{Key: r.Key, Value: r.Value}
	}
	return e, nil
}
