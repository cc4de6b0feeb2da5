package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/config"
	"waybill/cmd/internal/page"
	"waybill/cmd/internal/show"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for did not come about
	exitUsage  = 2 // what was asked for cannot be: wrong flags, arguments or configuration
)

// usageError is an error of the person who typed, not of the world.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitFailed
}

// app is what all commands share: where they write, and the flags of the root.
type app struct {
	out, err io.Writer
	file     string
	sets     []string
	named    map[string]*string // values of flags that stand for a key
	output   string
}

// flags that stand for a key, because they are typed often.
var keyFlags = []struct{ flag, key, usage string }{
	{"brokers", "kafka.brokers", "Kafka brokers, host:port,host:port"},
	{"app", "kafka.app", "name of the deployment: first part of groups, transactional ids and changelogs"},
	{"registry", "registry.url", "schema registry"},
	{"clickhouse", "clickhouse.dsn", "ClickHouse, clickhouse://user:password@host:9000/database"},
	{"tenant", "tenant", "whose data"},
	{"log-level", "log.level", "debug, info, warn or error"},
}

func newRoot(out, errw io.Writer) *cobra.Command {
	a := &app{out: out, err: errw, named: map[string]*string{}}
	root := &cobra.Command{
		Use:   "waybill",
		Short: "Join what ERP, warehouse, transport and vehicles say into timelines, charges and gaps",
		Long: `Waybill reads what a logistics company's systems say about an order, joins it by order and shipment ids into timelines, works out
what may be charged and what should have happened and did not, and lands it all in ClickHouse.

See it at work:   waybill demo
Keep it running:  waybill dev        and, in another terminal, waybill run

Exit codes: 0 done, 1 not done, 2 wrong flags, arguments or configuration.`,
		SilenceUsage: true, SilenceErrors: true,
		Args: knownCommand, RunE: help,
	}
	root.SuggestionsMinimumDistance = 2
	root.SetOut(out)
	root.SetErr(errw)
	f := root.PersistentFlags()
	f.StringVar(&a.file, "config", "", "configuration file, YAML, TOML or JSON (default $WAYBILL_CONFIG, else waybill.yaml if there is one)")
	f.StringArrayVar(&a.sets, "set", nil, "set a key, as --set ticks.every=2s; the config command lists them")
	f.StringVarP(&a.output, "output", "o", string(show.Table), "table or json")
	for _, k := range keyFlags {
		a.named[k.key] = f.String(k.flag, "", k.usage)
	}
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(show.Formats(), cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(
		a.demoCmd(), a.devCmd(), a.runCmd(), a.adaptCmd(), a.replayCmd(), a.worldCmd(), a.tickCmd(), a.dlqCmd(), a.groupCmd(),
		a.timelineCmd(), a.gapsCmd(), a.chargesCmd(), a.contractsCmd(), a.stateCmd(),
		a.topicsCmd(), a.schemasCmd(), a.clickhouseCmd(), a.configCmd(), a.versionCmd(),
	)
	refineErrors(root)
	return root
}

// knownCommand is the check of a command that only has others below it.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("%s has no command %s%s", c.CommandPath(), args[0], hint)
}

func help(c *cobra.Command, _ []string) error { return c.Help() }

// refineErrors makes faults of flags and arguments usage errors that say where help is.
func refineErrors(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, c.CommandPath())}
	})
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{fmt.Errorf("%w; see `%s --help`", err, c.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		refineErrors(sub)
	}
}

// load reads the configuration with the flags on top.
func (a *app) load() (config.Loaded, error) {
	set := map[string]string{}
	for key, value := range a.named {
		if *value != "" {
			set[key] = *value
		}
	}
	for _, s := range a.sets {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return config.Loaded{}, usageError{fmt.Errorf("--set %s: write it as key=value", s)}
		}
		set[key] = value
	}
	l, err := config.Load(config.Where{File: a.file, Set: set})
	if err != nil {
		return l, usageError{fmt.Errorf("the configuration has faults:\n%w", err)}
	}
	return l, nil
}

// style is how much the reader of the output can see.
func (a *app) style() page.Style {
	width, _ := show.Terminal(a.out)
	return page.Style{Width: width, Colour: show.Colour(a.out)}
}

func (a *app) format() (show.Format, error) {
	f, err := show.ParseFormat(a.output)
	if err != nil {
		return "", usageError{err}
	}
	return f, nil
}

// start is what most commands begin with: the configuration and the output's format.
func (a *app) start() (config.Config, show.Format, error) {
	f, err := a.format()
	if err != nil {
		return config.Config{}, "", err
	}
	l, err := a.load()
	return l.Config, f, err
}

func (a *app) logger(c config.Log) *slog.Logger { return loggerTo(a.err, c) }

func loggerTo(w io.Writer, c config.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
