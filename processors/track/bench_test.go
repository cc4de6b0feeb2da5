package track_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/processors/track"
	"waybill/topics"
)

type empty struct{}

func (empty) Get([]byte) ([]byte, error)                       { return nil, nil }
func (empty) Scan([]byte, func(key, value []byte) error) error { return nil }

// BenchmarkPosition is one position of 10,000 devices in turn. Half of them say a speed; all drive 15 minutes and stand five,
// and their fixes wander by some metres as a receiver's do.
//
// handler: as it comes, state decoded and in memory, at 1 s and at 5 s. floor: the same through a stage that does nothing but
// edit its state, which is what the driver and the store cost. commit: with every position committed by itself, the encoding
// of the device's state included.
//
// A device's clock has an offset of its own, so that the blocks of a fleet do not all turn at once. Give it enough rounds for
// each device to turn one: -benchtime 3000000x at 1 s.
func BenchmarkPosition(b *testing.B) {
	stage := track.New(track.DefaultConfig())
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
	task, err := stage.NewTask(empty{})
	if err != nil {
		b.Fatal(err)
	}
	f, ctx, told, bytes, n := newFleet(10_000, every), context.Background(), 0, 0, 0
	emit := func(stream.Emit) error { told++; return nil }
	put := func(_, v []byte) error { bytes += len(v); return nil }
	step := func() {
		if err := task.Process(ctx, f.next(), emit); err != nil {
			b.Fatal(err)
		}
		if n++; n%commit == 0 {
			if err := task.Flush(put); err != nil {
				b.Fatal(err)
			}
			task.Committed(1 << 30)
		}
	}
	for range 70 * len(f.keys) {
		step()
	}
	told, bytes, n = 0, 0, 0
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(told)/float64(n), "facts/op")
	b.ReportMetric(float64(bytes)/float64(n), "stateB/op")
}

// fleet makes positions of its devices in turn. There is one Position, as the engine decodes into one.
type fleet struct {
	every    time.Duration
	keys     []string
	lat      []int32
	i, round int
	noise    uint32
	p        avro.Position
}

func newFleet(devices int, every time.Duration) *fleet {
	f := &fleet{every: every, noise: 1, p: avro.Position{Tenant: tenant, Issuer: issuer, DeviceID: "d", Valid: true}}
	for i := range devices {
		f.keys = append(f.keys, topics.Key(tenant, issuer, fmt.Sprint("d", i)))
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
