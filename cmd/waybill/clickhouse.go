package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/show"
	"waybill/sinks/clickhouse"
)

func (a *app) clickhouseCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "clickhouse", Short: "Look after the tables in ClickHouse", Args: knownCommand, RunE: help}
	migrate := &cobra.Command{Use: "migrate", Short: "Create and alter the tables; safe to run twice", Args: cobra.NoArgs}
	dry := migrate.Flags().Bool("dry-run", false, "print the SQL that would run, and run nothing")
	migrate.RunE = func(c *cobra.Command, _ []string) error { return a.migrate(c.Context(), *dry) }
	cmd.AddCommand(migrate)
	return cmd
}

// step is a migration as programs read it.
type step struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	SQL     string `json:"sql,omitempty"`
}

func (a *app) migrate(ctx context.Context, dry bool) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	do, empty := clickhouse.Migrate, "nothing to do: the tables are as they should be"
	if dry {
		do = clickhouse.Pending
	}
	steps, err := do(ctx, c.ClickHouse)
	if err != nil {
		return fmt.Errorf("migrate ClickHouse: start it (`waybill dev` does), or name another with --clickhouse: %w", err)
	}
	rows := show.Rows{Columns: []string{"version", "migration"}, Empty: empty}
	list := make([]step, 0, len(steps))
	for _, s := range steps {
		line := step{s.Version, s.Name, ""}
		if dry {
			line.SQL = s.SQL
		}
		list = append(list, line)
		rows.Rows = append(rows.Rows, []any{s.Version, s.Name})
		if dry && f == show.Table {
			fmt.Fprintf(a.out, "-- %s\n%s\n", s.Name, s.SQL)
		}
	}
	rows.Value = list
	if dry && f == show.Table && len(steps) > 0 {
		return nil
	}
	return rows.Print(a.out, f)
}
