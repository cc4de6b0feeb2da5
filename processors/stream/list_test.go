package stream_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"waybill/topics/fault"
)

// What is appended is given in that order, whatever is committed, dropped, evicted or opened anew in between.
func TestListsKeepTheirOrder(t *testing.T) {
	for _, how := range []string{"hot", "evicted", "reopened", "uncommitted"} {
		t.Run(how, func(t *testing.T) {
			r := newRun(t)
			settle := func() {
				if how != "uncommitted" {
					r.commit(map[string]int{"hot": 1 << 20}[how])
				}
				if how == "reopened" {
					r.reopen()
				}
			}
			r.must("a", "lines", "", 0)
			for i := range int64(300) { // more than a byte counts
				r.must("a", "append", "", i)
				if i%100 == 0 {
					settle()
				}
			}
			r.must("b", "append", "", 7)
			settle()
			r.must("a", "drop", "", 297)
			r.must("a", "append", "", 300)
			settle()
			r.must("a", "lines", "", 0)
			r.must("a", "drop", "", 1000)
			r.must("a", "drop", "", -1)
			r.must("a", "lines", "", 0)
			settle()
			r.must("a", "append", "", 301)
			settle()
			r.must("a", "lines", "", 0)
			r.must("b", "lines", "", 0)
			r.heard("a: [] of 0", "a: [297 298 299 300] of 4", "a: [] of 0", "a: [301] of 1", "b: [7] of 1")
			r.commit(0)
			if len(r.kv) != 2 {
				t.Errorf("two elements are left, state is %q", r.kv)
			}
		})
	}
}

func TestAbortUndoesLists(t *testing.T) {
	for _, keep := range []int{0, 1 << 20} {
		r := newRun(t)
		for i := range int64(3) {
			r.must("a", "append", "", i)
		}
		r.commit(keep)
		before := maps.Clone(r.kv)
		r.must("a", "append", "", 3)
		r.must("a", "drop", "", 2)
		r.must("a", "append", "", 4)
		r.must("new", "append", "", 5)
		r.task.Aborted()
		r.must("a", "lines", "", 0)
		r.must("new", "lines", "", 0)
		r.heard("a: [0 1 2] of 3", "new: [] of 0")
		r.commit(keep)
		if !maps.Equal(before, r.kv) {
			t.Errorf("an abort left %q, want %q", r.kv, before)
		}
		r.must("a", "append", "", 6)
		r.must("a", "lines", "", 0)
		r.heard("a: [0 1 2 6] of 4")
	}
}

// What a poisonous record appends and drops is taken back by itself, between what others appended.
func TestCarefulUndoesLists(t *testing.T) {
	for _, committed := range []bool{false, true} {
		r := newRun(t)
		r.must("a", "append", "", 1)
		r.must("a", "append", "", 2)
		if committed {
			r.commit(1 << 20)
		}
		r.task.Careful(math.MaxInt)
		for i, what := range []string{"", "drop"} {
			if err := r.do("a", "poison", what, 0); fault.Of(err) != fault.Poison || r.task.Tainted() {
				t.Fatalf("poison gave %v, tainted %v", err, r.task.Tainted())
			}
			r.must("a", "append", "", int64(3+i))
		}
		r.must("a", "lines", "", 0)
		r.heard("a: [1 2 3 4] of 4")
		r.commit(0)
		want := newRun(t)
		for i := range int64(4) {
			want.must("a", "append", "", 1+i)
		}
		want.commit(0)
		if !maps.Equal(r.kv, want.kv) {
			t.Errorf("committed=%v: state is %q, want %q", committed, r.kv, want.kv)
		}
	}
}

// Appending to a long list writes one element.
func TestAppendWritesOneElement(t *testing.T) {
	r := newRun(t)
	for i := range int64(1000) {
		r.must("a", "append", "", i)
	}
	r.commit(0)
	r.reopen()
	r.must("a", "append", "", 1000)
	changes, err := r.task.Flush()
	if err != nil || len(changes) != 1 {
		t.Errorf("%d changes, %v", len(changes), err)
	}
	keys := slices.Sorted(maps.Keys(r.kv))
	if len(keys) != 1000 || string(changes[0].Key) <= keys[999] {
		t.Errorf("%q does not stand behind %q", changes[0].Key, fmt.Sprint(keys[999]))
	}
}
