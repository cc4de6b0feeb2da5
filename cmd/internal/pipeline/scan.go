package pipeline

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/cmd/internal/cluster"
	"waybill/topics"
)

// Scan reads every committed record that the topics hold now and calls visit with each; within a partition in order. The
// record is visit's until it returns.
func (l *Line) Scan(ctx context.Context, of []topics.Name, visit func(*kgo.Record) error) error {
	opts, err := cluster.Options(l.Config.Kafka)
	if err != nil {
		return err
	}
	spans, err := cluster.Spans(ctx, l.Client, of...)
	if err != nil {
		return err
	}
	return cluster.Scan(ctx, opts, spans, visit)
}

func names(of []topics.Name) []string {
	out := make([]string, len(of))
	for i, n := range of {
		out[i] = string(n)
	}
	return out
}
