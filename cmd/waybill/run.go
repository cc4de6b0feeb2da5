package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
	"waybill/processors"
	"waybill/processors/runtime"
)

func (a *app) runCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run", Short: "Run the pipeline and its sink against Kafka, until a signal", Args: cobra.NoArgs,
		Long: `Run the stages of the straight line, the ClickHouse sink, and ticks, until SIGINT or SIGTERM; what was begun is finished, within
runtime.drain_timeout, and a second signal ends at once. Kill it as you like: what is read, said and remembered is one transaction, and a
restart goes on where it ended. How it stands is shown at ops.listen: /readyz, /livez, /metrics.

Topics, schemas and tables must be there: waybill topics apply, waybill schemas register, waybill clickhouse migrate.`,
	}
	f := cmd.Flags()
	stages := f.StringSlice("processors", nil, "only these stages (default all); the sink then runs with --sink alone")
	sink := f.Bool("sink", true, "run the ClickHouse sink too")
	ticks := f.Bool("ticks", true, "let time pass in the inboxes of the stages that run here")
	_ = cmd.RegisterFlagCompletionFunc("processors", cobra.FixedCompletions(stageNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		if have := stageNames(); slices.ContainsFunc(*stages, func(s string) bool { return !slices.Contains(have, s) }) {
			return usageError{fmt.Errorf("--processors %s: give some of %s", strings.Join(*stages, ","), strings.Join(have, ", "))}
		}
		withSink := *sink && (len(*stages) == 0 || f.Changed("sink"))
		return a.run(c.Context(), pipeline.Run{Stages: *stages, Sink: withSink, Ticks: *ticks, Service: true})
	}
	return cmd
}

func stageNames() []string {
	var out []string
	for _, s := range processors.All(processors.DefaultConfig()) {
		out = append(out, s.Name)
	}
	return out
}

func (a *app) run(ctx context.Context, r pipeline.Run) error {
	c, _, err := a.start()
	if err != nil {
		return err
	}
	restores := show.NewRestores(a.err)
	line, err := pipeline.Open(ctx, c, loggerTo(restores, c.Log).With("instance", c.Runtime.Instance))
	if err != nil {
		return err
	}
	defer line.Close()
	r.Restoring = func(p runtime.Progress) {
		restores.Move(fmt.Sprintf("%s/%d", p.Stage, p.Partition), p.Done, p.Total, p.Over)
	}
	defer context.AfterFunc(ctx, func() { line.Log.Info("stopping: what was begun is finished; another signal ends at once") })()
	line.Log.Info("running", "processors", r.Stages, "sink", r.Sink, "brokers", c.Kafka.Brokers, "app", c.Kafka.App)
	err = line.Run(ctx, r)
	if err == nil {
		line.Log.Info("stopped; everything begun is committed")
	}
	return err
}

func (a *app) tickCmd() *cobra.Command {
	return &cobra.Command{
		Use: "tick", Short: "Let time pass once in every inbox: timers that are due fire", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, f, err := a.start()
			if err != nil {
				return err
			}
			line, err := pipeline.Open(c.Context(), cfg, a.logger(cfg.Log))
			if err != nil {
				return err
			}
			defer line.Close()
			if err := line.Tick(c.Context()); err != nil {
				return err
			}
			return show.Line(a.out, f, "ticked", fmt.Sprintf("time passed in every inbox of %s", cfg.Kafka.App))
		},
	}
}
