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

// BenchmarkPosition is one position of 10,000 devices through the handler, state decoded and in memory; encoding state is the
// driver's. Devices drive and stand in turn; half of them state a speed.
func BenchmarkPosition(b *testing.B) {
	const devices = 10_000
	task, err := track.New(track.DefaultConfig()).NewTask(empty{})
	if err != nil {
		b.Fatal(err)
	}
	keys, ps := make([]string, devices), make([]avro.Position, devices)
	for i := range devices {
		ps[i] = at(float64(i%60)/60, float64(i), 0)
		ps[i].DeviceID = fmt.Sprint("d", i)
		keys[i] = topics.Key(tenant, issuer, ps[i].DeviceID)
	}
	ctx, now, n, told := context.Background(), t0, 0, 0
	emit := func(stream.Emit) error { told++; return nil }
	b.ReportAllocs()
	for b.Loop() {
		i, round := n%devices, n/devices
		p := &ps[i]
		p.DeviceAt += 5e6
		if stands := (round+i)%100 < 40; !stands {
			p.LatE6 += 500
			if i%2 == 0 {
				p.SpeedMmS = avro.Some(int32(11_000))
			}
		} else if i%2 == 0 {
			p.SpeedMmS = avro.Some(int32(0))
		}
		if i == 0 {
			now = now.Add(5 * time.Second)
			if err := task.Flush(func(_, _ []byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
			task.Committed(1 << 30)
		}
		if err := task.Process(ctx, stream.Record{Key: keys[i], Value: p, Time: now}, emit); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(told)/float64(n), "facts/op")
}
