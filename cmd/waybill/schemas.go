package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/sr"

	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
	"waybill/topics"
	"waybill/topics/wire"
)

func (a *app) schemasCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "schemas", Short: "Hold our schemas against a registry, or register them", Args: knownCommand, RunE: help}
	cmd.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Compare every schema with all its registered versions; exits 1 where one breaks", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return a.schemas(c.Context(), wire.CheckAll) },
		},
		&cobra.Command{
			Use: "register", Short: "Register what is new or changed, unless a schema breaks", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return a.schemas(c.Context(), wire.RegisterAll) },
		},
	)
	return cmd
}

// findings is wire.CheckAll or wire.RegisterAll.
type findings func(context.Context, *sr.Client, []wire.Subject) ([]wire.Finding, error)

// schemaLine is a finding as programs read it.
type schemaLine struct {
	Subject  string   `json:"subject"`
	Record   string   `json:"record"`
	State    string   `json:"state"`
	ID       int      `json:"id,omitempty"`
	Versions int      `json:"versions"`
	Faults   []string `json:"faults,omitempty"`
}

func (a *app) schemas(ctx context.Context, find findings) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	client, err := pipeline.Registry(c.Registry)
	if err != nil {
		return err
	}
	found, err := find(ctx, client, wire.Subjects(topics.All()...))
	var breaks *wire.BreaksError
	if errors.As(err, &breaks) {
		found = breaks.Findings
	} else if err != nil {
		return fmt.Errorf("reach the schema registry at %s: start it (`waybill dev` does), or name another with --registry: %w", c.Registry.URL, err)
	}
	if err := a.printFindings(found, f); err != nil {
		return err
	}
	return broken(found)
}

func (a *app) printFindings(found []wire.Finding, f show.Format) error {
	rows := show.Rows{Columns: []string{"subject", "state", "id", "versions", "faults"}}
	lines := make([]schemaLine, 0, len(found))
	for _, x := range found {
		l := schemaLine{Subject: x.Subject.Name, Record: x.Record, State: string(x.State), ID: x.ID, Versions: x.Versions}
		for _, fault := range x.Faults {
			l.Faults = append(l.Faults, fault.Error())
		}
		lines = append(lines, l)
		rows.Rows = append(rows.Rows, []any{l.Subject, l.State, l.ID, l.Versions, strings.Join(l.Faults, "\n")})
	}
	rows.Value = lines
	return rows.Print(a.out, f)
}

func broken(found []wire.Finding) error {
	n := 0
	for _, x := range found {
		if x.State == wire.StateBreaks {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d schemas break what is registered: change them so that both sides can read each other, or give the record a new name", n)
}
