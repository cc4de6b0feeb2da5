package stream

import "errors"

// KV is the committed state of one task, as a driver keeps it. Reads only: changes reach it through Task.Flush, after
// which the driver makes them durable.
type KV interface {
	// Get gives the value of a key, or nil. The value is valid until the next call.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for each key that begins with prefix and comes behind after, in order of keys; a nil after leaves none
	// out. Key and value are valid until fn returns. An fn that returns ErrStop ends the scan, which is then no error.
	Scan(prefix, after []byte, fn func(key, value []byte) error) error
}

// ErrStop ends a KV.Scan early.
var ErrStop = errors.New("stop scanning")

// Change is one key's new value; a nil value deletes.
type Change struct {
	Key, Value []byte
	// Derived: it follows from other changes and belongs into local state alone, not into the changelog. Who restores from a
	// changelog makes these anew with Derive.
	Derived bool
}

// Nothing is state without content, for stages that keep none.
type Nothing struct{}

// Get implements KV.
func (Nothing) Get([]byte) ([]byte, error) { return nil, nil }

// Scan implements KV.
func (Nothing) Scan(_, _ []byte, _ func(key, value []byte) error) error { return nil }
