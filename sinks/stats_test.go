package sinks_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/sinks"
	"waybill/topics"
	"waybill/topics/fault"
)

// seen waits until the consumer's figures are as they should be.
func seen(t *testing.T, s *sinks.Consumer, what string, is func(sinks.Stats) bool) sinks.Stats {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if now := s.Stats(); is(now) {
			return now
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within 30 s: %s; it stands at %+v", what, s.Stats())
		case <-tick.C:
		}
	}
}

func TestStatsTellOfFailuresUntilSomethingIsStored(t *testing.T) {
	const n = 100
	k, cl := startKafka(t, 3)
	produce(t, cl, n)
	m := newMemory()
	away := make(chan struct{})
	m.before = func(*sinks.Block) error {
		select {
		case <-away:
			return nil
		default:
			return fault.Retry(errors.New("it is away"))
		}
	}
	c := config()
	c.RetryMost = 20 * time.Millisecond
	s := consumer(t, k, c, m)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	now := seen(t, s, "it fails", func(s sinks.Stats) bool { return s.Retries > 3 })
	if !strings.Contains(now.Failing, "it is away") || now.Since.IsZero() || !now.Joined || len(now.Partitions) != 3 || now.Blocks != 0 {
		t.Errorf("while the destination is away: %+v", now)
	}
	close(away)
	now = seen(t, s, "all is stored and nothing fails", func(s sinks.Stats) bool { return s.Rows[topics.Positions.Name] == n && s.Failing == "" })
	if now.EndToEnd.Count != n || now.WriteTime.Count != now.Blocks || now.Blocks == 0 || !now.Since.IsZero() {
		t.Errorf("at the end: %+v", now)
	}
	cancel()
	seen(t, s, "it has left", func(s sinks.Stats) bool { return !s.Joined && len(s.Partitions) == 0 })
}

// A block that is refused for good is read again before it is refused again: that must not look like health.
func TestARefusedBlockIsAFailureUntilItIsStored(t *testing.T) {
	k, cl := startKafka(t, 1)
	produce(t, cl, 10)
	m := newMemory()
	m.before = func(*sinks.Block) error { return errors.New("no such column") }
	s := consumer(t, k, config(), m)
	if err := s.Run(t.Context()); err == nil {
		t.Fatal("the sink went on")
	}
	waiting, release := make(chan struct{}), make(chan struct{})
	m.before = func(*sinks.Block) error {
		close(waiting)
		<-release
		m.before = func(*sinks.Block) error { return nil }
		return nil
	}
	fetch := make(chan struct{})
	k.Cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.Cluster.SleepControl(func() { <-fetch })
		return nil, nil, false
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	for range 3 { // steps that go well, having nothing to write
		last := s.Stats().Beat
		seen(t, s, "another step", func(s sinks.Stats) bool { return s.Joined && s.Beat.After(last) })
	}
	close(fetch)
	<-waiting
	if now := s.Stats(); !strings.Contains(now.Failing, "no such column") {
		t.Errorf("before it is written again: %+v", now)
	}
	close(release)
	seen(t, s, "it is stored", func(s sinks.Stats) bool { return s.Failing == "" && s.Rows[topics.Positions.Name] == 10 })
}
