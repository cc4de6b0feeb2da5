package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	said strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.said.Write(b)
}

// count says how many lines hold a text.
func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.said.String(), text)
}

// What fails again and again is said once, and again when it works.
func TestBreakerSaysItOnce(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.send(t, 20, 3)
	var left atomic.Int64
	left.Store(24)
	var said journal
	deps := Deps{Decoder: failing{left: &left}, Encoder: codec{}, Log: slog.New(slog.NewTextHandler(&said, nil))}
	in := startWith(t, testConfig(k, "a", t.TempDir()), deps, counting())
	eventually(t, "the stage stands still", func() bool { return !in.Stats()[0].Broken.IsZero() })
	k.check(t)
	eventually(t, "the stage works", func() bool { return in.Stats()[0].Broken.IsZero() })
	in.halt(t)
	if still, again, warned := said.count("stands still"), said.count("works again"), said.count("trying again"); still != 1 || again != 1 || warned != breakAfter-1 {
		t.Errorf("said %d times that it stands still, %d that it works again, and warned %d times: %s", still, again, warned, said.said.String())
	}
}

// Of two processes of one name the younger gives way, and nothing is lost or doubled by the two.
func TestYoungerTwinGivesWay(t *testing.T) {
	t.Parallel()
	newCluster(t, counting()).twins(t)
}

func (k *cluster) twins(t *testing.T) {
	elder := startWith(t, testConfig(k, "a", t.TempDir()), Deps{Decoder: codec{}, Encoder: codec{}, youth: time.Nanosecond}, counting())
	k.send(t, 50, 13)
	k.check(t)
	younger := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for ; ctx.Err() == nil; sleep(ctx, 20*time.Millisecond) {
			k.send(t, 5, 13)
		}
	})
	<-younger.done
	stop()
	group.Wait()
	if younger.err == nil || !strings.Contains(younger.err.Error(), `instance "a" of test was fenced 5 times within a minute`) || strings.Contains(younger.err.Error(), "\n") {
		t.Errorf("the younger ended with %v, want one sentence", younger.err)
	}
	k.check(t)
	elder.halt(t)
}

func TestTwinIsToldFromAStall(t *testing.T) {
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fenced := fmt.Errorf("end: %w", kerr.ProducerFenced)
	for _, c := range []struct {
		name string
		at   []time.Duration
		err  error
		want bool
	}{
		{"five at once, soon", []time.Duration{1, 2, 3, 4, 5}, fenced, true},
		{"four", []time.Duration{1, 2, 3, 4}, fenced, false},
		{"now and then", []time.Duration{1, 20, 40, 62, 81, 102}, fenced, false},
		{"five at once, late", []time.Duration{90, 91, 92, 93, 94}, fenced, false},
		{"something else", []time.Duration{1, 2, 3, 4, 5}, errors.New("no network"), false},
	} {
		s := &stage{trouble: trouble{born: begun}}
		var got error
		for _, at := range c.at {
			got = s.twin(c.err, begun.Add(at*time.Second))
		}
		if (got != nil) != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
