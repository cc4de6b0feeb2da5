package stream

import (
	"math"
	"reflect"
	"unsafe"
)

// What stays decoded is bounded by an estimate of what it takes. These are measured; a test holds what they add up to against
// the heap.
const (
	scopeOverhead = 140 // the struct, its places in map and ring
	subsOverhead  = 320 // the struct, and a map with room for eight
	entryOverhead = 130 // cell, its name's place in the map; a Value's cell lies in its scope
	nameOverhead  = 16  // of a list, the name itself left out
)

func (b *Binder) grow(s *scope, by int) {
	s.size += by
	b.held += by
}

func (b *Binder) growList(s *scope, in *subs, by int) {
	in.names += by
	b.grow(s, by)
}

// resize notes how long a value's encoding is, and with it what the value takes: itself, what its strings take, which is about the encoding, and
// what else it points to.
func (b *Binder) resize(c *cell, encoded int) {
	of := &b.stores[c.store]
	of.nested.sample(c.rec, encoded)
	size := of.size + encoded + int(of.nested.factor*float32(encoded))
	if !of.kind.Single() {
		size += entryOverhead + len(c.sub)
	}
	size = min(size, math.MaxInt32)
	b.grow(c.scope, size-int(c.size))
	c.size = int32(size)
}

// ratio is how much memory the values of a store point to, beside their strings, for each byte of their encoding: a slice of large structs
// that are mostly zero takes ten times its encoding. It is looked at now and then.
type ratio struct {
	factor float32
	seen   uint32
}

// sampled: the first few values, and then one of so many.
const sampled = 64

func (r *ratio) sample(rec any, encoded int) {
	if encoded == 0 {
		return
	}
	if r.seen++; r.seen > 8 && r.seen%sampled != 0 {
		return
	}
	now := float32(nested(reflect.ValueOf(rec).Elem())) / float32(encoded)
	r.factor += (now - r.factor) / float32(min(r.seen, 16))
}

// nested is how many bytes a value points to, but for strings and bytes: those of a decoded value lie in one copy of its encoding.
func nested(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n += nested(v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Cap() - v.Len()
		}
		n = v.Cap() * int(v.Type().Elem().Size())
		for i := range v.Len() {
			n += nested(v.Index(i))
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			n = int(v.Elem().Type().Size()) + nested(v.Elem())
		}
	}
	return n
}

// release forgets a clean cell; its name stays listed.
func (b *Binder) release(c *cell) {
	s := c.scope
	b.grow(s, -int(c.size))
	at := &s.slots[c.store]
	if at.subs == nil {
		*c = cell{}
		return
	}
	delete(at.subs.cells, c.sub)
	switch { // a map keeps the room that it once needed
	case len(at.subs.cells) > 0:
	case at.subs.listed && len(at.subs.list) > 0 && (at.subs.asked || len(at.subs.list) <= coldNames):
		at.subs.shrink()
	default:
		at.none = at.subs.listed && len(at.subs.list) == 0
		b.unlist(s, at.subs)
		b.letGo(at.subs)
		at.subs = nil
		b.grow(s, -subsOverhead)
	}
}

// coldNames is how many names of a cold store stay listed where no handler asked for a list: to know what is not there saves a read, and history
// must not take memory.
const coldNames = 16

// evict forgets decoded keys that were not used for long, until the rest fits the budget. What is dirty stays.
func (b *Binder) evict(budget int) {
	for left := 2 * len(b.ring); b.held > budget && left > 0 && len(b.ring) > 0; left-- {
		if b.hand >= len(b.ring) {
			b.hand = 0
		}
		s := b.ring[b.hand]
		if s.dirty > 0 || s.used {
			s.used = false
			b.hand++
			continue
		}
		delete(b.scopes, s.key)
		b.held -= s.size
		last := len(b.ring) - 1
		b.ring[b.hand], b.ring[last] = b.ring[last], nil
		b.ring = b.ring[:last]
	}
}

// buffered is how many bytes are kept to write the next changes into. A snapshot needs as many as all that changed since the
// last one; who writes them has them as long as it needs.
const buffered = 1 << 20

func (b *Binder) trim() {
	if cap(b.arena)+cap(b.changes)*int(unsafe.Sizeof(Change{}))+cap(b.dirty)*int(unsafe.Sizeof(b.dirty[0])) > buffered {
		b.arena, b.changes, b.dirty = nil, nil, nil
	}
}
