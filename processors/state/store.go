// Package state keeps the committed state of tasks on local disk, as a copy of their changelogs.
//
// A Store is one directory of Pebble, written without log or sync: what a crash loses of it is read again from the
// changelog, from the checkpoint on, which stands in the same batch as the state it speaks of.
package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"waybill/processors/stream"
)

// ID says whose state a directory holds.
type ID struct {
	App, Stage, Topic string
	Partition         int32
}

func (id ID) String() string {
	return fmt.Sprintf("%s/%s/%s/%d", id.App, id.Stage, id.Topic, id.Partition)
}

// Keys in Pebble begin with what they are. Whose state it is stands in the directory itself, so that one that was moved or
// mounted in the wrong place is not taken for another's.
const (
	keyState      = 's'
	keyIdentity   = "a" // outside of what lies between checkpoint and state: tables that are loaded span these
	keyCheckpoint = "c"
)

// Disk is where the stores of a process live. They share a cache.
type Disk struct {
	root     string
	log      *slog.Logger
	cache    *pebble.Cache
	patience time.Duration // with who has a directory open
}

// NewDisk makes the directory root, if it is not there, and a cache of the given size in bytes for all stores in it.
func NewDisk(root string, cacheBytes int64, log *slog.Logger) (*Disk, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("make the state directory: %w: point it to a volume this process may write", err)
	}
	return &Disk{root: root, log: log, cache: pebble.NewCache(cacheBytes), patience: 10 * time.Second}, nil
}

// Close gives the cache back. All stores must be closed.
func (d *Disk) Close() { d.cache.Unref() }

// Store is one task's committed state. Get and Scan belong to the task's goroutine.
type Store struct {
	db      *pebble.DB
	lock    *pebble.Lock
	dir     string
	fs      vfs.FS
	tables  sstable.WriterOptions // of those that are loaded
	spoilt  bool                  // found damaged when it was read
	trouble *trouble
	key     []byte

	view    *pebble.Iterator // of what is written, for the next reads; nil behind a write
	inUse   bool             // a Scan goes through the view
	untimed bool             // what is loaded has no timers, from which derived entries follow

	unflushed atomic.Int64 // changes that are in memory alone, about
	flushes   int64        // seen by Size
	looking   bool         // changes nothing
}

var _ stream.KV = (*Store)(nil)

// ErrLocked says that another task, of this process or another, has the directory open.
var ErrLocked = errors.New("the state directory is in use: give each instance one of its own")

// Open opens the store of id, making it if there is none. A directory that holds something else, or damaged state, is set
// aside under another name, with a message; the store is then empty.
func (d *Disk) Open(id ID) (*Store, error) {
	dir := filepath.Join(d.root, id.App, id.Stage, id.Topic, strconv.Itoa(int(id.Partition)))
	s, err := d.open(dir, id)
	var bad *unusable
	if !errors.As(err, &bad) {
		return s, err
	}
	aside, err := setAside(dir)
	if err != nil {
		return nil, fmt.Errorf("set %s aside, which %s: %w", dir, bad.why, err)
	}
	d.log.Warn("state set aside; it is restored from the changelog, and the old directory can be deleted", "why", bad.why, "now", aside)
	return d.open(dir, id)
}

// unusable is a directory that must not be used.
type unusable struct{ why string }

func (u *unusable) Error() string { return u.why }

func (d *Disk) open(dir string, id ID) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	if err := foreign(dir); err != nil {
		return nil, err
	}
	lock, err := d.lock(dir)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w (%w)", dir, ErrLocked, err)
	}
	trouble := newTrouble()
	options := d.options(lock, trouble)
	db, err := trouble.opened(dir, options)
	if err != nil {
		return nil, errors.Join(damaged(fmt.Errorf("open state in %s: %w", dir, err)), lock.Close())
	}
	// Of level 0: in a table for the lowest one Pebble hides deletions, since nothing should lie below.
	s := &Store{db: db, lock: lock, dir: dir, fs: options.FS, trouble: trouble, tables: options.MakeWriterOptions(0, db.TableFormat())}
	s.tables.DisableValueBlocks = true // as options says
	if err := s.identify(id); err != nil {
		s.spoilt = false // Open sets it aside
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// lock waits a while for who has the directory: a predecessor that is about to end, or somebody who looks into it.
func (d *Disk) lock(dir string) (*pebble.Lock, error) {
	for end := time.Now().Add(d.patience); ; time.Sleep(50 * time.Millisecond) {
		lock, err := pebble.LockDirectory(dir, vfs.Default)
		if err == nil || time.Now().After(end) {
			return lock, err
		}
	}
}

// foreign refuses a directory with files in it that are not Pebble's.
func foreign(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read state directory: %w", err)
	}
	if len(entries) == 0 || len(entries) == 1 && entries[0].Name() == "LOCK" {
		return nil
	}
	if desc, err := pebble.Peek(dir, vfs.Default); err == nil && desc.Exists {
		return nil
	}
	return &unusable{why: "holds files that are not the state of a stage"}
}

// damaged tells what deleting the directory mends from what it does not, such as a full disk or a missing permission: of
// those the operating system told. Not all that Pebble finds wrong it marks as corruption: a table that is cut short it does not.
func damaged(err error) error {
	if errors.As(err, new(gaveUp)) || errors.As(err, new(syscall.Errno)) && !errors.Is(err, fs.ErrNotExist) && !pebble.IsCorruptionError(err) {
		return err
	}
	return &unusable{why: "is damaged: " + err.Error()}
}

func (s *Store) identify(id ID) error {
	was, err := s.ours(keyIdentity)
	switch {
	case err != nil:
		return damaged(fmt.Errorf("read the identity of a state directory: %w", err))
	case was == nil:
		return s.db.Set([]byte(keyIdentity), []byte(id.String()), pebble.NoSync)
	case string(was) != id.String():
		return &unusable{why: fmt.Sprintf("holds the state of %s where that of %s is expected", was, id)}
	}
	return nil
}

// asideMark stands behind the name of a directory that was set aside, before a number.
const asideMark = ".aside-"

func setAside(dir string) (string, error) {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s%s%d", dir, asideMark, n)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, os.Rename(dir, to)
		}
	}
}

// Get implements stream.KV.
func (s *Store) Get(key []byte) ([]byte, error) {
	s.key = append(append(s.key[:0], keyState), key...)
	if s.inUse { // the scan under way stands somewhere in the view
		return s.ours(string(s.key))
	}
	it, err := s.look()
	if err != nil {
		return nil, s.failed("read state", err)
	}
	if !it.SeekPrefixGE(s.key) || !bytes.Equal(it.Key(), s.key) {
		if err := it.Error(); err != nil {
			return nil, s.failed("read state", err)
		}
		return nil, nil
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return nil, s.failed("read state", err)
	}
	if v == nil {
		v = []byte{} // present and empty is not absent
	}
	return v, nil
}

// look gives an iterator that sees what is written so far. To make one costs as much as to read with it, so one serves until the next
// write. Pebble's own Get asks no filter of the lowest level, where nearly everything is, and so reads a block to find that a key is absent.
func (s *Store) look() (*pebble.Iterator, error) {
	if s.view != nil {
		return s.view, nil
	}
	var err error
	s.view, err = s.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	return s.view, err
}

// turn forgets the view, before or behind a write.
func (s *Store) turn() error {
	if s.view == nil {
		return nil
	}
	it := s.view
	s.view = nil
	return it.Close()
}

// ours reads an entry that is no state, and any other without the view.
func (s *Store) ours(key string) ([]byte, error) {
	v, closer, err := s.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed("read state", err)
	}
	return append([]byte{}, v...), closer.Close() // present and empty is not absent
}

// Scan implements stream.KV. Within a key's state it goes through the view, where a filter says of most tables that nothing of the key is in them.
func (s *Store) Scan(prefix, behind []byte, fn func(key, value []byte) error) error {
	if s.inUse || bytes.IndexByte(prefix, 0) < 0 {
		return s.scanAll(prefix, behind, fn)
	}
	it, err := s.look()
	if err != nil {
		return s.failed("scan state", err)
	}
	s.inUse = true
	defer func() { s.inUse = false }()
	lower := append([]byte{keyState}, prefix...)
	from := lower
	if behind != nil && bytes.Compare(behind, prefix) >= 0 {
		from = append(append([]byte{keyState}, behind...), 0)
	}
	if !bytes.HasPrefix(from, lower) {
		return nil
	}
	return s.each(it, it.SeekPrefixGE(from), lower, fn)
}

func (s *Store) scanAll(prefix, behind []byte, fn func(key, value []byte) error) (err error) {
	lower := append([]byte{keyState}, prefix...)
	bounds := pebble.IterOptions{LowerBound: lower, UpperBound: after(lower)}
	if behind != nil && bytes.Compare(behind, prefix) >= 0 {
		bounds.LowerBound = append(append([]byte{keyState}, behind...), 0)
	}
	it, err := s.db.NewIter(&bounds)
	if err != nil {
		return s.failed("scan state", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	return s.each(it, it.First(), lower, fn)
}

func (s *Store) each(it *pebble.Iterator, ok bool, prefix []byte, fn func(key, value []byte) error) error {
	for ; ok && bytes.HasPrefix(it.Key(), prefix); ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return s.failed("scan state", err)
		}
		err = fn(it.Key()[1:], v)
		if errors.Is(err, stream.ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return s.failed("scan state", err)
	}
	return nil
}

// ErrDamaged says that what is on disk cannot be read back. Closing the store sets it aside, so that the next one opened in
// its place is restored from the changelog.
var ErrDamaged = errors.New("the local state is damaged and is to be restored")

func (s *Store) failed(what string, err error) error {
	if pebble.IsCorruptionError(err) {
		s.spoilt = !s.looking
		return fmt.Errorf("%s: %w (%w)", what, ErrDamaged, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// after is the first key behind all that begin with prefix, which begins with keyState and so has one.
func after(prefix []byte) []byte {
	end := bytes.TrimRight(prefix, "\xff")
	end = bytes.Clone(end)
	end[len(end)-1]++
	return end
}

// Apply writes changes and the checkpoint that says how far into the changelog they reach, all or nothing. It must be
// called only with what is committed there.
func (s *Store) Apply(changes []stream.Change, c Checkpoint) error {
	b := s.db.NewBatch()
	defer b.Close()
	for _, x := range changes {
		s.key = append(append(s.key[:0], keyState), x.Key...)
		if x.Value == nil {
			b.Delete(s.key, nil)
			continue
		}
		b.Set(s.key, x.Value, nil)
	}
	if err := s.commit(b, c); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	s.unflushed.Add(int64(len(changes)))
	return nil
}

func (s *Store) commit(b *pebble.Batch, c Checkpoint) error {
	if err := s.trouble.cause(); err != nil {
		return err
	}
	b.Set([]byte(keyCheckpoint), c.append(nil), nil)
	return errors.Join(s.turn(), b.Commit(pebble.NoSync))
}

// Checkpoint is the last one written; false where the store is new.
func (s *Store) Checkpoint() (Checkpoint, bool, error) {
	v, err := s.ours(keyCheckpoint)
	if err != nil || v == nil {
		return Checkpoint{}, false, err
	}
	c, err := parseCheckpoint(v)
	return c, err == nil, err
}

// none says that there is no state whose keys begin with prefix.
func (s *Store) none(prefix string) (bool, error) {
	lower := append([]byte{keyState}, prefix...)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: after(lower)})
	if err != nil {
		return false, s.failed("look for state", err)
	}
	found := it.First()
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return false, s.failed("look for state", err)
	}
	return !found, nil
}

// Wipe removes all state and the checkpoint.
func (s *Store) Wipe() error {
	none, err := s.none("")
	if err != nil {
		return err
	}
	if _, ok, err := s.Checkpoint(); err == nil && !ok && none {
		return nil // a deletion, too, would lie in the way of what is loaded
	}
	b := s.db.NewBatch()
	defer b.Close()
	b.DeleteRange([]byte{keyState}, []byte{keyState + 1}, nil)
	b.Delete([]byte(keyCheckpoint), nil)
	if err := errors.Join(s.turn(), b.Commit(pebble.NoSync)); err != nil {
		return fmt.Errorf("wipe state: %w", err)
	}
	return nil
}

// derivedAtOnce is how many derived entries are written at once.
const derivedAtOnce = 10_000

// Rederive makes the derived entries anew from what was restored. Until it is done the checkpoint stays where it is, so that a
// restart does it again.
func (s *Store) Rederive() error {
	if s.untimed {
		return nil
	}
	none, err := s.none(stream.DerivedPrefix)
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer func() { b.Close() }()
	if !none {
		lower := append([]byte{keyState}, stream.DerivedPrefix...)
		b.DeleteRange(lower, after(lower), nil)
	}
	err = s.Scan(nil, nil, func(key, value []byte) error {
		c, ok, err := stream.Derive(key, value)
		if err != nil || !ok {
			return err
		}
		b.Set(append([]byte{keyState}, c.Key...), c.Value, nil)
		if b.Count() < derivedAtOnce {
			return nil
		}
		full := b
		b = s.db.NewBatch()
		return errors.Join(full.Commit(pebble.NoSync), full.Close())
	})
	if err == nil {
		err = errors.Join(s.turn(), b.Commit(pebble.NoSync))
	}
	if err != nil {
		return fmt.Errorf("derive what local state is found by: %w", err)
	}
	return nil
}

// Close closes the store. What was not flushed is forgotten.
func (s *Store) Close() error {
	err := errors.Join(s.closeDB(), s.lock.Close())
	if s.spoilt {
		_, aside := setAside(s.dir)
		err = errors.Join(err, aside)
	}
	return err
}
