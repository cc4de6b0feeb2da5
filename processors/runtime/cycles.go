package runtime

import "github.com/twmb/franz-go/pkg/kgo"

// cycles keeps those who read a changelog to whole cycles. Those of transactions are whole. Of one written at least once a crash
// may have left a part: a fact whose timer is missing, which would never be set, since the fact, read again, is known. So what no
// seal follows before the next fence has not happened; its records are worked on once more. Whoever could not write all of a cycle
// writes a fence before another.
//
// Of the seals compaction leaves only the last. What comes before it has lost its own and is taken for whole: whoever left a part
// behind was followed by one who wrote the same keys again.
type cycles struct {
	whole func(*kgo.Record) // takes changes of cycles that are whole, in order
	open  []*kgo.Record     // of a cycle that may go on
}

// longestCycle is how many changes of a task one cycle holds at most. More in a row are of cycles whose seals are compacted away.
const longestCycle = 100_000

// take takes a record as it was read.
func (c *cycles) take(r *kgo.Record) {
	switch string(r.Key) {
	case fenceKey:
		c.open = c.open[:0]
	case snapshotKey, sealKey:
		c.end(len(c.open))
	default:
		if r.Attrs.IsTransactional() {
			c.whole(r)
			return
		}
		if c.open = append(c.open, r); len(c.open) > 2*longestCycle {
			c.end(longestCycle)
		}
	}
}

// end hands over the first n of what is open.
func (c *cycles) end(n int) {
	for _, r := range c.open[:n] {
		c.whole(r)
	}
	c.open = append(c.open[:0], c.open[n:]...)
}

// from gives where to read on, if the reading should end before next: not behind what is open.
func (c *cycles) from(next int64) int64 {
	if len(c.open) > 0 {
		return c.open[0].Offset
	}
	return next
}
