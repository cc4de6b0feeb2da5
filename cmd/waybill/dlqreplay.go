package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waybill/cmd/internal/config"
	"waybill/cmd/internal/dlq"
	"waybill/cmd/internal/show"
)

// maxAttempts is how often a record is tried unless somebody says otherwise.
const maxAttempts = 3

// resend is what `dlq replay` was asked for.
type resend struct {
	ids    []dlq.ID
	filter dlq.Filter
	guard  dlq.Guard
	dry    bool
	yes    bool
}

func (a *app) dlqReplayCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "replay [ID…]", Short: "Send the records of dead letters back to where they were read, each once", Args: cobra.ArbitraryArgs,
		Long: `Send the records of dead letters back to the topic and partition where they were read: the same bytes, key and headers, with the
header waybill-attempt raised. Records and the marks that say so are one transaction: kill this at any point and run it again, and each
letter is sent once. A second replay at the same time puts the first one out.

Mend the cause first. Records that died --max-attempts times are refused unless --force is given. What a sink could not use
is not sent: its record is still in its topic (waybill dlq show says what to do).`,
		Example: "  waybill dlq replay 0-17 2-4\n  waybill dlq replay --stage normalise --reason NO_MAPPING --since 24h --dry-run",
	}
	var flags letterFlags
	flags.bind(cmd)
	var r resend
	f := cmd.Flags()
	f.BoolVar(&r.dry, "dry-run", false, "say what would be sent, and send nothing")
	f.BoolVar(&r.yes, "yes", false, "do not ask")
	f.Int32Var(&r.guard.MaxAttempts, "max-attempts", maxAttempts, "refuse records that died as often")
	f.BoolVar(&r.guard.Force, "force", false, "send them all the same")
	cmd.RunE = func(c *cobra.Command, args []string) (err error) {
		for _, arg := range args {
			id, err := dlq.ParseID(arg)
			if err != nil {
				return usageError{err}
			}
			r.ids = append(r.ids, id)
		}
		if r.filter, err = flags.filter(time.Now()); err != nil {
			return err
		}
		if err := r.check(flags.given()); err != nil {
			return usageError{fmt.Errorf("dlq replay: %w", err)}
		}
		return a.resend(c.Context(), r)
	}
	return cmd
}

func (r resend) check(filtered bool) error {
	switch {
	case len(r.ids) > 0 && filtered:
		return errors.New("give ids or filters, not both")
	case len(r.ids) == 0 && !filtered:
		return errors.New("say which letters, by id or by filters such as --reason; `waybill dlq ls` lists them")
	case r.guard.MaxAttempts < 1:
		return fmt.Errorf("--max-attempts %d: give 1 or more", r.guard.MaxAttempts)
	case !r.yes && !r.dry && !interactive():
		return errors.New("give --yes where nobody can be asked, or --dry-run to see what would be sent")
	}
	return nil
}

func interactive() bool {
	_, ok := show.Terminal(os.Stdin)
	return ok
}

func (a *app) resend(ctx context.Context, r resend) error {
	return a.box(ctx, func(c config.Config, f show.Format, b *dlq.Box) error {
		all, err := a.readLetters(ctx, b)
		if err != nil {
			return err
		}
		chosen, err := r.choose(all)
		if err != nil {
			return err
		}
		steps, err := b.Plan(ctx, chosen, r.guard)
		if err != nil {
			return err
		}
		planned := dlq.Count(steps, dlq.Send)
		if r.dry || planned == 0 {
			return a.printSteps(steps, f, r.dry)
		}
		if !r.yes && !a.agreed(steps) {
			return errors.New("nothing was sent")
		}
		ph := show.NewProgress(a.err).Start("replay", int64(planned))
		n, err := b.Send(ctx, steps, me(), ph.Add)
		if err != nil {
			return fmt.Errorf("replay stopped after %d of %d letters, which are sent; once it is mended run it again, what is sent is skipped: %w", n, planned, err)
		}
		ph.Done("%d letters", n)
		return a.printSteps(steps, f, false)
	})
}

// choose finds the letters that were named, or those still open that the filters take.
func (r resend) choose(all []dlq.Letter) ([]dlq.Letter, error) {
	if len(r.ids) == 0 {
		r.filter.Status = dlq.Open
		return dlq.Choose(all, r.filter), nil
	}
	var out []dlq.Letter
	for _, id := range r.ids {
		i := slices.IndexFunc(all, func(l dlq.Letter) bool { return l.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no dead letter %s, or it is a copy of another: `waybill dlq ls --each` lists those there are; nothing was sent", id)
		}
		if !slices.ContainsFunc(out, func(l dlq.Letter) bool { return l.ID == id }) {
			out = append(out, all[i])
		}
	}
	return out, nil
}

// agreed asks whoever sits at the terminal.
func (a *app) agreed(steps []dlq.Step) bool {
	_ = deeds(steps, true).Print(a.err, show.Table)
	fmt.Fprintf(a.err, "send %d records back to where they were read? [y/N] ", dlq.Count(steps, dlq.Send))
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer)))
}

// me is who replays, for people who read the marks later.
func me() string {
	host, _ := os.Hostname()
	if u, err := user.Current(); err == nil {
		return u.Username + "@" + host
	}
	return fmt.Sprintf("uid %d@%s", os.Getuid(), host)
}

// resent is what a replay came to, as programs read it.
type resent struct {
	DryRun  bool       `json:"dry_run"`
	Sent    int        `json:"sent"`
	Skipped int        `json:"skipped"`
	Refused int        `json:"refused"`
	Letters []dlq.Step `json:"letters"`
}

// printSteps says what was done, or would be. A letter that was refused makes the command one that did not do all it was asked.
func (a *app) printSteps(steps []dlq.Step, f show.Format, dry bool) error {
	rows := deeds(steps, dry)
	rows.Value = resent{dry, dlq.Count(steps, dlq.Send), dlq.Count(steps, dlq.Skip), dlq.Count(steps, dlq.Refuse), notNil(steps)}
	if err := rows.Print(a.out, f); err != nil {
		return err
	}
	if n := dlq.Count(steps, dlq.Refuse); n > 0 && !dry {
		return fmt.Errorf("%d of %d letters were refused, as said above", n, len(steps))
	}
	return nil
}

// deeds counts steps that are alike, and names one of each kind.
func deeds(steps []dlq.Step, dry bool) show.Rows {
	type kind struct {
		do                        dlq.Deed
		stage, topic, reason, why string
	}
	rows := show.Rows{Columns: []string{"what", "letters", "such as", "stage", "topic", "reason", "why"}, Empty: "no dead letters to replay"}
	at, counts := map[kind]int{}, []int{}
	for _, s := range steps {
		k := kind{s.Do, s.Stage, s.Topic, s.Reason, s.Why}
		i, ok := at[k]
		if !ok {
			i = len(counts)
			at[k] = i
			counts = append(counts, 0)
			rows.Rows = append(rows.Rows, []any{deedWord(s.Do, dry), 0, s.ID, s.Stage, s.Topic, s.Reason, s.Why})
		}
		counts[i]++
		rows.Rows[i][1] = counts[i]
	}
	return rows
}

func deedWord(d dlq.Deed, dry bool) string {
	switch {
	case d == dlq.Send && dry:
		return "would be sent"
	case d == dlq.Send:
		return "sent"
	case d == dlq.Skip:
		return "skipped"
	}
	return "refused"
}
