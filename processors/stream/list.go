package stream

import (
	"encoding/binary"
	"iter"
	"slices"
)

// List is many values per key in the order in which they were appended. Each is written by itself: to append costs one, however long
// the list is. It is for what a handler reads as a whole, tens or thousands: a key's names are all listed when it is first touched.
type List[V any, P record[V]] struct {
	b  *Binder
	no uint16
}

// ListOf opens a List store.
func ListOf[V any, P record[V]](b *Binder, name string, opts ...Option) *List[V, P] {
	return &List[V, P]{b: b, no: b.open(declare[V, P](name, ListKind, opts))}
}

// Append adds a value at the end, zero, to be filled in place. Valid until the handler returns.
func (s *List[V, P]) Append() *V {
	names := s.b.names(s.b.at, s.no, "")
	next := uint64(0)
	if len(names) > 0 {
		next = number(names[len(names)-1]) + 1
	}
	c := s.b.entry(s.b.at, s.no, elementName(next))
	s.b.edit(c)
	return (*V)(c.rec.(P))
}

// Len is how many values there are.
func (s *List[V, P]) Len() int { return len(s.b.names(s.b.at, s.no, "")) }

// All gives the values to read, first appended first. None must be appended or dropped meanwhile.
func (s *List[V, P]) All() iter.Seq[*V] {
	return func(yield func(*V) bool) {
		for _, name := range s.b.listing(s.b.at, s.no, "", span{values: true}) {
			c := s.b.entry(s.b.at, s.no, name)
			if c.present && !yield((*V)(c.rec.(P))) {
				return
			}
		}
	}
}

// DropFirst removes the first n values, all where there are fewer.
func (s *List[V, P]) DropFirst(n int) {
	names := s.b.names(s.b.at, s.no, "")
	for _, name := range slices.Clone(names[:min(max(n, 0), len(names))]) {
		s.b.remove(s.b.entry(s.b.at, s.no, name))
	}
}

// ElementName is how long the name of an element is, in bytes. Names order as the numbers that they are.
const ElementName = 8

func elementName(number uint64) string { return string(binary.BigEndian.AppendUint64(nil, number)) }

// number is what an element's name says; nothing but elementName makes them.
func number(name string) uint64 { return binary.BigEndian.Uint64([]byte(name)) }
