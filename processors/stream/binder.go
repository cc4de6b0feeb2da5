package stream

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"waybill/avro"
)

// Binder opens a task's stores and holds what is decoded of them. A store's name is part of the key of what it holds: it
// never changes.
type Binder struct {
	kv      KV
	stores  []store
	tallies []uint16 // of the stores
	scopes  map[string]*scope
	ring    []*scope // all of scopes, for eviction
	hand    int
	at      *scope // of the running handler's key
	held    int    // about how many bytes are decoded

	ahead   ahead
	dirty   []*cell
	flushed bool // what is dirty has been handed over to be made durable
	arena   []byte
	changes []Change
	timers  *timers
	now     int64 // microseconds: the broker's time of the record under way
	expires bool  // a store has a TTL
	name    []byte
	undo    undo
	spare   []*subs // to be used again
	fault   error   // first store failure; the driver aborts

	hits, misses int64 // reads that found their value decoded, and that did not
}

// store is a declaration.
type store struct {
	name    string
	record  func() avro.Record
	size    int // of a decoded value, what it points to left out
	nested  ratio
	kind    Kind
	cold    bool  // values leave memory once they are durable
	version byte  // of the form of its values
	ttl     int64 // microseconds; 0: none
	grain   int64 // the step in which expiries move
	migrate func(from byte, old []byte, into avro.Record) error
}

// scope is the hot state of one key: what is decoded of all its stores. References and the task itself, whose key is empty,
// have scopes too.
type scope struct {
	key    string
	slots  []slot // by number of store
	dirty  int    // cells
	size   int
	used   bool // since the hand passed
	looked bool // what is committed of it was read ahead
}

// slot is one store's share in a scope. The cell of a Value lies in it: a record of one key in ten thousand waits for memory more
// than for anything else.
type slot struct {
	value cell  // of a Value; without rec where it is not loaded
	subs  *subs // of a Map, an Index, the timers
	none  bool  // nothing is committed and nothing loaded: to look for it is in vain
}

// cell is one decoded value. Hot values stay decoded; a changed one is encoded once per flush.
type cell struct {
	rec     avro.Record
	scope   *scope
	sub     string
	saved   uint64 // the unit of work in which undo last saved it
	size    int32  // about how many bytes it takes decoded
	store   uint16
	present bool
	dirty   bool
}

func newBinder(kv KV) *Binder {
	b := &Binder{kv: kv, scopes: map[string]*scope{}}
	b.timers = newTimers(b)
	return b
}

func (b *Binder) open(s store) uint16 {
	taken := slices.ContainsFunc(b.stores, func(o store) bool { return o.name == s.name })
	if s.name == "" || strings.ContainsRune(s.name, 0) || taken || s.name == dueIndex || s.name == clockStore {
		panic(fmt.Sprintf("stream: store name %q is empty, holds a zero byte or is taken", s.name))
	}
	b.stores = append(b.stores, s)
	b.expires = b.expires || s.ttl > 0
	return uint16(len(b.stores) - 1)
}

// scope finds the scope of a key or reference.
func (b *Binder) scope(key string) *scope {
	if s, ok := b.scopes[key]; ok {
		s.used = true
		return s
	}
	if strings.IndexByte(key, 0) >= 0 {
		panic(fmt.Sprintf("stream: reference %q holds a zero byte", key)) // of the record's making: it becomes poison
	}
	return b.addScope(key)
}

func (b *Binder) addScope(key string) *scope {
	s := &scope{key: key, slots: make([]slot, len(b.stores)), used: true, size: scopeOverhead + len(b.stores)*int(unsafe.Sizeof(slot{})) + len(key)}
	b.scopes[key] = s
	b.ring = append(b.ring, s)
	b.held += s.size
	return s
}

// value gives the cell of a Value.
func (b *Binder) value(s *scope, store uint16) *cell {
	c := &s.slots[store].value
	if c.rec != nil {
		b.hits++
		return c
	}
	*c = cell{rec: b.stores[store].record(), scope: s, store: store}
	if s.slots[store].none {
		s.slots[store].none = false
		b.hits++
		b.resize(c, 0)
		return c
	}
	if b.load(c) != nil { // half a value must not outlive the abort that follows
		half := *c
		*c = cell{}
		return &half
	}
	return c
}

// entry gives the cell of an entry of a Map, an Index or the timers.
func (b *Binder) entry(s *scope, store uint16, sub string) *cell {
	in := b.subs(s, store)
	if c := in.cells[sub]; c != nil {
		b.hits++
		return c
	}
	c := &cell{rec: b.stores[store].record(), scope: s, sub: sub, store: store}
	switch {
	case in.lacks(sub):
		b.hits++
		b.resize(c, 0)
	case b.load(c) != nil:
		return c
	}
	in.add(c)
	return c
}

// fresh gives the cell of an entry whose value does not matter.
func (b *Binder) fresh(s *scope, store uint16, sub string) *cell {
	in := b.subs(s, store)
	if c := in.cells[sub]; c != nil {
		return c
	}
	c := &cell{rec: b.stores[store].record(), scope: s, sub: sub, store: store}
	in.add(c)
	b.resize(c, 0)
	return c
}

// Store keys: scope NUL name NUL sub, so that all of a key lies together. Names and scopes hold no NUL byte: the task refuses record keys that
// do, and references are refused in scope, so that no key can reach into another's state.
func appendID(b []byte, store, scope, sub string) []byte {
	b = append(append(b, scope...), 0)
	b = append(append(b, store...), 0)
	return append(b, sub...)
}

// load reads what is committed into a new cell.
func (b *Binder) load(c *cell) error {
	b.misses++
	of := &b.stores[c.store]
	id := appendID(make([]byte, 0, 128), of.name, c.scope.key, c.sub)
	v, err := b.fetch(c, id)
	if err == nil && v != nil {
		c.present = true
		err = of.decode(v, c.rec)
	}
	if err != nil {
		err = fmt.Errorf("read state %q: %w", id, err)
		b.fault = cmp.Or(b.fault, err)
		return err
	}
	b.resize(c, len(v))
	return nil
}

// Values stand behind the version of their form.
func (s *store) append(dst []byte, rec avro.Record) []byte { return rec.Append(append(dst, s.version)) }

func (s *store) decode(v []byte, into avro.Record) error {
	switch {
	case len(v) == 0:
		return fmt.Errorf("value of store %s has no version: the state directory is damaged, delete it to restore from the changelog", s.name)
	case v[0] == s.version:
		return into.Decode(v[1:])
	case s.migrate == nil || v[0] > s.version:
		return fmt.Errorf("value of store %s is of version %d, this program knows version %d: run the program that wrote it, or one that migrates it", s.name, v[0], s.version)
	}
	if err := s.migrate(v[0], v[1:], into); err != nil {
		return fmt.Errorf("migrate value of store %s from version %d to %d: %w", s.name, v[0], s.version, err)
	}
	return nil
}

// touch says that a cell is about to be changed.
func (b *Binder) touch(c *cell) {
	b.undo.save(b, c)
	if c.dirty {
		return
	}
	c.dirty = true
	c.scope.dirty++
	b.dirty = append(b.dirty, c)
	if in := c.scope.slots[c.store].subs; in != nil {
		in.changed = append(in.changed, c)
	}
}

// set makes a touched cell present or absent, and keeps its listing.
func (b *Binder) set(c *cell, present bool) {
	if c.present == present {
		return
	}
	c.present = present
	in := c.scope.slots[c.store].subs
	if in == nil || !in.listed {
		return
	}
	at, found := slices.BinarySearch(in.list, c.sub)
	switch {
	case present && !found:
		in.list = slices.Insert(in.list, at, c.sub)
		b.growList(c.scope, in, nameOverhead+len(c.sub))
	case !present && found:
		in.list = slices.Delete(in.list, at, at+1)
		b.growList(c.scope, in, -nameOverhead-len(c.sub))
	}
}

// flush gives every change in order of keys, each changed value encoded once. They are valid until the next flush.
func (b *Binder) flush() ([]Change, error) {
	if b.fault != nil {
		return nil, b.fault
	}
	slices.SortFunc(b.dirty, b.compare)
	b.arena, b.changes = b.arena[:0], b.changes[:0]
	for _, c := range b.dirty {
		of := &b.stores[c.store]
		start := len(b.arena)
		b.arena = appendID(b.arena, of.name, c.scope.key, c.sub)
		key := b.arena[start:len(b.arena):len(b.arena)]
		var value []byte
		if c.present {
			start = len(b.arena)
			b.arena = of.append(b.arena, c.rec)
			value = b.arena[start:len(b.arena):len(b.arena)]
		}
		b.changes = append(b.changes, Change{Key: key, Value: value})
		b.resize(c, len(value))
	}
	b.timers.derive()
	b.flushed = true
	return b.changes, nil
}

// fail notes the first failure of the store.
func (b *Binder) fail(err error) { b.fault = cmp.Or(b.fault, err) }

// compare orders cells as their keys are ordered.
func (b *Binder) compare(x, y *cell) int {
	if x.scope != y.scope {
		return cmp.Compare(x.scope.key, y.scope.key)
	}
	return cmp.Or(cmp.Compare(b.stores[x.store].name, b.stores[y.store].name), cmp.Compare(x.sub, y.sub))
}

// committed makes what was flushed the new ground, and keeps about as many bytes decoded as the budget says.
func (b *Binder) committed(budget int) {
	b.ahead.forget()
	if b.flushed {
		for _, c := range b.dirty {
			b.clean(c)
		}
		clear(b.dirty) // a cell that is released or evicted must not live on behind its end
		b.dirty = b.dirty[:0]
		b.timers.committed()
		b.flushed = false
		b.trim()
	}
	b.evict(budget)
}

func (b *Binder) clean(c *cell) {
	c.dirty = false
	c.scope.dirty--
	if in := c.scope.slots[c.store].subs; in != nil {
		clear(in.changed)
		in.changed = in.changed[:0]
	}
	if d, ok := c.rec.(*due); ok {
		d.committed, d.known = d.at, c.present
	}
	if b.stores[c.store].cold {
		b.release(c)
	}
}

// aborted drops every change; the next read fetches committed state again.
func (b *Binder) aborted() {
	b.ahead.forget()
	for _, c := range b.dirty {
		b.drop(c)
	}
	b.dirty, b.flushed, b.fault = b.dirty[:0], false, nil
	b.timers.aborted()
	b.undo.forget()
}

// drop forgets a changed cell.
func (b *Binder) drop(c *cell) {
	s := c.scope
	s.dirty--
	b.grow(s, -int(c.size))
	at := &s.slots[c.store]
	if at.subs == nil {
		*c = cell{}
		return
	}
	delete(at.subs.cells, c.sub)
	at.subs.changed = at.subs.changed[:len(at.subs.changed)-1] // those dropped together stand at its end
	b.unlist(s, at.subs)
}

// Derive gives the entry of a derived index that follows from a change restored from a changelog, and whether there is one.
// Before the first of them, everything that begins with DerivedPrefix is to be removed. The error is of a timer that this program
// cannot read: passed over, it would never fire.
func Derive(key, value []byte) (c Change, follows bool, err error) {
	if !IsTimer(key) {
		return c, false, nil
	}
	if len(value) != 1+8 || value[0] != timerForm.version {
		if err := timerForm.decode(value, new(due)); err != nil {
			return c, false, fmt.Errorf("read state %q: %w", key, err)
		}
	}
	scope, rest, _ := strings.Cut(string(key), "\x00")
	return Change{Key: appendDue(nil, int64(binary.BigEndian.Uint64(value[1:])), scope, rest[len(timerStore)+1:]), Value: []byte{}, Derived: true}, true, nil
}

// DerivedPrefix is how keys of derived entries begin: a store of the task without a name.
const DerivedPrefix = "\x00\x00"

// IsTimer says whether a key of state is a timer's: derived entries follow from those.
func IsTimer(key []byte) bool {
	i := bytes.IndexByte(key, 0)
	return i >= 0 && bytes.HasPrefix(key[i+1:], timerPrefix)
}

var timerPrefix = []byte(timerStore + "\x00")
