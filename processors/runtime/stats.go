package runtime

import "sync/atomic"

// Stats counts what a stage did since the process started. What was undone is not counted, but for Aborts and Rebuilds.
type Stats struct {
	Stage       string
	In          int64 // records read and committed, ticks and dead letters included
	Out         int64 // records said, a broadcast once per partition, dead letters and changelog not included
	DeadLetters int64
	Restored    int64 // changelog records read to restore tasks
	Commits     int64 // transactions committed, fences included
	Aborts      int64 // transactions aborted, by a rebalance or a retryable fault
	Rebuilds    int64 // lanes closed because the outcome of something was unknown
	Tasks       int64 // partitions owned now
	Restoring   int64 // of these, not yet at work
}

type counters struct {
	in, out, letters, restored, commits, aborts, rebuilds, tasks, restoring atomic.Int64
}

// Stats gives a snapshot of every stage, in the order they were given to New.
func (e *Engine) Stats() []Stats {
	var all []Stats
	for _, s := range e.stages {
		c := &s.stats
		all = append(all, Stats{
			Stage: s.spec.Name, In: c.in.Load(), Out: c.out.Load(), DeadLetters: c.letters.Load(), Restored: c.restored.Load(),
			Commits: c.commits.Load(), Aborts: c.aborts.Load(), Rebuilds: c.rebuilds.Load(), Tasks: c.tasks.Load(), Restoring: c.restoring.Load(),
		})
	}
	return all
}
