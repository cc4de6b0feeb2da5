package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/runtime"
	"waybill/processors/stream"
	"waybill/processors/track"
	"waybill/topics"
)

const (
	whoLivePoll  = "bare poll loop"
	whoSnapshots = "track, snapshots of state and replay"
	whoChangelog = "track, state in the changelog with each commit"
)

// changelogBytes is what went into the changelog, as compressed.
const changelogBytes = "changelog B/record"

// liveContests: what positions cost as they come, 10,000 devices once a second each, and what snapshots save of that.
func liveContests() []contest {
	on := func(name, site, kafka string) contest {
		return contest{
			name: name, site: site, about: "positions as they come, 10,000 devices at 1 Hz, on " + kafka,
			contestants: []contestant{{whoLivePoll, "livepoll", liveDrive(false)}, {whoSnapshots, "live", liveDrive(true)}, {whoChangelog, "live", liveDrive(false)}},
			tables: []layout{{
				held: name, title: fmt.Sprintf("%s devices at 1 Hz through track, exactly once, commits every 100 ms, on %s, CPU of the consuming process", number(devices), kafka),
				unit: cpuMicros, base: whoLivePoll, beside: []string{rate, allocs, changelogBytes, perCommit, abortedToo},
			}},
		}
	}
	return []contest{on("live", embedded, "the embedded Kafka"), on("live-apache", apache, "Apache Kafka")}
}

const (
	liveWarm = 5  // seconds
	liveTime = 30 // seconds measured: as long as snapshots are apart
)

// liveInbox takes the place of track's own, which holds the backlog.
var liveInbox = topics.Topic{
	Name: "bench-live", Records: []string{(*avro.Position)(nil).AvroName()}, Partitions: partitions, Cleanup: topics.Delete, Retention: topics.Forever, Inbox: true,
}

func liveTrack(snapshots bool) stream.Spec {
	spec := track.New(track.DefaultConfig())
	spec.Inboxes, spec.Snapshots = []topics.Topic{liveInbox}, snapshots
	return spec
}

func liveDrive(snapshots bool) prepare {
	return func(ctx context.Context, f *field, s *site, o *order) (func(bool) error, error) {
		o.Snapshots, o.Warm, o.Records = snapshots, devices*liveWarm, devices*(liveWarm+liveTime)
		err := s.once(liveInbox.Name, func() error {
			s.output(liveInbox)
			return s.makeHops(ctx, liveInbox)
		})
		if err != nil {
			return nil, err
		}
		return stages(ctx, f, s, o, liveTrack(snapshots))
	}
}

// livePart runs track, while a process beside it drives the devices.
func livePart(ctx context.Context, o order, m *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	spec := liveTrack(o.Snapshots)
	written := &writtenBytes{topic: string(topics.Changelog(o.App, spec.Name, 0).Name)}
	deps := runtime.Deps{Decoder: codec, Encoder: codec, Kafka: []kgo.Opt{kgo.WithHooks(written)}}
	engine, err := start(ctx, engineConfig(o), deps, spec)
	if err != nil {
		return nil, err
	}
	var before runtime.Stats
	if err = engine.working(); err == nil {
		err = beside(ctx, "drive", o, func() (err error) {
			before, err = measureStage(engine, o, m)
			return err
		})
	}
	s := engine.Stats()[0]
	if err := engine.halted(err); err != nil {
		return nil, err
	}
	if err := well(s, o.Records); err != nil {
		return nil, err
	}
	return trial{
		changelogBytes: float64(written.bytes.Load()) / float64(o.Records),
		perCommit:      float64(s.In-before.In) / float64(s.Commits-before.Commits),
		abortedToo:     float64(s.Aborts),
	}, nil
}

// beside does work while another part runs, and waits for both.
func beside(ctx context.Context, part string, o order, work func() error) error {
	o.Profiles = ""
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // waited for below
		ended <- run(ctx, part, o, new(trial))
	}()
	if err := work(); err != nil {
		stop()
		<-ended
		return err
	}
	return <-ended
}

// drivePart sends each device's position once a second.
func drivePart(ctx context.Context, o order, _ *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(o.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var failed firstError
	err = evenly(ctx, devices, o.Records, func(n int, due time.Time) error {
		device := n % devices
		p := drive(device, n/devices, due)
		value, err := codec.Append(ctx, nil, liveInbox.Name, &p)
		r := &kgo.Record{Topic: string(liveInbox.Name), Partition: int32(device % partitions), Key: deviceKey(device), Value: value}
		client.Produce(ctx, r, func(_ *kgo.Record, err error) { failed.keep(err) })
		return err
	})
	if err == nil {
		err = client.Flush(ctx)
	}
	if err == nil {
		err = failed.get()
	}
	return nil, err
}

// barePaced reads the positions as they come, and looks at none.
func barePaced(ctx context.Context, o order, m *meter) (trial, error) {
	return nil, beside(ctx, "drive", o, func() error {
		return pollTopic(ctx, o, liveInbox.Name, m, func(*kgo.Record) error { return nil })
	})
}

// writtenBytes counts what is written to a topic.
type writtenBytes struct {
	topic string
	bytes atomic.Int64
}

// OnProduceBatchWritten implements kgo.HookProduceBatchWritten.
func (w *writtenBytes) OnProduceBatchWritten(_ kgo.BrokerMetadata, topic string, _ int32, b kgo.ProduceBatchMetrics) {
	if topic == w.topic {
		w.bytes.Add(int64(b.CompressedBytes))
	}
}
