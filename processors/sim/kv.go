package sim

import (
	"maps"
	"slices"
	"strings"
)

// kv is a task's committed state in memory.
type kv struct {
	values map[string][]byte
	keys   []string // sorted; nil when out of date
}

// Get implements stream.KV.
func (s *kv) Get(key []byte) ([]byte, error) { return s.values[string(key)], nil }

// Scan implements stream.KV.
func (s *kv) Scan(prefix []byte, fn func(key, value []byte) error) error {
	if s.keys == nil {
		s.keys = slices.Sorted(maps.Keys(s.values))
	}
	from, _ := slices.BinarySearch(s.keys, string(prefix))
	for _, k := range s.keys[from:] {
		if !strings.HasPrefix(k, string(prefix)) {
			return nil
		}
		if err := fn([]byte(k), s.values[k]); err != nil {
			return err
		}
	}
	return nil
}

// apply makes changes committed; a nil value deletes.
func (s *kv) apply(changes map[string][]byte) {
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	for k, v := range changes {
		if v == nil {
			delete(s.values, k)
			continue
		}
		s.values[k] = v
	}
	s.keys = nil
}
