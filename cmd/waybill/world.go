package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"waybill/avro"
	"waybill/bench/world"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/show"
	"waybill/topics"
)

// made is what to make a world of and where to send it.
type made struct {
	world.Config
	times float64           // of the default damage
	rates map[string]string // by name, over that
	speed float64           // how much faster than the clock; 0: as fast as it goes
	out   string            // file; empty: Kafka; -: standard output
}

func (a *app) worldCmd() *cobra.Command {
	m := made{Config: world.DefaultConfig()}
	cmd := &cobra.Command{
		Use: "world", Short: "Send what the systems of a made company say, or write it to a file", Args: cobra.NoArgs,
		Long: `Send what the systems of a made company say about its orders, loads and vehicles, with what the field does to it on the way. The
same seed and flags make the same records. It is made while it is sent: memory grows with the vehicles and not with the days.

A file holds a record a line, as JSON with topic, key, record type, the time of delivery and the record.`,
		Example: "  waybill world --vehicles 50 --loads 200 --speed 1440       # a day in a minute, to Kafka\n  waybill world --damage 2 --rate cross-dock=0.5 --out day.jsonl",
	}
	f := cmd.Flags()
	f.Uint64Var(&m.Seed, "seed", m.Seed, "which world")
	f.IntVar(&m.Vehicles, "vehicles", m.Vehicles, "vehicles")
	f.IntVar(&m.Loads, "loads", m.Loads, "loads in all, at most six a vehicle and day")
	f.IntVar(&m.Days, "days", m.Days, "days")
	f.DurationVar(&m.PositionEvery, "position-every", m.PositionEvery, "how often devices report, 10s to 1m")
	f.Float64Var(&m.times, "damage", 1, "all rates of damage times this; 0 does none")
	f.StringToStringVar(&m.rates, "rate", nil, "one rate of damage, such as cross-dock=0.5")
	f.Float64Var(&m.speed, "speed", 0, "how much faster than the clock (1440: a day in a minute; silences of more than an hour are cut short); 0 is as fast as it goes")
	f.StringVar(&m.out, "out", "", "file to write instead of sending to Kafka; - is standard output")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		w, err := m.make()
		if err != nil {
			return usageError{err}
		}
		return a.tell(c.Context(), m, w)
	}
	return cmd
}

func (m made) make() (*world.World, error) {
	cfg := m.Config
	cfg.Damage = cfg.Damage.Times(m.times)
	for name, value := range m.rates {
		rate, err := strconv.ParseFloat(value, 64)
		if err == nil {
			err = cfg.Damage.Set(name, rate)
		}
		if err != nil {
			return nil, fmt.Errorf("world: --rate %s=%s: %w", name, value, err)
		}
	}
	if m.speed < 0 {
		return nil, fmt.Errorf("world: --speed is %v: it must not be negative", m.speed)
	}
	return world.New(cfg)
}

// tell streams the world to where it goes.
func (a *app) tell(ctx context.Context, m made, w *world.World) error {
	if m.out != "" {
		return a.write(ctx, m, w)
	}
	c, _, err := a.start()
	if err != nil {
		return err
	}
	line, err := pipeline.Open(ctx, c, a.logger(c.Log))
	if err != nil {
		return err
	}
	defer line.Close()
	err = a.each(ctx, m, w, func(d world.Delivery) error { return line.Send(ctx, d.Topic, d.Key, d.Record) })
	return errors.Join(err, line.Flush(ctx))
}

// worldLine is a line of a file.
type worldLine struct {
	At     time.Time   `json:"at"`
	Topic  topics.Name `json:"topic"`
	Key    string      `json:"key"`
	Type   string      `json:"type"`
	Record avro.Record `json:"record"`
}

func (a *app) write(ctx context.Context, m made, w *world.World) (err error) {
	out := io.Writer(a.out)
	if m.out != "-" {
		f, failed := os.Create(m.out)
		if failed != nil {
			return fmt.Errorf("world: create %s: %w", m.out, failed)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	b := bufio.NewWriter(out)
	enc := json.NewEncoder(b)
	err = a.each(ctx, m, w, func(d world.Delivery) error {
		return enc.Encode(worldLine{d.DeliverAt.UTC(), d.Topic, d.Key, d.Record.AvroName(), d.Record})
	})
	return errors.Join(err, b.Flush())
}

// each gives every delivery when its time has come.
func (a *app) each(ctx context.Context, m made, w *world.World, give func(world.Delivery) error) error {
	ph := show.NewProgress(a.err).Start("world", -1)
	var n int64
	p := pace{speed: m.speed, begin: time.Now()}
	for d := range w.Deliveries() {
		if err := p.wait(ctx, d.DeliverAt); err != nil {
			return fmt.Errorf("world: stopped after %d records: %w", n, err)
		}
		if err := give(d); err != nil {
			return fmt.Errorf("world: record %d: %w", n+1, err)
		}
		n++
		ph.Add(1)
	}
	ph.Done("%d records", n)
	return nil
}

// longestSilence is what is waited for at most, of the world's time. Some word comes weeks after all else.
const longestSilence = time.Hour

// pace makes the world's time pass at a speed.
type pace struct {
	speed  float64
	begin  time.Time     // by our clock
	passed time.Duration // of the world's time since then, long silences cut
	last   time.Time     // of the world; zero before the first delivery
}

// wait waits until a delivery is due.
func (p *pace) wait(ctx context.Context, at time.Time) error {
	if p.speed == 0 {
		return ctx.Err()
	}
	if !p.last.IsZero() {
		p.passed += min(at.Sub(p.last), longestSilence)
	}
	p.last = at
	wait := time.Until(p.begin.Add(time.Duration(float64(p.passed) / p.speed)))
	if wait <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
