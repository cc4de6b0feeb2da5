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
	"net/url"
	"os"
	"strings"
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
	DSN          string `secret:"url"` // clickhouse://user:password@host:9000/database, as clickhouse-go/v2 reads it; the database must exist
	PasswordFile string // holds the password, and the DSN none; read again when the sink begins anew
	Compress     bool   // LZ4 on the wire: for a network that is slower than a core
	Timeout      time.Duration

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

// WithPassword puts the password of the file, if there is one, into the DSN. Its errors never show the DSN.
func (c Config) WithPassword() (Config, error) {
	if c.PasswordFile == "" {
		return c, nil
	}
	b, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return c, fmt.Errorf("read clickhouse.password_file: %w", err)
	}
	u, err := url.Parse(c.DSN)
	if err != nil || u.Host == "" {
		return c, errDSN
	}
	if _, twice := u.User.Password(); twice || u.Query().Has("password") {
		return c, errors.New("clickhouse.dsn holds a password and clickhouse.password_file is set: give one of them")
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return c, fmt.Errorf("read clickhouse.password_file: %s is empty", c.PasswordFile)
	}
	u.User = url.UserPassword(u.User.Username(), password)
	c.DSN, c.PasswordFile = u.String(), ""
	return c, nil
}

var errDSN = errors.New("clickhouse dsn: must read clickhouse://user:password@host:port/database, with the port of the native protocol")

// options reads the DSN. Its error never shows the DSN, which holds a password.
func (c Config) options() (*clickhouse.Options, error) {
	c, err := c.WithPassword()
	if err != nil {
		return nil, err
	}
	o, err := clickhouse.ParseDSN(c.DSN)
	if err != nil || len(o.Addr) == 0 || o.Protocol != clickhouse.Native {
		return nil, errDSN
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
	cfg      Config
	options  *clickhouse.Options // of the connections
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
	s := &Sink{cfg: cfg, writer: &writer{timeout: cfg.Timeout, ask: true, token: true}}
	if err := s.connect(); err != nil {
		return nil, err
	}
	var err error
	if s.consumer, err = sinks.NewConsumer(cfg.consume(app), s.writer, codec, opts...); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sink) connect() (err error) {
	if s.options, err = s.cfg.options(); err != nil {
		return err
	}
	if s.conn, err = clickhouse.Open(s.options); err != nil {
		return fmt.Errorf("open ClickHouse: %w", err)
	}
	s.bulk = newBulk(s.options, s.conn.Ping)
	s.writer.conn, s.writer.bulk = s.conn, s.bulk
	return nil
}

// Run works until ctx ends, which is no error, or an error that no retry cures. It may be run again then, with the password
// that the file holds by then.
func (s *Sink) Run(ctx context.Context) error {
	if err := s.renew(); err != nil {
		return err
	}
	return s.consumer.Run(ctx)
}

// renew connects anew where the password was changed.
func (s *Sink) renew() error {
	o, err := s.cfg.options()
	if err != nil || o.Auth == s.options.Auth {
		return err
	}
	return errors.Join(s.Close(), s.connect())
}

// Stats says what the sink did and where it stands.
func (s *Sink) Stats() sinks.Stats { return s.consumer.Stats() }

// Close closes the connections; call it after Run.
func (s *Sink) Close() error { return errors.Join(s.bulk.close(), s.conn.Close()) }
