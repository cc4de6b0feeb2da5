package state

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Size is what a store holds.
type Size struct {
	DiskBytes int64
	// Keys is an estimate: an older version of a key counts until it is compacted away, and of what is in memory alone only what
	// was written since the last call is known.
	Keys int64
}

// Size looks at the store. It reads the properties of every table, from memory but for the first time: for every now and
// then. It must not run at the same time as another Size or Close.
func (s *Store) Size() (Size, error) {
	m := s.db.Metrics()
	if m.Flush.Count != s.flushes { // what was in memory is on disk
		s.flushes = m.Flush.Count
		s.unflushed.Store(0)
	}
	levels, err := s.db.SSTables(pebble.WithProperties())
	if err != nil {
		return Size{}, s.failed("read table properties", err)
	}
	keys := s.unflushed.Load()
	for _, tables := range levels {
		for _, t := range tables {
			if t.Properties == nil {
				return Size{}, fmt.Errorf("table %s of %s has no properties", t.FileNum, s.dir)
			}
			// A deletion is an entry itself, and takes another with it.
			keys += int64(t.Properties.NumEntries) - 2*int64(t.Properties.NumDeletions)
		}
	}
	return Size{DiskBytes: int64(m.DiskSpaceUsage()), Keys: max(keys, 0)}, nil
}
