package runtime

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/stream"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// noSnapshot in the place of a snapshot's inbox offset says that none was taken yet.
const noSnapshot = -1

// replay works once more through what the inbox holds from the last snapshot to where committed work ended. What handlers say is
// dropped: it is committed already. They see nothing but the inbox, so that they arrive at the state they had.
func (r *restore) replay(ctx context.Context, adm *kadm.Client) error {
	from, err := r.snapshot(ctx, adm)
	if err != nil {
		return err
	}
	r.seen.total += max(r.next-from, 0)
	for {
		if r.careful {
			r.task.Careful(r.limit(r.topo, r.changelog) - recordOverhead)
		}
		var scratch wire.Scratch
		unheard := r.unheard(ctx)
		err := r.read(ctx, r.place.topic, from, r.next, func(records []*kgo.Record, _ int64) error { return r.handle(ctx, records, &scratch, unheard) })
		if err == nil || !r.task.Tainted() {
			return err
		}
		r.careful = true // and once more, with what spoils the state left out
		if r.task, err = r.spec.NewTask(r.store); err != nil {
			return err
		}
	}
}

func (r *restore) snapshot(ctx context.Context, adm *kadm.Client) (int64, error) {
	start, err := r.start(ctx, adm, r.place.topic)
	if err != nil {
		return 0, err
	}
	c, ok, err := r.store.Checkpoint()
	switch {
	case err != nil:
		return 0, err
	case !ok || c.Input == noSnapshot:
		return start, nil
	case c.Input < start && c.Input < r.next:
		return 0, fmt.Errorf("restore %s/%d: the last snapshot of stage %s ends at offset %d and the topic begins at %d: what lay between is lost; keep inboxes longer than snapshots are apart, and set the group's offset to where it may go on",
			r.place.topic, r.place.partition, r.spec.Name, c.Input, start)
	}
	return c.Input, nil
}

// unheard drops what is said, when it is certain that it could be said: a record that led to something too long was a dead
// letter and left no trace, and must leave none now.
func (r *restore) unheard(ctx context.Context) stream.EmitFunc {
	w := &work{stage: r.stage, topo: r.topo, task: &task{place: r.place}}
	return func(es []stream.Emit) error {
		defer w.clear()
		return w.say(ctx, es)
	}
}

func (r *restore) handle(ctx context.Context, records []*kgo.Record, scratch *wire.Scratch, unheard stream.EmitFunc) error {
	for _, raw := range records {
		rec, err := decode(ctx, r.stage, raw, scratch)
		if err == nil {
			err = r.task.Process(ctx, rec, unheard)
		}
		if err != nil && (fault.Of(err) != fault.Poison || r.task.Tainted()) { // else it is a dead letter already
			return fmt.Errorf("work once more on %s: %w", at(raw), err)
		}
	}
	return nil
}
