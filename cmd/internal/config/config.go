// Package config is Waybill's configuration: the packages' own Config types put together, and where each value came from.
//
// A value is the flag's, else the environment's (WAYBILL_ and the key in capitals, dots as underscores), else the
// file's, else the default. Keys that nothing knows are refused, in the file and in the environment, and all faults are
// listed at once.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"waybill/processors"
	"waybill/processors/runtime"
	"waybill/sinks/clickhouse"
)

// Config is everything that can be configured. The keys of a file are its fields in snake case.
type Config struct {
	Tenant     string // whose data commands speak of, and replayed files are
	Kafka      Kafka
	Registry   Registry
	ClickHouse clickhouse.Config
	Runtime    runtime.Config
	Processors processors.Config
	Ticks      Ticks
	Ops        Ops
	Tracing    Tracing
	Log        Log
}

// derived are keys of the packages' own types that follow from others, by key. They cannot be set.
var derived = []string{"runtime.app", "runtime.brokers", "runtime.max_skew", "clickhouse.consume.group", "clickhouse.consume.topics", "clickhouse.consume.stage"}

// derive fills them.
func (c *Config) derive() {
	c.Runtime.App, c.Runtime.Brokers = c.Kafka.App, c.Kafka.Brokers
	c.Runtime.MaxSkew = c.Ticks.MaxSkew
	c.Registry.part()
}

// Use leads to other servers, which are asked in the clear and without a login but what the addresses hold.
func (c *Config) Use(brokers []string, registry, dsn string) {
	c.Kafka.Brokers, c.Kafka.TLS, c.Kafka.SASL = brokers, TLS{}, SASL{}
	c.Registry = Registry{URL: registry}
	c.ClickHouse.DSN, c.ClickHouse.PasswordFile = dsn, ""
	c.derive()
}

// part takes user and password out of the URL: errors and logs show it.
func (r *Registry) part() {
	u, err := url.Parse(r.URL)
	if err != nil || u.User == nil {
		return
	}
	if r.User == "" {
		r.User = u.User.Username()
		r.Password, _ = u.User.Password()
	}
	u.User = nil
	r.URL = u.String()
}

// Registry is the schema registry, Confluent's protocol.
type Registry struct {
	URL          string
	User         string
	Password     string `secret:"true"`
	PasswordFile string // holds the password; read again at each request
}

// Ticks let time pass in the inboxes.
type Ticks struct {
	Every        time.Duration // between ticks of one partition
	MaxSkew      time.Duration // a tick whose broker's stamp and sender's clock lie further apart moves no time
	LagThreshold time.Duration // a stage is behind that has not worked off what was there so long ago; ticks say who is
}

// Ops is what those who run the process see of it over HTTP: health, metrics, profiles.
type Ops struct {
	Listen       string        // host:port; empty: off
	Pprof        bool          // profiles under /debug/pprof
	StalledAfter time.Duration // a lane or sink that makes no move for longer is dead, says /livez
	LagEvery     time.Duration // between two looks at how far stages and sink are behind
}

// Tracing follows records that bring a trace in their headers, by W3C Trace Context.
type Tracing struct {
	Endpoint string  // of an OpenTelemetry collector, OTLP over HTTP, such as http://collector:4318; empty: no spans are made
	Sample   float64 // share, 0 to 1, of the records from outside without a trace that begin one
}

// Log is what the process says on standard error.
type Log struct {
	Level  slog.Level
	Format string // text or json
}

// Default is the configuration of a machine that runs `waybill dev`.
func Default() Config {
	c := Config{
		Tenant:     "demo",
		Kafka:      Kafka{Brokers: []string{"127.0.0.1:9092"}, App: "waybill", Replication: -1},
		Registry:   Registry{URL: "http://127.0.0.1:8081"},
		ClickHouse: clickhouse.DefaultConfig(),
		Runtime:    runtime.DefaultConfig(),
		Processors: processors.DefaultConfig(),
		Ticks:      Ticks{Every: time.Second, MaxSkew: 5 * time.Minute, LagThreshold: 5 * time.Second},
		Ops:        Ops{Listen: "127.0.0.1:9180", StalledAfter: 5 * time.Minute, LagEvery: 10 * time.Second},
		Log:        Log{Level: slog.LevelInfo, Format: "text"},
	}
	c.Runtime.StateDir = ".waybill/state"
	c.derive()
	return c
}

// Validate lists every fault, each naming its key and what to do.
func (c Config) Validate() error {
	errs := slices.Concat(c.Kafka.faults(), c.Ops.faults(), c.otherFaults())
	return errors.Join(append(errs, c.ClickHouse.Validate(), c.Runtime.Validate(), c.Processors.Validate())...)
}

func (o Ops) faults() []error {
	var errs []error
	if _, _, err := net.SplitHostPort(o.Listen); o.Listen != "" && err != nil {
		errs = append(errs, fmt.Errorf("ops.listen is %q: give host:port, or nothing to turn it off", o.Listen))
	}
	if o.StalledAfter < time.Minute {
		errs = append(errs, fmt.Errorf("ops.stalled_after is %v: give a minute or more: a transaction may take %v", o.StalledAfter, runtime.DefaultConfig().TransactionTimeout))
	}
	if o.LagEvery <= 0 {
		errs = append(errs, fmt.Errorf("ops.lag_every is %v: give a positive duration such as 10s", o.LagEvery))
	}
	return errs
}

// shown is a wrong address for people, unless it may hold a password.
func shown(address string) string {
	if strings.Contains(address, "@") {
		return " cannot be read"
	}
	return fmt.Sprintf(" is %q", address)
}

func (c Config) otherFaults() []error {
	var errs []error
	if c.Tenant == "" {
		errs = append(errs, errors.New("tenant is empty: every key begins with it, so give it a name"))
	}
	if u, err := url.Parse(c.Registry.URL); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
		errs = append(errs, fmt.Errorf("registry.url%s: give http://host:port or https://host:port", shown(c.Registry.URL)))
	}
	if c.Registry.Password != "" && c.Registry.PasswordFile != "" {
		errs = append(errs, errors.New("registry.password and registry.password_file are both set: give one of them"))
	}
	if c.Registry.User == "" && c.Registry.PasswordFile != "" {
		errs = append(errs, errors.New("registry.user is empty: registry.password_file is whose?"))
	}
	if c.Ticks.Every <= 0 {
		errs = append(errs, fmt.Errorf("ticks.every is %v: give a positive duration such as 1s", c.Ticks.Every))
	}
	if u, err := url.Parse(c.Tracing.Endpoint); c.Tracing.Endpoint != "" && (err != nil || u.Host == "" || u.User != nil || !strings.HasPrefix(u.Scheme, "http")) {
		errs = append(errs, fmt.Errorf("tracing.endpoint%s: give http://host:4318 or https://…, without a login: headers go into OTEL_EXPORTER_OTLP_HEADERS", shown(c.Tracing.Endpoint)))
	}
	if !(c.Tracing.Sample >= 0 && c.Tracing.Sample <= 1) {
		errs = append(errs, fmt.Errorf("tracing.sample is %v: give a share from 0 (no record begins a trace) to 1 (each does)", c.Tracing.Sample))
	}
	if c.Ticks.LagThreshold <= 0 {
		errs = append(errs, fmt.Errorf("ticks.lag_threshold is %v: give a positive duration such as 5s", c.Ticks.LagThreshold))
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		errs = append(errs, fmt.Errorf("log.format is %q: give text or json", c.Log.Format))
	}
	return errs
}
