package runtime

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"waybill/processors/state"
	"waybill/topics"
	"waybill/topics/meter"
)

// Stats is what a stage did since the process started, and where it stands. What was undone is not counted, but for Aborts
// and Rebuilds.
type Stats struct {
	Stage       string
	In          int64            // records read and committed, ticks and dead letters included
	Out         int64            // records said, a broadcast once per partition, dead letters and changelog not included
	DeadLetters int64            // of all reasons
	Reasons     map[string]int64 // dead letters by reason code
	Restored    int64            // changelog records read to restore tasks
	Commits     int64            // transactions committed, fences included
	Aborts      int64            // transactions aborted, by a rebalance or a retryable fault
	Rebuilds    int64            // lanes closed because the outcome of something was unknown
	Pauses      int64            // of sources of which too much died
	Tasks       int64            // partitions owned now
	Restoring   int64            // of these, not yet at work
	Doubtful    int64            // ticks that moved no time, since the broker's stamp and the sender's clock lie too far apart
	Hits        int64            // reads of state that found their value decoded in memory
	Misses      int64            // and that did not

	CycleTime  meter.Snapshot // from when reading began to the end of the transaction; cycles that read nothing are not timed
	CommitTime meter.Snapshot // of that, ending the transaction
	// EndToEnd is from the append time of a record to the commit of the cycle that worked on it. All records of a cycle and
	// partition count as the oldest of them, so the true figures are no longer. The broker's clock is held against ours.
	EndToEnd meter.Snapshot

	Broken     time.Time // since when nothing has worked, after several attempts; zero: it works
	Joined     bool      // the group has given the lane its share, if only none
	Beat       time.Time // when the lane last began a cycle, or went on waiting for work
	Partitions []PartitionStats
}

// PartitionStats is where a partition stands that the group assigned to a stage's lane.
type PartitionStats struct {
	Topic     string
	Partition int32
	Working   bool      // else it waits for its fence, or is restored
	Paused    time.Time // until then it is not read, because too much of it died or its stage has no room; zero: it is
	Full      string    // why its stage has no room for what comes next; empty: it has, as far as is known
	Restore   Progress  // while it is restored; nothing before that
	State     state.Size
	Tallies   map[string]int64 // see stream.Tally
	Hot       []HotKey         // the heaviest few, heaviest first
}

// counters is what Stats is made of. A lane counts once a cycle and partition, never once a record.
type counters struct {
	in, out, letters, restored, commits, aborts, rebuilds, tasks, restoring, hits, misses, pauses, doubtful atomic.Int64

	cycleTime, commitTime, endToEnd meter.Histogram

	beat       atomic.Int64 // nanoseconds since 1970
	broken     atomic.Int64 // nanoseconds since 1970, 0: it works
	led        atomic.Int64 // nanoseconds since 1970: since then no partition has been without another's tick
	joined     atomic.Bool
	partitions atomic.Pointer[[]PartitionStats]

	mu      sync.Mutex
	reasons map[string]int64
}

// Stats gives a snapshot of every stage, in the order they were given to New.
func (e *Engine) Stats() []Stats {
	var all []Stats
	for _, s := range e.stages {
		all = append(all, s.stats.snapshot(s.spec.Name))
	}
	return all
}

func (c *counters) snapshot(stage string) Stats {
	s := Stats{
		Stage: stage, In: c.in.Load(), Out: c.out.Load(), DeadLetters: c.letters.Load(), Restored: c.restored.Load(),
		Commits: c.commits.Load(), Aborts: c.aborts.Load(), Rebuilds: c.rebuilds.Load(), Tasks: c.tasks.Load(), Restoring: c.restoring.Load(),
		Pauses: c.pauses.Load(), Hits: c.hits.Load(), Misses: c.misses.Load(),
		Doubtful:  c.doubtful.Load(),
		CycleTime: c.cycleTime.Snapshot(), CommitTime: c.commitTime.Snapshot(), EndToEnd: c.endToEnd.Snapshot(),
		Joined: c.joined.Load(), Beat: time.Unix(0, c.beat.Load()),
	}
	if since := c.broken.Load(); since != 0 {
		s.Broken = time.Unix(0, since)
	}
	if p := c.partitions.Load(); p != nil {
		s.Partitions = *p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Reasons = maps.Clone(c.reasons)
	return s
}

// alive says that the lane moves.
func (c *counters) alive() { c.beat.Store(time.Now().UnixNano()) }

// left says that the lane has left its group.
func (c *counters) left() {
	c.tasks.Store(0)
	c.restoring.Store(0)
	c.led.Store(0)
	c.joined.Store(false)
	c.partitions.Store(nil)
}

// count counts a task's committed cycle.
func (c *counters) count(w *work, now time.Time) {
	c.in.Add(int64(len(w.records)))
	c.out.Add(int64(len(w.out) - len(w.letters)))
	hits, misses := w.task.Reads()
	c.hits.Add(hits)
	c.misses.Add(misses)
	c.endToEnd.Observe(now.Sub(w.records[0].Timestamp), int64(len(w.records))) // the first is the oldest: brokers stamp inboxes
	if len(w.letters) > 0 {
		c.letters.Add(int64(len(w.letters)))
		c.countReasons(w.letters)
	}
}

func (c *counters) countReasons(of []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reasons == nil {
		c.reasons = map[string]int64{}
	}
	for _, reason := range of {
		c.reasons[reason]++
	}
}

// sizeEvery is how often the size of local state is looked at: it costs some milliseconds where there are many tables.
const sizeEvery = 15 * time.Second

// report says where every partition of the lane stands. It runs between cycles, when the tasks are nobody's.
func (l *lane) report() error {
	all := make([]PartitionStats, 0, len(l.tasks)+len(l.wanted))
	for _, at := range l.wanted {
		all = append(all, PartitionStats{Topic: at.topic, Partition: at.partition})
	}
	sized := time.Now()
	for at, t := range l.tasks {
		p := PartitionStats{Topic: at.topic, Partition: at.partition, Working: t.Task != nil}
		if t.store != nil && sized.Sub(t.sized) > sizeEvery {
			size, err := t.store.Size()
			if err != nil {
				return fmt.Errorf("state of %s/%d: %w", at.topic, at.partition, err)
			}
			t.size, t.sized = size, sized
		}
		p.State = t.size
		if is, until := l.sources.is(at); is == paused {
			p.Paused = until
		}
		if f := l.full[at]; f != nil {
			p.Full = f.why.Error()
			if f.paused {
				p.Paused = f.until
			}
		}
		if p.Working {
			p.Tallies, p.Hot = t.Tallies(), t.hot.heaviest(sized)
		} else {
			p.Restore = t.restore.progress()
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b PartitionStats) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	l.stats.partitions.Store(&all)
	l.stats.led.Store(l.led(sized))
	l.stats.joined.Store(l.given.Load())
	return nil
}

// led gives since when no partition of the lane has been without the tick of one who comes before us by name; 0: one is.
func (l *lane) led(now time.Time) int64 {
	since := now
	for _, t := range l.tasks {
		if t.Task != nil {
			if who := t.Heard(); who != "" && who < l.cfg.Instance {
				t.led = now
			}
		}
		if t.led.Before(since) {
			since = t.led
		}
	}
	if len(l.tasks) == 0 || since.IsZero() {
		return 0
	}
	return since.UnixNano()
}

// Led says whether somebody else ticks an inbox: every partition of it that is worked on here has seen, no longer ago than within,
// a tick of one who comes before us by name. The first by name is led by nobody, and one who stops is missed.
func (e *Engine) Led(inbox topics.Name, within time.Duration) bool {
	for _, s := range e.stages {
		if s.spec.Keyed && s.spec.Inboxes[0].Name == inbox {
			since := s.stats.led.Load()
			return since != 0 && time.Since(time.Unix(0, since)) <= within
		}
	}
	return false
}
