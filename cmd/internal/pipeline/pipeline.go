// Package pipeline puts the parts of the straight line together in one process: stages, sink, ticks, and a door to send
// records through.
package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"waybill/cmd/internal/cluster"
	"waybill/cmd/internal/config"
	"waybill/processors"
	"waybill/processors/runtime"
	"waybill/processors/stream"
	"waybill/sinks/clickhouse"
	"waybill/topics"
	"waybill/topics/wire"
)

// Line is the straight line of one configuration.
type Line struct {
	Config config.Config
	Log    *slog.Logger
	Client *kgo.Client // for looking and for sending
	Codec  *wire.Codec

	registry *sr.Client
	specs    []stream.Spec
	sending  sending
}

// Open connects to Kafka and knows the registry; ClickHouse is waited for by those who need it.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger) (*Line, error) {
	registry, err := Registry(cfg.Registry)
	if err != nil {
		return nil, err
	}
	client, err := cluster.Connect(ctx, cfg.Kafka, kgo.RecordPartitioner(runtime.Partitioner()), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(100_000), kgo.WithLogger(runtime.ClientLog(log)))
	if err != nil {
		return nil, err
	}
	return &Line{
		Config: cfg, Log: log, Client: client, Codec: wire.New(registry, wire.Options{}),
		registry: registry, specs: processors.All(cfg.Processors),
	}, nil
}

// Close ends the connections.
func (l *Line) Close() { l.Client.Close() }

// Registry is a client of the schema registry.
func Registry(c config.Registry) (*sr.Client, error) {
	opts := []sr.ClientOpt{sr.URLs(c.URL)}
	if c.User != "" {
		login := func(req *http.Request) error {
			password, err := config.ReadSecret(c.Password, "registry.password_file", c.PasswordFile)
			req.SetBasicAuth(c.User, password)
			return err
		}
		opts = append(opts, sr.PreReq(login))
	}
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("make a registry client for %s: %w", c.URL, err)
	}
	return client, nil
}

// Topics is the catalogue and the changelogs of the deployment's stages.
func Topics(cfg config.Config) []topics.Topic {
	return append(topics.All(), runtime.Changelogs(cfg.Kafka.App, processors.All(cfg.Processors)...)...)
}

// Prepared is what Prepare did.
type Prepared struct {
	Topics     []cluster.Deed
	Schemas    []wire.Finding
	Migrations []clickhouse.Migration
}

// Prepare makes topics, registers schemas and creates tables. Production does each by its own command; dev and demo do all.
func (l *Line) Prepare(ctx context.Context) (p Prepared, err error) {
	if p.Topics, err = cluster.Apply(ctx, l.Client, Topics(l.Config), l.Config.Kafka.Replication); err != nil {
		return p, err
	}
	if p.Schemas, err = wire.RegisterAll(ctx, l.registry, wire.Subjects(topics.All()...)); err != nil {
		return p, fmt.Errorf("register the schemas: %w", err)
	}
	p.Migrations, err = clickhouse.Migrate(ctx, l.Config.ClickHouse)
	return p, err
}

// chosen are the specs by name, in the order of the straight line.
func (l *Line) chosen(names []string) ([]stream.Spec, error) {
	var have []string
	for _, s := range l.specs {
		have = append(have, s.Name)
	}
	for _, n := range names {
		if !slices.Contains(have, n) {
			return nil, fmt.Errorf("there is no processor %s: there are %s", n, strings.Join(have, ", "))
		}
	}
	if len(names) == 0 {
		return l.specs, nil
	}
	return slices.DeleteFunc(slices.Clone(l.specs), func(s stream.Spec) bool { return !slices.Contains(names, s.Name) }), nil
}

// Stages lists the names of the stages, in the order of the straight line.
func (l *Line) Stages() []string {
	var out []string
	for _, s := range l.specs {
		out = append(out, s.Name)
	}
	return out
}
