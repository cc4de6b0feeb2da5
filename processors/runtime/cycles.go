package runtime

import "github.com/twmb/franz-go/pkg/kgo"

// cycles keeps those who read a changelog to whole cycles. Those of transactions are whole. Of one written at least once a crash
// may have left a part: a fact whose timer is missing, which would never be set, since the fact, read again, is known. So what no
// seal follows before the next fence has not happened; its records are worked on once more. Whoever could not write all of a cycle
// writes a fence before another.
//
// Of the seals compaction leaves only the last. Each change says of which cycle it is, so that those that have lost theirs are told from
// one that is open: a change of another cycle, without a fence before it, comes behind one that is whole. Where compaction took the fence as
// well, whoever left a part behind was followed by one who wrote the same keys again.
type cycles struct {
	whole func(*kgo.Record) // takes changes of cycles that are whole, in order
	open  []*kgo.Record     // of a cycle that may go on
}

// cycleHeader of a change that is written at least once names its cycle.
const cycleHeader = "cycle"

// take takes a record as it was read.
func (c *cycles) take(r *kgo.Record) {
	switch string(r.Key) {
	case fenceKey:
		c.open = c.open[:0]
	case snapshotKey, sealKey:
		c.end()
	default:
		if r.Attrs.IsTransactional() {
			c.whole(r)
			return
		}
		if len(c.open) > 0 && cycleOf(r) != cycleOf(c.open[0]) {
			c.end()
		}
		c.open = append(c.open, r)
	}
}

func cycleOf(r *kgo.Record) string {
	for _, h := range r.Headers {
		if h.Key == cycleHeader {
			return string(h.Value)
		}
	}
	return ""
}

// end hands over what is open.
func (c *cycles) end() {
	for _, r := range c.open {
		c.whole(r)
	}
	clear(c.open)
	c.open = c.open[:0]
}

// from gives where to read on, if the reading should end before next: not behind what is open.
func (c *cycles) from(next int64) int64 {
	if len(c.open) > 0 {
		return c.open[0].Offset
	}
	return next
}
