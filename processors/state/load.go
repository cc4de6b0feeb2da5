package state

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2/objstorage"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"waybill/processors/stream"
)

// Loading takes what a restore reads from a changelog and writes it in sorted tables of its own making. Batches would pass
// through memory tables, be flushed, and be compacted while more comes: three times the work [measured].
type Loading struct {
	s       *Store
	changes []stream.Change // in the order they came
	bytes   int
	empty   bool // the store has no state: there is nothing to delete
	sorted  []keyed
	spare   []keyed
	key     []byte
	seen    byte
}

// keyed is a change by number, and eight bytes of its key.
type keyed struct {
	window uint64
	number int
}

// full is how many bytes are collected before they are written: what is written at once overlaps nothing and is not compacted.
const full = 64 << 20

// few is as many bytes as a batch takes as well.
const few = 1 << 20

// Load begins to load about as many changes as expected. Nothing else may write to the store meanwhile.
func (s *Store) Load(expected int64) (*Loading, error) {
	empty, err := s.none("")
	s.untimed = empty
	return &Loading{s: s, empty: empty, changes: make([]stream.Change, 0, min(expected, most))}, err
}

// most is up to how many changes there is room for from the beginning.
const most = 200_000

// Add takes one change. Its key and value must not change until they are written.
func (l *Loading) Add(c stream.Change) {
	l.changes = append(l.changes, c)
	l.s.untimed = l.s.untimed && !stream.IsTimer(c.Key)
	l.bytes += len(c.Key) + len(c.Value)
}

// Len is how many changes wait to be written.
func (l *Loading) Len() int { return len(l.changes) }

// Full says that it is time to write.
func (l *Loading) Full() bool { return l.bytes >= full }

// Write writes what was added and the checkpoint that says how far it reaches, all or nothing.
func (l *Loading) Write(c Checkpoint) error {
	if l.bytes < few {
		if err := l.s.Apply(l.changes, c); err != nil {
			return err
		}
	} else if err := l.ingest(c); err != nil {
		return fmt.Errorf("write restored state: %w", err)
	}
	l.empty = l.empty && len(l.changes) == 0
	clear(l.changes)
	l.changes, l.bytes = l.changes[:0], 0
	return nil
}

// tableFile is a table being made, in the store's directory. A crash may leave it behind.
const tableFile = "restoring.sst"

// ingest writes one table. The checkpoint stands in it too: as every write holds one, Pebble keeps this one behind those before it.
func (l *Loading) ingest(c Checkpoint) error {
	path := l.s.fs.PathJoin(l.s.dir, tableFile)
	f, err := newTable(l.s.fs, path)
	if err != nil {
		return err
	}
	w := sstable.NewWriter(f, l.s.tables)
	err = errors.Join(l.fill(w, c), w.Close())
	if err == nil && l.empty {
		err = l.s.Flush() // whose state it is, before any of it
	}
	if err == nil {
		err = l.s.turn()
	}
	if err == nil {
		err = l.s.db.Ingest(context.Background(), []string{path})
	}
	if err != nil {
		return errors.Join(err, l.s.fs.Remove(path))
	}
	return nil
}

// fill writes everything in order of keys. Of several changes of one key the last one stands.
func (l *Loading) fill(w *sstable.Writer, c Checkpoint) error {
	if err := w.Set([]byte(keyCheckpoint), c.append(nil)); err != nil {
		return err
	}
	l.sort()
	for i, k := range l.sorted {
		if i%fetched == 0 {
			l.fetch(l.sorted[i:min(i+fetched, len(l.sorted))])
		}
		if i+1 < len(l.sorted) && l.same(k, l.sorted[i+1]) {
			continue
		}
		if err := l.set(w, &l.changes[k.number]); err != nil {
			return err
		}
	}
	return nil
}

// same says whether two neighbours are of one key: only then they have the same window.
func (l *Loading) same(a, b keyed) bool {
	return a.window == b.window && bytes.Equal(l.changes[a.number].Key, l.changes[b.number].Key)
}

// fetched is how many changes fit into a processor's cache.
const fetched = 256

// fetch reads a byte of each key and value, which lie scattered in memory: many of them come at once, where the work on each would wait
// for its own [measured: a third of the time].
func (l *Loading) fetch(ks []keyed) {
	for _, k := range ks {
		x := &l.changes[k.number]
		if len(x.Key) > 0 && len(x.Value) > 0 {
			l.seen += x.Key[0] + x.Value[len(x.Value)-1] // kept, or the compiler would leave it out
		}
	}
}

func (l *Loading) set(w *sstable.Writer, x *stream.Change) error {
	if x.Value == nil && l.empty {
		return nil
	}
	l.key = append(append(l.key[:0], keyState), x.Key...)
	if x.Value == nil {
		return w.Delete(l.key)
	}
	return w.Set(l.key, x.Value)
}

// sort orders the changes by key and, within one, as they came.
func (l *Loading) sort() {
	l.sorted = slices.Grow(l.sorted[:0], len(l.changes))
	for i := range l.changes {
		l.sorted = append(l.sorted, keyed{number: i})
	}
	l.sortFrom(l.sorted, 0)
}

// wholeKeys is up to how many keys are compared as they are.
const wholeKeys = 16

// sortFrom orders changes whose keys begin with the same bytes, as many as are known. Keys of a store begin alike: the eight bytes
// behind what they share are compared as one number.
func (l *Loading) sortFrom(ks []keyed, known int) {
	shared := -1
	if len(ks) > wholeKeys {
		shared = l.shared(ks, known)
	}
	if shared < 0 {
		slices.SortFunc(ks, func(a, b keyed) int {
			return cmp.Or(bytes.Compare(l.changes[a.number].Key, l.changes[b.number].Key), cmp.Compare(a.number, b.number))
		})
		return
	}
	for i := range ks {
		ks[i].window = window(l.changes[ks[i].number].Key[shared:])
	}
	l.sortWindows(ks)
	for from := 0; from < len(ks); {
		to := from + 1
		for to < len(ks) && ks[to].window == ks[from].window {
			to++
		}
		if to-from > 1 {
			l.sortFrom(ks[from:to], shared+8)
		}
		from = to
	}
}

// sortWindows sorts by counting, a byte after the other from the last: a third of the time of comparing, for many [measured].
func (l *Loading) sortWindows(ks []keyed) {
	if len(ks) < 1000 {
		slices.SortFunc(ks, func(a, b keyed) int { return cmp.Compare(a.window, b.window) })
		return
	}
	from, to := ks, slices.Grow(l.spare[:0], len(ks))[:len(ks)]
	l.spare = to
	for shift := 0; shift < 64; shift += 8 {
		var ends [257]int // of what begins with a lower byte
		for i := range from {
			ends[byte(from[i].window>>shift)+1]++
		}
		for i := 1; i < len(ends); i++ {
			ends[i] += ends[i-1]
		}
		for _, k := range from {
			at := &ends[byte(k.window>>shift)]
			to[*at] = k
			*at++
		}
		from, to = to, from
	}
}

// shared is how many first bytes all keys have in common; -1 where one of them ends there.
func (l *Loading) shared(ks []keyed, known int) int {
	first := l.changes[ks[0].number].Key
	n, shortest := len(first), len(first)
	for _, k := range ks {
		key := l.changes[k.number].Key
		shortest = min(shortest, len(key))
		n = min(n, shortest)
		if known >= n {
			return -1
		}
		if bytes.Equal(key[known:n], first[known:n]) {
			continue
		}
		for n = known; key[n] == first[n]; {
			n++
		}
	}
	if n == shortest {
		return -1
	}
	return n
}

func window(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// table is a file as Pebble's table writer wants it. Pebble's own writes each block by itself.
type table struct {
	file vfs.File
	*bufio.Writer
}

var _ objstorage.Writable = table{}

func newTable(fs vfs.FS, path string) (table, error) {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	return table{f, bufio.NewWriterSize(f, 256<<10)}, err
}

// Write implements objstorage.Writable.
func (t table) Write(p []byte) error {
	_, err := t.Writer.Write(p)
	return err
}

// Finish implements objstorage.Writable.
func (t table) Finish() error { return errors.Join(t.Flush(), t.file.Sync(), t.file.Close()) }

// Abort implements objstorage.Writable.
func (t table) Abort() { _ = t.file.Close() }
