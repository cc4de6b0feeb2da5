package states

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"waybill/avro"
	"waybill/cmd/internal/show"
	"waybill/processors/stream"
)

// ErrNone is wrapped where what was asked for is not there.
var ErrNone = errors.New("there is none")

// Key is all that a stage keeps of one key. Records are as show.Record gives them.
type Key struct {
	Stage     string `json:"stage" yaml:"stage"`
	Partition int32  `json:"partition" yaml:"partition"`
	Key       string `json:"key" yaml:"key"`
	// By name of store: a record, for a list its records in order, for a map its records by name.
	Stores map[string]any `json:"stores,omitempty" yaml:"stores,omitempty"`
	// When they are due, by name.
	Timers map[string]string `json:"timers,omitempty" yaml:"timers,omitempty"`
	// When what is not changed is forgotten, by store, or store and entry.
	Expires map[string]string `json:"expires,omitempty" yaml:"expires,omitempty"`
	// By name of index: the references that the key depends on, and the keys that depend on it, where it is a reference.
	DependsOn map[string][]string `json:"depends_on,omitempty" yaml:"depends_on,omitempty"`
	NeededBy  map[string][]string `json:"needed_by,omitempty" yaml:"needed_by,omitempty"`
	// By name of store: how many values are kept in an older form than this program writes.
	Older map[string]int `json:"older_form,omitempty" yaml:"older_form,omitempty"`
}

// Get gives what a stage keeps of a key, all of it or of one store, from each partition that has something: one, but for what
// all keys share, whose key is empty.
func (d Disk) Get(ctx context.Context, stage, key, store string) (all []Key, err error) {
	infos, err := d.stores(stage, store)
	if err != nil {
		return nil, err
	}
	open, err := d.open(stage)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll(open)) }()
	for _, o := range open {
		k := newKey(stage, key, o.Partition)
		for _, i := range infos {
			if err := d.add(ctx, o, i, &k); err != nil {
				return nil, fmt.Errorf("%s: %w", o.Dir, err)
			}
		}
		if !k.empty() {
			all = append(all, k)
		}
	}
	if len(all) == 0 {
		return nil, d.none(ctx, open, stage, key)
	}
	return all, nil
}

// mostNear is how many keys are offered instead of one that is not there.
const mostNear = 5

// none says where nothing was found, and which keys have what was asked for in them.
func (d Disk) none(ctx context.Context, open []*opened, stage, key string) error {
	var here []string
	near := map[string]bool{}
	for _, o := range open {
		here = append(here, fmt.Sprint(o.Partition))
		steps := d.steps(ctx)
		err := o.Scan(nil, nil, func(k, _ []byte) error {
			if at, err := stream.ParseKey(k); err == nil && key != "" && strings.Contains(at.Scope, key) && len(near) < mostNear {
				near[at.Scope] = true
			}
			return steps()
		})
		if err != nil {
			return err
		}
	}
	err := fmt.Errorf("stage %s keeps nothing under %q in the partitions that are here, %s: %w", stage, key, strings.Join(here, ", "), ErrNone)
	if len(near) > 0 {
		err = fmt.Errorf("%w; did you mean '%s'", err, strings.Join(slices.Sorted(maps.Keys(near)), "', '"))
	}
	return err
}

func (d Disk) stores(stage, store string) ([]stream.StoreInfo, error) {
	spec, ok := d.spec(stage)
	if !ok || !spec.Keyed {
		return nil, fmt.Errorf("there is no stage %s with state: there are %s", stage, strings.Join(d.Stages(), ", "))
	}
	infos := spec.Stores()
	if store == "" {
		return infos, nil
	}
	i := slices.IndexFunc(infos, func(i stream.StoreInfo) bool { return i.Name == store })
	if i < 0 {
		var names []string
		for _, i := range infos {
			names = append(names, i.Name)
		}
		return nil, fmt.Errorf("stage %s has no store %s: it has %s", stage, store, strings.Join(names, ", "))
	}
	return infos[i : i+1], nil
}

// Known refuses a stage that has no state, and a store that it does not have; empty stands for all.
func (d Disk) Known(stage, store string) error {
	_, err := d.stores(stage, store)
	return err
}

// Stages are the names of those that have state.
func (d Disk) Stages() []string {
	var out []string
	for _, s := range d.Specs {
		if s.Keyed {
			out = append(out, s.Name)
		}
	}
	return out
}

func newKey(stage, key string, partition int32) Key {
	return Key{
		Stage: stage, Key: key, Partition: partition, Stores: map[string]any{}, Timers: map[string]string{}, Expires: map[string]string{},
		DependsOn: map[string][]string{}, NeededBy: map[string][]string{}, Older: map[string]int{},
	}
}

func (k Key) empty() bool {
	return len(k.Stores)+len(k.Timers)+len(k.DependsOn)+len(k.NeededBy) == 0
}

// add adds what a store holds.
func (d Disk) add(ctx context.Context, o *opened, i stream.StoreInfo, k *Key) error {
	from := stream.StateKey{Store: i.Name, Scope: k.Key}.Bytes()
	if i.Kind == stream.IndexKind {
		from = nil // all of it: references come first in its keys
	}
	steps := d.steps(ctx)
	return o.Scan(from, nil, func(key, value []byte) error {
		if bytes.HasPrefix(key, []byte(stream.DerivedPrefix)) {
			return steps()
		}
		at, err := stream.ParseKey(key)
		if err != nil {
			return err
		}
		if at.Store != i.Name {
			return steps()
		}
		if i.Kind == stream.IndexKind {
			k.index(i.Name, at)
			return steps()
		}
		rec, version, err := i.Decode(value)
		if err != nil {
			return fmt.Errorf("%s %q: %w", i.Name, at.Entry, err)
		}
		if version != i.Version {
			k.Older[i.Name]++
		}
		return errors.Join(k.put(i, at, rec), steps())
	})
}

func (k *Key) index(name string, at stream.StateKey) {
	if at.Entry == k.Key {
		k.DependsOn[name] = append(k.DependsOn[name], at.Scope)
	}
	if at.Scope == k.Key {
		k.NeededBy[name] = append(k.NeededBy[name], at.Entry)
	}
}

func (k *Key) put(i stream.StoreInfo, at stream.StateKey, rec avro.Record) error {
	if due, ok := stream.DueAt(rec); ok {
		k.timer(at, due.Format(time.RFC3339Nano))
		return nil
	}
	v, err := show.Record(rec)
	if err != nil {
		return err
	}
	switch {
	case i.Kind.Single():
		k.Stores[i.Name] = v
		return nil
	case i.Kind == stream.ListKind:
		list, _ := k.Stores[i.Name].([]any)
		k.Stores[i.Name] = append(list, v)
		return nil
	}
	entries, ok := k.Stores[i.Name].(map[string]any)
	if !ok {
		entries = map[string]any{}
		k.Stores[i.Name] = entries
	}
	entries[at.Entry] = v
	return nil
}

func (k *Key) timer(at stream.StateKey, due string) {
	of, ok := stream.ExpiryOf(at)
	if !ok {
		k.Timers[at.Entry] = due
		return
	}
	name := of.Store
	switch odd := func(r rune) bool { return !unicode.IsPrint(r) }; {
	case strings.ContainsFunc(of.Entry, odd): // a number, of a list's element
		name += fmt.Sprintf(" %x", of.Entry)
	case of.Entry != "":
		name += " " + of.Entry
	}
	k.Expires[name] = due
}
