package state

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"waybill/processors/stream"
)

func newDisk(t *testing.T, root string) *Disk {
	t.Helper()
	d, err := NewDisk(root, 1<<20, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func open(t *testing.T, d *Disk, id ID) *Store {
	t.Helper()
	s, err := d.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var someID = ID{App: "app", Stage: "loads", Topic: "inbox", Partition: 3}

// contents is all state of a store, as one string a key.
func contents(t *testing.T, kv stream.KV, prefix string) []string {
	t.Helper()
	out := []string{}
	err := kv.Scan([]byte(prefix), nil, func(key, value []byte) error {
		out = append(out, string(key)+"="+string(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func changes(kv ...string) []stream.Change {
	var out []stream.Change
	for i := 0; i < len(kv); i += 2 {
		c := stream.Change{Key: []byte(kv[i]), Value: []byte(kv[i+1])}
		if kv[i+1] == "delete" {
			c.Value = nil
		}
		out = append(out, c)
	}
	return out
}

func apply(t *testing.T, s *Store, next int64, kv ...string) {
	t.Helper()
	if err := s.Apply(changes(kv...), Checkpoint{Topic: [16]byte{7}, Next: next, At: time.UnixMicro(42)}); err != nil {
		t.Fatal(err)
	}
}

func TestStateSurvivesFlushAndNothingElse(t *testing.T) {
	d := newDisk(t, t.TempDir())
	s := open(t, d, someID)
	apply(t, s, 5, "a", "1", "empty", "", "b", "2")
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	apply(t, s, 9, "a", "3", "b", "delete")
	if got := contents(t, s, ""); !slices.Equal(got, []string{"a=3", "empty="}) {
		t.Errorf("state is %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, d, someID)
	defer s.Close()
	if got := contents(t, s, ""); !slices.Equal(got, []string{"a=1", "b=2", "empty="}) {
		t.Errorf("after a restart without flush state is %q, want what the checkpoint speaks of", got)
	}
	c, ok, err := s.Checkpoint()
	if err != nil || !ok || c.Next != 5 || c.Topic != [16]byte{7} || c.At.UnixMicro() != 42 || c.format != Version {
		t.Errorf("checkpoint is %+v, %v, %v", c, ok, err)
	}
	if v, err := s.Get([]byte("empty")); v == nil || len(v) != 0 || err != nil {
		t.Errorf("an empty value came back as %v, %v", v, err)
	}
	if v, err := s.Get([]byte("none")); v != nil || err != nil {
		t.Errorf("an absent value came back as %v, %v", v, err)
	}
}

func TestWipeLeavesNeitherStateNorCheckpoint(t *testing.T) {
	d := newDisk(t, t.TempDir())
	s := open(t, d, someID)
	apply(t, s, 5, "a", "1", "\xff\xff", "2", "", "3")
	if err := s.Wipe(); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, s, ""); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	if _, ok, err := s.Checkpoint(); ok || err != nil {
		t.Errorf("the checkpoint is still there (%v)", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, d.root, someID); len(got) != 1 {
		t.Errorf("directories %q, want the store's alone", got)
	}
}

func entries(t *testing.T, root string, id ID) []string {
	t.Helper()
	found, err := os.ReadDir(filepath.Join(root, id.App, id.Stage, id.Topic))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range found {
		out = append(out, e.Name())
	}
	return out
}

func TestScanKeepsToThePrefix(t *testing.T) {
	s := open(t, newDisk(t, t.TempDir()), someID)
	defer s.Close()
	apply(t, s, 1, "a\x00x", "1", "a\x00", "2", "a\x01", "3", "a", "4", "\xff", "5", "\xff\xff", "6")
	for prefix, want := range map[string][]string{
		"a\x00": {"a\x00=2", "a\x00x=1"}, "a": {"a=4", "a\x00=2", "a\x00x=1", "a\x01=3"}, "\xff": {"\xff=5", "\xff\xff=6"}, "b": {},
	} {
		if got := contents(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("%q holds %q, want %q", prefix, got, want)
		}
	}
	stop := errors.New("enough")
	if err := s.Scan(nil, nil, func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the callback's error", err)
	}
}

// What is not this task's state is kept, under another name, and the task begins with nothing.
func TestUnusableDirectoriesAreSetAside(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"foreign file": func(t *testing.T, dir string) {
			remove(t, dir, "*")
			write(t, filepath.Join(dir, "holiday.jpg"), "no state")
		},
		"damaged manifest": func(t *testing.T, dir string) { overwrite(t, dir, "MANIFEST-*") },
		"lost manifest":    func(t *testing.T, dir string) { remove(t, dir, "MANIFEST-*") },
		"lost table":       func(t *testing.T, dir string) { remove(t, dir, "*.sst") },
		"another task's":   func(t *testing.T, dir string) {}, // see below
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, t.TempDir())
			owner := someID
			dir := filepath.Join(d.root, "app", "loads", "inbox", "3")
			s := open(t, d, owner)
			apply(t, s, 5, "a", "1")
			if err := errors.Join(s.Flush(), s.Close()); err != nil {
				t.Fatal(err)
			}
			spoil(t, dir)
			if name == "another task's" {
				other := filepath.Join(d.root, "app", "loads", "inbox", "4")
				if err := os.Rename(dir, other); err != nil {
					t.Fatal(err)
				}
				dir, owner.Partition = other, 4
			}
			s = open(t, d, owner)
			defer s.Close()
			if got := contents(t, s, ""); len(got) != 0 {
				t.Errorf("the new store holds %q", got)
			}
			if _, err := os.Stat(dir + ".aside-1"); err != nil {
				t.Errorf("nothing was set aside: %v", err)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func matches(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(escaped(dir), pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in %s (%v)", pattern, dir, err)
	}
	return found
}

func overwrite(t *testing.T, dir, pattern string) {
	for _, path := range matches(t, dir, pattern) {
		write(t, path, strings.Repeat("rubbish", 100))
	}
}

func remove(t *testing.T, dir, pattern string) {
	for _, path := range matches(t, dir, pattern) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// A table damaged behind our back shows when it is read: the store says so and the next one begins anew.
func TestDamageFoundLaterIsSetAside(t *testing.T) {
	d := newDisk(t, t.TempDir())
	s := open(t, d, someID)
	noise := make([]byte, 50_000) // which does not compress
	rand.NewChaCha8([32]byte{}).Read(noise)
	for i := range int64(20) {
		apply(t, s, i, fmt.Sprint("key-", i), string(noise))
	}
	if err := errors.Join(s.Flush(), s.Close()); err != nil {
		t.Fatal(err)
	}
	tables := matches(t, s.dir, "*.sst")
	b, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0xff // behind the block of the identity
	write(t, tables[0], string(b))
	s = open(t, newDisk(t, d.root), someID)
	if err := s.Scan(nil, nil, func(_, _ []byte) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Errorf("read %v, want damage", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s = open(t, d, someID)
	defer s.Close()
	if got := contents(t, s, ""); len(got) != 0 {
		t.Errorf("the new store holds %q", got)
	}
}

func TestLockedDirectoryIsLeftAlone(t *testing.T) {
	d := newDisk(t, t.TempDir())
	s := open(t, d, someID)
	defer s.Close()
	d.patience = 0
	if _, err := d.Open(someID); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want that it is in use", err)
	}
	if got := entries(t, d.root, someID); len(got) != 1 {
		t.Errorf("directories %q: a store in use was set aside", got)
	}
}

// Who opens a store waits for one who is about to leave it.
func TestOpenWaitsForTheOneBefore(t *testing.T) {
	d := newDisk(t, t.TempDir())
	s := open(t, d, someID)
	opened := make(chan *Store)
	go func() {
		s, err := d.Open(someID)
		if err != nil {
			t.Error(err)
		}
		opened <- s
	}()
	select {
	case <-opened:
		t.Error("opened twice")
	case <-time.After(100 * time.Millisecond):
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s := <-opened; s != nil {
		_ = s.Close()
	}
}

func TestUnwritableRootIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	if _, err := NewDisk(filepath.Join(file, "state"), 0, nil); err == nil {
		t.Error("a state directory under a file was accepted")
	}
	if _, err := os.Stat(filepath.Join(file, "state")); errors.Is(err, fs.ErrNotExist) {
		t.Error("the path exists")
	}
}

func TestStaleCheckpoints(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	log := Changelog{Topic: [16]byte{7}, Start: 100, End: 200, Tombstones: 24 * time.Hour}
	for _, c := range []struct {
		name string
		c    Checkpoint
		why  string // a part of it; empty: fresh
	}{
		{"fresh", Checkpoint{Topic: log.Topic, Next: 150, At: now}, ""},
		{"at the start", Checkpoint{Topic: log.Topic, Next: 100, At: now}, ""},
		{"at the end", Checkpoint{Topic: log.Topic, Next: 200, At: now}, ""},
		{"below the start", Checkpoint{Topic: log.Topic, Next: 99, At: now}, "begins at 100"},
		{"beyond the end", Checkpoint{Topic: log.Topic, Next: 201, At: now}, "lost records"},
		{"another topic", Checkpoint{Topic: [16]byte{8}, Next: 150, At: now}, "another topic"},
		{"another form", Checkpoint{Topic: log.Topic, Next: 150, At: now, format: 9}, "form 9"},
		{"half of the tombstones' time", Checkpoint{Topic: log.Topic, Next: 150, At: now.Add(-12 * time.Hour)}, ""},
		{"a clock was a little ahead", Checkpoint{Topic: log.Topic, Next: 150, At: now.Add(12 * time.Hour)}, ""},
		{"a clock was far ahead", Checkpoint{Topic: log.Topic, Next: 150, At: now.Add(12*time.Hour + time.Second)}, "yet to come"},
		{"older", Checkpoint{Topic: log.Topic, Next: 150, At: now.Add(-12*time.Hour - time.Second)}, "delete.retention.ms"},
	} {
		if why := c.c.Stale(log, now); (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: said %q, want %q in it", c.name, why, c.why)
		}
	}
}

// A program finds what another version left: whatever its length, it is stale and no error, which would end each start.
func TestCheckpointOfAnotherFormIsStale(t *testing.T) {
	s := open(t, newDisk(t, t.TempDir()), someID)
	defer s.Close()
	for _, length := range []int{checkpointLength - 4, checkpointLength, checkpointLength + 8} {
		for _, form := range []byte{Version - 1, Version + 1} {
			old := make([]byte, length)
			old[0] = form
			if err := s.db.Set([]byte(keyCheckpoint), old, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
			c, ok, err := s.Checkpoint()
			if why := c.Stale(Changelog{}, time.Now()); err != nil || !ok || !strings.Contains(why, fmt.Sprint("form ", form)) {
				t.Errorf("form %d of %d bytes: %v, %v, stale because %q", form, length, ok, err, why)
			}
		}
	}
	if _, err := parseCheckpoint([]byte{Version}); err == nil {
		t.Error("a checkpoint cut short was taken")
	}
}

// What is read from behind a key begins behind it, and stops when told to.
func TestScanFromBehind(t *testing.T) {
	s := open(t, newDisk(t, t.TempDir()), someID)
	defer s.Close()
	apply(t, s, 1, "a", "1", "a\x00", "2", "ab", "3", "b", "4")
	for _, c := range []struct {
		prefix, behind string
		want           []string
	}{
		{"a", "a", []string{"a\x00=2", "ab=3"}}, {"a", "ab", nil}, {"", "ab", []string{"b=4"}}, {"a", "", []string{"a=1", "a\x00=2", "ab=3"}},
	} {
		var behind []byte
		if c.behind != "" {
			behind = []byte(c.behind)
		}
		var got []string
		err := s.Scan([]byte(c.prefix), behind, func(key, value []byte) error {
			got = append(got, string(key)+"="+string(value))
			return nil
		})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("behind %q with %q: %q, %v, want %q", c.behind, c.prefix, got, err, c.want)
		}
	}
	n := 0
	if err := s.Scan(nil, nil, func(_, _ []byte) error { n++; return stream.ErrStop }); err != nil || n != 1 {
		t.Errorf("stopped after %d with %v, want 1 and no error", n, err)
	}
}

// Entries that are derived are made anew from what they follow from, whatever stood there.
func TestRederive(t *testing.T) {
	s := open(t, newDisk(t, t.TempDir()), someID)
	defer s.Close()
	due := func(at byte) string { return "\x01" + strings.Repeat("\x00", 7) + string(at) }
	apply(t, s, 1, "k\x00timer\x00n", due(9), "k\x00timer\x00m", due(5), "k\x00timer\x00\x00gone\x00", due(3), "\x00\x00leftover", "", "k\x00other\x00", "x")
	if err := s.Rederive(); err != nil {
		t.Fatal(err)
	}
	want := func(class string, at byte, name string) string {
		return stream.DerivedPrefix + class + "\x80" + strings.Repeat("\x00", 6) + string(at) + "k\x00" + name + "="
	}
	if got := contents(t, s, stream.DerivedPrefix); !slices.Equal(got, []string{want("e", 3, "\x00gone\x00"), want("t", 5, "m"), want("t", 9, "n")}) {
		t.Errorf("derived %q", got)
	}
}
