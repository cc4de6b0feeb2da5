package state

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"waybill/processors/stream"
)

// Nothing is ever synced, so a power failure may take any block and any name. What is left is the state at its checkpoint, or is known to be
// damaged: never something else.
func TestPowerFailure(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	whole, damagedOnes := 0, 0
	for n := range 60 {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		fs := vfs.NewCrashableMem()
		s := memoryStore(t, fs)
		history := workOn(t, rng, s)
		left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 90, 97, 99, 100}[rng.IntN(6)], RNG: rng})
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
		got, at, err := readAll(left)
		switch {
		case err == nil && maps.Equal(got, history[at]):
			whole++
		case err == nil:
			t.Fatalf("failure %d: at checkpoint %d there are %d entries, want %d, the same", n, at, len(got), len(history[at]))
		case isDamage(err):
			damagedOnes++
		default:
			t.Fatalf("failure %d: %v, which does not say that the directory is damaged", n, err)
		}
	}
	t.Logf("%d were whole, %d known to be damaged", whole, damagedOnes)
	if whole < 5 || damagedOnes < 5 {
		t.Errorf("%d were whole and %d damaged: one of both is hardly tried", whole, damagedOnes)
	}
}

func isDamage(err error) bool { return errors.As(err, new(*unusable)) || errors.Is(err, ErrDamaged) }

func memoryStore(t *testing.T, fs vfs.FS) *Store {
	s, err := openMemory(fs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openMemory(fs vfs.FS) (*Store, error) {
	d := &Disk{log: slog.New(slog.DiscardHandler)}
	o := d.options(nil, newTrouble())
	o.FS, o.MemTableSize = unsynced{fs}, 64<<10 // many flushes and compactions
	db, err := pebble.Open("db", o)
	if err != nil {
		return nil, damaged(err)
	}
	return &Store{trouble: newTrouble(), db: db, dir: "db", fs: o.FS, tables: o.MakeWriterOptions(0, db.TableFormat())}, nil
}

// workOn writes state in batches and tables, and gives what it was at each checkpoint.
func workOn(t *testing.T, rng *rand.Rand, s *Store) []map[string]string {
	history := []map[string]string{{}}
	for next := 1; next < 5+rng.IntN(40); next++ {
		var written []stream.Change
		if rng.IntN(8) == 0 {
			written = randomChanges(rng, few+1)
		} else {
			written = randomChanges(rng, 10_000)
		}
		l, err := s.Load(0)
		if err != nil {
			t.Fatal(err)
		}
		now := maps.Clone(history[next-1])
		for _, c := range written {
			l.Add(c)
			now[string(c.Key)] = string(c.Value)
			if c.Value == nil {
				delete(now, string(c.Key))
			}
		}
		if err := l.Write(Checkpoint{Next: int64(next), At: time.UnixMicro(42)}); err != nil {
			t.Fatal(err)
		}
		history = append(history, now)
	}
	return history
}

func readAll(fs vfs.FS) (got map[string]string, at int64, err error) {
	s, err := openMemory(fs)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, s.turn(), s.db.Close()) }()
	c, _, err := s.Checkpoint()
	if err != nil {
		return nil, 0, err
	}
	got = map[string]string{}
	err = s.Scan(nil, nil, func(key, value []byte) error {
		got[string(key)] = string(value)
		return nil
	})
	for _, key := range slices.Sorted(maps.Keys(got)) {
		v, failed := s.Get([]byte(key))
		if err = errors.Join(err, failed); failed == nil && string(v) != got[key] {
			err = errors.Join(err, fmt.Errorf("%q is %q when read alone", key, v))
		}
	}
	return got, c.Next, err
}
