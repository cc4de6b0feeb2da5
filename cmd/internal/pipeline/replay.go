package pipeline

import (
	"context"

	"waybill/cmd/internal/feed"
	"waybill/topics"
)

// Replay sends what files hold to the partners' topic and returns how many messages that were. sent hears of each.
func (l *Line) Replay(ctx context.Context, s feed.Source, sent func(n int)) (int64, error) {
	var n int64
	for m, err := range s.Messages() {
		if err != nil {
			return n, err
		}
		if err := l.Send(ctx, topics.PartnerMessages.Name, feed.Key(m), m); err != nil {
			return n, err
		}
		n++
		sent(1)
	}
	return n, l.Flush(ctx)
}
