package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/topics"
	"waybill/topics/wire"
)

const (
	devices = 10_000
	// partitions divides devices, so that every partition has as many records, and the sink's blocks are all full.
	partitions = 5
	// fullBlock is the sink's default: positions of 50 rounds make one in each partition.
	fullBlock  = 100_000
	fullRounds = fullBlock * partitions / devices
	// standing is how long a device stands in each cycle, in seconds.
	standing, cycle = 600, 1800
)

// told is the number of rounds after which some device has stood for long enough.
func told(every time.Duration) int { return int(70*time.Second/every) + 1 }

// position is what a device says in a round: it stands ten minutes and drives twenty; half of the devices tell speed and
// heading. Devices begin in different places of that cycle. t0 is the time of round 0, every the time between rounds, in whole seconds.
func position(device, round int, t0 time.Time, every time.Duration) avro.Position {
	at := t0.Add(time.Duration(round)*every + time.Duration(device%1000)*time.Millisecond)
	return drive(device, round*int(every/time.Second), at)
}

// drive is where a device is at an instant, so many seconds after it began.
func drive(device, seconds int, at time.Time) avro.Position {
	seconds += 7 * device // all phases of the cycle
	phase := seconds % cycle
	driven := seconds/cycle*(cycle-standing) + max(0, phase-standing)
	p := avro.Position{
		Tenant: "bench", Issuer: "tracker", DeviceID: deviceID(device), DeviceAt: avro.MicrosOf(at), ReceivedAt: avro.MicrosOf(at.Add(2 * time.Second)),
		LatE6: int32(45_000_000 + device*500 + driven*100), LonE6: int32(9_000_000 + device*300),
		AccuracyMm: avro.Some(int32(3000 + device%2000)), OdometerM: avro.Some(int64(device*10 + driven*111/10)), Valid: true,
	}
	driving := phase >= standing
	p.Ignition = avro.Some(driving)
	if device%2 == 0 {
		p.SpeedMmS, p.HeadingDeg = avro.Some[int32](0), avro.Some[int32](0)
		if driving {
			p.SpeedMmS = avro.Some[int32](11_100)
		}
	}
	return p
}

func deviceID(device int) string { return fmt.Sprintf("860000000%06d", device) }

func deviceKey(device int) []byte { return []byte(topics.Key("bench", "tracker", deviceID(device))) }

// load writes perDevice positions of every device, a round after the other, as they would come. Device clocks must not be
// ahead of the broker's: the last round is a minute ago.
func load(ctx context.Context, client *kgo.Client, codec *wire.Codec, perDevice int, every time.Duration) error {
	t0 := time.Now().Add(-time.Minute - time.Duration(perDevice)*every)
	keys := make([][]byte, devices)
	for d := range keys {
		keys[d] = deviceKey(d)
	}
	var failed firstError
	for n := range devices * perDevice {
		device := n % devices
		p := position(device, n/devices, t0, every)
		value, err := codec.Append(ctx, nil, topics.Positions.Name, &p)
		if err != nil {
			return err
		}
		r := &kgo.Record{Topic: string(topics.Positions.Name), Partition: int32(device % partitions), Key: keys[device], Value: value}
		client.Produce(ctx, r, func(_ *kgo.Record, err error) { failed.keep(err) })
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("write positions: %w", err)
	}
	return failed.get()
}

// firstError keeps the first error of callbacks.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) keep(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
