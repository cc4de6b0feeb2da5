package dlq

import (
	"fmt"
	"strings"
	"testing"

	"waybill/avro"
	"waybill/topics"
	"waybill/topics/wire"
)

func TestWhatIsNotReplayedSaysWhy(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tests := []struct {
		name   string
		change func(*avro.DeadLetter)
		guard  Guard
		do     Deed
		why    string
	}{
		{"a first attempt", nil, Guard{MaxAttempts: 3}, Send, ""},
		{"the last attempt allowed", func(l *avro.DeadLetter) { l.Attempt = 2 }, Guard{MaxAttempts: 3}, Send, ""},
		{"an attempt too many", func(l *avro.DeadLetter) { l.Attempt = 3 }, Guard{MaxAttempts: 3}, Refuse, "died 3 times"},
		{"forced", func(l *avro.DeadLetter) { l.Attempt = 3 }, Guard{MaxAttempts: 3, Force: true}, Send, ""},
		{"a sink's", func(l *avro.DeadLetter) { l.Stage = "sink.clickhouse" }, Guard{MaxAttempts: 3}, Refuse, "a second copy"},
		{"a sink's, forced", func(l *avro.DeadLetter) { l.Stage = "sink.clickhouse" }, Guard{MaxAttempts: 3, Force: true}, Refuse, "a second copy"},
		{"a stage that is gone", func(l *avro.DeadLetter) { l.Stage = "former" }, Guard{MaxAttempts: 3}, Refuse, "stage former"},
		{"a stage that reads another topic now", func(l *avro.DeadLetter) { l.Stage = "resolve" }, Guard{MaxAttempts: 3}, Refuse, "does not read"},
		{"too long for a letter", func(l *avro.DeadLetter) { l.Value = avro.Some(make([]byte, 2000)); wire.FitLetter(l, 1500+1024) }, Guard{MaxAttempts: 3}, Refuse, "too long for a letter"},
		{"a timer's", func(l *avro.DeadLetter) { l.Reason, l.Value = "TIMER_PANIC", avro.Opt[[]byte]{} }, Guard{MaxAttempts: 3}, Refuse, "of a timer"},
		{"a sweep's", func(l *avro.DeadLetter) { l.Reason, l.Value = "SWEEP_BAD", avro.Opt[[]byte]{} }, Guard{MaxAttempts: 3}, Refuse, "of a sweep"},
		{"a partition that is gone", func(l *avro.DeadLetter) { l.Partition = 6 }, Guard{MaxAttempts: 3}, Refuse, "no partition 6, only 6"},
		{"no partition at all", func(l *avro.DeadLetter) { l.Partition = -1 }, Guard{MaxAttempts: 3}, Refuse, "no partition -1"},
		{"a topic that is gone", func(l *avro.DeadLetter) { l.Topic = string(topics.Loads.Name) }, Guard{MaxAttempts: 3}, Refuse, "is not there: create it"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			id := d.bury(t, d.letter(tc.change))[0]
			b := d.box()
			b.Reads["normalise"] = append(b.Reads["normalise"], topics.Loads.Name)
			w, err := b.Find(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := b.Plan(t.Context(), []Letter{w.Letter}, tc.guard)
			if err != nil {
				t.Fatal(err)
			}
			if steps[0].Do != tc.do || !strings.Contains(steps[0].Why, tc.why) || (tc.why == "") != (steps[0].Why == "") {
				t.Errorf("it does %s because %q, want %s and something about %q", steps[0].Do, steps[0].Why, tc.do, tc.why)
			}
		})
	}
	n, err := replay(t, d.box())
	if n != 2 || err != nil {
		t.Errorf("%d of all those were sent, %v, want 2", n, err)
	}
}

// Timers that die at one tick come from one place, and are letters of their own.
func TestTimersOfOneTickAreNoCopies(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, of := range []string{"a", "b", "b"} {
		l := d.letter(func(l *avro.DeadLetter) {
			l.Offset, l.Partition, l.RecordAt, l.Reason, l.Value = 7, 0, 7, "TIMER_PANIC", avro.Opt[[]byte]{}
			l.Key, l.Causes = avro.Some([]byte("key")), []string{"timer " + of + " for key: it is bad", "it is bad"}
		})
		d.bury(t, l)
	}
	all := letters(t, d.box())
	if len(all) != 2 || all[0].Copies != 0 || all[1].Copies != 1 || !strings.Contains(Advice(all[0]), "timer is gone") {
		t.Errorf("letters %+v", all)
	}
}

// What is no letter is neither passed over nor in the way.
func TestWhatIsNoLetterIsSeen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.buryMany(t, 2)
	rubbish := d.put(t, []byte("rubbish"))
	foreign := d.put(t, must(d.codec.Append(t.Context(), nil, topics.DeadLetterReplays.Name, &avro.DeadLetterReplay{})))
	faults := map[ID]string{}
	for _, s := range plan(t, d.box(), Guard{MaxAttempts: 3}) {
		if s.Fault != nil {
			faults[s.ID] = fmt.Sprint(s.Do, " ", s.Reason, " ", s.Why)
		}
	}
	if len(faults) != 2 || !strings.Contains(faults[rubbish], "refuse UNREADABLE_LETTER it cannot be read: record starts with byte 0x72") || !strings.Contains(faults[foreign], "it is a waybill.platform.DeadLetterReplay") {
		t.Errorf("told %v", faults)
	}
	if n, err := replay(t, d.box()); n != 2 || err != nil {
		t.Errorf("%d sent, %v", n, err)
	}
	w, err := d.box().Find(t.Context(), rubbish)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.box().View(t.Context(), w, Guard{MaxAttempts: 3})
	if err != nil || v.Value.Text != "rubbish" || !strings.Contains(v.Next, "no dead letter") {
		t.Errorf("seen as %+v, %v", v, err)
	}
}

// Looking must not put a replay out.
func TestPlanningFencesNobody(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.buryMany(t, 6)
	b := d.box()
	looked := once("committed", 1)
	b.crash = func(at string) bool {
		if looked(at) {
			mustPlan(d.box())
		}
		return false
	}
	if n, err := replay(t, b); n != 6 || err != nil {
		t.Errorf("%d sent, %v", n, err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.bury(t, d.letter(nil), d.letter(nil))
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	w, err := d.box().Find(t.Context(), ids[1])
	if err != nil || w.ID != ids[1] || w.Sent == nil || w.Dead.Offset != 2 {
		t.Errorf("found %+v, %v", w, err)
	}
	for _, id := range []ID{{0, 1}, {9, 0}} {
		_, err := d.box().Find(t.Context(), id)
		wants(t, err, "there is no dead letter "+id.String())
	}
}
