package states

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/runtime"
	"waybill/processors/state"
	"waybill/processors/stream"
)

// Against says what state is held against beside itself.
type Against struct {
	Client *kgo.Client // nil: itself alone
	Kafka  []kgo.Opt   // how to reach the brokers
	Most   int         // differences to list; all are counted
}

// Report is what came of a comparison.
type Report struct {
	Partitions  []Verified   `json:"partitions"`
	Differences []Difference `json:"differences"` // the first of them
}

// Verified is one partition's part of it.
type Verified struct {
	Stage       string `json:"stage"`
	Partition   int32  `json:"partition"`
	Keys        int64  `json:"keys"`                   // looked at here
	Compared    int64  `json:"compared"`               // with the changelog
	Later       int64  `json:"changed_later"`          // not compared: changed behind the checkpoint, maybe by another instance
	Differences int64  `json:"differences"`            //
	Useless     string `json:"not_compared,omitempty"` // why the next start would not use this state
}

// Difference is something that is not as it should be.
type Difference struct {
	Stage     string `json:"stage"`
	Partition int32  `json:"partition"`
	Store     string `json:"store"`
	Key       string `json:"key"`
	Entry     string `json:"entry,omitempty"`
	What      string `json:"what"`
}

// Faults is how many differences there are.
func (r Report) Faults() (n int64) {
	for _, p := range r.Partitions {
		n += p.Differences
	}
	return n
}

// Err is nil where everything was compared, and nothing differs.
func (r Report) Err() error {
	differ, useless := 0, 0
	for _, p := range r.Partitions {
		if p.Differences > 0 {
			differ++
		}
		if p.Useless != "" && p.Useless != blank { // where nothing is, nothing differs
			useless++
		}
	}
	switch {
	case differ > 0:
		return fmt.Errorf("state differs in %d places in %d of %d partitions: delete their directories, and the next start restores them from the changelog", r.Faults(), differ, len(r.Partitions))
	case useless > 0:
		return fmt.Errorf("%d of %d partitions could not be compared", useless, len(r.Partitions))
	}
	return nil
}

// Verify compares the state of a stage with itself and, where there is a client, with the committed changelog up to the
// checkpoint.
func (d Disk) Verify(ctx context.Context, stage string, with Against) (r Report, err error) {
	infos, err := d.stores(stage, "")
	if err != nil {
		return r, err
	}
	open, err := d.open(stage)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, closeAll(open)) }()
	var logs []runtime.Log
	if with.Client != nil {
		if logs, err = runtime.DescribeChangelog(ctx, with.Client, d.App, stage); err != nil {
			return r, err
		}
	}
	for _, o := range open {
		c := &comparison{Disk: d, ctx: ctx, with: with, at: o, infos: byName(infos), report: &r, Verified: Verified{Stage: stage, Partition: o.Partition}}
		if err := c.run(logs); err != nil {
			return r, fmt.Errorf("verify %s: %w", o.Dir, err)
		}
		r.Partitions = append(r.Partitions, c.Verified)
	}
	return r, nil
}

func byName(infos []stream.StoreInfo) map[string]stream.StoreInfo {
	out := map[string]stream.StoreInfo{}
	for _, i := range infos {
		out[i.Name] = i
	}
	return out
}

// comparison is of one partition.
type comparison struct {
	Disk
	Verified
	ctx        context.Context
	with       Against
	at         *opened
	checkpoint state.Checkpoint
	infos      map[string]stream.StoreInfo
	report     *Report
}

func (c *comparison) run(logs []runtime.Log) (err error) {
	var ok bool
	if c.checkpoint, ok, err = c.at.Checkpoint(); err != nil {
		return err
	}
	if !ok {
		c.Useless = blank
		return nil
	}
	if err := c.self(); err != nil || c.with.Client == nil {
		return err
	}
	if int(c.at.Partition) >= len(logs) {
		c.Useless = fmt.Sprintf("the changelog has %d partitions", len(logs))
		return nil
	}
	log := logs[c.at.Partition]
	if c.Useless = c.checkpoint.Stale(log.Changelog, time.Now()); c.Useless != "" {
		return nil
	}
	return c.changelog(log)
}

// differs notes a difference.
func (c *comparison) differs(key []byte, format string, args ...any) {
	c.Differences++
	if len(c.report.Differences) >= c.with.Most {
		return
	}
	d := Difference{Stage: c.Stage, Partition: c.Partition, What: fmt.Sprintf(format, args...)}
	if k, err := stream.ParseKey(key); err == nil {
		d.Store, d.Key, d.Entry = k.Store, k.Scope, k.Entry
	} else {
		d.Key = fmt.Sprintf("%q", key)
	}
	c.report.Differences = append(c.report.Differences, d)
}
