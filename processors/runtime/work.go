package runtime

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/state"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// task is one partition of a stage.
type task struct {
	place
	*stream.Task                // nil while it is restored
	store        *state.Store   // nil for a stage without state
	overlay      *state.Overlay // what the task reads: the store, and over it what is not committed
	stepped      bool           // the stream task believes parts of the cycle committed: undoing needs a new one
	restore      *restore
}

// work is one task's cycle.
type work struct {
	*stage
	topo    *topology
	task    *task
	inputs  []input
	out     []*kgo.Record
	letters []*kgo.Record
	changes []state.Change
	next    int64 // changelog offset behind the changes, once they are written
}

// input is one record, decoded or dead.
type input struct {
	raw  *kgo.Record
	rec  stream.Record
	dead error
}

// run works on a batch. Its error is retryable or fatal; a poisonous record is among the dead letters and left no trace.
func (w *work) run(ctx context.Context, records []*kgo.Record) error {
	if err := w.decode(ctx, records); err != nil {
		return err
	}
	err := w.together(ctx)
	if fault.Of(err) == fault.Poison {
		if err = w.task.undo(w.spec); err == nil {
			err = w.oneByOne(ctx)
		}
	}
	if err != nil {
		return err
	}
	w.changes = w.task.overlay.Changes()
	return w.bury(ctx)
}

func (w *work) decode(ctx context.Context, records []*kgo.Record) error {
	w.inputs = make([]input, len(records))
	for i, r := range records {
		in := input{raw: r, rec: stream.Record{
			Key: string(r.Key), Time: r.Timestamp.UTC(),
			Source: stream.Source{Topic: topics.Name(r.Topic), Partition: r.Partition, Offset: r.Offset},
		}}
		if r.Value == nil {
			in.dead = fault.Poisonf("TOMBSTONE", "the record has no value: stage %s has no use for deletions", w.spec.Name)
		} else if in.rec.Value, in.dead = w.deps.Decoder.Decode(ctx, r.Value); in.dead != nil {
			in.dead = fmt.Errorf("decode %s: %w", at(r), in.dead)
		}
		if in.dead != nil && fault.Of(in.dead) != fault.Poison {
			return in.dead
		}
		w.inputs[i] = in
	}
	return nil
}

func at(r *kgo.Record) string { return fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset) }

// together handles the batch and encodes each changed value once, at its end.
func (w *work) together(ctx context.Context) error {
	w.out = w.out[:0]
	for i := range w.inputs {
		if in := &w.inputs[i]; in.dead == nil {
			if err := w.handle(ctx, in); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

// oneByOne handles the batch with the state settled in the overlay after each record, so that the one at fault can be undone
// by itself. It is for batches that hold poison: it costs an encoding per record and changed value.
func (w *work) oneByOne(ctx context.Context) error {
	w.out = w.out[:0]
	w.task.stepped = true
	for i := range w.inputs {
		in := &w.inputs[i]
		if in.dead != nil {
			continue
		}
		before := len(w.out)
		err := w.handle(ctx, in)
		if err == nil {
			err = w.flush()
		}
		switch {
		case err == nil:
			w.task.Committed(w.cfg.KeepDecoded)
		case fault.Of(err) == fault.Poison:
			w.task.Aborted()
			w.out = w.out[:before]
			in.dead = err
		default:
			return err
		}
	}
	return nil
}

func (w *work) handle(ctx context.Context, in *input) error {
	emit := func(e stream.Emit) error { return w.emit(ctx, e) }
	if err := w.task.Process(ctx, in.rec, emit); err != nil {
		return fmt.Errorf("handle %s: %w", at(in.raw), err)
	}
	return nil
}

// emit encodes at once: the handler may change the value afterwards.
func (w *work) emit(ctx context.Context, e stream.Emit) error {
	value, err := w.deps.Encoder.Append(ctx, nil, e.Topic, e.Value)
	if err != nil {
		return fmt.Errorf("encode %s for %s: %w", e.Value.AvroName(), e.Topic, err)
	}
	r := kgo.Record{Topic: string(e.Topic), Partition: byKey, Key: []byte(e.Key), Value: value}
	if err := w.fits(&r); err != nil {
		return err
	}
	if !e.Broadcast {
		w.out = append(w.out, &r)
		return nil
	}
	for p := range w.topo.partitions[r.Topic] {
		w.out = append(w.out, &kgo.Record{Topic: r.Topic, Partition: p, Key: r.Key, Value: r.Value})
	}
	return nil
}

// fits refuses what no broker would take, while it can still be told whose fault it is.
func (w *work) fits(r *kgo.Record) error {
	if n := len(r.Key) + len(r.Value) + recordOverhead; n > w.cfg.MaxMessageBytes {
		return fault.Poisonf("OVERSIZE", "what it leads to for %s is %d bytes long, the limit is %d", r.Topic, n, w.cfg.MaxMessageBytes)
	}
	return nil
}

// flush puts the task's changes into the overlay: all, or none where one is too long for the changelog.
func (w *work) flush() error {
	var changes []state.Change
	err := w.task.Flush(func(key, value []byte) error {
		changes = append(changes, state.Change{Key: key, Value: value})
		return w.fits(&kgo.Record{Topic: "the changelog", Key: key, Value: value})
	})
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := w.task.overlay.Put(c.Key, c.Value); err != nil {
			return err
		}
	}
	return nil
}

// commit makes the cycle the new ground, in memory and on disk.
func (t *task) commit(w *work, keep int, changelog [16]byte) error {
	t.Committed(keep)
	t.stepped = false
	if t.store != nil && len(w.changes) > 0 {
		if err := t.store.Apply(w.changes, state.Checkpoint{Topic: changelog, Next: w.next, At: time.Now()}); err != nil {
			return fmt.Errorf("state of %s/%d: %w", t.topic, t.partition, err)
		}
	}
	t.overlay.Reset()
	return nil
}

// undo takes the task back to where the cycle began.
func (t *task) undo(spec stream.Spec) error {
	t.overlay.Reset()
	if !t.stepped {
		t.Aborted()
		return nil
	}
	t.stepped = false
	fresh, err := spec.NewTask(t.overlay)
	t.Task = fresh
	return err
}
