package state

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"waybill/processors/stream"
)

// What is loaded is what batches would have left: the last change of a key stands, whether keys are many or few, long or one another's
// beginning, and whether they are written in a table or a batch.
func TestLoadEqualsApply(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	d := newDisk(t, t.TempDir())
	loaded, applied := open(t, d, someID), open(t, d, ID{App: "other"})
	defer func() { _, _ = loaded.Close(), applied.Close() }()
	l, err := loaded.Load(0)
	if err != nil {
		t.Fatal(err)
	}
	for i, bytes := range []int{3 * few, 100, 2 * few} {
		written := randomChanges(rng, bytes)
		for _, c := range written {
			l.Add(c)
		}
		c := Checkpoint{Topic: [16]byte{7}, Next: int64(i + 1), At: time.UnixMicro(42)}
		if l.Len() != len(written) || l.Full() {
			t.Errorf("%d changes wait (full: %v), want %d", l.Len(), l.Full(), len(written))
		}
		if err := l.Write(c); err != nil {
			t.Fatal(err)
		}
		if err := applied.Apply(written, c); err != nil {
			t.Fatal(err)
		}
		if got, want := contents(t, loaded, ""), contents(t, applied, ""); !slices.Equal(got, want) {
			t.Fatalf("after write %d %d entries are there, want %d, the same", i, len(got), len(want))
		}
		if got, ok, err := loaded.Checkpoint(); err != nil || !ok || got.Next != c.Next {
			t.Errorf("the checkpoint is %+v, %v, %v, want next %d", got, ok, err, c.Next)
		}
	}
}

// randomChanges are of keys that meet again, in groups that begin alike, with zeros at their ends.
func randomChanges(rng *rand.Rand, bytes int) (out []stream.Change) {
	value := make([]byte, 100)
	for n := 0; n < bytes; {
		key := fmt.Appendf(nil, "store%d\x00some key with a long beginning %d", rng.IntN(3), rng.IntN(1000))
		if rng.IntN(2) == 0 {
			key = append(key, make([]byte, rng.IntN(20))...)
		}
		c := stream.Change{Key: key, Value: fmt.Appendf(nil, "%d%s", rng.Int(), value)}
		if rng.IntN(5) == 0 {
			c.Value = nil
		}
		out, n = append(out, c), n+len(c.Key)+len(c.Value)
	}
	return out
}

// A table that is loaded needs no flush to be there after a crash, its checkpoint with it, and so does whose state it is.
func TestLoadSurvivesCrash(t *testing.T) {
	d := newDisk(t, t.TempDir())
	s := open(t, d, someID)
	l, err := s.Load(0)
	if err != nil {
		t.Fatal(err)
	}
	big := make([]byte, few)
	l.Add(stream.Change{Key: []byte("a"), Value: big})
	l.Add(stream.Change{Key: []byte("b")})
	if err := l.Write(Checkpoint{Next: 2, At: time.UnixMicro(42)}); err != nil {
		t.Fatal(err)
	}
	l.Add(stream.Change{Key: []byte("c"), Value: []byte("small: a batch")})
	if err := l.Write(Checkpoint{Next: 3, At: time.UnixMicro(42)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // without a flush
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, tableFile), []byte("half a table"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, d, someID)
	if got := contents(t, s, ""); len(got) != 1 || got[0] != "a="+string(big) {
		t.Errorf("%d entries are there, want the table's one", len(got))
	}
	if c, ok, err := s.Checkpoint(); err != nil || !ok || c.Next != 2 {
		t.Errorf("the checkpoint is %+v, %v, %v, want the table's", c, ok, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := ID{App: someID.App, Stage: someID.Stage, Topic: someID.Topic, Partition: someID.Partition + 1}
	if err := os.Rename(s.dir, filepath.Join(filepath.Dir(s.dir), "4")); err != nil {
		t.Fatal(err)
	}
	s = open(t, d, other)
	defer s.Close()
	if got := contents(t, s, ""); len(got) != 0 {
		t.Error("another partition's state was taken for its own")
	}
}

func TestWipeOfNothingWritesNothing(t *testing.T) {
	s := open(t, newDisk(t, t.TempDir()), someID)
	defer s.Close()
	if err := s.Wipe(); err != nil {
		t.Fatal(err)
	}
	l, err := s.Load(0)
	if err != nil {
		t.Fatal(err)
	}
	l.Add(stream.Change{Key: []byte("a"), Value: make([]byte, few)})
	if err := l.Write(Checkpoint{Next: 2}); err != nil {
		t.Fatal(err)
	}
	if at := s.db.Metrics().Levels[6].TablesCount; at != 1 {
		t.Errorf("%d tables on the lowest level, want what was loaded there, where it is not compacted again", at)
	}
}

// BenchmarkLoad is 200,000 keys in no order into an empty store.
func BenchmarkLoad(b *testing.B) {
	const n = 200_000
	var all []byte
	var changes []stream.Change
	for i := range n {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		at := len(all)
		all = fmt.Appendf(all, "last\x00bench|%016x\x00", rng.Uint64())
		key := all[at:]
		at = len(all)
		all = fmt.Appendf(all, "%x%0100d", rng.Uint64(), i)
		changes = append(changes, stream.Change{Key: key, Value: all[at:]})
	}
	b.Run("batches", func(b *testing.B) {
		loadTo(b, func(s *Store) (err error) {
			for part := range slices.Chunk(changes, 5000) {
				err = s.Apply(part, Checkpoint{At: time.Now()})
			}
			return err
		})
	})
	b.Run("load", func(b *testing.B) {
		loadTo(b, func(s *Store) error {
			l, err := s.Load(n)
			if err != nil {
				return err
			}
			for _, c := range changes {
				l.Add(c)
			}
			return l.Write(Checkpoint{At: time.Now()})
		})
	})
}

func loadTo(b *testing.B, load func(*Store) error) {
	for b.Loop() {
		b.StopTimer()
		d, err := NewDisk(b.TempDir(), 8<<20, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		s, err := d.Open(someID)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := load(s); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		d.Close()
		b.StartTimer()
	}
}
