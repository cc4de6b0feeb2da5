package stream_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"waybill/topics/fault"
)

// A careful task takes a poisonous record back by itself: what came before it in the cycle stays, on every kind of store.
func TestCarefulUndoesTheRecordAlone(t *testing.T) {
	for _, committed := range []bool{false, true} {
		r := newRun(t)
		r.must("a", "set", "", 1)
		r.must("a", "note", "poison", 2)
		r.must("a", "note", "x", 3)
		r.must("a", "alarm", "poison", 40)
		r.must("a", "use", "place", 0)
		if committed {
			r.commit(1 << 20)
		}
		r.task.Careful(math.MaxInt)
		for _, format := range []string{"poison", "panic"} {
			if err := r.do("a", format, "", 0); fault.Of(err) != fault.Poison {
				t.Fatalf("%s gave %v, want poison", format, err)
			}
			if r.task.Tainted() {
				t.Fatalf("%s tainted a careful task", format)
			}
		}
		r.must("a", "get", "", 0)
		r.must("a", "notes", "", 0)
		r.must("b", "share", "place", 5)
		r.must("b", "share", "poison", 6)
		r.must("", "tick", "", 39)
		r.must("", "tick", "", 40)
		r.heard("a: 1 true", "a: poison=2", "a: x=3", "a: place is now 5", "a: poison due 40 at 40")
		r.must("a", "note", "y", 4)
		r.must("a", "notes", "", 0)
		r.heard("a: poison=2", "a: x=3", "a: y=4")
		r.commit(0)
		want := newRun(t)
		for _, do := range []string{"set", "note poison", "note x", "use place", "note y"} {
			var format, name string
			_, _ = fmt.Sscan(do, &format, &name)
			want.must("a", format, name, map[string]int64{"set": 1, "note poison": 2, "note x": 3, "note y": 4}[do])
		}
		want.must("b", "share", "place", 5)
		want.must("b", "share", "poison", 6)
		want.must("", "tick", "", 40)
		want.commit(0)
		if !maps.Equal(r.kv, want.kv) {
			t.Errorf("committed=%v: state is %q, want %q", committed, r.kv, want.kv)
		}
	}
}

// Poison that changed nothing costs nothing: the cycle goes on.
func TestPoisonWithoutTraceTaintsNothing(t *testing.T) {
	r := newRun(t)
	r.must("a", "set", "", 1)
	if err := r.do("", "set", "", 2); fault.Of(err) != fault.Poison || r.task.Tainted() {
		t.Errorf("a record without key gave %v, tainted %v", err, r.task.Tainted())
	}
	if err := r.do("a", "poison", "", 2); fault.Of(err) != fault.Poison || !r.task.Tainted() {
		t.Errorf("a record that changed something gave %v, tainted %v", err, r.task.Tainted())
	}
}

// A timer that fails is a dead letter of its own, is gone, leaves no trace, and holds up neither the others nor the next tick.
func TestFailingTimerIsBuried(t *testing.T) {
	r := newRun(t)
	r.must("a", "set", "", 1)
	r.must("a", "alarm", "bad", 5)
	r.must("a", "alarm", "good", 6)
	r.must("b", "alarm", "good", 4)
	r.commit(0)
	if err := r.do("", "tick", "", 10); fault.Of(err) != fault.Poison || !r.task.Tainted() {
		t.Fatalf("the tick gave %v, tainted %v", err, r.task.Tainted())
	}
	r.task.Aborted()
	r.said = nil
	r.task.Careful(math.MaxInt)
	r.must("", "tick", "", 10)
	r.must("a", "get", "", 0)
	r.heard("b: good due 4 at 10", "a: dead TIMER_BAD", "a: good due 6 at 10", "a: 1 true")
	r.commit(0)
	r.must("", "tick", "", 11)
	r.heard()
}

// A value too long for the changelog is the fault of the record that made it so.
func TestTooLongToRememberIsPoison(t *testing.T) {
	r := newRun(t)
	r.task.Careful(40)
	r.must("a", "note", "short", 1)
	if err := r.do("a", "note", "a name of more than forty bytes, all of them ASCII", 1); fault.Of(err) != fault.Poison || fault.Reason(err) != "OVERSIZE" {
		t.Errorf("got %v, want poison for its length", err)
	}
	r.must("a", "notes", "", 0)
	r.heard("a: short=1")
}

// A sweep visits so many keys at once and leaves the rest to records of its own; what changes in between is seen once.
func TestSweepGoesOnInChunks(t *testing.T) {
	r := newRun(t)
	var want []string
	for i := range 1201 {
		key := fmt.Sprintf("k%04d", i)
		r.must(key, "use", "place", 0)
		want = append(want, key+": place is now 7")
		if i == 600 {
			r.commit(0) // half of them committed, half not
		}
	}
	r.must("x", "share", "place", 7)
	var at []int
	for len(r.rest) > 0 {
		next := r.rest[0]
		r.rest = r.rest[1:]
		at = append(at, len(r.said))
		r.commit(0)
		r.must(next.Reference, "sweep", next.After, 0)
	}
	r.heard(want...)
	if !slices.Equal(at, []int{500, 1000}) {
		t.Errorf("chunks ended at %v", at)
	}
}

// However many references one record names, the keys that it visits at once are bounded: the other references have records of their own.
func TestSweepsOfARecordAreBounded(t *testing.T) {
	r := newRun(t)
	for i := range 300 {
		for _, place := range []string{"east", "north", "south"} {
			r.must(fmt.Sprintf("%s%03d", place, i), "use", place, 0)
		}
	}
	r.commit(0)
	r.must("x", "share all", "east north south", 7)
	if len(r.said) != 600 {
		t.Errorf("%d keys were visited at once, want those of two places", len(r.said))
	}
	if len(r.rest) != 1 || r.rest[0].Reference != "south" || r.rest[0].After != "" {
		t.Fatalf("the rest is %v, want south, from its beginning", r.rest)
	}
	r.must("south", "sweep", "", 0)
	if len(r.said) != 900 {
		t.Errorf("%d keys were visited in all, want 900", len(r.said))
	}
}

func TestFailingSweepIsBuried(t *testing.T) {
	r := newRun(t)
	for _, key := range []string{"a", "bad", "c"} {
		r.must(key, "use", "place", 0)
	}
	r.commit(0)
	r.task.Careful(math.MaxInt)
	r.must("x", "share", "place", 7)
	r.must("bad", "get", "", 0)
	r.heard("a: place is now 7", "bad: dead SWEEP_BAD", "c: place is now 7", "bad: 0 false")
}

// A timer that sets itself due again and again fires once a tick.
func TestTimerForEverFiresOnceATick(t *testing.T) {
	r := newRun(t)
	r.must("a", "alarm", "for ever", 5)
	for _, commit := range []bool{false, true} {
		if commit {
			r.commit(0)
		}
		r.must("", "tick", "", 10)
		r.heard("a: for ever due 5 at 10")
	}
}

// Nor does it matter how many ticks there are to a commit: until then the index lists it too.
func TestTimerForEverFiresOnceAtEachTickOfACycle(t *testing.T) {
	r := newRun(t)
	r.must("a", "alarm", "for ever", 5)
	r.commit(0)
	for _, due := range []int64{6, 5, 6, 5} { // and moved to and fro
		r.must("a", "alarm", "for ever", due)
	}
	for _, now := range []int64{10, 20, 30} {
		r.must("", "tick", "", now)
		r.heard(fmt.Sprintf("a: for ever due 5 at %d", now))
	}
}

// More timers than fire at one tick fire in order over several, whether committed or not.
func TestManyTimersFireOverSeveralTicks(t *testing.T) {
	const many = 10_100
	r := newRun(t)
	var want []string
	for i := range many {
		key := fmt.Sprintf("k%05d", i)
		r.must(key, "alarm", "x", int64(i/2))
		want = append(want, fmt.Sprintf("%s: x due %d at %d", key, i/2, 90_000))
		if i == many/2 {
			r.commit(0)
		}
	}
	r.must("", "tick", "", 90_000)
	if len(r.said) != 10_000 {
		t.Errorf("%d fired at the first tick", len(r.said))
	}
	r.commit(0)
	r.must("", "tick", "", 90_000)
	r.heard(want...)
	r.commit(0)
	if len(r.kv) != 1 { // the clock
		t.Errorf("%d entries are left of timers that fired", len(r.kv)-1)
	}
}

// Without a flush nothing is committed by Committed: what changed stays in memory, is found by every store, and goes out with the next
// flush. This is how a stage that takes snapshots lives between them.
func TestChangesLiveOnBetweenFlushes(t *testing.T) {
	r := newRun(t)
	r.must("a", "set", "", 1)
	r.must("a", "note", "n", 1)
	r.must("a", "alarm", "x", 5)
	r.must("b", "alarm", "x", 15)
	r.must("a", "use", "place", 0)
	r.task.Committed(0)
	r.must("a", "get", "", 0)
	r.must("a", "notes", "", 0)
	r.must("b", "share", "place", 6)
	r.must("", "tick", "", 9)
	r.task.Committed(0)
	r.must("", "tick", "", 15)
	r.heard("a: 1 true", "a: n=1", "a: place is now 6", "a: x due 5 at 9", "b: x due 15 at 15")
	if len(r.kv) != 0 {
		t.Errorf("state was written: %q", r.kv)
	}
	r.commit(0)
	r.reopen()
	r.must("a", "get", "", 0)
	r.must("", "tick", "", 99)
	r.heard("a: 1 true")
}
