package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"waybill/bench/rig"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/demo"
	"waybill/cmd/internal/show"
)

// errFailed is why the demo's exit code is not 0; its last line has said why.
var errFailed = errors.New("the demo failed")

func (a *app) demoCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "demo", Short: "Show the whole pipeline at work, and hold its results against the truth", Args: cobra.NoArgs,
		Long: `Start Kafka, a schema registry and ClickHouse on 127.0.0.1, let a day of a made company through the whole pipeline, with messages late,
twice, out of order or never, and print what came of it. The last line is "demo: ok", or "demo: FAILED: " and why.

With --data the logs found in a folder go through instead: those in it, or in folders of it, whose names begin with ocel, hsl or traccar.`,
	}
	data := cmd.Flags().String("data", "", "folder of logs to feed instead of the made world")
	stay := cmd.Flags().Bool("stay", false, "keep Kafka, the registry and ClickHouse up after the page, until Ctrl-C")
	cmd.RunE = func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), *data, *stay) }
	return cmd
}

func (a *app) demo(ctx context.Context, data string, stay bool) (err error) {
	c, _, err := a.start()
	if err != nil {
		return err
	}
	if c.Log.Level == slog.LevelInfo {
		c.Log.Level = slog.LevelError // the page is what is to be read; --log-level debug shows the rest
	}
	defer func() {
		if !errors.As(err, new(usageError)) {
			demo.Finish(a.out, err)
		}
		if err != nil && !errors.As(err, new(usageError)) {
			err = fmt.Errorf("%w: %w", errFailed, err)
		}
	}()
	source, err := a.source(c, data)
	if err != nil {
		return err
	}
	res, err := demo.Run(ctx, demo.Options{Config: c, Log: a.logger(c.Log), Progress: show.NewProgress(a.err), Source: source})
	defer func() { err = errors.Join(err, stop(res.Rig)) }()
	if err != nil {
		return err
	}
	res.Page.Connect = []string{"waybill demo --stay keeps ClickHouse up to be asked"}
	if stay {
		res.Page.Connect = addresses(res.Rig)
	}
	if err := res.Page.Render(a.out, a.style()); err != nil {
		return err
	}
	if stay && res.Err == nil {
		<-ctx.Done()
	}
	return res.Err
}

func (a *app) source(c config.Config, data string) (demo.Source, error) {
	if data == "" {
		return demo.NewWorld(c.Tenant)
	}
	f, err := demo.NewFiles(c.Tenant, data)
	if err != nil {
		return nil, usageError{fmt.Errorf("--data: %w", err)}
	}
	return f, nil
}

func stop(r *rig.Rig) error {
	if r == nil {
		return nil
	}
	return r.Stop()
}

// addresses is where to look in.
func addresses(r *rig.Rig) []string {
	var out []string
	for _, at := range r.Addresses() {
		out = append(out, fmt.Sprintf("%-18s %s", at.Name, at.Value))
	}
	return out
}
