package main

import (
	"context"
	"fmt"

	"waybill/processors/runtime"
	"waybill/processors/track"
)

const (
	whoPoll   = "bare poll loop"
	whoDecode = "bare poll loop, decode"
	whoCopy   = "bare transactions, copy each record"
	whoTrack  = "track on the engine, exactly once"
)

// trackContests: what positions cost a stage that keeps their devices' state, against a loop that reads them.
func trackContests() []contest {
	beside := []string{rate, allocs, allocBytes, "records/commit", "facts/record"}
	on := func(name, site, kafka string) contest {
		return contest{
			name: name, site: site, about: "positions through track on " + kafka + ", backlog",
			contestants: []contestant{
				{whoPoll, "poll", backlog}, {whoDecode, "decode", backlog}, {whoCopy, "copy", backlog}, {whoTrack, "track", trackBacklog},
			},
			tables: []layout{{name, "Positions through track on " + kafka + ", CPU of the consuming process", cpuMicros, whoPoll, beside}},
		}
	}
	return []contest{on("track", embedded, "the embedded Kafka"), on("track-apache", apache, "Apache Kafka")}
}

// warmRounds are worked on before measuring begins: every device has been seen, most have ended a stay.
const warmRounds = 50

// backlog is all positions, and the first rounds of them to warm up on.
func backlog(ctx context.Context, f *field, s *site, o *order) (func(bool) error, error) {
	o.Records, o.Warm = devices*f.perDevice, devices*min(warmRounds, f.perDevice/2)
	return nothingToUndo, s.load(ctx, f.perDevice)
}

func trackBacklog(ctx context.Context, f *field, s *site, o *order) (func(bool) error, error) {
	if _, err := backlog(ctx, f, s, o); err != nil {
		return nil, err
	}
	return stages(ctx, f, s, o, track.New(track.DefaultConfig()))
}

// trackPart runs track on the engine, to the commit of the last position.
func trackPart(ctx context.Context, o order, m *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	engine, err := start(ctx, engineConfig(o), runtime.Deps{Decoder: codec, Encoder: codec}, track.New(track.DefaultConfig()))
	if err != nil {
		return nil, err
	}
	before, err := measureStage(engine, o, m)
	s := engine.Stats()[0]
	if err := engine.halted(err); err != nil {
		return nil, err
	}
	if err := well(s, o.Records); err != nil {
		return nil, err
	}
	if s.Out == 0 && o.Records >= told*devices {
		return nil, fmt.Errorf("track told of no stay in %d positions: it must have refused them", o.Records)
	}
	in := float64(s.In - before.In)
	return trial{"records/commit": in / float64(s.Commits-before.Commits), "facts/record": float64(s.Out-before.Out) / in}, nil
}

// measureStage measures the engine from the end of its warming up to the commit of the last record. It gives what had happened
// before measuring.
func measureStage(engine *running, o order, m *meter) (before runtime.Stats, err error) {
	if err := engine.committed(o.Warm); err != nil {
		return before, err
	}
	err = m.start(func() int {
		before = engine.Stats()[0]
		return int(before.In)
	})
	if err != nil {
		return before, err
	}
	if err := engine.committed(o.Records); err != nil {
		return before, err
	}
	return before, m.stop(engine.in)
}
