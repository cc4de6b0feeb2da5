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

// BenchmarkPosition is one position of 10,000 devices that drive and stand in turn, every 5 s, half of them with a speed.
// handler: as it comes, state decoded and in memory. commit: with every position committed by itself, the driver's encoding
// of the device's state included.
func BenchmarkPosition(b *testing.B) {
	b.Run("handler", func(b *testing.B) { positions(b, 1<<30) })
	b.Run("commit", func(b *testing.B) { positions(b, 1) })
}

const devices = 10_000

func positions(b *testing.B, commit int) {
	task, err := track.New(track.DefaultConfig()).NewTask(stream.Nothing{})
	if err != nil {
		b.Fatal(err)
	}
	keys, ps := make([][]byte, devices), make([]avro.Position, devices)
	for i := range devices {
		ps[i] = at(float64(i%60)/60, float64(i), 0)
		ps[i].DeviceID = fmt.Sprint("d", i)
		keys[i] = []byte(topics.Key(tenant, issuer, ps[i].DeviceID))
	}
	ctx, n, told, bytes := context.Background(), 0, 0, 0
	step := func() {
		i, round := n%devices, n/devices
		move(&ps[i], i, round)
		r := stream.Record{Key: keys[i], Value: &ps[i], Time: t0.Add(time.Duration(round) * 5 * time.Second)}
		if err := task.Process(ctx, r, func(out []stream.Emit) error { told += len(out); return nil }); err != nil {
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
	for range 20 * devices {
		step()
	}
	told, bytes = 0, 0
	first := n
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(told)/float64(n-first), "facts/op")
	b.ReportMetric(float64(bytes)/float64(n-first), "stateB/op")
}

// move takes a device 5 s further.
func move(p *avro.Position, device, round int) {
	p.DeviceAt += 5e6
	ms := int32(0)
	if (round+device)%100 >= 40 {
		ms = 11_000
		p.LatE6 += 500
	}
	if device%2 == 0 {
		p.SpeedMmS = avro.Some(ms)
	}
}
