package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/runtime"
	"waybill/topics"
)

// soakPart is track under as much load as it takes, for as long as asked.
const soakPart = "soak"

// soakBeat is how often its memory is looked at.
const soakBeat = 10 * time.Second

// moment is what was seen at one look.
type moment struct {
	Seconds float64 `json:"seconds"`
	Records int64   `json:"records"`
	RSS     float64 `json:"rss_mb"`  // as the system counts
	Heap    float64 `json:"heap_mb"` // in use
}

// soaked is what a soak found.
type soaked struct {
	Machine machine  `json:"machine"`
	On      string   `json:"on"`
	Moments []moment `json:"moments"`
}

func soak(ctx context.Context, o options) (err error) {
	found := soaked{On: o.site}
	if found.Machine, err = describe(ctx); err != nil {
		return err
	}
	f, err := newField(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	if err := f.ready(ctx, contest{name: soakPart, site: o.site}); err != nil {
		return err
	}
	s := f.sites[o.site]
	if err := s.makeHops(ctx, liveInbox); err != nil {
		return err
	}
	order := order{App: soakPart, Brokers: s.Brokers, Registry: s.Registry, For: o.soak}
	if _, err := stages(ctx, f, s, &order, liveTrack(true)); err != nil {
		return err
	}
	if f.profiles != "" {
		order.Profiles = filepath.Join(f.profiles, soakPart)
	}
	if err := run(ctx, soakPart, order, &found.Moments); err != nil {
		return err
	}
	return found.publish(o)
}

func (s soaked) publish(o options) (err error) {
	if o.save != "" {
		path := filepath.Join(o.save, s.Machine.Date+"-"+s.Machine.short()+"-soak-"+s.On+".md")
		if err := os.WriteFile(path, []byte(s.String()), 0o644); err != nil {
			return fmt.Errorf("save the soak: %w", err)
		}
	}
	if o.output == "json" {
		return json.NewEncoder(os.Stdout).Encode(s)
	}
	_, err = io.WriteString(os.Stdout, s.String())
	return err
}

// flatWithin is how much memory may grow, of itself, over the second half of a soak: by then caches should be full.
const flatWithin = 0.05

func (s soaked) String() string {
	var b strings.Builder
	last := s.Moments[len(s.Moments)-1]
	fmt.Fprintf(&b, "# Soak, %s\n\n%s\n", s.Machine.Date, s.Machine)
	fmt.Fprintf(&b, "Track, exactly once, on %s, under as much load as it takes, for %.0f s: %s records, %s a second.\n\n",
		s.On, last.Seconds, number(float64(last.Records)), number(float64(last.Records)/last.Seconds))
	cells := [][]string{{"s", "records/s", "RSS MB", "heap MB"}}
	var before moment
	for _, m := range s.Moments {
		cells = append(cells, []string{number(m.Seconds), number(float64(m.Records-before.Records) / (m.Seconds - before.Seconds)), number(m.RSS), number(m.Heap)})
		before = m
	}
	align(&b, cells)
	fmt.Fprintf(&b, "\n%s\n", s.verdict())
	return b.String()
}

// verdict goes by the trend of the second half.
func (s soaked) verdict() string {
	half := s.Moments[len(s.Moments)/2:]
	growth := slope(half) * (half[len(half)-1].Seconds - half[0].Seconds)
	mean := 0.0
	for _, m := range half {
		mean += m.RSS / float64(len(half))
	}
	word := "flat"
	if growth > flatWithin*mean {
		word = "NOT flat"
	}
	return fmt.Sprintf("Memory is %s: by its trend over the second half RSS changed by %+.1f MB of %.0f MB, %+.1f %%.", word, growth, mean, growth/mean*100)
}

// slope is RSS a second, by least squares.
func slope(ms []moment) float64 {
	var n, x, y, xx, xy float64
	for _, m := range ms {
		n, x, y, xx, xy = n+1, x+m.Seconds, y+m.RSS, xx+m.Seconds*m.Seconds, xy+m.Seconds*m.RSS
	}
	if n < 2 {
		return 0
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// runSoak runs the stage, while a process beside it keeps it busy.
func runSoak(ctx context.Context, o order) (seen []moment, err error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	engine, err := start(ctx, engineConfig(o), runtime.Deps{Decoder: codec, Encoder: codec}, liveTrack(true))
	if err != nil {
		return nil, err
	}
	m := &meter{profiles: o.Profiles}
	if err = engine.working(); err == nil {
		err = beside(ctx, "flood", o, func() error {
			return m.over(1, func() (err error) {
				seen, err = lookAt(ctx, engine, o.For)
				return err
			})
		})
	}
	s := engine.Stats()[0]
	if err := engine.halted(err); err != nil {
		return nil, err
	}
	return seen, well(s, int(s.In))
}

func lookAt(ctx context.Context, engine *running, how time.Duration) (seen []moment, err error) {
	beat := time.NewTicker(soakBeat)
	defer beat.Stop()
	for began := time.Now(); time.Since(began) < how; {
		if err := wait(engine, beat.C); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var memory goruntime.MemStats
		goruntime.ReadMemStats(&memory)
		m := moment{Seconds: time.Since(began).Seconds(), Records: int64(engine.in()), RSS: residentMB(), Heap: float64(memory.HeapInuse) / 1e6}
		fmt.Fprintf(os.Stderr, "bench: %4.0f s  %s records, RSS %.0f MB, heap %.0f MB\n", m.Seconds, number(float64(m.Records)), m.RSS, m.Heap)
		seen = append(seen, m)
	}
	return seen, nil
}

// residentMB is 0 where the system does not say.
func residentMB() float64 {
	var kib float64
	if _, err := fmt.Sscan(procField("/proc/self/status", "VmRSS"), &kib); err != nil {
		return 0
	}
	return kib * 1024 / 1e6
}

// ahead is how many records may wait for the stage: enough that it is never idle, few enough for the broker to hold.
const ahead = 300_000

// floodPart sends positions as fast as the stage takes them, of devices whose clocks run as fast, and removes what is behind it.
func floodPart(ctx context.Context, o order, _ *meter) (trial, error) {
	codec, err := newCodec(o.Registry)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(o.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(50_000))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	adm := kadm.NewClient(client)
	var failed firstError
	n, taken := 0, 0
	t0 := time.Now().Add(-48 * time.Hour)
	for began := time.Now(); time.Since(began) < o.For+soakBeat; {
		for range devices {
			device, seconds := n%devices, n/devices
			p := drive(device, seconds, t0.Add(time.Duration(seconds)*time.Second))
			value, err := codec.Append(ctx, nil, liveInbox.Name, &p)
			if err != nil {
				return nil, err
			}
			r := &kgo.Record{Topic: string(liveInbox.Name), Partition: int32(device % partitions), Key: deviceKey(device), Value: value}
			client.Produce(ctx, r, func(_ *kgo.Record, err error) { failed.keep(err) })
			n++
		}
		for n-taken > ahead && failed.get() == nil {
			time.Sleep(20 * time.Millisecond)
			if taken, err = remove(ctx, adm, o); err != nil {
				return nil, err
			}
		}
		if err := failed.get(); err != nil {
			return nil, err
		}
	}
	return nil, client.Flush(ctx)
}

// remove deletes what the stage has committed, and what it said. It gives how many records that were, from the beginning.
func remove(ctx context.Context, adm *kadm.Client, o order) (taken int, err error) {
	committed, err := adm.FetchOffsets(ctx, engineConfig(o).Group(liveTrack(true).Name))
	if err != nil {
		return 0, err
	}
	said, err := adm.ListEndOffsets(ctx, string(topics.ResolveInbox.Name))
	if err != nil {
		return 0, err
	}
	gone := said.Offsets()
	committed.Each(func(c kadm.OffsetResponse) {
		if c.At >= 0 && c.Topic == string(liveTrack(true).Inboxes[0].Name) {
			taken += int(c.At)
			gone.Add(c.Offset)
		}
	})
	if _, err := adm.DeleteRecords(ctx, gone); err != nil {
		return 0, fmt.Errorf("remove what is behind the stage: %w", err)
	}
	return taken, nil
}
