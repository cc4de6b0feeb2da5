package runtime

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ClientLog passes on what a Kafka client says. What is going on there is for debugging here: a rebalance or a metadata
// update is no news to whoever runs the process.
func ClientLog(log *slog.Logger) kgo.Logger { return clientLog{log} }

type clientLog struct{ log *slog.Logger }

// Level implements kgo.Logger: the client leaves out what nobody reads.
func (c clientLog) Level() kgo.LogLevel {
	ctx := context.Background() // no handler of ours looks at it
	switch {
	case c.log.Enabled(ctx, slog.LevelDebug):
		return kgo.LogLevelInfo
	case c.log.Enabled(ctx, slog.LevelWarn):
		return kgo.LogLevelWarn
	case c.log.Enabled(ctx, slog.LevelError):
		return kgo.LogLevelError
	}
	return kgo.LogLevelNone
}

// Log implements kgo.Logger.
func (c clientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	at := slog.LevelDebug
	switch level {
	case kgo.LogLevelError:
		at = slog.LevelError
	case kgo.LogLevelWarn:
		at = slog.LevelWarn
	}
	c.log.Log(context.Background(), at, "Kafka client: "+msg, keyvals...)
}
