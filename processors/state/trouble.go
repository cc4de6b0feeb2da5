package state

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// trouble is what Pebble could not write: for want of space, mostly. A table it tries again at once and for ever, telling nobody
// who waits for it: a stop would hang, and so would writes when memory is full. Without its list of files it gives up, which
// ends the process unless it is stopped from that.
type trouble struct {
	once sync.Once
	met  chan struct{}
	err  error // once met

	give sync.Once
	up   chan struct{} // Pebble stands still, with its locks held
}

func newTrouble() *trouble { return &trouble{met: make(chan struct{}), up: make(chan struct{})} }

func (t *trouble) tell(err error) {
	t.once.Do(func() {
		if t.err = err; errors.Is(err, syscall.ENOSPC) {
			t.err = fmt.Errorf("%w: make room on the volume of the state directory", err)
		}
		close(t.met)
	})
}

// listen hears of tables that could not be written. Damage is no trouble: the read that meets it returns it.
func (t *trouble) listen(log *slog.Logger) func(error) {
	return func(err error) {
		if pebble.IsCorruptionError(err) {
			log.Error("state", "pebble", err)
			return
		}
		t.tell(err)
	}
}

// giveUp stops Pebble where it may not go on.
func (t *trouble) giveUp(why error) {
	t.tell(why)
	t.give.Do(func() { close(t.up) })
	select {}
}

// cause is the trouble met, or nil.
func (t *trouble) cause() error {
	select {
	case <-t.met:
		return t.err
	default:
		return nil
	}
}

// opened opens Pebble. Where it gives up on that, its goroutine stays where it is; the process is about to end.
func (t *trouble) opened(dir string, o *pebble.Options) (*pebble.DB, error) {
	var db *pebble.DB
	done := make(chan error, 1)
	go func() {
		var err error
		db, err = pebble.Open(dir, o)
		done <- err
	}()
	select {
	case err := <-done:
		return db, err
	case <-t.up:
		return nil, gaveUp{t.err}
	}
}

// gaveUp is an error of opening that says nothing against what is there.
type gaveUp struct{ error }

func (g gaveUp) Unwrap() error { return g.error }

// Flush brings what is in memory to disk, so that a restart need not read it from the changelog.
func (s *Store) Flush() error {
	if err := s.trouble.cause(); err != nil {
		return fmt.Errorf("flush state: %w", err)
	}
	done, err := s.db.AsyncFlush()
	if err != nil {
		return fmt.Errorf("flush state: %w", err)
	}
	select {
	case <-done:
		return nil
	case <-s.trouble.met:
		return fmt.Errorf("flush state: %w", s.trouble.err)
	}
}

// closeDB closes Pebble unless it stands still: it would not let go.
func (s *Store) closeDB() error {
	select {
	case <-s.trouble.up:
		return fmt.Errorf("close state: %w", s.trouble.err)
	default:
		return errors.Join(s.turn(), s.db.Close())
	}
}
