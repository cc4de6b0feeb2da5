package stream_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// fading is what the stage under test keeps for a while, and one store that it keeps for ever.
type fading struct {
	last   *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	notes  *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	shared *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	lines  *stream.List[avro.PartnerMessage, *avro.PartnerMessage]
	kept   *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	timers *stream.Timers
}

const (
	ttl   = 1600 * time.Second
	slack = ttl / 8
)

func at(d time.Duration) int64 { return d.Microseconds() }

// fade does what a record says at the time its line says, and tells all that is there.
func fade(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st fading) (e stream.Emits, err error) {
	switch ev.Value.Format {
	case "set":
		st.last.Edit().Line = ev.Value.Line
	case "note":
		st.notes.Edit(ev.Value.Name)
	case "put":
		st.notes.Put(ev.Value.Name)
	case "share":
		st.shared.Edit(ev.Value.Name)
	case "append":
		st.lines.Append()
	case "keep":
		st.kept.Edit()
	case "alarm":
		st.timers.Set(ev.Value.Name, ev.Time)
	case "poison":
		st.last.Edit()
		st.notes.Edit(ev.Value.Name)
		return e, fault.Poisonf("BAD", "told to")
	case "forget":
		st.last.Delete()
		st.notes.Delete(ev.Value.Name)
		st.lines.DropFirst(1)
	}
	var there []string
	if _, ok := st.last.Get(); ok {
		there = append(there, "last")
	}
	for name := range st.notes.All() {
		there = append(there, name)
	}
	for name := range st.shared.All() {
		there = append(there, name)
	}
	for range st.lines.All() {
		there = append(there, "line")
	}
	if _, ok := st.kept.Get(); ok {
		there = append(there, "kept")
	}
	if ev.Value.Format == "see" {
		e.To(out, key, &avro.PartnerMessage{Name: strings.Join(there, " ")})
	}
	return e, nil
}

func fadingStage(timers bool, opts ...stream.Option) stream.Spec {
	p := stream.Processor[fading]{
		Name: "fading", Inbox: topics.Topic{Name: "in"}, Outputs: []topics.Name{out}, Inputs: []stream.Input[fading]{stream.On(fade)},
		State: func(b *stream.Binder) fading {
			return fading{
				stream.ValueOf[avro.PartnerMessage](b, "last", opts...), stream.MapOf[avro.PartnerMessage](b, "notes", opts...),
				stream.TableOf[avro.PartnerMessage](b, "shared", opts...), stream.ListOf[avro.PartnerMessage](b, "lines", opts...),
				stream.ValueOf[avro.PartnerMessage](b, "kept"), b.Timers(),
			}
		},
	}
	if timers {
		p.Timers = func(_ context.Context, key string, f stream.Firing, st fading) (e stream.Emits, err error) {
			said := "fired " + f.Name
			if _, ok := st.last.Get(); f.Name == "look" {
				said = fmt.Sprint("sees ", ok)
			}
			e.To(out, key, &avro.PartnerMessage{Name: said})
			return e, nil
		}
	}
	return stream.Define(p)
}

// Every kind of entry is there until its time has come and is gone at the first tick after; so is its expiry. What has no TTL stays. It makes no
// difference whether the stage has timers, what is committed, evicted or opened anew in between.
func TestWhatNobodyChangesIsForgotten(t *testing.T) {
	for _, how := range []string{"hot", "evicted", "reopened", "uncommitted", "without timers"} {
		t.Run(how, func(t *testing.T) {
			r := newRunOf(t, fadingStage(how != "without timers", stream.TTL(ttl)))
			settle := func() {
				if how != "uncommitted" {
					r.commit(map[string]int{"hot": 1 << 20}[how])
				}
				if how == "reopened" {
					r.reopen()
				}
			}
			start := int64(7)
			for i, do := range []string{"set", "note", "share", "append", "keep"} {
				r.must("a", do, "x", start+int64(i))
			}
			settle()
			for _, when := range []int64{start + 1, at(ttl) / 2, at(ttl)} {
				r.must("", "tick", "", when)
				r.must("a", "see", "", when)
				settle()
			}
			r.heard(slices.Repeat([]string{"a: last x x line kept"}, 3)...)
			r.must("", "tick", "", start+5+at(ttl+slack))
			settle()
			r.must("a", "see", "", 0)
			r.heard("a: kept")
			r.commit(0)
			if got := r.kept(); !slices.Equal(got, []string{"a\x00kept\x00"}) {
				t.Errorf("state is %q", got)
			}
		})
	}
}

// To change an entry is to keep it; to read it, or to change another, is not.
func TestWhatIsChangedIsKept(t *testing.T) {
	r := newRunOf(t, fadingStage(true, stream.TTL(ttl)))
	for i := range int64(100) {
		now := i * at(ttl) / 10
		r.must("a", "note", "kept", now)
		if i == 50 {
			r.must("a", "put", "left", now)
		}
		r.must("", "tick", "", now)
		r.said = nil
		r.must("a", "see", "", now)
		r.commit(int(i%2) << 20)
		want := "a: kept"
		if i >= 50 && i <= 60 {
			want = "a: kept left"
		}
		if i <= 60 || i >= 50+12 { // in between it may be there or not
			r.heard(want)
		}
	}
}

// What is changed all the time writes its expiry now and then.
func TestHotKeysSeldomMoveTheirExpiry(t *testing.T) {
	r := newRunOf(t, fadingStage(true, stream.TTL(ttl)))
	moves, commits := 0, 0
	for now := int64(0); now < at(2*ttl); now += at(time.Second) {
		r.must("a", "set", "", now)
		changes, err := r.task.Flush()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if stream.IsTimer(c.Key) {
				moves++
			}
		}
		r.commit(1 << 20)
		commits++
	}
	if commits != 3200 || moves < 32 || moves > 34 {
		t.Errorf("%d commits moved the expiry %d times, want one every sixteenth of the TTL", commits, moves)
	}
}

// What a handler deletes has no expiry left, and what comes in its place one of its own.
func TestDeletingTakesTheExpiryAlong(t *testing.T) {
	r := newRunOf(t, fadingStage(true, stream.TTL(ttl)))
	for _, do := range []string{"set", "note", "append", "append"} {
		r.must("a", do, "x", 0)
	}
	r.commit(0)
	r.must("a", "forget", "x", 1)
	r.must("a", "forget", "x", 1)
	r.commit(0)
	if len(r.kept()) != 0 {
		t.Errorf("left: %q", r.kv)
	}
	r.must("a", "set", "", 2)
	r.must("a", "forget", "", 2)
	r.must("a", "set", "", 2) // the step in which it would have been forgotten is the same
	r.commit(1 << 20)
	r.must("a", "append", "", at(ttl))
	r.must("", "tick", "", at(ttl+slack)+3)
	r.must("a", "see", "", at(ttl+slack))
	r.must("", "tick", "", at(2*ttl+slack)+1)
	r.must("a", "see", "", 0)
	r.heard("a: line", "a: ")
}

// An abort takes expiries back, and so does a careful task for the record at fault: what is then changed anew expires.
func TestUndoneChangesExpireAnew(t *testing.T) {
	for _, careful := range []bool{false, true} {
		r := newRunOf(t, fadingStage(true, stream.TTL(ttl)))
		r.must("a", "note", "before", 0)
		r.commit(1 << 20)
		if careful {
			r.task.Careful(math.MaxInt)
			r.must("a", "set", "", 5)
			r.must("a", "forget", "x", 5)
		}
		if err := r.do("a", "poison", "x", 5); fault.Of(err) != fault.Poison || r.task.Tainted() == careful {
			t.Fatalf("poison gave %v, tainted %v", err, r.task.Tainted())
		}
		if !careful {
			r.task.Aborted()
		}
		r.must("a", "set", "", 5)
		r.must("a", "note", "x", 5)
		r.must("a", "see", "", 5)
		r.commit(1 << 20)
		r.must("", "tick", "", at(ttl+slack)+6)
		r.must("a", "see", "", 0)
		r.heard("a: last before x", "a: ")
		r.commit(0)
		if len(r.kept()) != 0 {
			t.Errorf("careful=%v: left %q", careful, r.kv)
		}
	}
}

// kept are the keys of what is durable, the task's clock left out.
func (r *run) kept() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.kv)), func(key string) bool { return strings.HasPrefix(key, "\x00clock\x00") })
}

// A handler can neither see nor set an expiry, and a stage whose store has lost its TTL passes over those that are left.
func TestExpiriesAreNobodysTimers(t *testing.T) {
	r := newRunOf(t, fadingStage(true, stream.TTL(ttl)))
	r.must("a", "set", "", 0)
	r.must("a", "alarm", "mine", 1)
	if err := r.do("a", "alarm", "\x00last\x00", 1); fault.Of(err) != fault.Poison {
		t.Errorf("an expiry set by a handler gave %v", err)
	}
	r.task.Aborted()
	r.must("a", "set", "", 0)
	r.must("a", "alarm", "mine", 1)
	r.commit(0)
	r.spec = fadingStage(true)
	r.reopen()
	r.must("", "tick", "", at(2*ttl))
	r.must("a", "see", "", 0)
	r.heard("a: fired mine", "a: last")
	r.commit(0)
	if len(r.kept()) != 1 {
		t.Errorf("left: %q", r.kv)
	}
}

// However much is to be forgotten, handlers' timers fire when they are due. It follows from the inbox alone: what is committed, evicted or
// opened anew in between makes no difference.
func TestForgettingHoldsUpNoTimer(t *testing.T) {
	const many = 250
	defer stream.ForgetAtOnce(stream.ForgetAtOnce(100))
	for _, between := range []struct {
		name string
		do   func(*run)
	}{
		{"in one cycle", func(*run) {}},
		{"in cycles", func(r *run) { r.commit(1 << 20) }},
		{"opened anew", func(r *run) { r.commit(0); r.reopen() }},
	} {
		r := newRunOf(t, fadingStage(true, stream.TTL(ttl)))
		for i := range many {
			r.must(fmt.Sprint("k", i), "set", "", 0)
			if i == many/2 {
				between.do(r)
			}
		}
		r.must("k7", "alarm", "early", at(ttl)-1)
		r.must("k99", "alarm", "look", at(ttl+2*slack))
		r.must("other", "alarm", "late", at(ttl+2*slack))
		between.do(r)
		r.must("", "tick", "", at(ttl+3*slack))
		r.heard("k7: fired early", "k99: sees true", "other: fired late")
		for range 2 {
			between.do(r)
			r.must("k99", "see", "", at(ttl+3*slack))
			r.must("", "tick", "", at(ttl+3*slack))
		}
		r.must("k99", "see", "", at(ttl+3*slack))
		r.heard("k99: last", "k99: ", "k99: ")
		r.commit(0)
		if len(r.kept()) > 0 {
			t.Errorf("%s: left %d entries after three ticks, want none", between.name, len(r.kept()))
		}
	}
}

// A timer sees what is to be forgotten before it is due as forgotten, and what is to be forgotten after as there.
func TestTimersAndForgettingKeepTheirOrder(t *testing.T) {
	r := newRunOf(t, fadingStage(true, stream.TTL(ttl)))
	r.must("a", "set", "", 0)
	r.must("b", "set", "", 0)
	r.must("a", "alarm", "look", at(ttl)-1)
	r.must("b", "alarm", "look", at(ttl+slack)+1)
	r.commit(0)
	r.must("", "tick", "", at(ttl+2*slack))
	r.heard("a: sees true", "b: sees false")
}

// What was changed together is forgotten one after the other, in an eighth of the TTL.
func TestForgettingIsSpread(t *testing.T) {
	r := newRunOf(t, fadingStage(true, stream.TTL(ttl)))
	const keys = 1000
	for i := range keys {
		r.must(fmt.Sprint("k", i), "set", "", 0)
	}
	r.commit(0)
	left := func() int { // each has a value, an expiry and a place in the index
		if len(r.kept())%3 != 0 {
			t.Fatalf("%d entries are left", len(r.kept()))
		}
		return len(r.kept()) / 3
	}
	for _, c := range []struct {
		when     time.Duration
		min, max int
	}{{ttl, keys, keys}, {ttl + 3*ttl/32, keys / 3, 2 * keys / 3}, {ttl + slack, 0, 0}} {
		r.must("", "tick", "", at(c.when))
		r.commit(0)
		if n := left(); n < c.min || n > c.max {
			t.Errorf("after %v %d are left, want %d to %d", c.when, n, c.min, c.max)
		}
	}
}
