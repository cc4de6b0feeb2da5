package runtime

import (
	"cmp"
	"time"

	"github.com/cenkalti/backoff/v5"

	"waybill/topics/fault"
)

// A stage may have no room for a record with which nothing is wrong: an error of class wait. The cycle that met it is undone; what came before
// the record is read again without it, and committed. Then the partition is not read but for that one record, now and then, until there is
// room. Nothing is dropped, and what was worked on leads to what it always does.

// full is a partition whose stage has no room for its next record, or the one behind the next few.
type full struct {
	ahead  int       // records to read before the one there is no room for
	paused bool      // not read until a time; else so many records are, or that one
	until  time.Time // when it is tried again, where it is paused
	why    error
	wait   *backoff.ExponentialBackOff
}

// noRoom is what a cycle met: how many of its records came before the one.
type noRoom struct {
	ahead int
	why   error
}

// meet notes that there is no room for a record, if that is what the error says.
func (w *work) meet(offset int64, err error) {
	if fault.Of(err) != fault.Wait {
		return
	}
	w.full = &noRoom{why: err}
	for _, r := range w.records {
		if r.Offset < offset {
			w.full.ahead++
		}
	}
}

// hold stops reading where a cycle that was undone met a stage without room. It says so once.
func (l *lane) hold(c *cycle, now time.Time) {
	for _, w := range c.works {
		if w.full == nil {
			continue
		}
		at := w.task.place
		f := l.full[at]
		if f == nil {
			f = &full{wait: l.patience()}
			l.full[at] = f
			l.stats.pauses.Add(1)
			l.log.Error("partition is not read on: its stage has no room for what comes next",
				"topic", at.topic, "partition", at.partition, "reason", fault.Reason(w.full.why), "err", w.full.why,
				"advice", "what waits there is late but not lost, timers of the partition too. It is tried again by itself, and at once after a restart")
		}
		f.why = w.full.why
		if f.ahead = w.full.ahead; f.ahead == 0 {
			l.stop(at, f, now)
		}
	}
}

func (l *lane) patience() *backoff.ExponentialBackOff {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = cmp.Or(l.cfg.Poison.PauseFirst, time.Minute), cmp.Or(l.cfg.Poison.PauseMost, 15*time.Minute)
	wait.Multiplier, wait.RandomizationFactor = 2, 0.25
	return wait
}

func (l *lane) stop(at place, f *full, now time.Time) {
	f.paused, f.until = true, now.Add(f.wait.NextBackOff())
	l.sess.Client().PauseFetchPartitions(at.only())
}

// tryFull lets partitions be read whose stage may have room by now, or that have records ahead of the one it has none for.
func (l *lane) tryFull(now time.Time) {
	for at, f := range l.full {
		if f.paused && !now.Before(f.until) {
			f.paused = false
		}
		if !f.paused {
			l.resume(at)
		}
	}
}

// most bounds how many records are read at once: so few that what there is no room for is not among those ahead of it, and is alone when it is
// tried.
func (l *lane) most(n int) int {
	n = l.sources.most(n)
	for _, f := range l.full {
		if !f.paused {
			n = min(n, max(f.ahead, 1))
		}
	}
	return n
}

// went tells of a committed cycle of a partition that had no room.
func (l *lane) went(w *work, now time.Time) {
	at := w.task.place
	f := l.full[at]
	switch {
	case f == nil:
	case f.ahead == 0:
		delete(l.full, at)
		l.resume(at)
		l.log.Info("partition is read on: its stage has room again", "topic", at.topic, "partition", at.partition)
	default:
		if f.ahead -= len(w.records); f.ahead <= 0 {
			f.ahead = 0
			l.stop(at, f, now)
		}
	}
}
