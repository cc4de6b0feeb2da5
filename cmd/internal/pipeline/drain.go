package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"waybill/cmd/internal/cluster"
	"waybill/processors/runtime"
	"waybill/sinks"
	"waybill/sinks/clickhouse"
	"waybill/topics"
)

// pause is how long waiting loops rest between two looks.
const pause = 50 * time.Millisecond

// Drain waits until every stage has worked off all that there is and no transaction is open. told hears how much is left.
func (l *Line) Drain(ctx context.Context, told func(left int64)) error {
	opts, err := cluster.Options(l.Config.Kafka)
	if err != nil {
		return err
	}
	probe, err := runtime.NewProbe(opts, l.Config.Runtime.Readers(l.specs...)...)
	if err != nil {
		return err
	}
	defer probe.Close()
	for {
		quiet, err := probe.Quiet(ctx)
		if err != nil || quiet {
			return err
		}
		if err := tell(ctx, probe, told); err != nil {
			return err
		}
		if err := rest(ctx, pause); err != nil {
			return fmt.Errorf("wait until the stages have worked off everything: %w", err)
		}
	}
}

func tell(ctx context.Context, probe *runtime.Probe, told func(left int64)) error {
	lags, err := probe.Lags(ctx)
	if err != nil {
		return err
	}
	var left int64
	for _, lag := range lags {
		left += lag.Records
	}
	told(left)
	return nil
}

// DrainSink waits until ClickHouse has everything that the topics hold.
func (l *Line) DrainSink(ctx context.Context, told func(left int64)) error {
	for {
		left, err := sinks.Lag(ctx, l.Client, clickhouse.Group(l.Config.Kafka.App), clickhouse.Topics()...)
		if err != nil {
			return err
		}
		told(left)
		if left == 0 {
			return nil
		}
		if err := rest(ctx, pause); err != nil {
			return fmt.Errorf("wait until ClickHouse has everything: %w", err)
		}
	}
}

// Settle lets time pass until nothing more comes of it: tick, drain, and again, until the outputs have stood still for
// longer than the longest timer that runs by the broker's clock alone.
func (l *Line) Settle(ctx context.Context, still time.Duration, told func(left int64)) error {
	changed, size := time.Now(), int64(-1)
	for time.Since(changed) <= still {
		if err := l.ticker(l.specs, nil).Send(ctx); err != nil {
			return err
		}
		if err := l.Drain(ctx, told); err != nil {
			return err
		}
		now, err := l.outputs(ctx)
		if err != nil {
			return err
		}
		if now != size {
			changed, size = time.Now(), now
		}
		if err := rest(ctx, 2*pause); err != nil {
			return fmt.Errorf("wait until nothing more comes of passing time: %w", err)
		}
	}
	return nil
}

// outputs is how long the topics are that stages write for others than themselves; ticks are not among their records.
func (l *Line) outputs(ctx context.Context) (int64, error) {
	var out []topics.Name
	for _, t := range topics.All() {
		if !t.Inbox {
			out = append(out, t.Name)
		}
	}
	ends, err := kadm.NewClient(l.Client).ListEndOffsets(ctx, names(out)...)
	if err != nil {
		return 0, fmt.Errorf("list the ends of topics: %w", err)
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n, nil
}

// rest waits, unless ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	clock := time.NewTimer(d)
	defer clock.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-clock.C:
		return nil
	}
}
