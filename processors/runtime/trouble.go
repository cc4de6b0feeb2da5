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

	opened bool      // a lane has been at work: login and topics were right once
	amiss  time.Time // since when login or topics are wrong; zero: they are not
}

const (
	// breakAfter failures in a row the stage is said to stand still, once, and no attempt is told of any more until one succeeds.
	breakAfter = 5
	// calmAfter so long without work and without a failure it is taken to be well: the longest wait between two attempts, twice.
	calmAfter = 30 * time.Second
	// mendWithin so long a login or a topic that was right may be wrong: a password is changed in two places, never at once, and
	// to make a topic anew is to delete it first.
	mendWithin = 10 * time.Minute
)

// errMissing: a topic that the stage needs is not there.
var errMissing = errors.New("topics missing")

// mends says whether what ended a lane for good may be mended by others while this process waits, which it does for mendWithin. What was never right
// is wrong in the configuration.
func (s *stage) mends(err error, now time.Time) (bool, error) {
	login := errors.Is(err, kerr.SaslAuthenticationFailed)
	if !login && !errors.Is(err, errMissing) {
		return false, err
	}
	t := &s.trouble
	if t.amiss.IsZero() {
		t.amiss = now
	}
	left := s.mendWithin() - now.Sub(t.amiss)
	if t.opened && left > 0 {
		s.log.Warn("Kafka refuses what it let pass before: a login, or a topic that is not there now. Where a password is being changed or a topic made anew, this ends by itself; else this process does",
			"cause", err, "since", t.amiss, "ends in", left.Round(time.Second))
		return true, err
	}
	if login {
		err = fmt.Errorf("%w: the brokers refuse kafka.sasl.user with this password or token (tried for %s): set right kafka.sasl, and start again", err, now.Sub(t.amiss).Round(time.Second))
	}
	return false, err
}

func (s *stage) mendWithin() time.Duration {
	if s.deps.mendWithin > 0 {
		return s.deps.mendWithin
	}
	return mendWithin
}

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
