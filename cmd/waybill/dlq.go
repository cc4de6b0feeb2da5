package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/cluster"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/dlq"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
	"waybill/processors"
	"waybill/topics"
)

func (a *app) dlqCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "dlq", Short: "Look at dead letters, and send their records back to where they were read", Args: knownCommand, RunE: help,
		Long: `Look at dead letters, and send their records back to where they were read.

A record that a stage cannot use becomes a dead letter, with its bytes, where it was read, and why. Mend the cause, then replay the
letters: each is sent once, however often and by however many this is asked for.`,
		Example: "  waybill dlq ls\n  waybill dlq ls --each --reason NO_MAPPING\n  waybill dlq show 0-17\n  waybill dlq replay --reason NO_MAPPING --dry-run",
	}
	cmd.AddCommand(a.dlqListCmd(), a.dlqShowCmd(), a.dlqReplayCmd())
	return cmd
}

// box opens the dead letters of the configured cluster.
func (a *app) box(ctx context.Context, do func(config.Config, show.Format, *dlq.Box) error) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	line, err := pipeline.Open(ctx, c, a.logger(c.Log))
	if err != nil {
		return err
	}
	defer line.Close()
	opts, err := cluster.Options(c.Kafka)
	if err != nil {
		return err
	}
	reads := map[string][]topics.Name{}
	for _, s := range processors.All(c.Processors) {
		for _, in := range s.Inboxes {
			reads[s.Name] = append(reads[s.Name], in.Name)
		}
	}
	return do(c, f, &dlq.Box{Client: line.Client, Kafka: opts, Codec: line.Codec, Schemas: line.Codec, Reads: reads, Limits: dlq.DefaultLimits(c.Runtime.MaxMessageBytes)})
}

// readLetters reads all letters and shows how far it is.
func (a *app) readLetters(ctx context.Context, b *dlq.Box) ([]dlq.Letter, error) {
	var ph *show.Phase
	all, err := b.Letters(ctx, func(of int64) func(int) {
		ph = show.NewProgress(a.err).Start("read", of)
		return ph.Add
	})
	if err != nil {
		return nil, err
	}
	ph.Done("%d dead letters", len(all))
	return all, nil
}

// letterFlags are the filters that ls and replay share.
type letterFlags struct {
	stages, reasons, topics []string
	since, until            string
}

func (l *letterFlags) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&l.stages, "stage", nil, "that died in this stage, or sink")
	f.StringSliceVar(&l.reasons, "reason", nil, "that died of this reason code")
	f.StringSliceVar(&l.topics, "topic", nil, "that came from this topic")
	f.StringVar(&l.since, "since", "", "written from then on: 2026-03-02, 2026-03-02T08:00:00Z, or 2h for two hours ago")
	f.StringVar(&l.until, "until", "", "written before then, given as --since is")
	_ = cmd.RegisterFlagCompletionFunc("stage", cobra.FixedCompletions(stageNames(), cobra.ShellCompDirectiveNoFileComp))
}

func (l *letterFlags) given() bool {
	return len(l.stages)+len(l.reasons)+len(l.topics) > 0 || l.since != "" || l.until != ""
}

func (l *letterFlags) filter(now time.Time) (f dlq.Filter, err error) {
	f = dlq.Filter{Stages: l.stages, Reasons: l.reasons, Topics: l.topics}
	if f.Since, err = when("--since", l.since, now); err != nil {
		return f, err
	}
	f.Until, err = when("--until", l.until, now)
	return f, err
}

// when reads a flag that names an instant; empty: none.
func when(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, time.DateTime} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, usageError{fmt.Errorf("%s %s: give a day as 2026-03-02, an instant as 2026-03-02T08:00:00Z, or how long ago as 90m or 48h", flag, s)}
}

func (a *app) dlqListCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "ls", Short: "Count dead letters by stage, topic and reason, or list each", Args: cobra.NoArgs}
	var flags letterFlags
	flags.bind(cmd)
	status := cmd.Flags().String("status", string(dlq.Any), strings.Join(dlq.Statuses(), ", "))
	each := cmd.Flags().Bool("each", false, "a line a letter, the newest first")
	limit := cmd.Flags().Int("limit", 100, "most lines; 0: all")
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(dlq.Statuses(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		filter, err := flags.filter(time.Now())
		if err != nil {
			return err
		}
		if !slices.Contains(dlq.Statuses(), *status) {
			return usageError{fmt.Errorf("--status %s: give %s", *status, strings.Join(dlq.Statuses(), ", "))}
		}
		filter.Status = dlq.Status(*status)
		return a.box(c.Context(), func(_ config.Config, f show.Format, b *dlq.Box) error {
			all, err := a.readLetters(c.Context(), b)
			if err != nil {
				return err
			}
			chosen := dlq.Choose(all, filter)
			if *each {
				slices.Reverse(chosen)
				return a.printLetters(upTo(a, chosen, *limit), f)
			}
			return a.printGroups(upTo(a, dlq.Groups(chosen), *limit), f)
		})
	}
	return cmd
}

// upTo keeps the first of a list and says that there are more.
func upTo[T any](a *app, list []T, limit int) []T {
	if limit <= 0 || len(list) <= limit {
		return list
	}
	fmt.Fprintf(a.err, "%d of %d are shown: --limit 0 shows all\n", limit, len(list))
	return list[:limit]
}

func (a *app) printGroups(groups []dlq.Group, f show.Format) error {
	rows := show.Rows{Columns: []string{"open", "replayed", "stage", "topic", "reason", "first", "last", "newest"}, Value: notNil(groups), Empty: "no dead letters"}
	for _, g := range groups {
		rows.Rows = append(rows.Rows, []any{g.Open, g.Replayed, g.Stage, g.Topic, g.Reason, dlq.Instant(g.First), dlq.Instant(g.Last), g.Newest})
	}
	return rows.Print(a.out, f)
}

func (a *app) printLetters(letters []dlq.Letter, f show.Format) error {
	rows := show.Rows{Columns: []string{"id", "written", "status", "stage", "reason", "from", "attempt", "cause"}, Value: notNil(letters), Empty: "no dead letters"}
	for _, l := range letters {
		rows.Rows = append(rows.Rows, []any{l.ID, dlq.Instant(l.At), l.Status(), l.Stage, l.Reason, fmt.Sprintf("%s/%d@%d", l.Topic, l.Partition, l.Offset), l.Attempt, short(l.Cause)})
	}
	return rows.Print(a.out, f)
}

// notNil makes an empty list of none, which JSON tells apart.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// short is a cause in a table.
func short(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func (a *app) dlqShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a dead letter: causes, headers, key and value, and what to do next", Args: oneLetter,
		Example: "  waybill dlq show 0-17\n  waybill dlq show 0-17 -o json | jq -r .value.base64 | base64 -d",
		RunE: func(c *cobra.Command, args []string) error {
			id, err := dlq.ParseID(args[0])
			if err != nil {
				return usageError{err}
			}
			return a.box(c.Context(), func(_ config.Config, f show.Format, b *dlq.Box) error {
				whole, err := b.Find(c.Context(), id)
				if err != nil {
					return err
				}
				v, err := b.View(c.Context(), whole, dlq.Guard{MaxAttempts: maxAttempts})
				if err != nil {
					return err
				}
				if f == show.Table {
					return v.Print(a.out)
				}
				return show.Rows{Value: v}.Print(a.out, f)
			})
		},
	}
}

func oneLetter(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("dlq show: name one letter by its id, as `waybill dlq ls --each` lists them")
	}
	return nil
}
