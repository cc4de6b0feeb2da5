package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/avro"
	"waybill/processors/stream"
)

// Keys of what a changelog holds beside state. No state key begins with a zero byte.
const (
	fenceKey    = "\x00fence"
	snapshotKey = "\x00snapshot" // of avro.Snapshot
	sealKey     = "\x00cycle"    // behind the changes of a cycle that is no transaction
)

// takeOver fences what was assigned and starts to restore it.
//
// The fence is a changelog record in a transaction of its own. When it can be read by a reader of committed records, every
// transaction before it has ended, those of a predecessor that only seems dead included: what is read up to the fence is all
// there is. Going by the last stable offset instead loses what another's open transaction hides [measured].
func (l *lane) takeOver(ctx context.Context) error {
	if l.crashes("assigned") {
		return errCrashed
	}
	ctx, stop := l.finish(ctx)
	defer stop()
	if err := l.known(l.wanted); err != nil {
		return err
	}
	wanted, err := l.confirmed(ctx)
	if err != nil || len(wanted) == 0 {
		return err
	}
	offsets, err := l.stableOffsets(ctx, wanted)
	if err != nil || len(offsets) == 0 {
		return err // none is stable yet: a predecessor's transaction is about to end
	}
	if err := l.remembered(ctx, offsets); err != nil {
		return err
	}
	fences, err := l.fence(ctx, offsets)
	if err != nil || fences == nil {
		return err
	}
	if l.crashes("fenced") {
		return errCrashed
	}
	for at := range offsets {
		t := &task{place: at, next: offsets[at]}
		l.stage.tasks.Add(1)
		l.restoring(ctx, t, fences.next(place{l.changelog, at.partition})-1)
		l.tasks[at] = t
		l.wanted = slices.DeleteFunc(l.wanted, func(p place) bool { return p == at })
	}
	l.stats.tasks.Store(int64(len(l.tasks)))
	return nil
}

// remembered refuses a changelog that was made anew. Before the group's offset of a partition is first committed there is a fence
// in its changelog; where there never was a record and the offset is behind the beginning, state is lost, and to go on without it
// would say again what was said, and charge again what was charged.
func (l *lane) remembered(ctx context.Context, offsets map[place]int64) error {
	inbox := string(l.spec.Inboxes[0].Name)
	ends, err := l.adm.ListEndOffsets(ctx, l.changelog)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return kafka(fmt.Errorf("list end offsets of %s: %w", l.changelog, err))
	}
	starts, err := l.adm.ListStartOffsets(ctx, inbox)
	if err == nil {
		err = starts.Error() // of a partition whose leader moves the offset is -1, which is not its beginning
	}
	if err != nil {
		return kafka(fmt.Errorf("list start offsets of %s: %w", inbox, err))
	}
	for _, at := range slices.SortedFunc(maps.Keys(offsets), place.compare) {
		start, _ := starts.Lookup(inbox, at.partition)
		if end, ok := ends.Lookup(l.changelog, at.partition); ok && end.Offset == 0 && offsets[at] > start.Offset {
			return fmt.Errorf("changelog %s/%d is empty, and group %s has worked on %s/%d up to offset %d: the changelog was made anew and the state is lost with it. Bring the topic back as it was; or, to build the state anew from what the inbox still holds and to say all of it again, delete the group",
				l.changelog, at.partition, l.cfg.Group(l.spec.Name), at.topic, at.partition, offsets[at])
		}
	}
	return nil
}

// fence writes a fence for each place. It gives nil where a rebalance undid them: they are tried again in the next cycle.
func (l *lane) fence(ctx context.Context, offsets map[place]int64) (*receipts, error) {
	if err := l.sess.Begin(); err != nil {
		return nil, kafka(fmt.Errorf("begin fence: %w", err))
	}
	fences := newReceipts()
	value := (&avro.Fence{Member: l.cfg.Instance, Partitions: l.topo.partitions[l.changelog]}).Append(nil)
	for at := range offsets {
		l.sess.Produce(ctx, &kgo.Record{Topic: l.changelog, Partition: at.partition, Key: []byte(fenceKey), Value: value}, fences.acknowledge)
	}
	if err := l.sess.Client().Flush(ctx); err != nil {
		return nil, kafka(fmt.Errorf("flush fence: %w", err))
	}
	if l.crashes("fencing") {
		return nil, errCrashed
	}
	committed, err := l.sess.End(ctx, fences.err == nil, l.gate(offsets))
	if err != nil {
		return nil, kafka(fmt.Errorf("end fence: %w", err))
	}
	if !committed {
		l.stats.aborts.Add(1)
		return nil, l.again(fences.err)
	}
	l.stats.commits.Add(1)
	return fences, nil
}

// gate commits the offsets that are committed already once more, with the fence: the broker refuses that to a member that was
// put out of the group.
func (l *lane) gate(offsets map[place]int64) *gate {
	inbox := string(l.spec.Inboxes[0].Name)
	g := &gate{topic: inbox, id: l.topo.ids[inbox], offsets: map[int32]int64{}}
	for at, offset := range offsets {
		g.offsets[at.partition] = offset
	}
	return g
}

// stableOffsets gives the committed offset of each place that has no transaction open over it, and the start of the log
// where none was ever committed.
func (l *lane) stableOffsets(ctx context.Context, of []place) (map[place]int64, error) {
	inbox := string(l.spec.Inboxes[0].Name)
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = l.cfg.Group(l.spec.Name)
	t := kmsg.NewOffsetFetchRequestGroupTopic()
	t.Topic, t.TopicID = inbox, l.topo.ids[inbox]
	for _, at := range of {
		t.Partitions = append(t.Partitions, at.partition)
	}
	group.Topics = append(group.Topics, t)
	req.Groups = append(req.Groups, group)
	res, err := req.RequestWith(ctx, l.sess.Client())
	if err != nil {
		return nil, kafka(fmt.Errorf("fetch offsets of %s: %w", group.Group, err))
	}
	if len(res.Groups) != 1 || len(res.Groups[0].Topics) != 1 {
		return nil, kafka(fmt.Errorf("fetch offsets of %s: the broker answered for %d groups", group.Group, len(res.Groups)))
	}
	if err := kerr.ErrorForCode(res.Groups[0].ErrorCode); err != nil {
		return nil, kafka(fmt.Errorf("fetch offsets of %s: %w", group.Group, err))
	}
	starts, err := l.adm.ListStartOffsets(ctx, inbox)
	if err != nil {
		return nil, kafka(fmt.Errorf("list start offsets of %s: %w", inbox, err))
	}
	offsets := map[place]int64{}
	for _, p := range res.Groups[0].Topics[0].Partitions {
		err := kerr.ErrorForCode(p.ErrorCode)
		if errors.Is(err, kerr.UnstableOffsetCommit) {
			continue
		}
		start, ok := starts.Lookup(inbox, p.Partition)
		if err == nil && ok {
			err = start.Err
		}
		if err != nil {
			return nil, kafka(fmt.Errorf("fetch offset of %s/%d: %w", inbox, p.Partition, err))
		}
		offsets[place{inbox, p.Partition}] = p.Offset
		if p.Offset < 0 {
			offsets[place{inbox, p.Partition}] = start.Offset
		}
	}
	return offsets, nil
}

// stateless makes a task of a stage that keeps nothing.
func (l *lane) stateless(at place) (*task, error) {
	st, err := l.spec.NewTask(stream.Nothing{})
	l.stage.tasks.Add(1)
	return &task{place: at, Task: st}, err
}

// rewind takes a task that has no undoing but to restore to where the last commit left it, and lets the others go on meanwhile.
func (l *lane) rewind(ctx context.Context, t *task) {
	t.Task, t.work = nil, nil
	l.sess.Client().PauseFetchPartitions(t.place.only())
	l.restoring(ctx, t, nothingNew)
}

// admit lets the tasks whose restore is over take part.
func (l *lane) admit() error {
	restoring := 0
	for at, t := range l.tasks {
		if t.Task != nil {
			continue
		}
		if !t.restore.over() {
			restoring++
			continue
		}
		if t.restore.err != nil {
			return t.restore.err
		}
		t.Task, t.store, t.snapshot.at = t.restore.task, t.restore.store, time.Now()
		l.resume(at)
	}
	l.stats.tasks.Store(int64(len(l.tasks)))
	l.stats.restoring.Store(int64(restoring + len(l.wanted)))
	return nil
}

// only is the place as the client takes it.
func (p place) only() map[string][]int32 { return map[string][]int32{p.topic: {p.partition}} }

// closeTask ends a task. A flush spares the next start what it would read from the changelog.
func (l *lane) closeTask(t *task, flush bool) error {
	if t.restore != nil {
		t.restore.stop()
		t.store = t.restore.store
	}
	l.stage.tasks.Add(-1)
	if t.store == nil {
		return nil
	}
	var err error
	if flush {
		err = t.store.Flush()
	}
	if err = errors.Join(err, t.store.Close()); err != nil {
		return fmt.Errorf("close state of %s/%d: %w", t.topic, t.partition, err)
	}
	return nil
}
