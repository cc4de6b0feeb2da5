package runtime

import (
	"cmp"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Poison says when a source, a partition of what a stage reads, is paused because too much of it dies: what goes wrong with most
// records is not wrong with the records. What waits in a paused source is late, but not dead. The zero value pauses nothing.
type Poison struct {
	Share      float64       // pause when more of the window than this died
	Letters    int           // and at least as many records; 0: never
	Window     int           // how many of a source's last records are looked at
	Probe      int           // most records that are read to see whether it is over
	PauseFirst time.Duration // the first pause, give or take a quarter; each further one is twice as long
	PauseMost  time.Duration // the longest
}

// sources watches what becomes of the records of each source. It is told of committed cycles and of the time, and knows
// nothing of Kafka. When a record is read follows from it, never what the record leads to.
type sources struct {
	cfg     Poison
	of      map[place]*source
	probing int
}

// flow is how a source stands.
type flow int

const (
	flowing flow = iota
	paused       // not read until a time
	probing      // read a little: what becomes of that decides
)

// tally counts records, and those of them that died.
type tally struct{ records, dead int }

type source struct {
	flow   flow
	window []tally // of the last cycles while it flows, oldest first
	sum    tally   // of the window
	until  time.Time
	wait   *backoff.ExponentialBackOff
}

func newSources(cfg Poison) *sources { return &sources{cfg: cfg, of: map[place]*source{}} }

// took tells of a source's part of a committed cycle, and gives how the source stands then.
func (s *sources) took(at place, t tally, now time.Time) (is flow, changed bool) {
	if s.cfg.Letters == 0 {
		return flowing, false
	}
	src := s.source(at)
	was := src.flow
	switch {
	case was == probing && t.records > 0 && s.tooMuch(t):
		s.pause(src, now)
	case was == probing && t.records > 0:
		s.let(src)
	case was == flowing:
		src.slide(t, s.cfg.Window)
		switch {
		case src.sum.dead >= s.cfg.Letters && s.tooMuch(src.sum):
			s.pause(src, now)
		case src.sum.records >= s.cfg.Window:
			src.wait.Reset() // it went well for so long that the next pause is a first one
		}
	}
	return src.flow, src.flow != was
}

func (s *sources) source(at place) *source {
	src := s.of[at]
	if src == nil {
		src = &source{wait: backoff.NewExponentialBackOff()}
		src.wait.InitialInterval, src.wait.MaxInterval = s.cfg.PauseFirst, s.cfg.PauseMost
		src.wait.Multiplier, src.wait.RandomizationFactor = 2, 0.25
		s.of[at] = src
	}
	return src
}

func (s *sources) tooMuch(t tally) bool { return float64(t.dead) > s.cfg.Share*float64(t.records) }

// slide adds a cycle to the window and drops the oldest cycles that it does without.
func (src *source) slide(t tally, window int) {
	src.window = append(src.window, t)
	src.sum.records, src.sum.dead = src.sum.records+t.records, src.sum.dead+t.dead
	drop := 0
	for drop < len(src.window)-1 && src.sum.records-src.window[drop].records >= window {
		src.sum.records, src.sum.dead = src.sum.records-src.window[drop].records, src.sum.dead-src.window[drop].dead
		drop++
	}
	src.window = slices.Delete(src.window, 0, drop)
}

func (s *sources) pause(src *source, now time.Time) {
	s.become(src, paused)
	src.until = now.Add(src.wait.NextBackOff())
	src.window, src.sum = nil, tally{}
}

func (s *sources) let(src *source) { s.become(src, flowing) }

func (s *sources) become(src *source, f flow) {
	if src.flow == probing {
		s.probing--
	}
	if f == probing {
		s.probing++
	}
	src.flow = f
}

// probeFor is how long a source that has nothing to say is probed. One without records has no flood.
const probeFor = 5 * time.Second

// due gives the sources that are to be read for a probe, in order. Pauses end here, and probes of silent sources.
func (s *sources) due(now time.Time) []place {
	if len(s.of) == 0 {
		return nil
	}
	var out []place
	for at, src := range s.of {
		over := !now.Before(src.until)
		switch {
		case src.flow == paused && over:
			s.become(src, probing)
			src.until = now.Add(probeFor)
		case src.flow == probing && over:
			s.let(src)
			out = append(out, at)
		}
		if src.flow == probing {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, place.compare)
	return out
}

// is says how a source stands; until is when its pause is over.
func (s *sources) is(at place) (is flow, until time.Time) {
	if src := s.of[at]; src != nil {
		return src.flow, src.until
	}
	return flowing, time.Time{}
}

// most bounds how many records are read at once: few while a source is probed.
func (s *sources) most(n int) int {
	if s.probing > 0 {
		return min(n, s.cfg.Probe)
	}
	return n
}

// forget drops what is known of a source that is another's now.
func (s *sources) forget(at place) {
	if src := s.of[at]; src != nil {
		s.let(src)
		delete(s.of, at)
	}
}

// often is the most frequent of a list, the first in order where several are.
func often(list []string) string {
	counts := map[string]int{}
	for _, s := range list {
		counts[s]++
	}
	best := ""
	for s, n := range counts {
		if best == "" || cmp.Or(cmp.Compare(n, counts[best]), cmp.Compare(best, s)) > 0 {
			best = s
		}
	}
	return best
}
