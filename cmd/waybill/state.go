package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"waybill/cmd/internal/cluster"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/show"
	"waybill/cmd/internal/states"
	"waybill/processors"
)

func (a *app) stateCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "state", Short: "Look into the state directory of an instance that does not run", Args: knownCommand, RunE: help,
		Long: `Look into the state directory of an instance that does not run: runtime.state_dir, or --dir. Nothing is changed. State is a copy of the
changelog in Kafka; a directory that is deleted is restored from there at the next start.`,
	}
	dir := cmd.PersistentFlags().String("dir", "", "the state directory (default runtime.state_dir)")
	cmd.AddCommand(a.stateLsCmd(dir), a.stateGetCmd(dir), a.stateVerifyCmd(dir))
	return cmd
}

// disk is the state directory that a command looks into.
func (a *app) disk(dir string) (states.Disk, config.Config, show.Format, error) {
	c, f, err := a.start()
	if err != nil {
		return states.Disk{}, c, f, err
	}
	if dir == "" {
		dir = c.Runtime.StateDir
	}
	return states.Disk{Root: dir, App: c.Kafka.App, Specs: processors.All(c.Processors), Log: slog.New(slog.DiscardHandler)}, c, f, nil
}

func (a *app) stateLsCmd(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the stores, their checkpoints, keys and bytes", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, _, f, err := a.disk(*dir)
			if err != nil {
				return err
			}
			ph := show.NewProgress(a.err).Start("state", -1)
			d.Step = ph.Add
			list, err := d.List(c.Context())
			if err != nil {
				return err
			}
			ph.Done("%d directories below %s", len(list), d.Root)
			return a.printStates(list, f)
		},
	}
}

func (a *app) printStates(list []states.Directory, f show.Format) error {
	if f == show.JSON {
		if list == nil {
			list = []states.Directory{}
		}
		return show.Rows{Value: list}.Print(a.out, f)
	}
	dirs := show.Rows{Columns: []string{"app", "stage", "partition", "state", "changelog", "up to", "inbox up to", "age", "keys", "bytes"}, Empty: "no state"}
	stores := show.Rows{Columns: []string{"app", "stage", "store", "kind", "record", "keys", "bytes"}}
	for _, d := range list {
		keys, bytes := d.Sum()
		dirs.Rows = append(dirs.Rows, []any{d.App, d.Stage, d.Partition, d.Status, d.Changelog, whereKnown(d, d.Next), d.Inbox(), age(d.At), keys, bytes})
	}
	for _, h := range states.Sums(list) {
		stores.Rows = append(stores.Rows, []any{h.App, h.Stage, h.Store, h.Kind, shortNames([]string{h.Record}), h.Keys, h.Bytes})
	}
	err := dirs.Print(a.out, f)
	if len(stores.Rows) > 0 {
		err = errors.Join(err, stores.Print(a.out, f))
	}
	return err
}

func whereKnown(d states.Directory, offset int64) string {
	if d.At == nil {
		return ""
	}
	return fmt.Sprint(offset)
}

func age(at *time.Time) string {
	if at == nil {
		return ""
	}
	return time.Since(*at).Round(time.Second).String()
}

func (a *app) stateGetCmd(dir *string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "get STAGE KEY", Short: "Show all that a stage keeps of one key", Args: cobra.ExactArgs(2),
		Long: `Show all that a stage keeps of one key, as YAML or, with -o json, as JSON: values, entries of maps, when timers are due, the references
the key depends on, and the keys that depend on it where it is a reference. KEY is the key of the records in the stage's inbox; given a part
of one, such as a shipment's id, the answer says which keys have it. A KEY of '' shows what all keys share, such as contracts.`,
		Example:           "  waybill state get shipments 'demo|SHIPMENT||SH1000111'\n  waybill state get shipments '' --store contract -o json",
		ValidArgsFunction: cobra.FixedCompletions(a.keyed(), cobra.ShellCompDirectiveNoFileComp),
	}
	store := cmd.Flags().String("store", "", "of this store alone")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		d, _, f, err := a.disk(*dir)
		if err != nil {
			return err
		}
		if err := d.Known(args[0], *store); err != nil {
			return usageError{err}
		}
		keys, err := d.Get(c.Context(), args[0], args[1], *store)
		if err != nil {
			return err
		}
		if f == show.JSON {
			return show.Rows{Value: keys}.Print(a.out, f)
		}
		for _, k := range keys {
			err = errors.Join(err, a.printYAML(k))
		}
		return err
	}
	return cmd
}

func (a *app) printYAML(v any) error {
	enc := yaml.NewEncoder(a.out)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(v), enc.Close())
}

// keyed are the stages that have state.
func (a *app) keyed() []string {
	return states.Disk{Specs: processors.All(processors.DefaultConfig())}.Stages()
}

func (a *app) stateVerifyCmd(dir *string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify [STAGE]", Short: "Compare state with itself and with the committed changelog", Args: cobra.MaximumNArgs(1),
		Long: `Compare state with itself: every key is of a store that the stage has, every value can be read, what is due is found by its index; and with
what the committed changelog adds up to, as far as the checkpoint says that it is contained. The exit code is 1 where anything differs.

What was changed behind the checkpoint, by another instance maybe, is not compared: of that the changelog may keep the last word alone.`,
		ValidArgsFunction: cobra.FixedCompletions(a.keyed(), cobra.ShellCompDirectiveNoFileComp),
	}
	alone := cmd.Flags().Bool("no-kafka", false, "with itself alone: asks no cluster")
	limit := cmd.Flags().Int("limit", 20, "most differences to list")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		d, cfg, f, err := a.disk(*dir)
		if err != nil {
			return err
		}
		if len(args) > 0 {
			if err := d.Known(args[0], ""); err != nil {
				return usageError{err}
			}
		}
		with := states.Against{Most: *limit}
		if !*alone {
			stop, err := a.against(c.Context(), cfg, &with)
			if err != nil {
				return err
			}
			defer stop()
		}
		return a.verify(c.Context(), d, args, with, f)
	}
	return cmd
}

func (a *app) against(ctx context.Context, c config.Config, with *states.Against) (stop func(), err error) {
	if with.Kafka, err = cluster.Options(c.Kafka); err != nil {
		return nil, err
	}
	with.Client, err = cluster.Connect(ctx, c.Kafka)
	if err != nil {
		return nil, fmt.Errorf("%w; --no-kafka compares state with itself alone", err)
	}
	return with.Client.Close, nil
}

func (a *app) verify(ctx context.Context, d states.Disk, stages []string, with states.Against, f show.Format) (err error) {
	if len(stages) == 0 {
		if stages, err = d.Kept(); err != nil {
			return err
		}
	}
	ph := show.NewProgress(a.err).Start("verify", -1)
	d.Step = ph.Add
	all := states.Report{Partitions: []states.Verified{}, Differences: []states.Difference{}}
	for _, stage := range stages {
		r, err := d.Verify(ctx, stage, with)
		if err != nil {
			return err
		}
		all.Partitions = append(all.Partitions, r.Partitions...)
		all.Differences = append(all.Differences, r.Differences...)
	}
	all.Differences = all.Differences[:min(len(all.Differences), max(with.Most, 0))]
	ph.Done("%s", strings.Join(stages, ", "))
	return errors.Join(a.printReport(all, f), all.Err())
}

func (a *app) printReport(r states.Report, f show.Format) error {
	rows := show.Rows{Columns: []string{"stage", "partition", "keys", "equal to the changelog", "changed later", "differences", "not compared"}, Value: r}
	for _, p := range r.Partitions {
		rows.Rows = append(rows.Rows, []any{p.Stage, p.Partition, p.Keys, p.Compared, p.Later, p.Differences, p.Useless})
	}
	err := rows.Print(a.out, f)
	if f == show.JSON || len(r.Differences) == 0 {
		return err
	}
	diffs := show.Rows{Columns: []string{"stage", "partition", "store", "key", "entry", "what differs"}}
	for _, d := range r.Differences {
		diffs.Rows = append(diffs.Rows, []any{d.Stage, d.Partition, d.Store, d.Key, d.Entry, d.What})
	}
	return errors.Join(err, diffs.Print(a.out, f))
}
