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

// lookAtLag keeps the last answer where there is no new one: the age of what was left grows by itself.
func (s *Server) lookAtLag(ctx context.Context) {
	from, _ := s.asked()
	if from == nil {
		return
	}
	lags, err := from.Behind(ctx, ownedBy(from.Look()))
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.log.Warn("how far this process is behind cannot be seen", "cause", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.blind++
		return
	}
	s.lags = lags
}

// behind is the last look at what is still owned.
func (s *Server) behind(now State) (lags []runtime.Behind, blind int64) {
	owned := ownedBy(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	lags = slices.DeleteFunc(slices.Clone(s.lags), func(b runtime.Behind) bool { return !owned(b.Group, b.Topic, b.Partition) })
	return lags, s.blind
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
