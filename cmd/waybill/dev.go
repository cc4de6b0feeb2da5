package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"waybill/bench/rig"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
)

func (a *app) devCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "dev", Short: "Keep Kafka, a schema registry and ClickHouse up on 127.0.0.1, until Ctrl-C", Args: cobra.NoArgs,
		Long: `Start Kafka, a schema registry and ClickHouse on 127.0.0.1, create topics, register schemas, create tables, print the addresses, and stay
until SIGINT or SIGTERM. They are for development: Kafka is embedded and keeps no data against a power cut.

The variables printed let every other command find them; --env writes them to a file as well.`,
	}
	var o rig.Options
	f := cmd.Flags()
	f.IntVar(&o.KafkaPort, "kafka-port", 9092, "0 picks a free one")
	f.IntVar(&o.RegistryPort, "registry-port", 8081, "0 picks a free one")
	f.IntVar(&o.ClickHouseTCPPort, "clickhouse-port", 9000, "native protocol; 0 picks a free one")
	f.IntVar(&o.ClickHouseHTTPPort, "clickhouse-http-port", 8123, "0 picks a free one")
	f.StringVar(&o.Dir, "dir", "", "keep data here between runs (default: nothing outlives the process)")
	env := f.String("env", "", "write the variables that other commands need to this file, for the shell to read")
	cmd.RunE = func(c *cobra.Command, _ []string) error { return a.dev(c.Context(), o, *env) }
	return cmd
}

func (a *app) dev(ctx context.Context, o rig.Options, env string) (err error) {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	r, err := rig.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	c.Use(r.Kafka.Brokers(), r.Registry.URL(), r.ClickHouse.DSN())
	if err := a.prepare(ctx, c); err != nil {
		return err
	}
	vars := variables(c)
	if env != "" {
		if err := os.WriteFile(env, []byte(vars), 0o600); err != nil {
			return fmt.Errorf("write the variables: %w", err)
		}
	}
	if err := a.announce(r, vars, f); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-r.ClickHouse.Done():
		return errors.New("ClickHouse ended by itself; its log says why")
	}
}

func (a *app) prepare(ctx context.Context, c config.Config) error {
	line, err := pipeline.Open(ctx, c, a.logger(c.Log))
	if err != nil {
		return err
	}
	defer line.Close()
	_, err = line.Prepare(ctx)
	return err
}

// variables are what makes other commands find the rig.
func variables(c config.Config) string {
	return fmt.Sprintf("export WAYBILL_KAFKA_BROKERS='%s'\nexport WAYBILL_REGISTRY_URL='%s'\nexport WAYBILL_CLICKHOUSE_DSN='%s'\n",
		strings.Join(c.Kafka.Brokers, ","), c.Registry.URL, c.ClickHouse.DSN)
}

func (a *app) announce(r *rig.Rig, vars string, f show.Format) error {
	rows := show.Rows{Columns: []string{"part", "address"}}
	value := map[string]string{}
	for _, at := range r.Addresses() {
		rows.Rows = append(rows.Rows, []any{at.Name, at.Value})
		value[at.Name] = at.Value
	}
	rows.Value = value
	if err := rows.Print(a.out, f); err != nil || f == show.JSON {
		return err
	}
	_, err := fmt.Fprintf(a.out, "\nIn another terminal:\n\n%swaybill run\n\ndev: ready\n", vars)
	return err
}
