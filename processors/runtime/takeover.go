package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
)

// Keys of what a changelog holds beside state. State of no key of its own begins with a zero byte too, and has a second one.
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
	if err := l.fenceAll(ctx, wanted); err != nil {
		return err
	}
	offsets, err := l.believed(ctx, wanted)
	if err != nil {
		return err
	}
	for at, next := range offsets {
		t := &task{place: at, next: next, wary: l.warily()}
		l.stage.tasks.Add(1)
		l.restoring(ctx, t, l.fenced[at].offset)
		l.tasks[at] = t
		l.forget(at)
	}
	l.stats.tasks.Store(int64(len(l.tasks)))
	return nil
}

// forget ends what there is to do for a place that is taken over or gone.
func (l *lane) forget(at place) {
	delete(l.fenced, at)
	l.wanted = slices.DeleteFunc(l.wanted, func(p place) bool { return p == at })
}

// fenceAll writes the fences that are not there yet, once no transaction of a predecessor is open over the places' offsets.
func (l *lane) fenceAll(ctx context.Context, wanted []place) error {
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(at place) bool { _, ok := l.fenced[at]; return ok })
	if len(wanted) == 0 {
		return nil
	}
	told, err := l.told(ctx, wanted)
	if err != nil || len(told) == 0 {
		return err // none is stable yet: a predecessor's transaction is about to end
	}
	if err := l.remembered(ctx, told); err != nil {
		return err
	}
	fences, err := l.fence(ctx, slices.SortedFunc(maps.Keys(told), place.compare))
	if err != nil || fences == nil {
		return err
	}
	for at := range told {
		l.fenced[at] = fence{offset: fences.next(place{l.changelog, at.partition}) - 1, since: time.Now()}
	}
	if l.crashes("fenced") {
		return errCrashed
	}
	return nil
}

// remembered refuses a changelog that was made anew. Before the group's offset of a partition is first committed there is a fence
// in its changelog; where there never was a record and the offset is behind the beginning, state is lost, and to go on without it
// would say again what was said, and charge again what was charged.
func (l *lane) remembered(ctx context.Context, told map[place]position) error {
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
	for _, at := range slices.SortedFunc(maps.Keys(told), place.compare) {
		start, _ := starts.Lookup(inbox, at.partition)
		if end, ok := ends.Lookup(l.changelog, at.partition); ok && end.Offset == 0 && told[at].next > start.Offset {
			return fmt.Errorf("changelog %s/%d is empty, and group %s has worked on %s/%d up to offset %d: the changelog was made anew and the state is lost with it. Bring the topic back as it was; or, to build the state anew from what the inbox still holds and to say all of it again, delete the group",
				l.changelog, at.partition, l.cfg.Group(l.spec.Name), at.topic, at.partition, told[at].next)
		}
	}
	return nil
}

// fence writes a fence for each place. It gives nil where a rebalance undid them: they are tried again in the next cycle.
func (l *lane) fence(ctx context.Context, of []place) (*receipts, error) {
	if err := l.sess.Begin(); err != nil {
		return nil, kafka(fmt.Errorf("begin fence: %w", err))
	}
	fences := newReceipts()
	value := (&avro.Fence{Member: l.cfg.Instance, Partitions: l.topo.partitions[l.changelog]}).Append(nil)
	for _, at := range of {
		l.sess.Produce(ctx, &kgo.Record{Topic: l.changelog, Partition: at.partition, Key: []byte(fenceKey), Value: value}, fences.acknowledge)
	}
	if err := l.sess.Client().Flush(ctx); err != nil {
		return nil, kafka(fmt.Errorf("flush fence: %w", err))
	}
	if l.crashes("fencing") {
		return nil, errCrashed
	}
	committed, err := l.sess.End(ctx, fences.err == nil, l.gate(of, fences))
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

// gate commits with the fences, in the group, where in the changelog they stand: the broker refuses that to a member that was put out
// of the group, and whoever is told of it later is told of all that was committed before.
func (l *lane) gate(of []place, fences *receipts) *gate {
	g := &gate{topic: l.changelog, id: l.topo.ids[l.changelog], offsets: map[int32]int64{}}
	for _, at := range of {
		g.offsets[at.partition] = fences.next(place{l.changelog, at.partition})
	}
	return g
}

// stateless makes a task of a stage that keeps nothing.
func (l *lane) stateless(at place) (*task, error) {
	st, err := l.spec.NewTask(stream.Nothing{})
	l.stage.tasks.Add(1)
	return &task{place: at, Task: st, wary: l.warily()}, err
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
		l.stand(t)
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
