// Package clickhouse lands Waybill's topics in ClickHouse: a row for every record, once, whatever crashes.
//
// Three lines of defence, from the nearest: before a block that an earlier life announced is written again, the table is
// asked whether it holds it; every INSERT carries the block's name as deduplication token; and every sorting key ends in what
// tells one record from another, so that under FINAL a repetition collapses in any case.
//
// What is current (timeline, gaps, charge_balance …) are plain views over the tables, not materialized ones: they equal the
// tables by construction, also after a server that died half way through an INSERT. Materialized views that others hang on
// a table are kept right by the token.
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/sinks"
	"waybill/topics"
)

// stage names this sink in its consumer group and in dead letters.
const stage = "sink.clickhouse"

// Config says where ClickHouse is and how rows go there.
type Config struct {
	DSN      string `secret:"true"` // clickhouse://user:password@host:9000/database, as clickhouse-go/v2 reads it; the database must exist
	Compress bool   // LZ4 on the wire: for a network that is slower than a core
	Timeout  time.Duration

	Consume sinks.Config
}

// DefaultConfig is a server on this machine.
func DefaultConfig() Config {
	return Config{DSN: "clickhouse://default@127.0.0.1:9000/default", Timeout: time.Minute, Consume: sinks.DefaultConfig()}
}

// Validate lists every fault.
func (c Config) Validate() error {
	var faults []error
	if _, err := c.options(); err != nil {
		faults = append(faults, err)
	}
	if c.Timeout <= 0 {
		faults = append(faults, fmt.Errorf("clickhouse timeout: %s, must be positive", c.Timeout))
	}
	return errors.Join(append(faults, c.consume("app").Validate())...)
}

// options reads the DSN. Its error never shows the DSN, which holds a password.
func (c Config) options() (*clickhouse.Options, error) {
	o, err := clickhouse.ParseDSN(c.DSN)
	if err != nil || len(o.Addr) == 0 || o.Protocol != clickhouse.Native {
		return nil, errors.New("clickhouse dsn: must read clickhouse://user:password@host:port/database, with the port of the native protocol")
	}
	if c.Compress {
		o.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	o.ReadTimeout = c.Timeout
	o.MaxOpenConns = max(2, c.Consume.Writers) + 1
	return o, nil
}

// Topics is what the sink reads.
func Topics() []topics.Name {
	return []topics.Name{
		topics.Positions.Name, topics.Parked.Name, topics.Milestones.Name, topics.Timelines.Name, topics.OrderTimelines.Name,
		topics.Charges.Name, topics.Gaps.Name, topics.DeadLetters.Name,
	}
}

// Group is the sink's consumer group for an application.
func Group(app string) string { return app + "." + stage }

func (c Config) consume(app string) sinks.Config {
	consume := c.Consume
	consume.Group, consume.Stage, consume.Topics = Group(app), stage, Topics()
	return consume
}

// Sink reads [Topics] and writes ClickHouse. It is a [sinks.Sink].
type Sink struct {
	conn     driver.Conn
	bulk     *bulk
	writer   *writer
	consumer *sinks.Consumer
}

// New connects lazily: a ClickHouse that is away is waited for by Run. opts say how to reach Kafka.
func New(cfg Config, app string, codec sinks.Codec, opts ...kgo.Opt) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	options, err := cfg.options()
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	s := &Sink{conn: conn, bulk: newBulk(options, conn.Ping)}
	s.writer = &writer{conn: conn, bulk: s.bulk, timeout: cfg.Timeout, ask: true, token: true}
	if s.consumer, err = sinks.NewConsumer(cfg.consume(app), s.writer, codec, opts...); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// Run works until ctx ends, which is no error, or an error that no retry cures.
func (s *Sink) Run(ctx context.Context) error { return s.consumer.Run(ctx) }

// Stats says what the sink did and where it stands.
func (s *Sink) Stats() sinks.Stats { return s.consumer.Stats() }

// Close closes the connections; call it after Run.
func (s *Sink) Close() error { return errors.Join(s.bulk.close(), s.conn.Close()) }
