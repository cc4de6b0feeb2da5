package sim

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"

	"waybill/processors/stream"
)

// kv is a task's committed state in memory.
type kv struct {
	values map[string][]byte
	keys   []string // sorted; nil when out of date
}

// Get implements stream.KV.
func (s *kv) Get(key []byte) ([]byte, error) { return s.values[string(key)], nil }

// Scan implements stream.KV.
func (s *kv) Scan(prefix, after []byte, fn func(key, value []byte) error) error {
	if s.keys == nil {
		s.keys = slices.Sorted(maps.Keys(s.values))
	}
	from, _ := slices.BinarySearch(s.keys, max(string(prefix), string(after)))
	for _, k := range s.keys[from:] {
		if !strings.HasPrefix(k, string(prefix)) {
			return nil
		}
		if k == string(after) && after != nil {
			continue
		}
		err := fn([]byte(k), s.values[k])
		if errors.Is(err, stream.ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// apply makes changes committed.
func (s *kv) apply(changes []stream.Change) {
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(s.values, string(c.Key))
			continue
		}
		s.values[string(c.Key)] = bytes.Clone(c.Value)
	}
	s.keys = nil
}
