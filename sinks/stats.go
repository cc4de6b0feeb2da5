package sinks

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics"
	"waybill/topics/fault"
	"waybill/topics/meter"
)

// Stats is what a [Consumer] did since the process started, and where it stands.
type Stats struct {
	Rows        map[topics.Name]int64 // stored, by topic
	Blocks      int64                 // stored
	Retries     int64                 // writes and sessions tried again
	DeadLetters map[string]int64      // by reason code

	WriteTime meter.Snapshot // of a block, its retries included
	// EndToEnd is from the append time of a record to the row stored. All rows of a block count as the oldest of them, so the
	// true figures are no longer. The broker's clock is held against ours.
	EndToEnd meter.Snapshot

	Joined     bool        // the group has given it its share, if only none
	Beat       time.Time   // when it last went on, be it to try again
	Partitions []Partition // owned, in order
	Failing    string      // what went wrong since something last went well; empty: nothing
	Since      time.Time   // when that began
}

// Partition is one that the consumer owns.
type Partition struct {
	Topic     string
	Partition int32
}

// counters is what Stats is made of.
type counters struct {
	blocks, retries     atomic.Int64
	writeTime, endToEnd meter.Histogram
	beat                atomic.Int64 // nanoseconds since 1970

	mu      sync.Mutex
	rows    map[topics.Name]int64
	letters map[string]int64
	joined  bool
	owned   map[Partition]bool
	failing string
	since   time.Time // failing began
	last    time.Time // of the failures
}

func newCounters() *counters {
	return &counters{rows: map[topics.Name]int64{}, letters: map[string]int64{}, owned: map[Partition]bool{}}
}

// Stats gives a snapshot.
func (c *Consumer) Stats() Stats {
	n := c.stats
	n.mu.Lock()
	defer n.mu.Unlock()
	return Stats{
		Rows: maps.Clone(n.rows), Blocks: n.blocks.Load(), Retries: n.retries.Load(), DeadLetters: maps.Clone(n.letters),
		WriteTime: n.writeTime.Snapshot(), EndToEnd: n.endToEnd.Snapshot(),
		Joined: n.joined, Beat: time.Unix(0, n.beat.Load()), Failing: n.failing, Since: n.since,
		Partitions: slices.SortedFunc(maps.Keys(n.owned), func(a, b Partition) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
		}),
	}
}

// alive says that the consumer moves.
func (n *counters) alive() { n.beat.Store(time.Now().UnixNano()) }

// failed says that something is tried again.
func (n *counters) failed(err error) {
	n.alive()
	n.retries.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = time.Now()
	if n.failing == "" {
		n.since = n.last
	}
	n.failing = err.Error()
}

// settled is how long nothing must go wrong until a fault counts as over although nothing was stored since: what was
// refused is read and refused again within less, and meanwhile all looks well.
const settled = 10 * time.Second

// well says that a step went well, having stored something or not.
func (n *counters) well(stored bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stored || time.Since(n.last) > settled {
		n.failing, n.since = "", time.Time{}
	}
}

func (n *counters) stored(b *Block, took time.Duration) {
	n.blocks.Add(1)
	n.writeTime.Observe(took, 1)
	n.endToEnd.Observe(time.Since(b.Rows[0].At), int64(len(b.Rows)))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rows[b.Topic] += int64(len(b.Rows))
}

func (n *counters) buried(because error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.letters[fault.Reason(because)]++
}

// assigned and gone follow the group.
func (n *counters) assigned(_ context.Context, _ *kgo.Client, given map[string][]int32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.joined = true
	for topic, partitions := range given {
		for _, p := range partitions {
			n.owned[Partition{topic, p}] = true
		}
	}
}

func (n *counters) gone(taken map[string][]int32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for topic, partitions := range taken {
		for _, p := range partitions {
			delete(n.owned, Partition{topic, p})
		}
	}
}

// left says that the session is over.
func (n *counters) left() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.joined = false
	clear(n.owned)
}
