package stream

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	"waybill/avro"
)

// KV is the committed state of one task, as a driver keeps it. Reads only: changes reach it through Task.Flush, after
// which the driver makes them durable.
type KV interface {
	// Get gives the value of a key, or nil. The value is valid until the next call.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for each key with the prefix, in order of keys. Key and value are valid until fn returns.
	Scan(prefix []byte, fn func(key, value []byte) error) error
}

// Binder opens a task's stores. A store's name is part of the key of what it holds: it never changes.
type Binder struct {
	kv      KV
	key     string // the key of the running handler
	names   []string
	indexes []string
	cells   map[string]*cell
	dirty   []*cell
	changed map[string][]*cell  // the dirty ones by store and scope, so that a listing need not look at all of them
	listed  map[string][]string // committed keys, sorted, of the stores and scopes listed in full: scanning is dear
	held    int                 // keys in listed
	timers  *timers
	fault   error // first store failure; the driver aborts
}

// cell is one decoded value. Hot values stay decoded; a changed one is encoded once per commit.
type cell struct {
	id      string
	base    int // length of the id's store and scope
	rec     avro.Record
	present bool
	dirty   bool
}

func newBinder(kv KV) *Binder {
	b := &Binder{kv: kv, names: []string{timerStore}, cells: map[string]*cell{}, changed: map[string][]*cell{}, listed: map[string][]string{}}
	b.timers = newTimers(b)
	return b
}

func (b *Binder) open(name string) string {
	if name == "" || strings.ContainsRune(name, 0) || slices.Contains(b.names, name) {
		panic(fmt.Sprintf("stream: store name %q is empty, holds a zero byte or is taken", name))
	}
	b.names = append(b.names, name)
	return name
}

// Store keys: name NUL scope NUL sub. Names and scopes hold no NUL byte: the task refuses record keys that do, and
// references are refused here, so that no key can reach into another's state.
func cellID(store, scope, sub string) string { return store + "\x00" + scope + "\x00" + sub }

func (b *Binder) cell(store, scope, sub string, make func() avro.Record) *cell {
	id := cellID(store, scope, sub)
	if c, ok := b.cells[id]; ok {
		return c
	}
	if strings.IndexByte(scope, 0) >= 0 {
		panic(fmt.Sprintf("stream: reference %q holds a zero byte", scope)) // of the record's making: guard makes it poison
	}
	c := &cell{id: id, base: len(id) - len(sub), rec: make()}
	v, err := b.kv.Get([]byte(id))
	if err == nil && v != nil {
		c.present = true
		err = c.rec.Decode(v)
	}
	if err != nil {
		b.fail(fmt.Errorf("read state %q: %w", id, err))
		return c // not kept: half a value must not outlive the abort that follows
	}
	b.cells[id] = c
	return c
}

func (b *Binder) fail(err error) {
	if b.fault == nil {
		b.fault = err
	}
}

func (b *Binder) touch(c *cell) {
	if !c.dirty {
		c.dirty = true
		b.dirty = append(b.dirty, c)
		b.changed[c.id[:c.base]] = append(b.changed[c.id[:c.base]], c)
	}
}

// record is what a store holds: a generated type, by pointer.
type record[V any] interface {
	*V
	avro.Record
}

// Value is one value per key.
type Value[V any, P record[V]] struct {
	b    *Binder
	name string
}

// ValueOf opens a Value store.
func ValueOf[V any, P record[V]](b *Binder, name string) *Value[V, P] {
	return &Value[V, P]{b: b, name: b.open(name)}
}

func (s *Value[V, P]) cell() *cell {
	return s.b.cell(s.name, s.b.key, "", func() avro.Record { return P(new(V)) })
}

// Get gives the key's value to read, and whether it has one. Valid until the handler returns.
func (s *Value[V, P]) Get() (*V, bool) {
	c := s.cell()
	return (*V)(c.rec.(P)), c.present
}

// Edit gives the key's value to change in place, zero where it had none. Valid until the handler returns.
func (s *Value[V, P]) Edit() *V {
	c := s.cell()
	c.present = true
	s.b.touch(c)
	return (*V)(c.rec.(P))
}

// Delete removes the key's value.
func (s *Value[V, P]) Delete() {
	c := s.cell()
	c.present, c.rec = false, P(new(V))
	s.b.touch(c)
}

// Map is many values per key, each under a name of its own and written back by itself.
type Map[V any, P record[V]] struct {
	b    *Binder
	name string
	// scope gives the key the entries belong to; a Table has one for the whole task.
	scope func() string
}

// MapOf opens a Map store scoped to the key.
func MapOf[V any, P record[V]](b *Binder, name string) *Map[V, P] {
	return &Map[V, P]{b: b, name: b.open(name), scope: func() string { return b.key }}
}

// TableOf opens a Map store that all keys of the task share: for reference data, which reaches every partition.
func TableOf[V any, P record[V]](b *Binder, name string) *Map[V, P] {
	return &Map[V, P]{b: b, name: b.open(name), scope: func() string { return "" }}
}

func (s *Map[V, P]) cell(sub string) *cell {
	return s.b.cell(s.name, s.scope(), sub, func() avro.Record { return P(new(V)) })
}

// Get gives an entry to read, and whether it exists. Valid until the handler returns.
func (s *Map[V, P]) Get(sub string) (*V, bool) {
	c := s.cell(sub)
	return (*V)(c.rec.(P)), c.present
}

// Edit gives an entry to change in place, zero where it did not exist. Valid until the handler returns.
func (s *Map[V, P]) Edit(sub string) *V {
	c := s.cell(sub)
	c.present = true
	s.b.touch(c)
	return (*V)(c.rec.(P))
}

// Delete removes an entry.
func (s *Map[V, P]) Delete(sub string) {
	c := s.cell(sub)
	c.present, c.rec = false, P(new(V))
	s.b.touch(c)
}

// All gives the entries in order of their names. Entries must not be added or deleted meanwhile.
func (s *Map[V, P]) All() iter.Seq2[string, *V] { return s.WithPrefix("") }

// WithPrefix gives the entries whose names begin so, in order.
func (s *Map[V, P]) WithPrefix(prefix string) iter.Seq2[string, *V] {
	return func(yield func(string, *V) bool) {
		base := cellID(s.name, s.scope(), "")
		for _, id := range s.b.ids(base, prefix) {
			if v, ok := s.Get(id[len(base):]); ok && !yield(id[len(base):], v) {
				return
			}
		}
	}
}

// ids lists the keys of a store and scope that go on with the prefix, committed and changed alike, in order.
func (b *Binder) ids(base, prefix string) []string {
	out := b.committedIDs(base, prefix)
	changed := b.changed[base]
	if len(changed) == 0 {
		return out
	}
	out = slices.Clone(out) // it may be the listing itself
	for _, c := range changed {
		if strings.HasPrefix(c.id[len(base):], prefix) {
			out = append(out, c.id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// committedIDs remembers full listings. A part of a scope that is not listed in full is scanned each time: the scope may be
// a table of all places there are.
func (b *Binder) committedIDs(base, prefix string) []string {
	if all, ok := b.listed[base]; ok {
		from, _ := slices.BinarySearch(all, base+prefix)
		n := slices.IndexFunc(all[from:], func(id string) bool { return !strings.HasPrefix(id, base+prefix) })
		if n < 0 {
			n = len(all) - from
		}
		return all[from : from+n : from+n]
	}
	var out []string
	err := b.kv.Scan([]byte(base+prefix), func(key, _ []byte) error {
		out = append(out, string(key))
		return nil
	})
	if err != nil {
		b.fail(fmt.Errorf("scan state %q: %w", base+prefix, err))
		return nil
	}
	if prefix == "" {
		b.listed[base] = out
		b.held += len(out)
	}
	return out
}

// relist brings the listings up to what was committed.
func (b *Binder) relist() {
	for base, changed := range b.changed {
		all, ok := b.listed[base]
		if !ok {
			continue
		}
		b.held -= len(all)
		for _, c := range changed {
			at, found := slices.BinarySearch(all, c.id)
			switch {
			case c.present && !found:
				all = slices.Insert(all, at, c.id)
			case !c.present && found:
				all = slices.Delete(all, at, at+1)
			}
		}
		b.listed[base] = all
		b.held += len(all)
	}
}

// flush hands every change to put, in order of keys; a nil value deletes. One encoding per changed value.
func (b *Binder) flush(put func(key, value []byte) error) error {
	if b.fault != nil {
		return b.fault
	}
	slices.SortFunc(b.dirty, func(x, y *cell) int { return strings.Compare(x.id, y.id) })
	for _, c := range b.dirty {
		var v []byte
		if c.present {
			v = c.rec.Append([]byte{})
		}
		if err := put([]byte(c.id), v); err != nil {
			return err
		}
	}
	return b.timers.flush(put)
}

// committed forgets what was dirty; the values stay decoded.
func (b *Binder) committed(keep int) {
	for _, c := range b.dirty {
		c.dirty = false
	}
	b.dirty = b.dirty[:0]
	b.relist()
	clear(b.changed)
	b.timers.committed()
	if len(b.cells) > keep {
		clear(b.cells)
	}
	if b.held+len(b.listed) > keep {
		clear(b.listed)
		b.held = 0
	}
}

// aborted drops every change; the next read fetches committed state again.
func (b *Binder) aborted() {
	for _, c := range b.dirty {
		delete(b.cells, c.id)
	}
	b.dirty = b.dirty[:0]
	clear(b.changed)
	b.fault = nil
	b.timers.aborted()
}

// Index remembers which keys depend on which references, such as a load on the places of its stops.
type Index struct {
	b    *Binder
	name string
}

// IndexOf opens an Index.
func IndexOf(b *Binder, name string) *Index {
	b.indexes = append(b.indexes, name)
	return &Index{b: b, name: b.open(name)}
}

func mark() avro.Record { return new(presence) }

// Add says that the running key depends on the reference.
func (x *Index) Add(reference string) {
	c := x.b.cell(x.name, reference, x.b.key, mark)
	if !c.present {
		c.present = true
		x.b.touch(c)
	}
}

// Remove takes that back.
func (x *Index) Remove(reference string) {
	c := x.b.cell(x.name, reference, x.b.key, mark)
	if c.present {
		c.present = false
		x.b.touch(c)
	}
}

// dependentsOf lists the keys that depend on the reference, in order, over all indexes of the task.
func (b *Binder) dependentsOf(reference string) []string {
	var keys []string
	for _, index := range b.indexes {
		base := cellID(index, reference, "")
		for _, id := range b.ids(base, "") {
			if key := id[len(base):]; b.cell(index, reference, key, mark).present {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
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
