package stream

import (
	"bytes"
	"fmt"
	"iter"
	"reflect"

	"waybill/avro"
)

// record is what a store holds: a generated type, by pointer.
type record[V any] interface {
	*V
	avro.Record
}

// Option declares more about a store than its name and type.
type Option func(*store)

// Migrated says that the form of a store's values is now the given version, from 2 up to 255, and how to read older ones: migrate gets the
// version and the bytes of an old value and fills into, a new record of today's type. Values are written anew when they are next changed.
// A store without this option is of version 1. An Avro schema of a state record never changes without it: the old one stays beside the new
// one under another name, to read old values with.
func Migrated(version byte, migrate func(from byte, old []byte, into avro.Record) error) Option {
	if version < 2 || migrate == nil {
		panic(fmt.Sprintf("stream: a migration to version %d: want 2 or more, and a function that migrates", version))
	}
	return func(s *store) { s.version, s.migrate = version, migrate }
}

// Cold says that a store's values are seldom read once they are written, such as history of which only the newest is worked on:
// none stays decoded behind the commit that made it durable, as long as its key is in use.
func Cold() Option { return func(s *store) { s.cold = true } }

func declare[V any, P record[V]](name string, kind Kind, opts []Option) store {
	s := store{name: name, kind: kind, record: func() avro.Record { return P(new(V)) }, size: int(reflect.TypeFor[V]().Size()), version: 1}
	for _, o := range opts {
		o(&s)
	}
	return s
}

// Value is one value per key.
type Value[V any, P record[V]] struct {
	b  *Binder
	no uint16
}

// ValueOf opens a Value store.
func ValueOf[V any, P record[V]](b *Binder, name string, opts ...Option) *Value[V, P] {
	return &Value[V, P]{b: b, no: b.open(declare[V, P](name, ValueKind, opts))}
}

// Get gives the key's value to read, and whether it has one. Valid until the handler returns.
func (s *Value[V, P]) Get() (*V, bool) {
	c := s.b.value(s.b.at, s.no)
	return (*V)(c.rec.(P)), c.present
}

// Edit gives the key's value to change in place, zero where it had none. Valid until the handler returns.
func (s *Value[V, P]) Edit() *V {
	c := s.b.value(s.b.at, s.no)
	s.b.edit(c)
	return (*V)(c.rec.(P))
}

// Delete removes the key's value.
func (s *Value[V, P]) Delete() {
	s.b.remove(s.b.value(s.b.at, s.no))
}

// Map is many values per key, each under a name of its own and written back by itself.
type Map[V any, P record[V]] struct {
	b     *Binder
	no    uint16
	table bool // entries belong to the task, not to a key
}

// MapOf opens a Map store scoped to the key.
func MapOf[V any, P record[V]](b *Binder, name string, opts ...Option) *Map[V, P] {
	return &Map[V, P]{b: b, no: b.open(declare[V, P](name, MapKind, opts))}
}

// TableOf opens a Map store that all keys of the task share: for reference data, which reaches every partition.
func TableOf[V any, P record[V]](b *Binder, name string, opts ...Option) *Map[V, P] {
	return &Map[V, P]{b: b, no: b.open(declare[V, P](name, TableKind, opts)), table: true}
}

func (s *Map[V, P]) scope() *scope {
	if s.table {
		return s.b.scope("")
	}
	return s.b.at
}

// Get gives an entry to read, and whether it exists. Valid until the handler returns.
func (s *Map[V, P]) Get(name string) (*V, bool) {
	c := s.b.entry(s.scope(), s.no, name)
	return (*V)(c.rec.(P)), c.present
}

// Edit gives an entry to change in place, zero where it did not exist. Valid until the handler returns.
func (s *Map[V, P]) Edit(name string) *V {
	c := s.b.entry(s.scope(), s.no, name)
	s.b.edit(c)
	return (*V)(c.rec.(P))
}

// Put gives an entry to fill, zero whatever it was before, which need not be read. Valid until the handler returns.
func (s *Map[V, P]) Put(name string) *V {
	c := s.b.fresh(s.scope(), s.no, name)
	s.b.touch(c)
	if c.present {
		c.rec = P(new(V))
	}
	s.b.edit(c)
	return (*V)(c.rec.(P))
}

// Delete removes an entry.
func (s *Map[V, P]) Delete(name string) { s.b.remove(s.b.entry(s.scope(), s.no, name)) }

// All gives the entries in order of their names. Entries must not be added or deleted meanwhile.
func (s *Map[V, P]) All() iter.Seq2[string, *V] { return s.WithPrefix("") }

// WithPrefix gives the entries whose names begin so, in order.
func (s *Map[V, P]) WithPrefix(prefix string) iter.Seq2[string, *V] {
	return func(yield func(string, *V) bool) {
		in := s.scope()
		for _, name := range s.b.listing(in, s.no, prefix, span{values: true}) {
			c := s.b.entry(in, s.no, name)
			if c.present && !yield(name, (*V)(c.rec.(P))) {
				return
			}
		}
	}
}

// Between gives the entries whose names lie behind from and before until, in order, without looking at others. Entries may be changed
// and deleted meanwhile, none added. It is for a Map scoped to the key.
func (s *Map[V, P]) Between(from, until string) iter.Seq2[string, *V] {
	return func(yield func(string, *V) bool) {
		in := s.scope()
		for _, name := range s.b.scan(in, s.no, "", span{after: from, until: until, values: true}, -1) {
			c := s.b.entry(in, s.no, name)
			if c.present && !yield(name, (*V)(c.rec.(P))) {
				return
			}
		}
	}
}

// Index remembers which keys depend on which references, such as a load on the places of its stops.
type Index struct {
	b  *Binder
	no uint16
}

// IndexOf opens an Index.
func IndexOf(b *Binder, name string) *Index {
	return &Index{b: b, no: b.open(declare[presence](name, IndexKind, nil))}
}

// Add says that the running key depends on the reference.
func (x *Index) Add(reference string) { x.set(reference, true) }

// Remove takes that back.
func (x *Index) Remove(reference string) { x.set(reference, false) }

func (x *Index) set(reference string, depends bool) {
	s := x.b.scope(reference)
	if c := x.b.subs(s, x.no).cells[x.b.at.key]; c != nil && c.present == depends {
		return
	}
	// Not read: who adds knows that it is new, and what depends on a reference lies far from the key's own state.
	c := x.b.fresh(s, x.no, x.b.at.key)
	x.b.touch(c)
	x.b.set(c, depends)
}

// presence is a record without content.
type presence struct{}

func (*presence) Decode(b []byte) error {
	if !bytes.Equal(b, []byte{}) {
		return fmt.Errorf("index entry holds %d bytes, want none", len(b))
	}
	return nil
}
func (p *presence) DecodeAlias(b []byte) error                   { return p.Decode(b) }
func (p *presence) DecodePlan(b []byte, _ *avro.Plan) error      { return p.Decode(b) }
func (p *presence) DecodePlanAlias(b []byte, _ *avro.Plan) error { return p.Decode(b) }
func (*presence) Append(b []byte) []byte                         { return b }
func (*presence) AvroName() string                               { return "waybill.stream.Presence" }
func (*presence) AvroSchema() string {
	return `{"type":"record","name":"waybill.stream.Presence","fields":[]}`
}
