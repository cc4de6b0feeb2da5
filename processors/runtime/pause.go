package runtime

import (
	"fmt"
	"time"
)

// A partition is not read for any of three reasons: its task is not ready, too much of it dies, or its stage has no room. Each is
// looked up where it is known, so that the end of one does not end the other.

// resume lets a partition be read unless there is a reason left not to.
func (l *lane) resume(at place) {
	t := l.tasks[at]
	if f := l.full[at]; f != nil && f.paused {
		return
	}
	if is, _ := l.sources.is(at); t == nil || t.Task == nil || is == paused {
		return
	}
	l.sess.Client().ResumeFetchPartitions(at.only())
}

// probe reads the sources whose pause is over, a little.
func (l *lane) probe(now time.Time) {
	for _, at := range l.sources.due(now) {
		l.resume(at)
	}
}

// holdBack stops reading what a probe has read of, until that is committed.
func (l *lane) holdBack(batches []batch) {
	for _, b := range batches {
		if is, _ := l.sources.is(b.place); is == probing || l.full[b.place] != nil {
			l.sess.Client().PauseFetchPartitions(b.only())
		}
	}
}

// watch tells of a task's committed cycle. Its dead letters are committed with it, whatever follows.
func (l *lane) watch(w *work, now time.Time) {
	at := w.task.place
	is, changed := l.sources.took(at, tally{len(w.records) - w.ticks, w.dead}, now)
	if !changed {
		return
	}
	if is == flowing {
		l.resume(at)
		l.log.Info("source is read again: what died of it before is worth a `waybill dlq replay`", "topic", at.topic, "partition", at.partition)
		return
	}
	l.sess.Client().PauseFetchPartitions(at.only())
	_, until := l.sources.is(at)
	l.stats.pauses.Add(1)
	l.log.Error("source paused: most of what it says cannot be used",
		"topic", at.topic, "partition", at.partition, "reason", often(w.letters), "until", until,
		"advice", fmt.Sprintf("`waybill dlq ls --stage %s --topic %s` says what dies of what; mend that. What waits there is late but not lost, timers of the partition too. It is tried again by itself, and at once after a restart", l.spec.Name, at.topic))
}
