package stream

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"waybill/avro"
)

// Kind is what a store is to its stage.
type Kind string

// The kinds. Entries of a table belong to the task; scopes of an index are references, its entries the keys that depend on them.
const (
	ValueKind Kind = "value"
	MapKind   Kind = "map"
	ListKind  Kind = "list"
	TableKind Kind = "table"
	IndexKind Kind = "index"
	TimerKind Kind = "timers"
	TallyKind Kind = "tally"
	ClockKind Kind = "clock"
)

// OfTask says whether what such a store holds belongs to the task: its scope is empty.
func (k Kind) OfTask() bool { return k == TableKind || k == TallyKind || k == ClockKind }

// Single says whether such a store holds one value a scope, without a name.
func (k Kind) Single() bool { return k == ValueKind || k == TallyKind || k == ClockKind }

// StoreInfo tells those who look at state from outside what a store holds.
type StoreInfo struct {
	Name    string
	Kind    Kind
	Record  string // full name of the record type of its values
	Schema  string // of that record, as Avro writes schemas
	Version byte   // of the form of its values
	TTL     time.Duration
	of      store
}

// Stores lists what a stage keeps, in order of names.
func (s Spec) Stores() []StoreInfo {
	if !s.Keyed {
		return nil
	}
	b := newBinder(Nothing{})
	prog := s.task(b)
	stores := b.stores
	if prog.timer != nil || b.expires {
		stores = append(stores, clockForm)
	}
	var all []StoreInfo
	for _, of := range stores {
		rec := of.record()
		all = append(all, StoreInfo{Name: of.name, Kind: of.kind, Record: rec.AvroName(), Schema: rec.AvroSchema(), Version: of.version, TTL: time.Duration(of.ttl) * time.Microsecond, of: of})
	}
	slices.SortFunc(all, func(x, y StoreInfo) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

// Decode reads a value as it is kept, migrating it where it is of an older form. It says in which it is kept.
func (s StoreInfo) Decode(value []byte) (rec avro.Record, version byte, err error) {
	rec = s.of.record()
	if err = s.of.decode(value, rec); err != nil {
		return nil, 0, err
	}
	return rec, value[0], nil
}

// StateKey is whose and what a key of committed state is.
type StateKey struct {
	Store string
	Scope string // the record key or reference it belongs to; empty: the task
	Entry string // name of the entry; empty for a value
}

// ParseKey takes a key of committed state apart. Keys of derived entries have another form.
func ParseKey(key []byte) (StateKey, error) {
	scope, rest, ok := strings.Cut(string(key), "\x00")
	name, entry, well := strings.Cut(rest, "\x00")
	if !ok || !well || name == "" || name == dueIndex {
		return StateKey{}, fmt.Errorf("%q is no key of state", key)
	}
	return StateKey{Store: name, Scope: scope, Entry: entry}, nil
}

// Bytes is the key as it is kept.
func (k StateKey) Bytes() []byte { return appendID(nil, k.Store, k.Scope, k.Entry) }

// DerivedOf gives the key of the entry that a derived entry follows from.
func DerivedOf(key []byte) ([]byte, error) {
	x, err := parseDue(key)
	return appendID(nil, timerStore, x.key, x.name), err
}

// DueAt is when a timer is due, for a record of a store of timers.
func DueAt(rec avro.Record) (time.Time, bool) {
	d, ok := rec.(*due)
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMicro(d.at).UTC(), true
}
