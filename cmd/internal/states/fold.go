package states

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"

	"waybill/processors/runtime"
	"waybill/processors/state"
	"waybill/processors/stream"
)

// changelog compares the store with what the committed changelog adds up to, in a store of its own that is removed at the end.
func (c *comparison) changelog(log runtime.Log) (err error) {
	dir, err := os.MkdirTemp("", "waybill-verify-")
	if err != nil {
		return fmt.Errorf("make a directory for the changelog's state: %w: set TMPDIR to one that may be written", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	disk, err := state.NewDisk(dir, foldCache, c.Log)
	if err != nil {
		return err
	}
	defer disk.Close()
	f := &fold{comparison: c}
	if f.sum, err = disk.Open(state.ID{App: c.at.App, Stage: c.Stage, Topic: "sum", Partition: c.Partition}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.sum.Close()) }()
	if f.later, err = disk.Open(state.ID{App: c.at.App, Stage: c.Stage, Topic: "later", Partition: c.Partition}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.later.Close()) }()
	if err := f.read(log); err != nil {
		return err
	}
	return f.compare()
}

const foldCache = 64 << 20

// fold is what a changelog adds up to.
type fold struct {
	*comparison
	sum      *state.Store
	later    *state.Store // keys that were changed behind the checkpoint
	snapshot int64        // inbox offset of the last snapshot before the checkpoint
	replaced bool         // there is one behind the checkpoint too: compaction may have removed the one before

	changes, behind []stream.Change
}

// read reads the whole log, behind the checkpoint too: of a key that was changed there, compaction may have removed what
// was said of it before.
func (f *fold) read(log runtime.Log) error {
	steps := f.steps(f.ctx)
	f.snapshot = runtime.NoSnapshot
	err := log.Read(f.ctx, f.with.Kafka, func(e runtime.Entry) error {
		switch {
		case e.Snapshot.Ok && e.Offset < f.checkpoint.Next:
			f.snapshot = e.Snapshot.V
		case e.Snapshot.Ok:
			f.replaced = true
		case e.Change.Key == nil:
		case e.Offset < f.checkpoint.Next:
			f.changes = append(f.changes, e.Change)
		default:
			f.behind = append(f.behind, stream.Change{Key: e.Change.Key, Value: []byte{}})
		}
		return errors.Join(f.write(atOnce), steps())
	})
	return errors.Join(err, f.write(0))
}

// write brings what was read to disk, if it is more than so much.
func (f *fold) write(more int) error {
	if len(f.changes)+len(f.behind) <= more {
		return nil
	}
	err := errors.Join(f.sum.Apply(f.changes, state.Checkpoint{}), f.later.Apply(f.behind, state.Checkpoint{}))
	f.changes, f.behind = f.changes[:0], f.behind[:0]
	return err
}

// compare goes through both in order of keys.
func (f *fold) compare() error {
	compacted := f.replaced && f.snapshot < f.checkpoint.Input
	if f.snapshots(f.Stage) && f.snapshot != f.checkpoint.Input && !compacted {
		f.differs(nil, "the checkpoint says that the inbox is contained up to %d, the last snapshot before it says %d", f.checkpoint.Input, f.snapshot)
	}
	steps := f.steps(f.ctx)
	return merge(f.at.Store, f.sum, func(key, here, there []byte) error {
		switch {
		case there == nil:
			return errors.Join(f.unlike(key, "the changelog does not have it"), steps())
		case here == nil:
			return errors.Join(f.unlike(key, "the changelog has it, and it is not here"), steps())
		case !bytes.Equal(here, there):
			return errors.Join(f.unlike(key, fmt.Sprintf("differs: %d bytes here, %d bytes in the changelog", len(here), len(there))), steps())
		}
		f.Compared++
		return steps()
	})
}

// unlike notes a difference, unless the key was changed behind the checkpoint.
func (f *fold) unlike(key []byte, what string) error {
	later, err := f.later.Get(key)
	switch {
	case err != nil:
		return err
	case later != nil:
		f.Later++
	default:
		f.differs(key, "%s", what)
	}
	return nil
}

// merge goes through two stores in order of keys, what is derived left out; a value is nil where a store lacks the key.
func merge(a, b *state.Store, each func(key, x, y []byte) error) (err error) {
	var fault error
	nextA, stopA := iter.Pull2(entries(a, &fault))
	defer stopA()
	nextB, stopB := iter.Pull2(entries(b, &fault))
	defer stopB()
	ka, va, inA := nextA()
	kb, vb, inB := nextB()
	for (inA || inB) && fault == nil && err == nil {
		order := bytes.Compare(ka, kb)
		switch {
		case !inB || inA && order < 0:
			err = each(ka, va, nil)
			ka, va, inA = nextA()
		case !inA || order > 0:
			err = each(kb, nil, vb)
			kb, vb, inB = nextB()
		default:
			err = each(ka, va, vb)
			ka, va, inA = nextA()
			kb, vb, inB = nextB()
		}
	}
	return errors.Join(fault, err)
}

// entries gives what a store holds, values that are not nil. They are valid until the next is asked for.
func entries(s *state.Store, fault *error) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		err := s.Scan(nil, nil, func(key, value []byte) error {
			if value == nil {
				value = []byte{}
			}
			if bytes.HasPrefix(key, []byte(stream.DerivedPrefix)) || yield(key, value) {
				return nil
			}
			return stream.ErrStop
		})
		*fault = errors.Join(*fault, err)
	}
}
