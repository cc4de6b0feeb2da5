package state

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"waybill/processors/stream"
)

// Overlay is committed state with the changes of a cycle that is not committed yet on top. It implements stream.KV.
type Overlay struct {
	base    stream.KV
	changes map[string][]byte // nil deletes
}

// NewOverlay lays nothing over base.
func NewOverlay(base stream.KV) *Overlay { return &Overlay{base: base, changes: map[string][]byte{}} }

// Put changes a key; a nil value deletes. The value is copied.
func (o *Overlay) Put(key, value []byte) error {
	o.changes[string(key)] = bytes.Clone(value)
	return nil
}

// Changes gives what changed, in order of keys.
func (o *Overlay) Changes() []Change {
	out := make([]Change, 0, len(o.changes))
	for _, k := range slices.Sorted(maps.Keys(o.changes)) {
		out = append(out, Change{[]byte(k), o.changes[k]})
	}
	return out
}

// Reset forgets the changes.
func (o *Overlay) Reset() { clear(o.changes) }

// Get implements stream.KV.
func (o *Overlay) Get(key []byte) ([]byte, error) {
	if v, ok := o.changes[string(key)]; ok {
		return v, nil
	}
	return o.base.Get(key)
}

// Scan implements stream.KV.
func (o *Overlay) Scan(prefix []byte, fn func(key, value []byte) error) error {
	over := o.changed(string(prefix))
	next := func(before []byte) error { // hands over the changes that come before a key
		for len(over) > 0 && (before == nil || over[0] < string(before)) {
			k := over[0]
			over = over[1:]
			if v := o.changes[k]; v != nil {
				if err := fn([]byte(k), v); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := o.base.Scan(prefix, func(key, value []byte) error {
		if err := next(key); err != nil {
			return err
		}
		if _, ok := o.changes[string(key)]; ok {
			return nil // its turn comes as a change
		}
		return fn(key, value)
	})
	if err != nil {
		return err
	}
	return next(nil)
}

func (o *Overlay) changed(prefix string) []string {
	var keys []string
	for k := range o.changes {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Nothing is state without content, for stages that keep none. It implements stream.KV.
type Nothing struct{}

// Get implements stream.KV.
func (Nothing) Get([]byte) ([]byte, error) { return nil, nil }

// Scan implements stream.KV.
func (Nothing) Scan([]byte, func(key, value []byte) error) error { return nil }
