package stream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
)

// tickAt hands over a tick with a stamp and what its sender's clock said, in minutes; behind names stages.
func (r *run) tickAt(stamp, sent int64, behind ...string) {
	r.t.Helper()
	tick := &avro.Tick{SentAt: avro.Micros(sent * time.Minute.Microseconds()), Behind: behind}
	rec := stream.Record{Value: tick, Time: time.UnixMicro(stamp * time.Minute.Microseconds())}
	err := r.task.Process(context.Background(), rec, func(es []stream.Emit) error {
		for _, e := range es {
			r.said = append(r.said, e.Value.(*avro.PartnerMessage).Name)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// clocked rings with its time in minutes, and says at which time it sees a record.
func clocked(t *testing.T) *run {
	say := func(e *stream.Emits, format string, args ...any) {
		e.To(out, "k", &avro.PartnerMessage{Name: fmt.Sprintf(format, args...)})
	}
	minute := func(at time.Time) int64 { return at.UnixMicro() / time.Minute.Microseconds() }
	spec := stream.Define(stream.Processor[*stream.Timers]{
		Name: "clocked", Inbox: obeying.Inboxes[0], Outputs: obeying.Outputs,
		State: func(b *stream.Binder) *stream.Timers { return b.Timers() },
		Inputs: []stream.Input[*stream.Timers]{stream.On(func(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], st *stream.Timers) (e stream.Emits, err error) {
			if ev.Value.Line > 0 {
				st.Set(ev.Value.Name, time.UnixMicro(ev.Value.Line*time.Minute.Microseconds()))
				return e, nil
			}
			say(&e, "seen at %d", minute(ev.Time))
			return e, nil
		})},
		Timers: func(_ context.Context, _ string, f stream.Firing, _ *stream.Timers) (e stream.Emits, err error) {
			say(&e, "%s at %d lagging %v", f.Name, minute(f.Now), f.Lagging)
			return e, nil
		},
	})
	spec.MaxSkew = 5 * time.Minute
	r := &run{t: t, kv: memory{}}
	r.open(spec)
	return r
}

func (r *run) open(spec stream.Spec) {
	task, err := spec.NewTask(r.kv)
	if err != nil {
		r.t.Fatal(err)
	}
	r.task, r.spec = task, spec
}

// record hands over one stamped at a minute; with due it sets a timer of that name.
func (r *run) record(stamp int64, name string, due int64) {
	r.t.Helper()
	rec := stream.Record{Key: []byte("k"), Value: &avro.PartnerMessage{Name: name, Line: due}, Time: time.UnixMicro(stamp * time.Minute.Microseconds())}
	err := r.task.Process(context.Background(), rec, func(es []stream.Emit) error {
		for _, e := range es {
			r.said = append(r.said, e.Value.(*avro.PartnerMessage).Name)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// The leader of a partition moves to a broker whose clock is behind: time stands until the stamps have caught up, also over a restart.
func TestTimeNeverGoesBack(t *testing.T) {
	for _, restart := range []bool{false, true} {
		r := clocked(t)
		r.record(100, "x", 160)
		r.tickAt(150, 150)
		r.commit(0)
		if restart {
			r.open(r.spec)
		}
		r.record(90, "", 0)
		r.tickAt(95, 95)
		r.record(151, "", 0)
		r.record(91, "y", 149)
		r.tickAt(96, 96)
		r.tickAt(161, 161)
		r.heard("seen at 150", "seen at 151", "y at 150 lagging false", "x at 161 lagging false")
	}
}

// What an aborted cycle saw has not happened.
func TestAbortTakesTimeBack(t *testing.T) {
	r := clocked(t)
	r.tickAt(100, 100)
	r.commit(0)
	r.tickAt(200, 200)
	r.task.Aborted()
	r.record(50, "", 0)
	r.record(150, "", 0)
	r.heard("seen at 100", "seen at 150")
	r.commit(0)
	r.task.Aborted()
	r.record(50, "", 0)
	r.heard("seen at 100")
}

// Neither a broker nor a sender whose clock is off moves time: the two disagree.
func TestDoubtfulTicksMoveNoTime(t *testing.T) {
	r := clocked(t)
	r.record(10, "x", 1000)
	r.tickAt(5000, 11) // the broker's clock jumped
	r.tickAt(12, 5000) // the sender's is off
	r.tickAt(13, -5000)
	r.record(14, "", 0)
	r.heard("seen at 14")
	if n := r.task.Doubtful(); n != 3 {
		t.Errorf("%d doubtful ticks, want 3", n)
	}
	r.tickAt(1001, 997) // within what is believed
	r.heard("x at 1001 lagging false")
	r.tickAt(1100, 0) // says nothing of its clock
	r.record(20, "", 0)
	r.heard("seen at 1100")
	if n := r.task.Doubtful(); n != 0 {
		t.Errorf("%d doubtful ticks, want none", n)
	}
}

func TestTickSaysWhoLags(t *testing.T) {
	r := clocked(t)
	r.record(10, "x", 11)
	r.tickAt(12, 12, "resolve")
	r.heard("x at 12 lagging true")
}

// The clock is kept in one place of the state, and nobody's store.
func TestClockIsKept(t *testing.T) {
	r := clocked(t)
	r.tickAt(100, 100)
	r.commit(0)
	r.record(101, "", 0)
	r.commit(0)
	if len(r.kv) != 1 || len(r.kv["\x00clock\x00"]) != 9 {
		t.Errorf("kept %q", r.kv)
	}
	if !hasStore(r.spec, "clock") || hasStore(stream.Spec{}, "clock") {
		t.Error("the clock is not among the stores of a stage with timers")
	}
}

func hasStore(s stream.Spec, name string) bool {
	for _, i := range s.Stores() {
		if i.Name == name {
			return true
		}
	}
	return false
}
