package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/stream"
	"waybill/topics"
)

// Reader is a consumer group and the topics it reads.
type Reader struct {
	Group  string
	Topics []topics.Name
}

// Readers are the stages' groups.
func (c Config) Readers(specs ...stream.Spec) []Reader {
	var all []Reader
	for _, s := range specs {
		r := Reader{Group: c.Group(s.Name)}
		for _, in := range s.Inboxes {
			r.Topics = append(r.Topics, in.Name)
		}
		all = append(all, r)
	}
	return all
}

// Lag is how far a reader is behind.
type Lag struct {
	Group   string
	Records int64 // committed records not yet worked on; past 10,000 a partition an estimate that counts markers too
	Open    int64 // offsets written by transactions that have not ended
}

// Probe looks at how far readers have come.
type Probe struct {
	opts    []kgo.Opt
	client  *kgo.Client
	adm     *kadm.Client
	readers []Reader
}

// NewProbe makes a probe; opts say how to reach the brokers, seeds included.
func NewProbe(opts []kgo.Opt, readers ...Reader) (*Probe, error) {
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("make Kafka client: %w", err)
	}
	return &Probe{opts: opts, client: client, adm: kadm.NewClient(client), readers: readers}, nil
}

// Close ends the probe's connections.
func (p *Probe) Close() { p.client.Close() }

// Lags looks at every reader once, in their order.
//
// The broker's figures are not enough: behind the last record of a transaction stands its marker, which no reader ever
// commits, so that high-water mark less committed offset is never zero. What lies between is read, where it is little.
func (p *Probe) Lags(ctx context.Context) ([]Lag, error) {
	var lags []Lag
	for _, r := range p.readers {
		lag, err := p.lag(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("lag of %s: %w", r.Group, err)
		}
		lags = append(lags, lag)
	}
	return lags, nil
}

// Quiet says whether nothing is left to do: every reader has worked on everything, no transaction is open, and nothing was
// written from before the first look to after the last.
func (p *Probe) Quiet(ctx context.Context) (bool, error) {
	before, err := p.ends(ctx)
	if err != nil {
		return false, err
	}
	lags, err := p.Lags(ctx)
	if err != nil {
		return false, err
	}
	for _, l := range lags {
		if l.Records > 0 || l.Open > 0 {
			return false, nil
		}
	}
	after, err := p.ends(ctx)
	return err == nil && maps.Equal(before, after), err
}

// WaitQuiet looks every so often until nothing is left to do.
func (p *Probe) WaitQuiet(ctx context.Context, every time.Duration) error {
	for {
		quiet, err := p.Quiet(ctx)
		if err != nil || quiet {
			return err
		}
		sleep(ctx, every)
		if ctx.Err() != nil {
			return fmt.Errorf("wait until nothing is left to do: %w", ctx.Err())
		}
	}
}

func (p *Probe) ends(ctx context.Context) (map[place]int64, error) {
	ends := map[place]int64{}
	for _, r := range p.readers {
		listed, err := p.adm.ListEndOffsets(ctx, names(r.Topics)...)
		if err == nil {
			err = listed.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("list end offsets for %s: %w", r.Group, err)
		}
		listed.Each(func(o kadm.ListedOffset) { ends[place{o.Topic, o.Partition}] = o.Offset })
	}
	return ends, nil
}

// gap is what lies between what a reader committed and what it could read.
type gap struct{ from, to int64 }

// peek is how many offsets of a partition are read to tell records from markers.
const peek = 10_000

func (p *Probe) lag(ctx context.Context, r Reader) (Lag, error) {
	lag := Lag{Group: r.Group}
	gaps, open, err := p.gaps(ctx, r)
	if err != nil {
		return lag, err
	}
	lag.Open = open
	for at, g := range gaps {
		if g.to-g.from > peek {
			lag.Records += g.to - g.from
			delete(gaps, at)
		}
	}
	n, err := p.count(ctx, gaps)
	lag.Records += n
	return lag, err
}

func (p *Probe) gaps(ctx context.Context, r Reader) (gaps map[place]gap, open int64, err error) {
	names := names(r.Topics)
	committed, err := p.adm.FetchOffsets(ctx, r.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // not found: it has not begun
		return nil, 0, fmt.Errorf("fetch offsets: %w", err)
	}
	var listed [3]kadm.ListedOffsets
	for i, list := range []func(context.Context, ...string) (kadm.ListedOffsets, error){p.adm.ListStartOffsets, p.adm.ListCommittedOffsets, p.adm.ListEndOffsets} {
		listed[i], err = list(ctx, names...)
		if err == nil {
			err = listed[i].Error()
		}
		if err != nil {
			return nil, 0, fmt.Errorf("list offsets: %w", err)
		}
	}
	gaps = map[place]gap{}
	listed[0].Each(func(start kadm.ListedOffset) {
		stable, _ := listed[1].Lookup(start.Topic, start.Partition)
		end, _ := listed[2].Lookup(start.Topic, start.Partition)
		open += max(end.Offset-stable.Offset, 0)
		from := start.Offset
		if c, ok := committed.Lookup(start.Topic, start.Partition); ok && c.Err == nil {
			from = max(from, c.At)
		}
		if from < stable.Offset {
			gaps[place{start.Topic, start.Partition}] = gap{from, stable.Offset}
		}
	})
	return gaps, open, nil
}

// count reads the gaps and counts the records in them that are committed and no markers.
func (p *Probe) count(ctx context.Context, gaps map[place]gap) (n int64, err error) {
	if len(gaps) == 0 {
		return 0, nil
	}
	client, err := p.reader(gaps)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	for len(gaps) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := firstFault(fetches); err != nil {
			return 0, fmt.Errorf("read what is left: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			g, ok := gaps[at]
			if ok && !r.Attrs.IsControl() && r.Offset < g.to {
				n++
			}
			if r.Offset+1 >= g.to {
				delete(gaps, at)
			}
		})
	}
	return n, nil
}
