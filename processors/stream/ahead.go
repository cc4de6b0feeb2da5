package stream

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// ahead is what is committed of one key, read in one go when the first of it is asked for. All of a key lies together on disk: to seek is
// what costs, and a handler that asks for one thing asks for more. It also knows what is not there, which is what most of a new key's
// reads ask.
type ahead struct {
	of    *scope // nil: of none
	whole bool   // nothing of the key lies behind
	room  []byte
	found []piece // in order of keys
}

// piece is an entry: bounds within room.
type piece struct{ key, value, end int }

// How much of a key is read in one go. A vehicle may have thousands of facts, of which a handler wants few.
const (
	aheadEntries = 128
	aheadBytes   = 64 << 10
)

func (a *ahead) key(p piece) []byte   { return a.room[p.key:p.value] }
func (a *ahead) value(p piece) []byte { return a.room[p.value:p.end:p.end] }

func (a *ahead) forget() { a.of, a.found, a.room = nil, a.found[:0], a.room[:0] }

// get gives a value, nil where there is none, and whether it is known.
func (a *ahead) get(id []byte) (value []byte, known bool) {
	at, is := slices.BinarySearchFunc(a.found, id, func(p piece, id []byte) int { return bytes.Compare(a.key(p), id) })
	if is {
		return a.value(a.found[at]), true
	}
	return nil, a.whole || at < len(a.found)
}

// fetch gives the value committed under a key of state, nil where there is none. It is valid until the next call.
func (b *Binder) fetch(c *cell, id []byte) ([]byte, error) {
	if !b.reads(c.scope, c.store) {
		return b.kv.Get(id)
	}
	if err := b.look(c.scope); err != nil {
		return nil, err
	}
	if b.ahead.of == c.scope {
		if v, known := b.ahead.get(id); known {
			return v, nil
		}
	}
	return b.kv.Get(id)
}

// reads says whether a store's share in a scope is read together with the rest of it: not what belongs to the task, and not an index, whose
// scopes are references that any number of keys depend on.
func (b *Binder) reads(s *scope, store uint16) bool {
	return s.key != "" && b.stores[store].kind != IndexKind
}

// look reads ahead, once for as long as the scope is in memory.
func (b *Binder) look(s *scope) error {
	if s.looked {
		return nil
	}
	s.looked = true
	a := &b.ahead
	a.forget()
	a.of, a.whole = s, true
	prefix := append([]byte(s.key), 0)
	err := b.kv.Scan(prefix, nil, func(key, value []byte) error {
		if len(a.found) == aheadEntries || len(a.room) >= aheadBytes {
			a.whole = false
			return ErrStop
		}
		from := len(a.room)
		a.room = append(append(a.room, key...), value...)
		a.found = append(a.found, piece{from, from + len(key), len(a.room)})
		return nil
	})
	if err != nil {
		a.forget()
		return fmt.Errorf("read state of %q: %w", s.key, err)
	}
	if a.whole {
		b.survey(s)
	}
	return nil
}

// survey notes for each store what the scope has, which is known to be all.
func (b *Binder) survey(s *scope) {
	names := make([][]string, len(b.stores))
	for _, p := range b.ahead.found {
		name, sub, _ := strings.Cut(string(b.ahead.key(p)[len(s.key)+1:]), "\x00")
		if no := slices.IndexFunc(b.stores, func(o store) bool { return o.name == name }); no >= 0 {
			names[no] = append(names[no], sub)
		}
	}
	for no := range b.stores {
		at := &s.slots[no]
		switch of := &b.stores[no]; {
		case of.kind == IndexKind:
		case of.kind.Single():
			at.none = len(names[no]) == 0 && at.value.rec == nil
		case len(names[no]) == 0 && at.subs == nil:
			at.none = true
		case of.cold && len(names[no]) > coldNames:
		default:
			if in := b.subs(s, uint16(no)); !in.listed {
				b.list(s, in, in.with(names[no], "", span{}))
			}
		}
	}
}
