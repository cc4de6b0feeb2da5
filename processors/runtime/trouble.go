package runtime

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// trouble is what keeps failing in a stage. It belongs to the stage's goroutine.
type trouble struct {
	failures int // in a row, of cycles and of lanes
	since    time.Time
	last     time.Time
	born     time.Time
	fenced   []time.Time // within the last minute
}

const (
	// breakAfter failures in a row the stage is said to stand still, once, and no attempt is told of any more until one succeeds.
	breakAfter = 5
	// calmAfter so long without work and without a failure it is taken to be well: the longest wait between two attempts, twice.
	calmAfter = 30 * time.Second
)

// failed tells of an attempt that failed and is made again after a wait.
func (s *stage) failed(what string, cause error, wait time.Duration) {
	t := &s.trouble
	t.last = time.Now()
	if t.failures++; t.failures == 1 {
		t.since = t.last
	}
	switch {
	case t.failures < breakAfter:
		s.log.Warn(what, "cause", cause, "in", wait)
	case t.failures == breakAfter:
		s.stats.broken.Store(t.since.UnixNano())
		s.log.Error("the stage stands still; it goes on by itself as soon as it can, and says so", "since", t.since, "attempts", t.failures, "cause", cause)
	default:
		s.log.Debug(what, "cause", cause, "in", wait)
	}
}

// works tells that something was committed.
func (s *stage) works() {
	t := &s.trouble
	if t.failures >= breakAfter {
		s.stats.broken.Store(0)
		s.log.Info("the stage works again", "stood still", time.Since(t.since).Round(time.Millisecond), "attempts", t.failures)
	}
	t.failures = 0
}

// idles tells that there was nothing to do. What failed is tried again sooner than calmAfter, so there is nothing of it left.
func (s *stage) idles() {
	if s.trouble.failures > 0 && time.Since(s.trouble.last) > calmAfter {
		s.works()
	}
}

// twinAfter fencings within a minute there is another process of our name: once or twice is what a stall or a slow rebalance
// leaves behind.
const twinAfter = 5

// twin says whether the end of a lane is another process's doing, and whether we are to give way. Of two the younger does: it
// was first fenced when it had hardly begun, the older when the younger came. Two that began together fence each other in turn, and the first to
// notice ends, which leaves the other alone.
func (s *stage) twin(err error, now time.Time) error {
	if !errors.Is(err, kerr.ProducerFenced) && !errors.Is(err, kerr.InvalidProducerEpoch) {
		return nil
	}
	t := &s.trouble
	t.fenced = slices.DeleteFunc(t.fenced, func(at time.Time) bool { return now.Sub(at) > time.Minute })
	t.fenced = append(t.fenced, now)
	if len(t.fenced) < twinAfter || t.fenced[0].Sub(t.born) > s.youth() {
		return nil
	}
	return fmt.Errorf("instance %q of %s was fenced %d times within a minute, by another process of that name that has run for longer: give each its own runtime.instance", s.cfg.Instance, s.cfg.App, len(t.fenced))
}

func (s *stage) youth() time.Duration {
	if s.deps.youth > 0 {
		return s.deps.youth
	}
	return time.Minute
}
