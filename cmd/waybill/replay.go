package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/feed"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
	"waybill/topics"
)

func (a *app) replayCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "replay --format FORMAT PATH…", Short: "Send what files hold to the partners' topic", Args: somePath,
		Long: `Send what files hold to the partners' topic, a message a row, line or document. Of a folder, all files of the format are read, in order
of name. Nothing is read into the payloads here: what makes no sense ends as a dead letter, with its bytes, and so
does a message that asks for a mapping which waybill run does not have.

A mapping is a YAML or JSON file that says what the fields of csv or json mean. scms ships; waybill run reads your own from the folder
processors.normalise.mapping_dir.`,
		Example: "  waybill replay --format ocel logs/\n  waybill replay --format csv --mapping scms --partner SCMS deliveries.csv",
	}
	var s feed.Source
	f := cmd.Flags()
	f.StringVar(&s.Format, "format", "", "what the files are: "+strings.Join(feed.Formats(), ", "))
	f.StringVar(&s.Mapping, "mapping", "", "name of the mapping that says what the fields of csv and json mean")
	f.StringVar(&s.Partner, "partner", "", "who sent them (default: the format's name)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(feed.Formats(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(c *cobra.Command, paths []string) error {
		if s.Format == "" {
			return usageError{fmt.Errorf("replay: give --format: one of %s", strings.Join(feed.Formats(), ", "))}
		}
		s.Paths = paths
		if err := s.Check(); err != nil {
			return usageError{fmt.Errorf("replay: %w", err)}
		}
		return a.replay(c.Context(), s)
	}
	return cmd
}

func somePath(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("replay: name the files or folders to send")
	}
	return nil
}

// replayed is what was sent, as programs read it.
type replayed struct {
	Topic    string `json:"topic"`
	Format   string `json:"format"`
	Messages int64  `json:"messages"`
}

func (a *app) replay(ctx context.Context, s feed.Source) error {
	c, f, err := a.start()
	if err != nil {
		return err
	}
	line, err := pipeline.Open(ctx, c, a.logger(c.Log))
	if err != nil {
		return err
	}
	defer line.Close()
	s.Tenant = c.Tenant
	ph := show.NewProgress(a.err).Start("replay", -1)
	n, err := line.Replay(ctx, s, ph.Add)
	if err != nil {
		// What was sent before the fault is there; sending it again makes duplicates, which cost nothing.
		return errors.Join(fmt.Errorf("replay stopped after %d messages, which are sent; once it is mended, run it again as a whole: %w", n, err), line.Flush(ctx))
	}
	ph.Done("%d messages", n)
	r := replayed{string(topics.PartnerMessages.Name), s.Format, n}
	return show.Rows{Columns: []string{"topic", "format", "messages"}, Rows: [][]any{{r.Topic, r.Format, r.Messages}}, Value: r}.Print(a.out, f)
}
