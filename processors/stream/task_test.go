package stream_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// memory is committed state.
type memory map[string]string

func (m memory) Get(key []byte) ([]byte, error) {
	if v, ok := m[string(key)]; ok {
		return []byte(v), nil
	}
	return nil, nil
}

func (m memory) Scan(prefix, after []byte, fn func(key, value []byte) error) error {
	var keys []string
	for k := range m {
		if strings.HasPrefix(k, string(prefix)) && (after == nil || k > string(after)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		err := fn([]byte(k), []byte(m[k]))
		if errors.Is(err, stream.ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stores of the processor under test.
type stores struct {
	last   *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	notes  *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	shared *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	users  *stream.Index
	timers *stream.Timers
	lines  *stream.List[avro.PartnerMessage, *avro.PartnerMessage]
}

const out topics.Name = "out"

// obey does what a record's format says, with its name and line as arguments, and tells what it sees.
func obey(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st stores) (e stream.Emits, err error) {
	say := func(format string, args ...any) {
		e.To(out, key, &avro.PartnerMessage{Name: fmt.Sprintf(format, args...)})
	}
	v := ev.Value
	switch v.Format {
	case "set":
		st.last.Edit().Line = v.Line
	case "get":
		x, ok := st.last.Get()
		say("%d %v", x.Line, ok)
	case "delete":
		st.last.Delete()
	case "note":
		st.notes.Edit(v.Name).Line = v.Line
	case "unnote":
		st.notes.Delete(v.Name)
	case "notes":
		for name, n := range st.notes.WithPrefix(v.Name) {
			say("%s=%d", name, n.Line)
		}
	case "append":
		st.lines.Append().Line = v.Line
	case "drop":
		st.lines.DropFirst(int(v.Line))
	case "lines":
		var all []int64
		for l := range st.lines.All() {
			all = append(all, l.Line)
		}
		say("%v of %d", all, st.lines.Len())
	case "share":
		st.shared.Edit(v.Name).Line = v.Line
		e.Sweep(v.Name)
	case "share all":
		for _, name := range strings.Fields(v.Name) {
			st.shared.Edit(name).Line = v.Line
			e.Sweep(name)
		}
	case "use":
		st.users.Add(v.Name)
	case "disuse":
		st.users.Remove(v.Name)
	case "alarm":
		st.timers.Set(v.Name, time.UnixMicro(v.Line))
	case "alarm and die":
		st.timers.Set(v.Name, time.UnixMicro(v.Line))
		return e, fault.Poisonf("BAD", "told to")
	case "calm":
		st.timers.Cancel(v.Name)
	case "poison":
		st.last.Edit().Line, st.notes.Edit("poison").Line = 666, 666
		st.timers.Set("poison", time.UnixMicro(1))
		st.lines.DropFirst(1)
		if v.Name != "drop" {
			st.lines.Append().Line = 666
		}
		st.users.Add("poison")
		say("poison")
		return e, fault.Poisonf("BAD", "told to")
	case "panic":
		st.last.Edit().Line = 667
		panic("told to")
	case "elsewhere":
		e.To("elsewhere", key, v)
	}
	return e, nil
}

func ring(_ context.Context, key string, f stream.Firing, st stores) (e stream.Emits, err error) {
	e.To(out, key, &avro.PartnerMessage{Name: fmt.Sprintf("%s due %d at %d", f.Name, f.Due.UnixMicro(), f.Now.UnixMicro())})
	switch f.Name {
	case "again": // once more, and due already
		st.timers.Set("then", f.Due)
	case "for ever":
		st.timers.Set("for ever", f.Due)
	case "bad":
		st.last.Edit().Line = 668
		return e, fault.Poisonf("BAD", "told to")
	}
	return e, nil
}

func swept(_ context.Context, key, ref string, _ time.Time, st stores) (e stream.Emits, err error) {
	v, _ := st.shared.Get(ref)
	if key == "bad" {
		st.last.Edit().Line = 669
		return e, fault.Poisonf("BAD", "told to")
	}
	e.To(out, key, &avro.PartnerMessage{Name: fmt.Sprintf("%s is now %d", ref, v.Line)})
	return e, nil
}

var obeying = stream.Define(stream.Processor[stores]{
	Name: "obeying", Inbox: topics.Topic{Name: "in"}, Outputs: []topics.Name{out},
	State: func(b *stream.Binder) stores {
		return stores{
			stream.ValueOf[avro.PartnerMessage](b, "last"), stream.MapOf[avro.PartnerMessage](b, "notes"),
			stream.TableOf[avro.PartnerMessage](b, "shared"), stream.IndexOf(b, "users"), b.Timers(),
			stream.ListOf[avro.PartnerMessage](b, "lines"),
		}
	},
	Inputs: []stream.Input[stores]{stream.On(obey)}, Timers: ring, Sweep: swept,
})

// run is a task over state in memory, and what it said.
type run struct {
	t    *testing.T
	spec stream.Spec
	kv   memory
	task *stream.Task
	said []string
	rest []*avro.Sweep // what sweeps left to do
}

func newRun(t *testing.T) *run { return newRunOf(t, obeying) }

func newRunOf(t *testing.T, spec stream.Spec) *run {
	r := &run{t: t, spec: spec, kv: memory{}}
	r.reopen()
	return r
}

func (r *run) reopen() {
	task, err := r.spec.NewTask(r.kv)
	if err != nil {
		r.t.Fatal(err)
	}
	r.task = task
}

// do hands over a record and gives the handler's error.
func (r *run) do(key, format, name string, line int64) error {
	return r.process(told{key, format, name, line})
}

// told is a record as these tests give it.
type told struct {
	key, format, name string
	line              int64
}

func (r *run) process(x told) error {
	key, format, name, line := x.key, x.format, x.name, x.line
	rec := stream.Record{Key: []byte(key), Value: &avro.PartnerMessage{Format: format, Name: name, Line: line}, Time: time.UnixMicro(line)}
	switch format {
	case "tick":
		rec.Value = &avro.Tick{}
	case "sweep":
		rec.Value = &avro.Sweep{Reference: key, After: name}
	}
	return r.task.Process(context.Background(), rec, func(es []stream.Emit) error {
		for _, e := range es {
			switch v := e.Value.(type) {
			case *avro.PartnerMessage:
				r.said = append(r.said, e.Key+": "+v.Name)
			case *avro.DeadLetter:
				r.said = append(r.said, e.Key+": dead "+v.Reason)
			case *avro.Sweep:
				r.rest = append(r.rest, v)
			}
		}
		return nil
	})
}

// must is do where no error is expected.
func (r *run) must(key, format, name string, line int64) {
	r.t.Helper()
	if err := r.do(key, format, name, line); err != nil {
		r.t.Fatalf("%s %s: %v", key, format, err)
	}
}

// commit makes changes durable; keep is how many values stay decoded.
func (r *run) commit(keep int) {
	r.t.Helper()
	seen := map[string]bool{}
	changes, err := r.task.Flush()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range changes {
		key := string(c.Key)
		if seen[key] {
			r.t.Errorf("%q flushed twice", key)
		}
		seen[key] = true
		if c.Value == nil {
			delete(r.kv, key)
		} else {
			r.kv[key] = string(c.Value)
		}
	}
	r.task.Committed(keep)
}

// heard compares what was said since the last time.
func (r *run) heard(want ...string) {
	r.t.Helper()
	if !slices.Equal(r.said, want) {
		r.t.Errorf("said %q, want %q", r.said, want)
	}
	r.said = nil
}

func TestValuesSurviveCommitEvictionAndRestart(t *testing.T) {
	for _, how := range []string{"hot", "evicted", "reopened"} {
		r := newRun(t)
		r.must("a", "set", "", 7)
		r.must("b", "set", "", 8)
		r.must("b", "delete", "", 0)
		r.commit(map[string]int{"hot": 1 << 20}[how])
		if how == "reopened" {
			r.reopen()
		}
		r.must("a", "get", "", 0)
		r.must("b", "get", "", 0)
		r.must("c", "get", "", 0)
		r.heard("a: 7 true", "b: 0 false", "c: 0 false")
		if len(r.kv) != 1 {
			t.Errorf("%s: committed state is %q, want a's value alone", how, r.kv)
		}
	}
}

func TestMapsListCommittedAndChangedInOrder(t *testing.T) {
	for _, keep := range []int{0, 1 << 20} {
		r := newRun(t)
		for _, name := range []string{"x/3", "x/1", "y/1", "x/5"} {
			r.must("a", "note", name, 1)
		}
		r.must("ab", "note", "x/0", 9) // another key, that begins alike
		r.commit(keep)
		r.must("a", "notes", "", 0)
		r.heard("a: x/1=1", "a: x/3=1", "a: x/5=1", "a: y/1=1")
		r.must("a", "note", "x/2", 2)
		r.must("a", "note", "x/3", 2)
		r.must("a", "unnote", "x/1", 0)
		r.must("a", "notes", "x/", 0)
		r.heard("a: x/2=2", "a: x/3=2", "a: x/5=1")
		r.commit(keep)
		r.must("a", "note", "z", 3)
		r.must("a", "unnote", "x/5", 0)
		r.task.Aborted()
		r.must("a", "notes", "", 0)
		r.heard("a: x/2=2", "a: x/3=2", "a: x/5=1", "a: y/1=1")
		r.must("a", "notes", "x/", 0)
		r.heard("a: x/2=2", "a: x/3=2", "a: x/5=1")
		r.must("a", "unnote", "x/5", 0)
		r.commit(keep)
		r.must("a", "notes", "", 0)
		r.heard("a: x/2=2", "a: x/3=2", "a: y/1=1")
	}
}

func TestAbortUndoesEverything(t *testing.T) {
	r := newRun(t)
	r.must("a", "set", "", 1)
	r.must("a", "note", "n", 1)
	r.must("a", "alarm", "kept", 50)
	r.must("a", "alarm", "moved", 60)
	r.must("a", "use", "place", 0)
	r.commit(1 << 20)
	before := maps.Clone(r.kv)
	for _, key := range []string{"a", "new"} {
		r.must(key, "set", "", 2)
		r.must(key, "note", "n", 2)
		r.must(key, "note", "m", 2)
		r.must(key, "alarm", "moved", 10)
		r.must(key, "alarm", "fresh", 10)
	}
	r.must("a", "calm", "kept", 0)
	r.must("a", "disuse", "place", 0)
	r.must("a", "share", "place", 5)
	r.must("", "tick", "", 20)
	r.said = nil
	r.task.Aborted()
	if r.task.Dirty() {
		t.Error("dirty after an abort")
	}
	r.commit(1 << 20)
	if !maps.Equal(r.kv, before) {
		t.Errorf("an abort left %q, want %q", r.kv, before)
	}
	r.must("a", "get", "", 0)
	r.must("new", "get", "", 0)
	r.must("a", "notes", "", 0)
	r.must("b", "share", "place", 6)
	r.must("", "tick", "", 70)
	r.heard("a: 1 true", "new: 0 false", "a: n=1", "a: place is now 6", "a: kept due 50 at 70", "a: moved due 60 at 70")
}

// A redone cycle must fire at the tick's own time, though a later tick was seen before the abort.
func TestAbortLeavesNoLaterTimeBehind(t *testing.T) {
	r := newRun(t)
	r.must("a", "alarm", "x", 5)
	r.commit(1 << 20)
	r.must("", "tick", "", 10)
	r.must("", "tick", "", 900)
	r.task.Aborted()
	r.said = nil
	r.must("", "tick", "", 10)
	r.heard("a: x due 5 at 10")
}

func TestTimersFireInOrderOnceAndNotBefore(t *testing.T) {
	for _, reopen := range []bool{false, true} {
		r := newRun(t)
		r.must("b", "alarm", "x", 20)
		r.must("a", "alarm", "y", 20)
		r.must("a", "alarm", "x", 20)
		r.must("c", "alarm", "late", 31)
		r.must("c", "alarm", "early", 5)
		r.must("c", "alarm", "again", 7)
		r.must("d", "alarm", "moved", 6)
		r.must("d", "alarm", "moved", 30)
		r.must("d", "alarm", "cancelled", 6)
		r.must("d", "calm", "cancelled", 0)
		r.commit(0)
		if reopen {
			r.reopen()
		}
		r.must("", "tick", "", 30)
		r.heard("c: early due 5 at 30", "c: again due 7 at 30", "c: then due 7 at 30", "a: x due 20 at 30", "a: y due 20 at 30", "b: x due 20 at 30", "d: moved due 30 at 30")
		r.commit(0)
		r.must("", "tick", "", 30)
		r.heard()
		r.must("", "tick", "", 31)
		r.heard("c: late due 31 at 31")
		r.commit(0)
		if len(r.kv) != 1 { // the clock
			t.Errorf("fired timers are still kept: %q", r.kv)
		}
	}
}

func TestPoisonIsMarkedAndUndone(t *testing.T) {
	for _, format := range []string{"poison", "panic"} {
		r := newRun(t)
		r.must("a", "set", "", 1)
		r.commit(1 << 20)
		before := maps.Clone(r.kv)
		if err := r.do("a", format, "", 0); fault.Of(err) != fault.Poison {
			t.Errorf("%s gave %v, want poison", format, err)
		}
		r.heard()
		r.task.Aborted()
		r.must("a", "get", "", 0)
		r.must("", "tick", "", 99)
		r.must("b", "share", "poison", 1)
		r.task.Aborted()
		r.commit(0)
		r.heard("a: 1 true")
		if !maps.Equal(r.kv, before) {
			t.Errorf("%s left %q, want %q", format, r.kv, before)
		}
	}
}

func TestSweepVisitsDependentsInOrder(t *testing.T) {
	r := newRun(t)
	r.must("b", "use", "place", 0)
	r.must("d", "use", "place", 0)
	r.must("c", "use", "placebo", 0)
	r.commit(0)
	r.must("a", "use", "place", 0) // not committed yet
	r.must("d", "disuse", "place", 0)
	r.must("x", "share", "place", 4)
	r.heard("a: place is now 4", "b: place is now 4")
	r.must("x", "share", "unknown", 4)
	r.heard()
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, key, format, arg string
		class                  fault.Class
		reason                 string
	}{
		{"no key", "", "set", "", fault.Poison, "NO_KEY"},
		{"a key that reaches into another's state", "a\x00b", "set", "", fault.Poison, "BAD_KEY"},
		{"a reference that does", "a", "use", "p\x00q", fault.Poison, "PANIC"},
		{"an output that is not declared", "a", "elsewhere", "", fault.Fatal, "UNKNOWN"},
	} {
		r := newRun(t)
		err := r.do(c.key, c.format, c.arg, 0)
		if err == nil || fault.Of(err) != c.class || fault.Reason(err) != c.reason {
			t.Errorf("%s: got %v (%s), want %s %s", c.name, err, fault.Reason(err), c.class, c.reason)
		}
	}
}

// broken fails to read.
type broken struct{ memory }

var errDisk = errors.New("disk on fire")

func (b broken) Get(key []byte) ([]byte, error) {
	if len(b.memory) > 0 {
		return nil, errDisk
	}
	return nil, nil
}

func (b broken) Scan(prefix, after []byte, fn func(key, value []byte) error) error {
	if len(b.memory) > 0 {
		return errDisk
	}
	return nil
}

// A store that fails is never the record's fault: the stage stops rather than bury a good record, or commit half a truth.
func TestStoreFailureIsNotPoison(t *testing.T) {
	kv := broken{memory{}}
	task, err := obeying.NewTask(kv)
	if err != nil {
		t.Fatal(err)
	}
	kv.memory["x"] = "y"
	rec := stream.Record{Key: []byte("a"), Value: &avro.PartnerMessage{Format: "poison"}}
	if err := task.Process(context.Background(), rec, nil); !errors.Is(err, errDisk) || fault.Of(err) != fault.Fatal {
		t.Errorf("got %v, want the store's failure, fatal", err)
	}
	if _, err := task.Flush(); !errors.Is(err, errDisk) {
		t.Errorf("flush gave %v, want the store's failure", err)
	}
}

func TestDefinePanicsOnFaultyDeclaration(t *testing.T) {
	state := func(*stream.Binder) stores { return stores{} }
	input := []stream.Input[stores]{stream.On(obey)}
	for name, p := range map[string]stream.Processor[stores]{
		"no name":         {State: state, Inputs: input},
		"state and feeds": {Name: "x", State: state, Feeds: []topics.Topic{{}}, Inputs: input},
		"no inbox at all": {Name: "x", Inputs: input},
		"handles twice":   {Name: "x", State: state, Inputs: append(input, input...)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			stream.Define(p)
		}()
	}
}
