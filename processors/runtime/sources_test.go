package runtime

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var strict = Poison{Share: 0.5, Letters: 100, Window: 1000, Probe: 100, PauseFirst: time.Minute, PauseMost: 15 * time.Minute}

func TestWhenASourceIsPaused(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []tally
		want flow
	}{
		{"nothing", nil, flowing},
		{"all good", []tally{{100_000, 0}}, flowing},
		{"all dead, but few", []tally{{99, 99}}, flowing},
		{"all dead", []tally{{100, 100}}, paused},
		{"many dead, but half", []tally{{400, 200}}, flowing},
		{"more than half", []tally{{399, 200}}, paused},
		{"over several cycles", []tally{{40, 40}, {40, 30}, {60, 30}}, paused},
		{"dead at first, long ago", []tally{{99, 99}, {1000, 0}, {99, 99}}, flowing},
		{"dead among good ones", []tally{{500, 0}, {450, 300}, {50, 0}}, flowing},
		{"good ones slide out", []tally{{500, 0}, {500, 300}, {500, 201}}, paused},
		{"a cycle longer than the window", []tally{{50_000, 25_001}}, paused},
		{"and one of it half good", []tally{{50_000, 25_000}}, flowing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, at := newSources(strict), place{"t", 0}
			for _, c := range tc.in {
				s.took(at, c, time.Now())
			}
			if is, _ := s.is(at); is != tc.want {
				t.Errorf("it is %d, want %d", is, tc.want)
			}
		})
	}
}

// life lets a source flood at the given times until it is paused and gives what became of it, in a line an event.
type life struct {
	*sources
	at  place
	now time.Time
}

func (l *life) took(records, dead int) flow {
	is, _ := l.sources.took(l.at, tally{records, dead}, l.now)
	return is
}

// pausedFor lets the pause go by and says how long it was.
func (l *life) pausedFor(t *testing.T) time.Duration {
	t.Helper()
	is, until := l.is(l.at)
	if is != paused {
		t.Fatalf("it is %d, not paused", is)
	}
	if due := l.due(until.Add(-time.Nanosecond)); len(due) > 0 {
		t.Errorf("%v are due before their time", due)
	}
	took := until.Sub(l.now)
	l.now = until
	if due := l.due(until); len(due) != 1 || due[0] != l.at {
		t.Errorf("due are %v", due)
	}
	return took
}

func newLife() *life { return &life{newSources(strict), place{"t", 3}, time.Unix(1_700_000_000, 0)} }

func about(d, want time.Duration) bool { return d >= want*3/4 && d <= want*5/4 }

func TestPausesGrowAndProbesEndThem(t *testing.T) {
	l := newLife()
	l.took(200, 200)
	for i, want := range []time.Duration{1, 2, 4, 8, 15, 15} {
		if d := l.pausedFor(t); !about(d, want*time.Minute) {
			t.Errorf("pause %d takes %s, want about %s", i, d, want*time.Minute)
		}
		if n := l.most(5000); n != 100 {
			t.Errorf("%d records are read for a probe", n)
		}
		if is := l.took(10, 6); is != paused {
			t.Fatalf("after a bad probe it is %d", is)
		}
		if n := l.most(5000); n != 5000 {
			t.Errorf("%d records are read while it is paused", n)
		}
	}
	l.pausedFor(t)
	if is := l.took(10, 5); is != flowing || l.most(5000) != 5000 {
		t.Fatalf("after a good probe it is %d", is)
	}
	l.took(200, 200)
	if d := l.pausedFor(t); !about(d, 15*time.Minute) {
		t.Errorf("paused again at once it takes %s", d)
	}
	l.took(1, 0)
	for range 5 {
		l.took(200, 10)
	}
	l.took(1500, 1200)
	if d := l.pausedFor(t); !about(d, time.Minute) {
		t.Errorf("after a window of good records the pause takes %s", d)
	}
}

func TestASilentSourceIsProbedForAWhile(t *testing.T) {
	l := newLife()
	l.took(200, 200)
	l.pausedFor(t)
	l.took(0, 0) // ticks alone
	if due := l.due(l.now.Add(probeFor - 1)); len(due) != 1 || l.most(5000) != 100 {
		t.Errorf("due are %v, probing %d", due, l.probing)
	}
	if due := l.due(l.now.Add(probeFor)); len(due) != 1 || l.most(5000) != 5000 {
		t.Errorf("due are %v, probing %d", due, l.probing)
	}
	if is, _ := l.is(l.at); is != flowing {
		t.Errorf("it is %d", is)
	}
}

func TestOneSourceIsNotAnother(t *testing.T) {
	l := newLife()
	l.took(200, 200)
	other := place{l.at.topic, 4}
	l.sources.took(other, tally{200, 0}, l.now)
	if is, _ := l.is(other); is != flowing {
		t.Errorf("the other is %d", is)
	}
	l.pausedFor(t)
	l.forget(l.at)
	if is, _ := l.is(l.at); is != flowing || l.most(5000) != 5000 {
		t.Errorf("forgotten, it is %d", is)
	}
	if due := l.due(l.now.Add(time.Hour)); len(due) > 0 {
		t.Errorf("due are %v", due)
	}
}

func TestWithoutALimitNothingIsPaused(t *testing.T) {
	s := newSources(Poison{})
	if is, changed := s.took(place{}, tally{1_000_000, 1_000_000}, time.Now()); is != flowing || changed {
		t.Errorf("it is %d", is)
	}
}

func TestPoisonIsValidated(t *testing.T) {
	c := DefaultConfig()
	c.Poison = Poison{Letters: 100, Share: 1, Window: 50, PauseFirst: time.Hour, PauseMost: time.Minute}
	err := c.Validate()
	for _, want := range []string{"poison share 1", "poison window 50", "poison probe 0", "poison pauses of 1h0m0s to 1m0s"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("nothing of %q in %v", want, err)
		}
	}
	c.Poison = Poison{}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestOften(t *testing.T) {
	if got := often([]string{"B", "A", "C", "A", "B"}); got != "A" {
		t.Errorf("got %s", got)
	}
}
