package runtime

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Behind is how far a reader is behind in one partition.
type Behind struct {
	Group     string
	Topic     string
	Partition int32
	// Records is how many offsets lie from the oldest record not yet worked on to the last stable one. Markers of transactions
	// in between are counted; where no record is left it is 0, whatever markers are.
	Records int64
	Oldest  time.Time // the append time of that record; zero where none is left, or where it could not be read in time
}

// firstWithin is how long the first records of partitions are looked for. What is not found by then has no age: a broker
// that is down must not stop the others' figures.
const firstWithin = 5 * time.Second

// Behind looks at every partition that wanted says yes to. Of each that has anything left it reads the first record, to
// know its age, and nothing else.
func (p *Probe) Behind(ctx context.Context, wanted func(group, topic string, partition int32) bool) ([]Behind, error) {
	var all []Behind
	for _, r := range p.readers {
		some, err := p.behind(ctx, r, wanted)
		if err != nil {
			return nil, fmt.Errorf("lag of %s: %w", r.Group, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func (p *Probe) behind(ctx context.Context, r Reader, wanted func(group, topic string, partition int32) bool) ([]Behind, error) {
	gaps, all, err := p.wantedGaps(ctx, r, wanted)
	if err != nil {
		return nil, err
	}
	firsts, err := p.firsts(ctx, gaps)
	if err != nil {
		return nil, err
	}
	out := make([]Behind, 0, len(all))
	for _, at := range all {
		b := Behind{Group: r.Group, Topic: at.topic, Partition: at.partition}
		if g, ok := gaps[at]; ok {
			f := firsts[at]
			b.Records, b.Oldest = g.to-max(g.from, f.offset), f.at
		}
		out = append(out, b)
	}
	return out, nil
}

// wantedGaps gives what is wanted of the reader's partitions, in order, and the gaps of those that have one.
func (p *Probe) wantedGaps(ctx context.Context, r Reader, wanted func(group, topic string, partition int32) bool) (map[place]gap, []place, error) {
	gaps, _, err := p.gaps(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	topics, err := p.adm.ListTopics(ctx, names(r.Topics)...)
	if err != nil {
		return nil, nil, fmt.Errorf("list topics: %w", err)
	}
	var all []place
	for _, t := range topics {
		for n := range t.Partitions {
			if wanted(r.Group, t.Topic, n) {
				all = append(all, place{t.Topic, n})
			} else {
				delete(gaps, place{t.Topic, n})
			}
		}
	}
	slices.SortFunc(all, func(a, b place) int { return a.compare(b) })
	return gaps, all, nil
}

// first is the first record in a gap. Its offset is the gap's end where there is none.
type first struct {
	offset int64
	at     time.Time
}

// firsts reads the gaps until each has shown a record or its end. Fetches are small: one batch of a partition is enough.
func (p *Probe) firsts(ctx context.Context, gaps map[place]gap) (map[place]first, error) {
	found := map[place]first{}
	if len(gaps) == 0 {
		return found, nil
	}
	client, err := p.reader(gaps, kgo.FetchMaxPartitionBytes(16<<10), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	look, cancel := context.WithTimeout(ctx, firstWithin)
	defer cancel()
	for len(found) < len(gaps) {
		fetches := client.PollFetches(look)
		if look.Err() != nil {
			return found, ctx.Err()
		}
		if err := firstFault(fetches); err != nil {
			return nil, fmt.Errorf("read the first records left: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			g, ok := gaps[at]
			if _, known := found[at]; known || !ok {
				return
			}
			switch {
			case r.Offset < g.to && !r.Attrs.IsControl():
				found[at] = first{r.Offset, r.Timestamp}
			case r.Offset+1 >= g.to:
				found[at] = first{offset: g.to}
			}
		})
	}
	return found, nil
}

// reader is a client that reads the gaps, markers included: behind the last record a marker may be all there is to see.
func (p *Probe) reader(gaps map[place]gap, more ...kgo.Opt) (*kgo.Client, error) {
	from := map[string]map[int32]kgo.Offset{}
	for at, g := range gaps {
		if from[at.topic] == nil {
			from[at.topic] = map[int32]kgo.Offset{}
		}
		from[at.topic][at.partition] = kgo.NewOffset().At(g.from)
	}
	client, err := kgo.NewClient(slices.Concat(p.opts, more, []kgo.Opt{
		kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords()})...)
	if err != nil {
		return nil, fmt.Errorf("make Kafka client: %w", err)
	}
	return client, nil
}
