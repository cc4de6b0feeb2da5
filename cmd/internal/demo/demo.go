// Package demo shows the whole of Waybill at work in one process: it starts the real parts on loopback, lets a made world
// or logs from disk through the pipeline as fast as it goes, and holds what comes out against what must.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/bench/rig"
	"waybill/cmd/internal/audit"
	"waybill/cmd/internal/config"
	"waybill/cmd/internal/page"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/query"
	"waybill/cmd/internal/show"
	"waybill/topics"
)

// Options of a demo.
type Options struct {
	Config   config.Config
	Log      *slog.Logger
	Progress *show.Progress
	Source   Source
}

// Source is what goes in.
type Source interface {
	Title() string
	// Feed sends everything and returns what was sent, per topic.
	Feed(ctx context.Context, line *pipeline.Line, sent func(n int)) ([]page.Count, error)
	// Total is how much Feed will send; -1 where it does not know beforehand.
	Total() int64
	// Judge holds what came out against the truth, if there is one.
	Judge(a *audit.Audit) []page.Check
}

// Result is what the demo found.
type Result struct {
	Page page.Page
	Err  error // why the demo failed, though it ran to its end; nil: ok
	Rig  *rig.Rig
}

// settle is how long track waits for late fixes here: a demo need not be as patient as a fleet.
const settle = time.Second

// Run runs the demo. The rig of the result still runs, so that one can look in; stop it.
func Run(ctx context.Context, o Options) (res Result, err error) {
	dir, err := os.MkdirTemp("", "waybill-demo-")
	if err != nil {
		return res, fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	begin := o.Progress.Start("start", -1)
	if res.Rig, err = rig.Start(ctx, rig.Options{}); err != nil {
		return res, err
	}
	cfg := o.Config
	cfg.Use(res.Rig.Kafka.Brokers(), res.Rig.Registry.URL(), res.Rig.ClickHouse.DSN())
	cfg.Runtime.StateDir = dir
	cfg.Runtime.Poison.Letters = 0 // a demo is read to its end, whatever it holds
	cfg.Processors.Track.Settle = settle
	cfg.ClickHouse.Consume.Linger = 200 * time.Millisecond
	line, err := pipeline.Open(ctx, cfg, o.Log)
	if err != nil {
		return res, err
	}
	defer line.Close()
	did, err := line.Prepare(ctx)
	if err != nil {
		return res, err
	}
	begin.Done("Kafka, schema registry and ClickHouse on 127.0.0.1; %d topics, %d schemas, %d migrations", len(did.Topics), len(did.Schemas), len(did.Migrations))

	a, in, err := through(ctx, line, o)
	if err != nil {
		return res, err
	}
	res.Page, err = draw(ctx, cfg, o.Source, a, in)
	res.Err = judge(res.Page, a)
	return res, err
}

// through runs the pipeline while the source feeds it and until nothing is left to do, then reads everything back.
func through(ctx context.Context, line *pipeline.Line, o Options) (*audit.Audit, []page.Count, error) {
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() {
		err := line.Run(running, pipeline.Run{Sink: true})
		if err != nil {
			stop(fmt.Errorf("the pipeline stopped: %w", err))
		}
		ended <- err
	}()
	in, err := feedIn(running, line, o)
	if err == nil {
		err = drain(running, line, o.Progress)
	}
	if cause := context.Cause(running); err != nil && cause != nil {
		err = cause
	}
	var a *audit.Audit
	if err == nil {
		a, err = count(running, line, o.Progress)
	}
	stop(nil)
	if late := <-ended; err == nil { // otherwise it is our own stop that it tells of
		err = late
	}
	return a, in, err
}

func feedIn(ctx context.Context, line *pipeline.Line, o Options) ([]page.Count, error) {
	ph := o.Progress.Start("feed", o.Source.Total())
	total := 0
	in, err := o.Source.Feed(ctx, line, func(n int) { total += n; ph.Add(n) })
	if err != nil {
		return nil, err
	}
	if err := line.Flush(ctx); err != nil {
		return nil, err
	}
	ph.Done("%d records", total)
	return in, nil
}

func drain(ctx context.Context, line *pipeline.Line, p *show.Progress) error {
	ph := p.Start("process", -1)
	if err := line.Drain(ctx, ph.Left); err != nil {
		return err
	}
	ph.Done("every stage has worked off its inbox")
	ph = p.Start("time", -1)
	if err := line.Settle(ctx, settle+settle/2, ph.Left); err != nil {
		return err
	}
	ph.Done("ticks until nothing more came of them")
	ph = p.Start("land", -1)
	if err := line.DrainSink(ctx, ph.Left); err != nil {
		return err
	}
	ph.Done("ClickHouse has everything")
	return nil
}

// count reads every topic back and decodes what is decodable.
func count(ctx context.Context, line *pipeline.Line, p *show.Progress) (*audit.Audit, error) {
	ph := p.Start("audit", -1)
	a := &audit.Audit{}
	var all []topics.Name
	for _, t := range topics.All() {
		all = append(all, t.Name)
	}
	n := 0
	err := line.Scan(ctx, all, func(r *kgo.Record) error {
		n++
		ph.Add(1)
		rec, err := line.Codec.Decode(ctx, r.Value)
		if err != nil {
			rec = nil // a broken record is counted as it is; its dead letter says why
		}
		a.Take(audit.Place{Topic: topics.Name(r.Topic), Partition: r.Partition, Offset: r.Offset}, rec, r.Value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := bury(ctx, line, a); err != nil {
		return nil, err
	}
	ph.Done("%d records read back from %d topics", n, len(all))
	return a, nil
}

// draw puts the page together.
func draw(ctx context.Context, cfg config.Config, s Source, a *audit.Audit, in []page.Count) (page.Page, error) {
	p := page.Page{
		Title: s.Title(), In: in, Out: outputs(a), Letters: letters(a), Accounting: sums(a), Timeline: telling(a),
		Gaps: audit.CurrentGaps(a.Gaps), Charges: audit.Ledger(a.Charges), Query: nextQuery, Truth: s.Judge(a),
	}
	db, err := query.Open(ctx, cfg.ClickHouse.DSN)
	if err != nil {
		return p, err
	}
	defer db.Close()
	landed, err := landed(ctx, db, a)
	if err != nil {
		return p, err
	}
	p.Rows, p.Truth = landed.rows, append(p.Truth, landed.checks...)
	return p, db.Try(ctx, nextQuery)
}

// judge is nil if everything on the page holds.
func judge(p page.Page, a *audit.Audit) error {
	var errs []error
	for _, s := range p.Accounting {
		if !s.Holds() {
			errs = append(errs, fmt.Errorf("%s do not add up%s", s.Name, examples(s.Name, a)))
		}
	}
	for _, c := range p.Truth {
		if !c.Holds() {
			errs = append(errs, fmt.Errorf("%s: %d expected, %d found, %d differ", c.Name, c.Want, c.Got, c.Wrong))
		}
	}
	if len(p.In) == 0 {
		errs = append(errs, errors.New("nothing went in"))
	}
	return errors.Join(errs...)
}

// Finish prints the verdict, the last line of the demo.
func Finish(w io.Writer, err error) {
	if err == nil {
		fmt.Fprintln(w, "\ndemo: ok")
		return
	}
	fmt.Fprintf(w, "\ndemo: FAILED: %s\n", oneLine(err))
}
