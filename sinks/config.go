package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics"
)

// Config says what a [Consumer] reads and how it cuts blocks.
type Config struct {
	Group  string        `mapstructure:"-"` // consumer group, such as waybill.sink.clickhouse
	Topics []topics.Name `mapstructure:"-"` // what is read
	Stage  string        `mapstructure:"-"` // names the sink in dead letters

	Instance string // stable name of this process in the group: a restart gets its partitions back at once; empty: none

	BlockRows int           // a partition with as many records waiting is written at once
	Linger    time.Duration // what waits is written after this long, however little it is
	Buffer    int           // bytes waiting over all partitions at which everything is written: bounds memory
	Writers   int           // blocks written at the same time

	RetryFirst time.Duration // wait before the first retry; doubles, with jitter
	RetryMost  time.Duration // longest wait between retries

	SessionTimeout   time.Duration // a killed sink's partitions move on after this long
	RebalanceTimeout time.Duration

	Log    *slog.Logger // retries and restarts; nil: silent
	Tracer Tracer       // nil: traces end in Kafka
}

// Tracer is told of records that belong to a trace (https://www.w3.org/TR/trace-context).
type Tracer interface {
	// Land begins the last hop of a record's trace, and gives what to call when the row is stored; nil: it belongs to none.
	Land(ctx context.Context, sink string, r *kgo.Record) (stored func())
}

// DefaultConfig is what production uses; Group, Topics and Stage are the caller's.
func DefaultConfig() Config {
	return Config{
		BlockRows: 100_000, Linger: time.Second, Buffer: 256 << 20, Writers: 2,
		RetryFirst: 100 * time.Millisecond, RetryMost: 30 * time.Second,
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 20 * time.Second,
	}
}

// maxBlockRows keeps a block below ClickHouse's squash size (1,048,449): a block that the server cuts cannot be recognised.
const maxBlockRows = 500_000

// Validate lists every fault.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Group != "", "sink group: must be set")
	check(len(c.Topics) > 0, "sink topics: must name at least one")
	check(c.BlockRows > 0 && c.BlockRows <= maxBlockRows, "sink block_rows: %d, must be 1 to %d", c.BlockRows, maxBlockRows)
	check(c.Linger > 0, "sink linger: %s, must be positive", c.Linger)
	check(c.Buffer > 0, "sink buffer: %d bytes, must be positive", c.Buffer)
	check(c.Writers > 0, "sink writers: %d, must be positive", c.Writers)
	check(c.RetryFirst > 0 && c.RetryMost >= c.RetryFirst, "sink retry: first %s, most %s, must be positive and in this order", c.RetryFirst, c.RetryMost)
	check(c.SessionTimeout > 0 && c.RebalanceTimeout > 0, "sink session_timeout %s and rebalance_timeout %s: must be positive", c.SessionTimeout, c.RebalanceTimeout)
	return errors.Join(faults...)
}
