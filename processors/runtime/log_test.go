package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) all(t *testing.T) (out []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func TestEveryLineNamesItsStage(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	said := &lines{}
	log := slog.New(slog.NewJSONHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})).With("instance", "a")
	e, err := New(testConfig(k, "a", t.TempDir()), Deps{Decoder: codec{}, Encoder: codec{}, Log: log}, counting())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	eventually(t, "all partitions are at work", func() bool { s := e.Stats()[0]; return len(s.Partitions) == 4 && s.Restoring == 0 })
	k.Close() // which its client must not keep to itself
	eventually(t, "the client's warning", func() bool {
		for _, line := range said.all(t) {
			if strings.HasPrefix(line["msg"].(string), "Kafka client: ") && line["level"] == "WARN" {
				return true
			}
		}
		return false
	})
	stop()
	<-ended
	restored := 0
	for _, line := range said.all(t) {
		if line["stage"] != "counting" || line["instance"] != "a" {
			t.Errorf("a line does not say whose it is: %v", line)
		}
		if line["msg"] == "restored" && line["partition"] != nil {
			restored++
		}
	}
	if restored != 4 {
		t.Errorf("%d lines tell of a partition that is restored, want 4", restored)
	}
}

func TestWhatTheClientSaysAtWhatLevel(t *testing.T) {
	tests := []struct {
		log  slog.Level
		asks kgo.LogLevel // what the client is to say
		said string       // levels of what it says
	}{
		{slog.LevelDebug, kgo.LogLevelInfo, "ERROR WARN DEBUG"},
		{slog.LevelInfo, kgo.LogLevelWarn, "ERROR WARN"},
		{slog.LevelWarn, kgo.LogLevelWarn, "ERROR WARN"},
		{slog.LevelError, kgo.LogLevelError, "ERROR"},
		{slog.LevelError + 1, kgo.LogLevelNone, ""},
	}
	for _, tc := range tests {
		said := &lines{}
		c := ClientLog(slog.New(slog.NewJSONHandler(said, &slog.HandlerOptions{Level: tc.log})))
		if got := c.Level(); got != tc.asks {
			t.Errorf("at %s the client is asked for %s, want %s", tc.log, got, tc.asks)
		}
		for _, l := range []kgo.LogLevel{kgo.LogLevelError, kgo.LogLevelWarn, kgo.LogLevelInfo} {
			c.Log(l, "something", "key", "value")
		}
		var levels []string
		for _, line := range said.all(t) {
			levels = append(levels, line["level"].(string))
			if line["msg"] != "Kafka client: something" || line["key"] != "value" {
				t.Errorf("said %v", line)
			}
		}
		if got := strings.Join(levels, " "); got != tc.said {
			t.Errorf("at %s it says %q, want %q", tc.log, got, tc.said)
		}
	}
}
