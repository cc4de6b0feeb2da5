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
	blocks *stream.Map[avro.TrackBlock, *avro.TrackBlock]
	timers *stream.Timers
	detector
	fixes []avro.TrackFix
	news  []news // what the running handler has to tell
}

func bind(l limits, b *stream.Binder) *device {
	return &device{
		head:     stream.ValueOf[avro.TrackHead](b, "head"),
		blocks:   stream.MapOf[avro.TrackBlock](b, "block", stream.Cold()),
		timers:   b.Timers(),
		detector: detector{limits: l},
	}
}

const settleTimer = "settle"

// onPosition uses a position in order at once. A late one is filed; what it changes is told when the timer fires, since a
// device that sends its backlog would otherwise restate the same stays with every fix.
func onPosition(_ context.Context, key string, ev stream.Event[avro.Position], d *device) (stream.Emits, error) {
	if head, _ := d.head.Get(); !head.Newest.Ok && strings.Count(key, "|") != 2 { // a device with a fix had a good key
		return stream.Emits{}, fault.Poisonf("BAD_KEY", "position under key %q: want tenant|issuer|device", key)
	}
	head := d.head.Edit()
	if d.refuse(&head.Counts, ev.Value, ev.Time) {
		return stream.Emits{}, nil
	}
	f := fixOf(ev.Value)
	d.news = d.news[:0]
	if !d.follows(head, &f) {
		return stream.Emits{}, d.late(head, &f, ev.Time)
	}
	if err := d.next(head, &f); err != nil || len(d.news) == 0 {
		return stream.Emits{}, err
	}
	return d.tell(head, teller{key: key, src: ev.Source, at: ev.Time}), nil
}

// onSettle scans what late fixes were filed in, and tells what that changed.
func onSettle(_ context.Context, key string, fired stream.Firing, d *device) (stream.Emits, error) {
	head := d.head.Edit()
	d.news = d.news[:0]
	err := d.settle(head)
	return d.tell(head, teller{key: key, at: fired.Now}), err
}

// refuse counts what is not used. A clock that is ahead would make everything after it late. Ahead of what is said by the record itself, so that
// it is refused or used whenever it comes: of the clock of who first saw it. Where the record does not say that, or says a day that is yet to come, the broker's
// stands in: one fix of the year 2099 would else make all before it too late to be used.
func (d *device) refuse(n *avro.TrackCounts, p *avro.Position, now time.Time) bool {
	at := avro.GeoPoint{LatE6: p.LatE6, LonE6: p.LonE6}
	switch {
	case !p.Valid, p.DeviceAt <= 0, !geo.OnEarth(at), at == avro.GeoPoint{}: // 0,0 is what devices without a fix say
		n.Invalid++
	case p.AccuracyMm.Ok && p.AccuracyMm.V > d.accuracy:
		n.Inaccurate++
	case int64(p.DeviceAt-d.seen(p, now)) > d.skew:
		n.Skewed++
	default:
		return false
	}
	return true
}

// seen is when a fix was first seen by a clock that is not the device's. That of a gateway which is half a window ahead of the broker's is broken: less than
// that makes no true fix too late.
func (d *device) seen(p *avro.Position, now time.Time) avro.Micros {
	broker := avro.MicrosOf(now)
	if p.ReceivedAt <= 0 || int64(p.ReceivedAt-broker) > d.window/2 {
		return broker
	}
	return p.ReceivedAt
}

// follows says whether a fix opens a new slice of the clock.
func (d *device) follows(head *avro.TrackHead, f *avro.TrackFix) bool {
	if !head.Newest.Ok {
		return true
	}
	newest := head.Newest.V.At
	if int64(f.At-newest) >= d.finest { // spares two divisions
		return true
	}
	return d.slice(f.At) > d.slice(newest)
}

func (d *device) slice(at avro.Micros) int64 { return int64(at) / d.finest }

// next takes a fix in order.
func (d *device) next(head *avro.TrackHead, f *avro.TrackFix) error {
	block := &head.Block
	if number := blockOf(f.At); !head.Newest.Ok || number != block.Number {
		if err := d.turn(head, number, f.At); err != nil {
			return err
		}
	}
	d.closed, d.opened = d.closed[:0], false
	mm := d.step(&head.Scan, f)
	head.DistanceMm += mm
	head.Counts.Used++
	block.DistanceMm += mm
	block.Fixes = pack(block.Fixes, packedLast(head), f)
	head.Newest.V, head.Newest.Ok = *f, true
	if len(d.closed) > 0 || d.opened {
		d.found(head)
	}
	return nil
}

var nothing avro.TrackFix

// packedLast is the fix that the next one is packed as a difference to.
func packedLast(head *avro.TrackHead) *avro.TrackFix {
	if len(head.Block.Fixes) == 0 {
		return &nothing
	}
	return &head.Newest.V
}

// found keeps what a fix in order led to: stays that ended, and the one under way where it is one since or saw a door open.
func (d *device) found(head *avro.TrackHead) {
	for _, s := range d.closed {
		d.news = append(d.news, news{stay: s})
	}
	head.Block.Stays = append(head.Block.Stays, d.closed...)
	if s, ok := underWay(&head.Scan); ok && d.opened {
		d.news = append(d.news, news{stay: s})
	}
}

func fixOf(p *avro.Position) avro.TrackFix {
	return avro.TrackFix{At: p.DeviceAt, LatE6: p.LatE6, LonE6: p.LonE6, SpeedMmS: p.SpeedMmS, OdometerM: p.OdometerM, DoorOpen: p.DoorOpen.V}
}
