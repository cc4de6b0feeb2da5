package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/config"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
	"waybill/processors/model/contracts/written"
	"waybill/topics"
)

func (a *app) contractsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "contracts", Short: "Check contracts that people wrote, or send them to billing's topic", Args: knownCommand, RunE: help}
	validate := &cobra.Command{
		Use: "validate FILE…", Short: "Report every fault of contracts, with its path and line; exits 1 where there is one", Args: someContract,
		Long: `Report every fault of contracts in YAML: keys that are not known, values that cannot be, prices that contradict each other, and where
steps of a table or effective dates of versions overlap or leave a hole, with the exact range. Versions of one contract are held
against each other over all files named; one that another replaces does not count.`,
		Example: "  waybill contracts validate contracts/*.yaml",
		RunE:    func(_ *cobra.Command, files []string) error { return a.validateContracts(files) },
	}
	publish := &cobra.Command{
		Use: "publish FILE…", Short: "Send contracts to billing's topic, unless one has a fault", Args: someContract,
		Long: `Send contracts to billing's topic, a record a version. Nothing is sent where one of them has a fault. A contract that names no tenant is
the configured one's. Sending a version again changes nothing; a version that is sent with other terms takes the place of what it was.`,
		RunE: func(c *cobra.Command, files []string) error { return a.publishContracts(c.Context(), files) },
	}
	cmd.AddCommand(validate, publish)
	return cmd
}

func someContract(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("contracts: name the files that hold them")
	}
	return nil
}

// contractLine is a contract as programs read it.
type contractLine struct {
	File      string `json:"file"`
	Contract  string `json:"contract"`
	Version   int64  `json:"version"`
	Direction string `json:"direction"`
	Party     string `json:"party"`
	From      string `json:"from"`
	Until     string `json:"until,omitempty"`
	Clauses   int    `json:"clauses"`
}

// validated is what was found, as programs read it.
type validated struct {
	Contracts []contractLine  `json:"contracts"`
	Faults    []written.Fault `json:"faults"`
}

// readContracts reads files, and reports all their faults.
func readContracts(files []string) (docs []written.Document, faults []written.Fault, err error) {
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, usageError{fmt.Errorf("contracts: read the file: %w", err)}
		}
		d, f := written.Parse(name, raw)
		docs, faults = append(docs, d...), append(faults, f...)
	}
	return docs, append(faults, written.Versions(docs)...), nil
}

func (a *app) validateContracts(files []string) error {
	f, err := a.format()
	if err != nil {
		return err
	}
	docs, faults, err := readContracts(files)
	if err != nil {
		return err
	}
	if err := a.printContracts(docs, faults, f); err != nil {
		return err
	}
	return faultyContracts(faults)
}

func faultyContracts(faults []written.Fault) error {
	switch n := len(faults); n {
	case 0:
		return nil
	case 1:
		return errors.New("contracts: one fault: mend it where the line says")
	default:
		return fmt.Errorf("contracts: %d faults: mend them where the lines say", n)
	}
}

func (a *app) printContracts(docs []written.Document, faults []written.Fault, f show.Format) error {
	v := validated{Contracts: []contractLine{}, Faults: append([]written.Fault{}, faults...)}
	rows := show.Rows{Columns: []string{"file", "contract", "version", "direction", "party", "from", "until", "clauses"}}
	for i := range docs {
		l := lineOfContract(&docs[i])
		v.Contracts = append(v.Contracts, l)
		rows.Rows = append(rows.Rows, []any{l.File, l.Contract, l.Version, l.Direction, l.Party, l.From, l.Until, l.Clauses})
	}
	if f == show.JSON {
		return show.Rows{Value: v}.Print(a.out, f)
	}
	if len(faults) == 0 {
		return rows.Print(a.out, f)
	}
	wrong := show.Rows{Columns: []string{"where", "what", "fault"}}
	for _, x := range faults {
		wrong.Rows = append(wrong.Rows, []any{fmt.Sprintf("%s:%d", x.File, x.Line), x.Path, x.Text})
	}
	return wrong.Print(a.out, f)
}

func lineOfContract(d *written.Document) contractLine {
	c := &d.Contract
	l := contractLine{File: d.File, Contract: c.ContractID, Version: c.Version, Direction: c.Direction.String(), Party: c.Party, From: show.Instant(c.ValidFrom), Clauses: len(c.Clauses)}
	if c.ValidTo.Ok {
		l.Until = show.Instant(c.ValidTo.V)
	}
	return l
}

func (a *app) publishContracts(ctx context.Context, files []string) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	docs, faults, err := readContracts(files)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return errors.Join(a.printContracts(docs, faults, f), faultyContracts(faults))
	}
	for i := range docs {
		rec := &docs[i].Contract
		if rec.Tenant = cmp.Or(rec.Tenant, c.Tenant); rec.Tenant == "" {
			return usageError{fmt.Errorf("contracts: %s: contract %s names no tenant, and none is configured: give --tenant", docs[i].File, rec.ContractID)}
		}
	}
	if err := a.sendContracts(ctx, c, docs); err != nil {
		return err
	}
	return a.printContracts(docs, nil, f)
}

func (a *app) sendContracts(ctx context.Context, c config.Config, docs []written.Document) error {
	line, err := pipeline.Open(ctx, c, a.logger(c.Log))
	if err != nil {
		return err
	}
	defer line.Close()
	for i := range docs {
		rec := &docs[i].Contract
		key := topics.Key(rec.Tenant, rec.ContractID, strconv.FormatInt(rec.Version, 10))
		if err := line.Send(ctx, topics.Contracts.Name, key, rec); err != nil {
			return err
		}
	}
	return line.Flush(ctx)
}
