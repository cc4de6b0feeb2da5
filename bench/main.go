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
	"syscall"
	"time"

	"waybill/bench/rig"
)

// options is what may be asked for.
type options struct {
	rounds    int
	perDevice int
	output    string
	save      string
	profile   string
}

func main() {
	rig.Child()
	if len(os.Args) > 2 && os.Args[1] == partArgument {
		exit(runPart(context.Background(), os.Args[2], os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, parse()))
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
	flag.IntVar(&o.perDevice, "per-device", 50, fmt.Sprintf("positions of each of the %d devices", devices))
	flag.StringVar(&o.output, "o", "table", "table or json")
	flag.StringVar(&o.save, "save", "", "a folder that gets the tables as DATE-COMMIT.md, too")
	flag.StringVar(&o.profile, "profile", "", "a folder that gets a CPU profile of each part, of its last round; profiling itself costs a little")
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
	case o.output != "table" && o.output != "json":
		return fmt.Errorf("-o %s: want table or json", o.output)
	}
	return nil
}

func run(ctx context.Context, o options) error {
	if err := o.validate(); err != nil {
		return err
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

// measure runs every contest round by round, all of a round before the next.
func measure(ctx context.Context, o options, progress io.Writer) (r report, err error) {
	began := time.Now()
	r = report{Rounds: o.rounds, Positions: devices * o.perDevice}
	if r.Machine, err = describe(ctx); err != nil {
		return r, err
	}
	say := func(format string, args ...any) {
		fmt.Fprintf(progress, "bench: %4.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	say("building the benchmarks of avro and track")
	codecs, err := buildMicro(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, codecs.close()) }()
	say("starting Kafka and ClickHouse, each in a process of its own")
	f, err := startField(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	say("%d positions of %d devices are in the topic", f.positions(), devices)
	if !f.hasClickHouse() {
		say("no ClickHouse engine (`make tools` fetches it): the sink is NOT measured")
	}
	trials := newTrials()
	for round := range o.rounds {
		if err := codecs.measure(ctx, trials); err != nil {
			return r, err
		}
		say("round %d of %d: codecs and handler", round+1, o.rounds)
		for i := range f.contestants {
			c := f.contestants[(i+round)%len(f.contestants)] // who comes first changes
			t, err := f.trial(ctx, c)
			if err != nil {
				return r, fmt.Errorf("measure %s: %w", c.who, err)
			}
			trials.add(c.contest, c.who, t)
			say("round %d of %d: %s, %s", round+1, o.rounds, c.contest, c.who)
		}
	}
	r.Tables = tables(trials)
	r.Seconds = int(time.Since(began).Seconds())
	return r, nil
}
