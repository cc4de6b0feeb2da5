package ops

import (
	"context"
	"slices"
	"time"

	"waybill/processors/runtime"
)

// SinkStage is the sink's name where stages have theirs.
const SinkStage = "sink.clickhouse"

// watchLag looks every so often at how far the process's partitions are behind.
func (s *Server) watchLag(ctx context.Context) {
	clock := time.NewTicker(s.cfg.LagEvery)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
			s.lookAtLag(ctx)
		}
	}
}

// lags is the last answer.
type lags struct {
	behind []runtime.Behind
	at     time.Time // when it was given; zero: looks fail since, and what was left then may be left still
	failed int64     // looks so far
}

// age is how old what was left was when it was seen. It does not grow until the next look: a record that was being worked on
// at the moment would look like seconds of lag.
func (l lags) age(b runtime.Behind, now time.Time) time.Duration {
	if l.at.IsZero() {
		return max(now.Sub(b.Oldest), 0)
	}
	return max(l.at.Sub(b.Oldest), 0)
}

// lookAtLag keeps the last answer where there is no new one.
func (s *Server) lookAtLag(ctx context.Context) {
	from, _ := s.asked()
	if from == nil {
		return
	}
	asked := time.Now()
	behind, err := from.Behind(ctx, ownedBy(from.Look()))
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.log.Warn("how far this process is behind cannot be seen", "cause", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.lags.failed++
		s.lags.at = time.Time{}
		return
	}
	s.lags.behind, s.lags.at = behind, asked
}

// behind is the last look at what is still owned.
func (s *Server) behind(now State) lags {
	owned := ownedBy(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.lags
	last.behind = slices.DeleteFunc(slices.Clone(last.behind), func(b runtime.Behind) bool { return !owned(b.Group, b.Topic, b.Partition) })
	return last
}

// seat is a partition of a stage.
type seat struct {
	stage, topic string
	partition    int32
}

func ownedBy(now State) Owned {
	seats := map[seat]bool{}
	for _, st := range now.Stages {
		for _, p := range st.Partitions {
			seats[seat{st.Stage, p.Topic, p.Partition}] = true
		}
	}
	if now.Sink != nil {
		for _, p := range now.Sink.Partitions {
			seats[seat{SinkStage, p.Topic, p.Partition}] = true
		}
	}
	return func(stage, topic string, partition int32) bool { return seats[seat{stage, topic, partition}] }
}
