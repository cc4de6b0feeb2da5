// Package states looks into the state directories of a stopped instance: what is there, what one key's state is, and
// whether it is what the changelog says.
package states

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"waybill/processors/runtime"
	"waybill/processors/state"
	"waybill/processors/stream"
)

// Disk is a state directory and who is asked for in it.
type Disk struct {
	Root  string
	App   string        // of the deployment; List shows others' too
	Specs []stream.Spec // what this program knows of stages
	Log   *slog.Logger

	Step func(n int) // nil, or told that so many entries were looked at
}

// Directory is a store's directory, and what is in it.
type Directory struct {
	App       string     `json:"app"`
	Stage     string     `json:"stage"`
	Topic     string     `json:"topic"`
	Partition int32      `json:"partition"`
	Dir       string     `json:"dir"`
	Status    string     `json:"status"`               // "whole", or why it can or shall not be used
	Changelog string     `json:"changelog,omitempty"`  // topic id, as hex
	Next      int64      `json:"next,omitempty"`       // changelog offset behind what is contained
	Input     *int64     `json:"input,omitempty"`      // inbox offset behind the last snapshot, for stages that take some
	At        *time.Time `json:"written_at,omitempty"` // of the checkpoint
	Stores    []Held     `json:"stores,omitempty"`
}

// Held is what a directory holds of one store.
type Held struct {
	Store  string      `json:"store"`
	Kind   stream.Kind `json:"kind,omitempty"`
	Record string      `json:"record,omitempty"`
	Keys   int64       `json:"keys"`
	Bytes  int64       `json:"bytes"` // of keys and values
}

// Sum adds up the stores.
func (l Directory) Sum() (keys, bytes int64) {
	for _, h := range l.Stores {
		keys += h.Keys
		bytes += h.Bytes
	}
	return keys, bytes
}

// Inbox is the offset up to which the inbox is contained, as text, for stages that take snapshots.
func (l Directory) Inbox() string {
	if l.Input == nil || *l.Input == runtime.NoSnapshot {
		return ""
	}
	return fmt.Sprint(*l.Input)
}

// Total is what all directories of a stage hold of a store.
type Total struct {
	App, Stage string
	Held
}

// Sums adds up the stores of all directories, in their order.
func Sums(list []Directory) []Total {
	var all []Total
	for _, l := range list {
		for _, h := range l.Stores {
			i := slices.IndexFunc(all, func(t Total) bool { return t.App == l.App && t.Stage == l.Stage && t.Store == h.Store })
			if i < 0 {
				all = append(all, Total{l.App, l.Stage, h})
				continue
			}
			all[i].Keys += h.Keys
			all[i].Bytes += h.Bytes
		}
	}
	return all
}

// What a Directory can be.
const (
	whole       = "whole"
	inUse       = "in use by a running instance"
	aside       = "set aside: no longer used, can be deleted"
	unfinished  = "a restore was interrupted; the next start finishes it"
	blank       = "empty: is restored from the changelog"
	derivedKind = stream.Kind("derived")
)

// List tells of every directory.
func (d Disk) List(ctx context.Context) ([]Directory, error) {
	found, err := d.find()
	if err != nil {
		return nil, err
	}
	var all []Directory
	for _, f := range found {
		l, err := d.list(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

func (d Disk) find() ([]state.Found, error) {
	found, err := state.List(d.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there: give the directory that `waybill run` has as runtime.state_dir, with --dir", d.Root)
	}
	return found, err
}

func (d Disk) list(ctx context.Context, f state.Found) (Directory, error) {
	l := Directory{App: f.App, Stage: f.Stage, Topic: f.Topic, Partition: f.Partition, Dir: f.Dir, Status: aside}
	if f.Aside {
		return l, nil
	}
	s, err := state.Look(f, d.Log)
	switch {
	case errors.Is(err, state.ErrLocked):
		l.Status = inUse
		return l, nil
	case err != nil:
		l.Status = err.Error()
		return l, nil
	}
	err = d.look(ctx, s, &l)
	if errors.Is(err, state.ErrDamaged) {
		l.Status, err = err.Error(), nil
	}
	return l, errors.Join(err, s.Close())
}

func (d Disk) look(ctx context.Context, s *state.Store, l *Directory) error {
	c, ok, err := s.Checkpoint()
	if err != nil {
		return err
	}
	l.Status = blank
	if ok {
		l.Status, l.Changelog, l.Next, l.At = whole, fmt.Sprintf("%x", c.Topic), c.Next, &c.At
		if c.Partly {
			l.Status = unfinished
		}
		if d.snapshots(l.Stage) {
			l.Input = &c.Input
		}
	}
	l.Stores, err = d.count(ctx, s, l.Stage)
	return err
}

func (d Disk) snapshots(stage string) bool {
	spec, ok := d.spec(stage)
	return ok && spec.Snapshots
}

func (d Disk) spec(stage string) (stream.Spec, bool) {
	i := slices.IndexFunc(d.Specs, func(s stream.Spec) bool { return s.Name == stage })
	if i < 0 {
		return stream.Spec{}, false
	}
	return d.Specs[i], true
}

// count adds up keys and bytes by store.
func (d Disk) count(ctx context.Context, s *state.Store, stage string) ([]Held, error) {
	held := map[string]*Held{}
	steps := d.steps(ctx)
	err := s.Scan(nil, nil, func(key, value []byte) error {
		name := storeOf(key)
		h := held[name]
		if h == nil {
			h = &Held{Store: name}
			held[name] = h
		}
		h.Keys++
		h.Bytes += int64(len(key) + len(value))
		return steps()
	})
	if err != nil {
		return nil, err
	}
	d.name(stage, held)
	var all []Held
	for _, h := range held {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(x, y Held) int { return cmp.Compare(x.Store, y.Store) })
	return all, nil
}

// derivedStore stands for what is derived, as if it were a store.
const derivedStore = "due"

// storeOf is the store that an entry is of; of one that is of none, all of its key.
func storeOf(key []byte) string {
	if bytes.HasPrefix(key, []byte(stream.DerivedPrefix)) {
		return derivedStore
	}
	k, err := stream.ParseKey(key)
	if err != nil {
		return string(key)
	}
	return k.Store
}

// name says what the stores are, where this program knows.
func (d Disk) name(stage string, held map[string]*Held) {
	spec, ok := d.spec(stage)
	if !ok {
		return
	}
	for _, i := range spec.Stores() {
		if h := held[i.Name]; h != nil {
			h.Kind, h.Record = i.Kind, i.Record
		}
	}
	if h := held[derivedStore]; h != nil {
		h.Kind = derivedKind
	}
}

// atOnce is how many entries are looked at between two looks at the clock.
const atOnce = 1000

// steps gives what is called for each entry: it ends a look whose asker has gone, and tells how far it is.
func (d Disk) steps(ctx context.Context) func() error {
	n := 0
	return func() error {
		if n++; n%atOnce != 0 {
			return nil
		}
		if d.Step != nil {
			d.Step(atOnce)
		}
		return ctx.Err()
	}
}

// open opens the stores of a stage, for those who need them all.
func (d Disk) open(stage string) ([]*opened, error) {
	found, err := d.find()
	if err != nil {
		return nil, err
	}
	var all []*opened
	for _, f := range found {
		if f.Aside || f.App != d.App || f.Stage != stage {
			continue
		}
		s, err := state.Look(f, d.Log)
		if err != nil {
			return nil, errors.Join(explain(f, err), closeAll(all))
		}
		all = append(all, &opened{f, s})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no state of stage %s of %s: give another directory with --dir, or another deployment with --app", d.Root, stage, d.App)
	}
	return all, nil
}

// Kept are the names of the stages that have state of the deployment here, as this program lists them.
func (d Disk) Kept() ([]string, error) {
	found, err := d.find()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, stage := range d.Stages() {
		if slices.ContainsFunc(found, func(f state.Found) bool { return f.App == d.App && f.Stage == stage && !f.Aside }) {
			out = append(out, stage)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no state of %s: give another directory with --dir, or another deployment with --app", d.Root, d.App)
	}
	return out, nil
}

type opened struct {
	state.Found
	*state.Store
}

func closeAll(all []*opened) error {
	var errs []error
	for _, o := range all {
		errs = append(errs, o.Close())
	}
	return errors.Join(errs...)
}

func explain(f state.Found, err error) error {
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("%s is %s: stop it, or copy the state directory and give the copy with --dir", f.Dir, inUse)
	}
	return err
}
