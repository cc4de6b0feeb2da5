package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"waybill/bench/rig"
)

// field is where contests are held. What they need is started when the first of them asks for it.
type field struct {
	options
	profiles   string // where they go, absolute; empty: none
	sites      map[string]*site
	clickhouse *rig.ClickHouse // nil: not asked for, or not installed
	micros     map[string]micro
	dir        string // state of stages
	trials     int
}

// errMissing is wrapped where something a contest needs is not installed on this machine.
var errMissing = errors.New("not installed here")

func newField(o options) (f *field, err error) {
	f = &field{options: o, sites: map[string]*site{}, micros: map[string]micro{}}
	if o.profile != "" {
		if f.profiles, err = filepath.Abs(o.profile); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(f.profiles, 0o755); err != nil {
			return nil, fmt.Errorf("make a folder for profiles: %w", err)
		}
	}
	f.dir, err = os.MkdirTemp("", "waybill-bench-")
	return f, err
}

// ready starts what a contest needs. Its error wraps errMissing where that is not installed.
func (f *field) ready(ctx context.Context, c contest) error {
	if c.table && f.clickhouse == nil {
		var err error
		if f.clickhouse, err = rig.StartClickHouse(ctx, rig.ClickHouseOptions{}); err != nil {
			return missing(err, rig.ErrNoEngine)
		}
	}
	if c.micro != nil {
		var err error
		f.micros[c.name], err = buildMicro(ctx, c, f.options)
		return err
	}
	if f.sites[c.site] != nil {
		return nil
	}
	if c.site == apache && !rig.HasApacheKafka() {
		return missing(rig.ErrNoApacheKafka, rig.ErrNoApacheKafka)
	}
	s, err := startSite(ctx, c.site)
	if err == nil {
		f.sites[c.site] = s
	}
	return err
}

// plain leaves of a contestant's name what a file may be called.
func plain(r rune) rune {
	if r == ' ' || r == ',' {
		return '-'
	}
	return r
}

func missing(err, absence error) error {
	if errors.Is(err, absence) {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	return err
}

// trial lets a contestant work once. What it wrote is checked and removed, so that the next finds the field as this one did.
func (f *field) trial(ctx context.Context, c contest, who contestant) (t trial, err error) {
	f.trials++
	s := f.sites[c.site]
	o := order{App: fmt.Sprintf("bench%d", f.trials), Brokers: s.Brokers, Registry: s.Registry}
	undo, err := who.prepare(ctx, f, s, &o)
	if err != nil {
		return nil, err
	}
	if f.profiles != "" {
		o.Profiles = filepath.Join(f.profiles, c.name+"."+strings.Map(plain, who.who))
	}
	t, err = spawn(ctx, who.part, o)
	return t, errors.Join(err, undo(err == nil), s.forget(ctx))
}

func (f *field) stop() error {
	var errs []error
	for _, s := range f.sites {
		errs = append(errs, s.stop())
	}
	for _, m := range f.micros {
		errs = append(errs, m.close())
	}
	errs = append(errs, f.clickhouse.Stop()) // nil is fine
	return errors.Join(append(errs, os.RemoveAll(f.dir))...)
}

// prepare makes what a trial needs and completes its order. undo checks and removes what the trial left; well says whether it went well.
type prepare func(ctx context.Context, f *field, s *site, o *order) (undo func(well bool) error, err error)

func nothingToUndo(bool) error { return nil }
