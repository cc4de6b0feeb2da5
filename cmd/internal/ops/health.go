package ops

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"waybill/processors/runtime"
	"waybill/sinks"
)

// Report is how ready a process is.
type Report struct {
	Ready bool   `json:"ready"`
	Phase string `json:"phase"` // starting, running or stopping
	Parts []Part `json:"parts"`
}

// Part is a stage, or the sink.
type Part struct {
	Name       string    `json:"name"`
	Ready      bool      `json:"ready"`
	Says       string    `json:"says"` // for people
	Partitions int       `json:"partitions"`
	Working    int       `json:"working"`
	Waiting    []Waiting `json:"waiting,omitempty"`
	Paused     []Paused  `json:"paused,omitempty"`
}

// Paused is a partition that is not read because too much of what it says cannot be used, or its stage has no room. Others go on, so the
// process is ready all the same: no other could do better.
type Paused struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Until     time.Time `json:"until"`          // then it is tried again
	Full      string    `json:"full,omitempty"` // why there is no room; absent: too much of it died
}

// Waiting is a partition that is not at work yet.
type Waiting struct {
	Partition   int32   `json:"partition"`
	Restoring   bool    `json:"restoring"` // else it waits for its fence
	Done        int64   `json:"done_records"`
	Total       int64   `json:"total_records"`
	LeftSeconds float64 `json:"left_seconds,omitempty"` // if it goes on as it went; absent: nobody knows
}

// report is ready once every partition that the groups assigned is at work, no stage stands still and the sink consumes.
func report(from *Source, stopping bool) Report {
	switch {
	case from == nil:
		return Report{Phase: "starting"}
	case stopping:
		return Report{Phase: "stopping"}
	}
	r := Report{Ready: true, Phase: "running"}
	now := from.Look()
	for _, s := range now.Stages {
		r.Parts = append(r.Parts, stage(s))
	}
	if now.Sink != nil {
		r.Parts = append(r.Parts, sink(*now.Sink))
	}
	for _, p := range r.Parts {
		r.Ready = r.Ready && p.Ready
	}
	return r
}

func stage(s runtime.Stats) Part {
	p := Part{Name: s.Stage, Partitions: len(s.Partitions)}
	for _, at := range s.Partitions {
		if !at.Paused.IsZero() {
			p.Paused = append(p.Paused, Paused{at.Topic, at.Partition, at.Paused, at.Full})
		}
		if at.Working {
			p.Working++
			continue
		}
		w := Waiting{Partition: at.Partition, Restoring: at.Restore.Total > 0, Done: at.Restore.Done, Total: at.Restore.Total}
		w.LeftSeconds = at.Restore.Left().Seconds()
		p.Waiting = append(p.Waiting, w)
	}
	p.Ready = s.Joined && p.Working == p.Partitions && s.Broken.IsZero()
	switch {
	case !s.Broken.IsZero():
		p.Says = fmt.Sprintf("stands still since %s: the log says why, and it keeps trying", s.Broken.UTC().Format(time.RFC3339))
	case !s.Joined:
		p.Says = "waits for its share of the partitions"
	case p.Partitions == 0:
		p.Says = "stands by: other members have all partitions"
	default:
		p.Says = fmt.Sprintf("%d of %d partitions at work", p.Working, p.Partitions)
	}
	return p
}

func sink(s sinks.Stats) Part {
	p := Part{Name: SinkStage, Partitions: len(s.Partitions), Working: len(s.Partitions), Ready: s.Joined && s.Failing == ""}
	switch {
	case s.Failing != "":
		p.Working = 0
		p.Says = fmt.Sprintf("fails since %s: %s", s.Since.UTC().Format(time.RFC3339), s.Failing)
	case !s.Joined:
		p.Says = "waits for its share of the partitions"
	default:
		p.Says = fmt.Sprintf("consumes %d partitions", p.Partitions)
	}
	return p
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	rep := report(s.asked())
	answer := func(w io.Writer) error { return rep.write(w) }
	if r.FormValue("format") == "json" {
		w.Header().Set("Content-Type", "application/json")
		answer = func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(rep)
		}
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(status(rep.Ready))
	_ = answer(w) // whoever asked has gone
}

func status(well bool) int {
	if well {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

func (r Report) write(w io.Writer) error {
	head := "not ready"
	if r.Ready {
		head = "ready"
	}
	if _, err := fmt.Fprintf(w, "%s, %s\n", head, r.Phase); err != nil {
		return err
	}
	for _, p := range r.Parts {
		if _, err := fmt.Fprintf(w, "  %-16s %s\n", p.Name, p.Says); err != nil {
			return err
		}
		for _, at := range p.Waiting {
			if _, err := fmt.Fprintf(w, "  %16d %s\n", at.Partition, at); err != nil {
				return err
			}
		}
		for _, at := range p.Paused {
			if _, err := fmt.Fprintf(w, "  %16d of %s is paused until %s: %s\n", at.Partition, at.Topic, at.Until.UTC().Format(time.RFC3339), cmp.Or(at.Full, "see `waybill dlq ls`")); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w Waiting) String() string {
	if !w.Restoring {
		return "waits for its predecessor's transactions to end"
	}
	left := "nobody knows how long"
	if w.LeftSeconds > 0 {
		left = fmt.Sprintf("about %s left", time.Duration(w.LeftSeconds*float64(time.Second)).Round(time.Second))
	}
	return fmt.Sprintf("restores: %d of %d records, %s", w.Done, w.Total, left)
}

// live fails only where something that should move makes no move at all: ending the process is the last thing to try, and
// cures nothing that it only waits for.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	stalled := s.stalled(time.Now())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status(len(stalled) == 0))
	if len(stalled) == 0 {
		fmt.Fprintln(w, "alive")
	}
	for _, line := range stalled {
		fmt.Fprintln(w, line)
	}
}

// stalled says what has made no move for too long. While the process ends its parts stand still one after the other.
func (s *Server) stalled(now time.Time) (out []string) {
	from, stopping := s.asked()
	if from == nil || stopping {
		return nil
	}
	check := func(name string, beat time.Time) {
		if beat.Before(s.begun) {
			beat = s.begun
		}
		if still := now.Sub(beat); still > s.cfg.StalledAfter {
			out = append(out, fmt.Sprintf("%s has made no move for %s, ops.stalled_after is %s", name, still.Round(time.Second), s.cfg.StalledAfter))
		}
	}
	look := from.Look()
	for _, st := range look.Stages {
		check(st.Stage, st.Beat)
	}
	if look.Sink != nil {
		check(SinkStage, look.Sink.Beat)
	}
	return out
}
