package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/adapt"
	"waybill/cmd/internal/feed"
	"waybill/cmd/internal/show"
	"waybill/processors/normalise"
	"waybill/processors/normalise/mapped"
)

func (a *app) adaptCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "adapt --format FORMAT|--mapping MAPPING --sample FILE", Short: "Show field by field what comes of a sample, and what is left over", Args: cobra.NoArgs,
		Long: `Show field by field what an adapter or a mapping makes of a sample: the facts and records, their identifiers, links, milestones and times,
each with the fields of the sample that it came from; which fields of the sample nothing came from; which are checked, so that no other
value of theirs was taken; and what is wrong, by field. Nothing is sent.

A new partner is a mapping file and a sample. --mapping takes the file, or the name of a mapping that ships; the mappings in the
file's folder are read too, as waybill run reads them from processors.normalise.mapping_dir. Code tables are those of
processors.normalise.code_dir.

Exit code 1: the sample has faults.`,
		Example: "  waybill adapt --mapping acme.yaml --sample acme.csv\n  waybill adapt --format epcis --sample events.jsonld -o json",
	}
	var s feed.Source
	var sample string
	limit := 0
	f := cmd.Flags()
	f.StringVar(&s.Format, "format", "", "what the sample is: "+strings.Join(feed.Formats(), ", "))
	f.StringVar(&s.Mapping, "mapping", "", "mapping file, or the name of a mapping that ships, for csv and json")
	f.StringVar(&s.Partner, "partner", "", "who sent it (default: the format's name)")
	f.StringVar(&sample, "sample", "", "file with one payload or several")
	f.IntVar(&limit, "limit", 20, "most payloads of the sample to look into; 0: all")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(feed.Formats(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		if sample == "" || s.Format == "" && s.Mapping == "" {
			return usageError{errors.New("adapt: give --sample FILE, and --format FORMAT or --mapping MAPPING")}
		}
		s.Paths = []string{sample}
		return a.adapt(c.Context(), s, limit)
	}
	return cmd
}

func (a *app) adapt(ctx context.Context, s feed.Source, limit int) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	s.Tenant = cmp.Or(c.Tenant, "tenant")
	cfg := c.Processors.Normalise
	if err := named(&s, &cfg); err != nil {
		return usageError{fmt.Errorf("adapt: %w", err)}
	}
	if err := s.Check(); err != nil {
		return usageError{fmt.Errorf("adapt: %w", err)}
	}
	trial, err := normalise.NewTrial(cfg)
	if err != nil {
		return usageError{fmt.Errorf("adapt: %w", err)}
	}
	var list []adapt.Message
	for msg, err := range s.Messages() {
		if err != nil {
			return fmt.Errorf("adapt: %w", err)
		}
		if limit > 0 && len(list) == limit {
			break
		}
		m, err := adapt.Try(ctx, trial, msg)
		if err != nil {
			return fmt.Errorf("adapt: %w", err)
		}
		list = append(list, m)
	}
	return errors.Join(a.printAdapted(list, f), faulty(list))
}

// named finds the mapping by its file or name, and with it the format and the folder of mappings.
func named(s *feed.Source, cfg *normalise.Config) error {
	if s.Mapping == "" {
		return nil
	}
	raw, err := os.ReadFile(s.Mapping)
	switch {
	case err == nil:
		m, err := mapped.Parse(raw)
		if err != nil {
			return fmt.Errorf("read mapping %s: %w", s.Mapping, err)
		}
		cfg.MappingDir = filepath.Dir(s.Mapping)
		s.Mapping, s.Format = m.Name, cmp.Or(s.Format, m.Format)
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read mapping: %w", err)
	case s.Format != "":
		return nil // a name; the adapter says which there are
	}
	known, err := mapped.New(cfg.MappingDir)
	if err != nil {
		return err
	}
	for _, format := range []string{mapped.CSV, mapped.JSON} {
		for _, name := range known.Mappings(format) {
			if name == s.Mapping {
				s.Format = format
				return nil
			}
		}
	}
	return fmt.Errorf("%s is neither a file nor the name of a mapping: there are %s", s.Mapping, strings.Join(append(known.Mappings(mapped.CSV), known.Mappings(mapped.JSON)...), ", "))
}

// faulty is the error of a sample that has faults.
func faulty(list []adapt.Message) error {
	n := 0
	for _, m := range list {
		n += len(m.Faults)
	}
	switch {
	case len(list) == 0:
		return errors.New("adapt: the sample holds no payload")
	case n > 0:
		return fmt.Errorf("adapt: %d faults in %d payloads: they would become dead letters", n, len(list))
	}
	return nil
}

func (a *app) printAdapted(list []adapt.Message, f show.Format) error {
	if f == show.JSON {
		return show.Rows{Value: list}.Print(a.out, f)
	}
	for _, m := range list {
		if _, err := fmt.Fprintf(a.out, "%s:%d\n", m.Name, m.Line); err != nil {
			return err
		}
		for _, rows := range tables(m) {
			if err := rows.Print(a.out, f); err != nil {
				return err
			}
		}
		if m.Note != "" {
			if _, err := fmt.Fprintln(a.out, m.Note); err != nil {
				return err
			}
		}
	}
	return nil
}

// tables are what is shown of a payload: a table a record, what is left over, and what is wrong.
func tables(m adapt.Message) []show.Rows {
	var out []show.Rows
	for _, r := range m.Records {
		rows := show.Rows{Columns: []string{r.Type, "value", "from"}}
		for _, f := range r.Fields {
			rows.Rows = append(rows.Rows, []any{f.Path, clipped(f.Value), clipped(strings.Join(f.From, ", "))})
		}
		out = append(out, rows)
	}
	left := show.Rows{Columns: []string{"left over", "value"}, Empty: "nothing is left over"}
	for _, l := range m.Left {
		left.Rows = append(left.Rows, []any{l.Path, clipped(l.Value)})
	}
	if len(m.Records) > 0 && m.Note == "" {
		out = append(out, left)
	}
	checked := show.Rows{Columns: []string{"checked", "value"}}
	for _, l := range m.Checked {
		checked.Rows = append(checked.Rows, []any{l.Path, clipped(l.Value)})
	}
	if len(checked.Rows) > 0 {
		out = append(out, checked)
	}
	wrong := show.Rows{Columns: []string{"field", "fault"}}
	for _, x := range m.Faults {
		wrong.Rows = append(wrong.Rows, []any{x.Field, x.Text})
	}
	if len(wrong.Rows) > 0 {
		out = append(out, wrong)
	}
	return out
}

// clipped cuts what a table has no room for; -o json has all of it.
func clipped(s string) string {
	const widest = 80
	if r := []rune(s); len(r) > widest {
		return string(r[:widest]) + "…"
	}
	return s
}
