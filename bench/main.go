// Command bench measures Waybill against the bare libraries it stands on, and prints ratios taken within one run.
//
// Times on a shared machine mean little by themselves; a ratio of two things measured in turn, round after round, means
// more. README.md says how to read the tables and what they leave out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"waybill/bench/rig"
)

// options is what may be asked for.
type options struct {
	rounds    int
	perDevice int
	every     time.Duration
	output    string
	save      string
	profile   string
	only      string
	soak      time.Duration
	site      string
	loads     string
}

func main() {
	rig.Child()
	if len(os.Args) > 2 && os.Args[1] == partArgument {
		exit(runPart(context.Background(), os.Args[2], os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(bench(ctx, parse()))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse() (o options) {
	flag.IntVar(&o.rounds, "rounds", 8, "rounds; everything is measured once in each")
	flag.IntVar(&o.perDevice, "per-device", 600, fmt.Sprintf("positions of each of the %d devices", devices))
	flag.DurationVar(&o.every, "every", time.Second, "time between two positions of a device, by its clock; what is measured is a backlog")
	flag.StringVar(&o.output, "o", "table", "table or json")
	flag.StringVar(&o.save, "save", "", "a folder that gets the tables as DATE-COMMIT.md, too")
	flag.StringVar(&o.profile, "profile", "", "a folder that gets profiles of each part, CPU and allocations, of its last round; profiling itself costs a little")
	flag.StringVar(&o.only, "only", "", "contests to hold, by name with commas between; all where empty:"+listed())
	flag.StringVar(&o.loads, "loads", "1000,1000d,100000", "behind how many loads a fact is measured in contest correlation, with commas between; the first is what the others are measured against, a d: its state on disk. A million takes 20 GB of disk and a quarter of an hour a round")
	flag.DurationVar(&o.soak, "soak", 0, "instead of contests: run track for so long under as much load as it takes, and look at its memory every 10 s")
	flag.StringVar(&o.site, "soak-on", embedded, "where: "+embedded+" or "+apache)
	flag.Parse()
	return o
}

func (o options) validate() error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("%q: there are only flags; see -h", flag.Arg(0))
	case o.rounds < 1:
		return fmt.Errorf("-rounds %d: want at least 1, and 6 or more for figures to be quoted", o.rounds)
	case o.perDevice < 1 || o.perDevice > fullRounds && o.perDevice%fullRounds != 0:
		return fmt.Errorf("-per-device %d: want 1 to %d or a multiple of it, so that every block for ClickHouse is full", o.perDevice, fullRounds)
	case o.every < time.Second || o.every%time.Second != 0:
		return fmt.Errorf("-every %s: want whole seconds", o.every)
	case o.soak != 0 && o.soak < 4*soakBeat:
		return fmt.Errorf("-soak %s: want %s or more, so that there is a trend to see", o.soak, 4*soakBeat)
	case o.site != embedded && o.site != apache:
		return fmt.Errorf("-soak-on %s: want %s or %s", o.site, embedded, apache)
	case !slices.Contains(strings.Split(o.loads, ","), "1000"):
		return fmt.Errorf("-loads %s: name 1000 too, the others are measured against it", o.loads)
	case o.output != "table" && o.output != "json":
		return fmt.Errorf("-o %s: want table or json", o.output)
	}
	return nil
}

func bench(ctx context.Context, o options) error {
	if err := o.validate(); err != nil {
		return err
	}
	if o.soak > 0 {
		return soak(ctx, o)
	}
	r, err := measure(ctx, o, os.Stderr)
	if err != nil {
		return err
	}
	if o.save != "" {
		if err := saved(o.save, r); err != nil {
			return err
		}
	}
	if o.output == "json" {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.write(os.Stdout)
}

func saved(dir string, r report) (err error) {
	f, err := os.Create(filepath.Join(dir, r.Machine.Date+"-"+r.Machine.short()+".md"))
	if err != nil {
		return fmt.Errorf("save the tables: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return r.write(f)
}

// measure holds contests round by round, all of a round before the next.
func measure(ctx context.Context, o options, progress io.Writer) (r report, err error) {
	began := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(progress, "bench: %4.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	r = report{Rounds: o.rounds}
	if r.Machine, err = describe(ctx); err != nil {
		return r, err
	}
	contests, err := chosen(o.only)
	if err != nil {
		return r, err
	}
	f, err := newField(o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	var held []contest
	for _, c := range contests {
		say("%s: preparing", c.name)
		err := f.ready(ctx, c)
		switch {
		case errors.Is(err, errMissing):
			r.Missing = append(r.Missing, fmt.Sprintf("%s: %v", c.name, err))
			say("%s is NOT measured: %v", c.name, err)
			continue
		case err != nil:
			return r, fmt.Errorf("prepare %s: %w", c.name, err)
		}
		held = append(held, c)
	}
	all := newTrials()
	for round := range o.rounds {
		for _, c := range held {
			if err := f.hold(ctx, c, round, all, say); err != nil {
				return r, fmt.Errorf("measure %s: %w", c.name, err)
			}
		}
	}
	r.Tables = tablesOf(held, all)
	r.Seconds = int(time.Since(began).Seconds())
	return r, nil
}

// hold holds one round of a contest. Who comes first changes.
func (f *field) hold(ctx context.Context, c contest, round int, all trials, say func(string, ...any)) error {
	if m, ok := f.micros[c.name]; ok {
		say("round %d: %s", round+1, c.name)
		return m.measure(ctx, all)
	}
	for i := range c.contestants {
		who := c.contestants[(i+round)%len(c.contestants)]
		t, err := f.trial(ctx, c, who)
		if err != nil {
			return fmt.Errorf("%s: %w", who.who, err)
		}
		all.add(c.name, who.who, t)
		say("round %d: %s, %s: %s", round+1, c.name, who.who, t.brief(c))
	}
	return nil
}
