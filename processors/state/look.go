package state

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Found is a directory below the root of a Disk.
type Found struct {
	ID
	Dir   string
	Aside bool // set aside as unusable
}

// List finds what lies below a root, in order of paths. What is no store's path is passed over.
func List(root string) ([]Found, error) {
	if _, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("look into the state directory: %w", err)
	}
	dirs, err := filepath.Glob(filepath.Join(escaped(root), "*", "*", "*", "*"))
	if err != nil {
		return nil, fmt.Errorf("look into the state directory: %w", err)
	}
	var all []Found
	for _, dir := range dirs {
		if f, ok := parseDir(root, dir); ok {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, Found.compare)
	return all, nil
}

// escaped makes a path mean itself to Glob.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func parseDir(root, dir string) (Found, bool) {
	rel, err := filepath.Rel(root, dir)
	parts := strings.Split(filepath.ToSlash(rel), "/")
	if err != nil || len(parts) != 4 {
		return Found{}, false
	}
	number, _, aside := strings.Cut(parts[3], asideMark)
	p, err := strconv.ParseInt(number, 10, 32)
	return Found{ID{parts[0], parts[1], parts[2], int32(p)}, dir, aside}, err == nil
}

func (f Found) compare(g Found) int {
	if f.Stage == g.Stage && f.App == g.App && f.Topic == g.Topic && f.Partition != g.Partition {
		return int(f.Partition) - int(g.Partition)
	}
	return strings.Compare(f.Dir, g.Dir)
}

// ErrNoState says that a directory holds no state.
var ErrNoState = errors.New("there is no state of a stage in it")

// Look opens a store that exists to read alone, changing nothing. The error is ErrLocked where an instance has it open,
// ErrNoState where it is none, ErrDamaged where it cannot be read.
func Look(f Found, log *slog.Logger) (*Store, error) {
	s, err := look(f, log)
	if err != nil {
		return nil, fmt.Errorf("look into %s: %w", f.Dir, err)
	}
	return s, nil
}

func look(f Found, log *slog.Logger) (*Store, error) {
	if desc, err := pebble.Peek(f.Dir, vfs.Default); err != nil || !desc.Exists {
		return nil, errors.Join(ErrNoState, err)
	}
	lock, err := pebble.LockDirectory(f.Dir, vfs.Default)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrLocked, err)
	}
	d := &Disk{log: log, cache: pebble.NewCache(lookCache)}
	defer d.Close()
	trouble := newTrouble()
	o := d.options(lock, trouble)
	o.ReadOnly = true
	db, err := pebble.Open(f.Dir, o)
	if err != nil {
		if errors.As(damaged(err), new(*unusable)) {
			err = fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		return nil, errors.Join(err, lock.Close())
	}
	s := &Store{db: db, lock: lock, dir: f.Dir, looking: true, trouble: trouble}
	was, err := s.ours(keyIdentity)
	if err == nil && was == nil { // its instance was killed before anything was brought to disk; whoever opens it next fills it
		err = ErrNoState
	}
	if err == nil && !f.Aside && string(was) != f.ID.String() {
		err = fmt.Errorf("it holds the state of %q: whoever opens it next for %s sets it aside", was, f.ID)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

const lookCache = 64 << 20
