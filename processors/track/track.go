// Package track turns a vehicle's positions into stays, arrivals and departures.
//
// A stay is a vehicle standing in one spot, independent of any trip. Which stays stand is a pure function of the set of
// fixes kept: neither order nor duplication of the positions matters, as long as none is later than the window.
package track

import (
	"context"
	"fmt"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/geo"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// New makes the stage: positions in, facts that tell stays out. A faulty Config is a programmer's error here: validate it first.
func New(cfg Config) stream.Spec {
	if err := cfg.Validate(); err != nil {
		panic(fmt.Sprintf("track: %v", err))
	}
	l := cfg.limits()
	return stream.Define(stream.Processor[*device]{
		Name:    "track",
		State:   func(b *stream.Binder) *device { return bind(l, b) },
		Inbox:   topics.Positions,
		Inputs:  []stream.Input[*device]{stream.On[avro.Position](onPosition)},
		Outputs: []topics.Name{topics.ResolveInbox.Name},
		Timers:  onSettle,
		// Every position changes its device; nothing of a position is kept but numbers.
		Reuse: true, Snapshots: true,
	})
}

// device is the state of the running key, and scratch space of its task.
type device struct {
	head   *stream.Value[avro.TrackHead, *avro.TrackHead]
	index  *stream.Value[avro.TrackIndex, *avro.TrackIndex]
	blocks *stream.Map[avro.TrackBlock, *avro.TrackBlock]
	timers *stream.Timers
	detector
	fixes []avro.TrackFix
}

func bind(l limits, b *stream.Binder) *device {
	return &device{
		head:     stream.ValueOf[avro.TrackHead](b, "head"),
		index:    stream.ValueOf[avro.TrackIndex](b, "index"),
		blocks:   stream.MapOf[avro.TrackBlock](b, "block"),
		timers:   b.Timers(),
		detector: detector{limits: l},
	}
}

const settleTimer = "settle"

// onPosition uses a position in order at once. A late one is filed; what it changes is told when the timer fires, since a
// device that sends its backlog would otherwise restate the same stays with every fix.
func onPosition(_ context.Context, key string, ev stream.Event[avro.Position], d *device) (out stream.Emits, err error) {
	if strings.Count(key, "|") != 2 {
		return out, fault.Poisonf("BAD_KEY", "position under key %q: want tenant|issuer|device", key)
	}
	head, f := d.head.Edit(), fixOf(ev.Value)
	if refused := d.refuse(&head.Counts, ev.Value, ev.Time); refused {
		return out, nil
	}
	t := teller{key: key, src: ev.Source, at: ev.Time}
	if d.follows(head, &f) {
		err = d.next(head, &t, f)
	} else {
		err = d.late(head, ev.Time, f)
	}
	return t.out, err
}

// onSettle scans what late fixes were filed in, and tells what that changed.
func onSettle(_ context.Context, key string, fired stream.Firing, d *device) (stream.Emits, error) {
	t := teller{key: key, at: fired.Now}
	err := d.settle(d.head.Edit(), &t)
	return t.out, err
}

// refuse counts what is not used. A clock ahead of the broker's would make everything after it late.
func (d *device) refuse(n *avro.TrackCounts, p *avro.Position, now time.Time) bool {
	at := avro.GeoPoint{LatE6: p.LatE6, LonE6: p.LonE6}
	switch {
	case !p.Valid, p.DeviceAt <= 0, !geo.OnEarth(at), at == avro.GeoPoint{}: // 0,0 is what devices without a fix say
		n.Invalid++
	case p.AccuracyMm.Ok && p.AccuracyMm.V > d.accuracy:
		n.Inaccurate++
	case int64(p.DeviceAt)-now.UnixMicro() > d.skew:
		n.Skewed++
	default:
		return false
	}
	return true
}

// follows says whether a fix opens a new slice of the clock.
func (d *device) follows(head *avro.TrackHead, f *avro.TrackFix) bool {
	return !head.Newest.Ok || d.slice(f.At) > d.slice(head.Newest.V.At)
}

func (d *device) slice(at avro.Micros) int64 { return int64(at) / d.finest }

// next takes a fix in order.
func (d *device) next(head *avro.TrackHead, t *teller, f avro.TrackFix) error {
	if number := blockOf(f.At); !head.Newest.Ok || number != head.Block.Number {
		if err := d.turn(head, t, number, f.At); err != nil {
			return err
		}
	}
	d.closed = d.closed[:0]
	mm := d.step(&head.Scan, f)
	head.DistanceMm += mm
	head.Counts.Used++
	block := &head.Block
	block.DistanceMm += mm
	var last avro.TrackFix
	if len(block.Fixes) > 0 {
		last = head.Newest.V
	}
	block.Fixes = pack(block.Fixes, &last, &f)
	head.Newest = avro.Some(f)
	d.tell(head, t)
	return nil
}

// tell says what a fix in order led to: stays that ended, and the one under way once it is one.
func (d *device) tell(head *avro.TrackHead, t *teller) {
	for _, s := range d.closed {
		t.stay(head, s)
		head.Block.Stays = append(head.Block.Stays, s)
		head.Told = avro.Opt[avro.Stay]{}
	}
	if open := head.Scan.Stand.V.Open; open != head.Told && open.Ok {
		t.stay(head, open.V)
		head.Told = open
	}
}

func fixOf(p *avro.Position) avro.TrackFix {
	return avro.TrackFix{At: p.DeviceAt, LatE6: p.LatE6, LonE6: p.LonE6, SpeedMmS: p.SpeedMmS, OdometerM: p.OdometerM, DoorOpen: p.DoorOpen.V}
}
