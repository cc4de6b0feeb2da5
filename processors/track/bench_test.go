package track

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// BenchmarkPosition is one position of 10,000 devices in turn. Half of them say a speed; all drive 15 minutes and stand five,
// and their fixes wander by some metres as a receiver's do.
//
// fix: a position in order by itself, its device's state at hand. handler: as it comes through the driver and the store, state
// decoded and in memory. floor: the same through a stage that does nothing but edit its state, which is what driver and store
// cost. commit: with every position committed by itself, the encoding
// of the device's state included.
//
// A device's clock has an offset of its own, so that the blocks of a fleet do not all turn at once. Give it enough rounds for
// each device to turn one: -benchtime 3000000x at 1 s.
func BenchmarkPosition(b *testing.B) {
	stage := New(DefaultConfig())
	b.Run("fix/1s", func(b *testing.B) { fixes(b, time.Second) })
	b.Run("fix/5s", func(b *testing.B) { fixes(b, 5*time.Second) })
	b.Run("handler/1s", func(b *testing.B) { positions(b, stage, time.Second, 1<<30) })
	b.Run("handler/5s", func(b *testing.B) { positions(b, stage, 5*time.Second, 1<<30) })
	b.Run("floor/1s", func(b *testing.B) { positions(b, floor, time.Second, 1<<30) })
	b.Run("commit/1s", func(b *testing.B) { positions(b, stage, time.Second, 1) })
	b.Run("commit/5s", func(b *testing.B) { positions(b, stage, 5*time.Second, 1) })
}

// floor touches a device's state and leaves it at that.
var floor = stream.Define(stream.Processor[*stream.Value[avro.TrackHead, *avro.TrackHead]]{
	Name: "floor", Inbox: topics.Positions,
	State: func(b *stream.Binder) *stream.Value[avro.TrackHead, *avro.TrackHead] {
		return stream.ValueOf[avro.TrackHead](b, "head")
	},
	Inputs: []stream.Input[*stream.Value[avro.TrackHead, *avro.TrackHead]]{stream.On(touch)},
})

func touch(_ context.Context, _ string, ev stream.Event[avro.Position], st *stream.Value[avro.TrackHead, *avro.TrackHead]) (stream.Emits, error) {
	st.Edit().DistanceMm += int64(ev.Value.LatE6)
	return stream.Emits{}, nil
}

func positions(b *testing.B, stage stream.Spec, every time.Duration, commit int) {
	task, err := stage.NewTask(stream.Nothing{})
	if err != nil {
		b.Fatal(err)
	}
	f, ctx, told, bytes, n := newFleet(10_000, every), context.Background(), 0, 0, 0
	emit := func(es []stream.Emit) error { told += len(es); return nil }
	step := func() {
		if err := task.Process(ctx, f.next(), emit); err != nil {
			b.Fatal(err)
		}
		if n++; n%commit == 0 {
			changes, err := task.Flush()
			if err != nil {
				b.Fatal(err)
			}
			for _, c := range changes {
				bytes += len(c.Value)
			}
			task.Committed(1 << 30)
		}
	}
	for range 70 * len(f.keys) {
		step()
	}
	told, bytes, n = 0, 0, 0
	loop(b, step)
	b.ReportMetric(float64(told)/float64(n), "facts/op")
	b.ReportMetric(float64(bytes)/float64(n), "stateB/op")
}

// fixes leaves out facts and the store; blocks are put aside into it.
func fixes(b *testing.B, every time.Duration) {
	d, err := bound()
	if err != nil {
		b.Fatal(err)
	}
	f := newFleet(10_000, every)
	heads := make([]avro.TrackHead, len(f.keys))
	step := func() {
		head := &heads[f.i]
		fix := fixOf(f.next().Value.(*avro.Position))
		d.news = d.news[:0]
		if !d.follows(head, &fix) {
			b.Fatal("a fix out of order")
		}
		if err := d.next(head, &fix); err != nil {
			b.Fatal(err)
		}
	}
	for range 350 * len(f.keys) {
		step()
	}
	loop(b, step)
}

// BenchmarkSnapshot encodes the heads of 10,000 devices in turn, their blocks full between none and all of five minutes at 1 s.
func BenchmarkSnapshot(b *testing.B) {
	d, err := bound()
	if err != nil {
		b.Fatal(err)
	}
	f := newFleet(10_000, time.Second)
	heads := make([]avro.TrackHead, len(f.keys))
	for range 350 * len(f.keys) {
		head := &heads[f.i]
		fix := fixOf(f.next().Value.(*avro.Position))
		if err := d.next(head, &fix); err != nil {
			b.Fatal(err)
		}
	}
	var buf []byte
	i, bytes, n := 0, 0, 0
	loop(b, func() {
		buf = heads[i].Append(buf[:0])
		bytes, n = bytes+len(buf), n+1
		if i++; i == len(heads) {
			i = 0
		}
	})
	b.ReportMetric(float64(bytes)/float64(n), "stateB/op")
}

// bound is a device of a task on nothing.
func bound() (d *device, err error) {
	_, err = stream.Define(stream.Processor[*device]{
		Name: "track", Inbox: topics.Positions, Inputs: []stream.Input[*device]{stream.On(onPosition)}, Timers: onSettle,
		State: func(b *stream.Binder) *device { d = bind(DefaultConfig().limits(), b); return d },
	}).NewTask(stream.Nothing{})
	return d, err
}

// loop reports allocations with their fraction: allocs/op is cut to a whole number.
func loop(b *testing.B, step func()) {
	var before, after runtime.MemStats
	n := 0
	runtime.ReadMemStats(&before)
	for b.Loop() {
		step()
		n++
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(n), "mallocs/op")
}

// fleet makes positions of its devices in turn. There is one Position, as the engine decodes into one.
type fleet struct {
	every    time.Duration
	keys     [][]byte
	lat      []int32
	i, round int
	noise    uint32
	p        avro.Position
}

func newFleet(devices int, every time.Duration) *fleet {
	f := &fleet{every: every, noise: 1, p: avro.Position{Tenant: "acme", Issuer: "box", DeviceID: "d", Valid: true}}
	for i := range devices {
		f.keys = append(f.keys, []byte(topics.Key("acme", "box", fmt.Sprint("d", i))))
		f.lat = append(f.lat, int32(i%60)*1_000_000)
	}
	return f
}

func (f *fleet) next() stream.Record {
	i, p := f.i, &f.p
	elapsed := time.Duration(f.round) * f.every
	own := time.Duration(i*7919%1200) * time.Second
	drives := (elapsed+own)%(20*time.Minute) < 15*time.Minute
	ms := int32(0)
	if drives {
		ms = 11_000 + int32(f.noise>>20)
		f.lat[i] += int32(f.every.Seconds() * 100)
	}
	f.noise = f.noise*1664525 + 1013904223
	t0 := time.Unix(1_748_844_000, 0)
	p.DeviceAt = avro.MicrosOf(t0) + avro.Micros((elapsed + own).Microseconds())
	p.LatE6, p.LonE6 = f.lat[i]+int32(f.noise>>26), int32(i)*10+int32(f.noise>>20&63)
	p.SpeedMmS = avro.Opt[int32]{}
	if i%2 == 0 {
		p.SpeedMmS = avro.Some(ms)
	}
	if f.i++; f.i == len(f.keys) {
		f.i, f.round = 0, f.round+1
	}
	return stream.Record{Key: f.keys[i], Value: p, Time: t0.Add(elapsed + own)}
}
