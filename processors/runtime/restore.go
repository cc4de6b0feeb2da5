package runtime

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/state"
	"waybill/processors/stream"
)

// restore brings one task to where committed work ended, in a goroutine of its own: its store up to the fence from the changelog, and, where
// the stage takes snapshots, what came after the last of them from the inbox.
type restore struct {
	*stage
	topo    *topology
	place   place        // of the inbox
	store   *state.Store // once it is open
	fence   int64        // changelog offset, or nothingNew
	next    int64        // inbox offset where committed work ended
	careful bool
	seen    progress
	reached atomic.Pointer[Progress]

	cancel context.CancelFunc
	done   chan struct{}
	task   *stream.Task // once done
	err    error
}

// nothingNew in the place of a fence says that the store has all of the changelog.
const nothingNew = -1

// restoring starts to restore a task.
func (l *lane) restoring(ctx context.Context, t *task, fence int64) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &restore{
		stage: l.stage, topo: &l.topo, place: t.place, store: t.store, fence: fence, next: t.next, careful: t.careful,
		cancel: cancel, done: make(chan struct{}),
	}
	t.restore = r
	go func() { // waited for by stop
		defer close(r.done)
		r.err = r.run(ctx)
	}()
}

// progress is how far it is; nothing before it knows what there is to do.
func (r *restore) progress() Progress {
	if p := r.reached.Load(); p != nil {
		return *p
	}
	return Progress{Stage: r.spec.Name, Partition: r.place.partition}
}

func (r *restore) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *restore) stop() {
	r.cancel()
	<-r.done
}

func (r *restore) run(ctx context.Context) (err error) {
	if r.store == nil {
		if r.store, err = r.disk.Open(state.ID{App: r.cfg.App, Stage: r.spec.Name, Topic: r.place.topic, Partition: r.place.partition}); err != nil {
			return err
		}
	}
	client, err := kgo.NewClient(r.clientOptions()...)
	if err != nil {
		return fmt.Errorf("make Kafka client: %w", err)
	}
	defer client.Close()
	adm := kadm.NewClient(client)
	r.seen = progress{restore: r, begun: time.Now(), told: time.Now()}
	defer func() { r.seen.tell(true) }()
	if r.fence != nothingNew {
		if err := r.inTurn(ctx, func() error { return r.catchUp(ctx, adm) }); err != nil {
			return err
		}
	}
	if r.task, err = r.spec.NewTask(r.store); err != nil {
		return err
	}
	if r.spec.Snapshots {
		err = r.replay(ctx, adm)
	}
	if err == nil {
		r.log.Info("restored", "partition", r.place.partition, "records", r.seen.done, "took", time.Since(r.seen.begun))
	}
	return err
}

// atOnce is how many tasks of a stage read their changelogs at the same time: as many as keep half of the processors busy. Each holds some of
// it in memory, and the first are at work sooner.
func atOnce() int { return max(2, goruntime.GOMAXPROCS(0)/2) }

func (r *restore) inTurn(ctx context.Context, f func() error) error {
	select {
	case r.restores <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.restores }()
	return f()
}

// catchUp reads the changelog from the checkpoint to the fence.
func (r *restore) catchUp(ctx context.Context, adm *kadm.Client) error {
	c, err := r.ground(ctx, adm)
	if err != nil {
		return err
	}
	behind := max(r.fence+1-c.Next, 0)
	r.seen.total += behind
	loading, err := r.store.Load(behind)
	if err != nil {
		return err
	}
	changed := c.Partly
	write := func() error {
		c.At, c.Partly = time.Now(), changed
		return loading.Write(c)
	}
	cycles := cycles{whole: func(rec *kgo.Record) { loading.Add(stream.Change{Key: rec.Key, Value: rec.Value}) }}
	err = r.read(ctx, r.changelog, c.Next, r.fence+1, func(records []*kgo.Record, next int64) error {
		before := loading.Len()
		for _, rec := range records {
			if err := r.note(rec, &c); err != nil {
				return err
			}
			cycles.take(rec)
		}
		r.stats.restored.Add(int64(loading.Len() - before))
		changed = changed || loading.Len() > 0
		c.Next = cycles.from(next)
		if loading.Full() {
			return write()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := write(); err != nil || !changed {
		return err
	}
	if err := r.store.Rederive(); err != nil {
		return err
	}
	c.Partly = false
	return r.store.Apply(nil, c)
}

// note takes in what a record says that is no state.
func (r *restore) note(rec *kgo.Record, c *state.Checkpoint) error {
	switch string(rec.Key) {
	case fenceKey:
		return r.laidOut(rec)
	case snapshotKey:
		var s avro.Snapshot
		if err := s.Decode(rec.Value); err != nil {
			return fmt.Errorf("read the snapshot at %s: %w", at(rec), err)
		}
		c.Input = s.Input
	}
	return nil
}

// ground gives where to read from, after wiping state that cannot be brought up to date.
func (r *restore) ground(ctx context.Context, adm *kadm.Client) (state.Checkpoint, error) {
	start, err := r.start(ctx, adm, r.changelog)
	if err != nil {
		return state.Checkpoint{}, err
	}
	fresh := state.Checkpoint{Topic: r.topo.ids[r.changelog], Of: r.topo.partitions[r.changelog], Next: start, Input: noSnapshot, At: time.Now()}
	c, ok, err := r.store.Checkpoint()
	if err != nil {
		return c, err
	}
	if !ok {
		return fresh, r.store.Wipe()
	}
	// The fence was written after whatever the checkpoint speaks of, so nothing of it may lie beyond.
	why := c.Stale(state.Changelog{Topic: r.topo.ids[r.changelog], Of: r.topo.partitions[r.changelog], Start: start, End: r.fence, Tombstones: r.topo.tombstones}, time.Now())
	if why == "" {
		return c, nil
	}
	r.log.Warn("local state is of no use and is restored from the beginning", "partition", r.place.partition, "why", why)
	return fresh, r.store.Wipe()
}

func (r *restore) start(ctx context.Context, adm *kadm.Client, topic string) (int64, error) {
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return 0, kafka(fmt.Errorf("list start offsets of %s: %w", topic, err))
	}
	start, _ := starts.Lookup(topic, r.place.partition)
	return start.Offset, nil
}

// restoreIsolation: read uncommitted, aborted changes came back to life for 272 of 400 keys [measured].
var restoreIsolation = kgo.ReadCommitted()

// read reads committed records from an offset to before another, and hands over those of each poll with the offset behind them.
func (r *restore) read(ctx context.Context, topic string, from, to int64, apply func(records []*kgo.Record, next int64) error) error {
	if from >= to {
		return nil
	}
	r.seen.move(0)
	// Control records are kept: behind the last record a marker may be all there is to see.
	client, err := kgo.NewClient(append(r.clientOptions(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {r.place.partition: kgo.NewOffset().At(from)}}),
		kgo.FetchIsolationLevel(restoreIsolation), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)...)
	if err != nil {
		return fmt.Errorf("make Kafka client: %w", err)
	}
	defer client.Close()
	for next := from; next < to; {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := errors.Join(fetches.Err0(), firstFault(fetches)); err != nil {
			return kafka(fmt.Errorf("read %s/%d: %w", topic, r.place.partition, err))
		}
		var records []*kgo.Record
		before := next
		fetches.EachRecord(func(rec *kgo.Record) {
			next = rec.Offset + 1
			if !rec.Attrs.IsControl() && rec.Offset < to {
				records = append(records, rec)
			}
		})
		if next == before {
			continue
		}
		// What another wrote behind the end is read and left out: the checkpoint must not speak of it.
		next = min(next, to)
		if err := apply(records, next); err != nil {
			return err
		}
		r.seen.move(next - before)
		if r.crashes("restored") {
			return errCrashed
		}
	}
	return nil
}

func firstFault(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		return e.Err
	}
	return nil
}

// tell says how far it is, and whether that is all.
func (p *progress) tell(over bool) Progress {
	now := Progress{Stage: p.spec.Name, Partition: p.place.partition, Done: p.done, Total: p.total, Took: time.Since(p.begun), Over: over}
	p.reached.Store(&now)
	p.deps.Restoring(now)
	return now
}

// progress tells how far a restore has come.
type progress struct {
	*restore
	done, total int64
	begun, told time.Time
}

func (p *progress) move(by int64) {
	p.done += by
	now := p.tell(false)
	if time.Since(p.told) > 5*time.Second {
		p.told = time.Now()
		p.log.Info("restoring", "partition", now.Partition, "done", now.Done, "of", now.Total, "left", now.Left().Round(time.Second))
	}
}
