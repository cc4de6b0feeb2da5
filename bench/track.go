package main

import (
	"context"
	"fmt"
	"time"

	"waybill/processors/runtime"
	"waybill/processors/track"
)

const (
	whoPoll       = "bare poll loop"
	whoDecode     = "bare poll loop, decode"
	whoCopy       = "bare transactions, copy each record"
	whoTrack      = "track on the engine, exactly once"
	whoTrackLeast = "track on the engine, at least once"
)

// trackContests: what positions cost a stage that keeps their devices' state, against a loop that reads them.
func trackContests() []contest {
	on := func(name, site, kafka string) contest {
		title := "Positions through track on " + kafka
		return contest{
			name: name, site: site, about: "positions through track on " + kafka + ", a backlog of them",
			contestants: []contestant{
				{whoPoll, "poll", backlog}, {whoDecode, "decode", backlog}, {whoCopy, "copy", backlog},
				{whoTrack, "track", trackBacklog(runtime.ExactlyOnce)}, {whoTrackLeast, "track", trackBacklog(runtime.AtLeastOnce)},
			},
			tables: []layout{
				{held: name, title: title + ", CPU of the consuming process", unit: cpuMicros, base: whoPoll, beside: []string{rate, allocs, allocBytes, perCommit, "facts/record"}},
				{held: name, title: title + ", exactly once against at least once", unit: cpuMicros, base: whoTrackLeast, only: []string{whoTrack, whoTrackLeast}},
			},
		}
	}
	return []contest{on("track", embedded, "the embedded Kafka"), on("track-apache", apache, "Apache Kafka")}
}

// warm is the number of rounds that are worked on before measuring begins: every device has filled a block of five minutes, whose memory
// the next ones use.
func warm(every time.Duration) int { return max(50, int(5*time.Minute/every)) }

// backlog is all positions, and the first rounds of them to warm up on.
func backlog(ctx context.Context, f *field, s *site, o *order) (func(bool) error, error) {
	o.Records, o.Warm = devices*f.perDevice, devices*min(warm(f.every), f.perDevice/2)
	o.Every = f.every
	return nothingToUndo, s.load(ctx, f.perDevice, f.every)
}

func trackBacklog(mode runtime.Mode) prepare {
	return func(ctx context.Context, f *field, s *site, o *order) (func(bool) error, error) {
		if _, err := backlog(ctx, f, s, o); err != nil {
			return nil, err
		}
		o.Mode = mode
		return stages(ctx, f, s, o, track.New(track.DefaultConfig()))
	}
}

// trackPart runs track on the engine, to the commit of the last position.
func trackPart(ctx context.Context, o order, m *meter) (trial, error) {
	t, err := stagePart(ctx, o, m, track.New(track.DefaultConfig()))
	if err == nil && t["facts/record"] == 0 && o.Records-o.Warm >= told(o.Every)*devices {
		err = fmt.Errorf("track told of no stay in %d positions: it must have refused them", o.Records)
	}
	return t, err
}
