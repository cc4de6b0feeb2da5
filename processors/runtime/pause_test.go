package runtime

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

// floodedConfig pauses after 20 dead records, and probes 10 at a time.
func floodedConfig(k *cluster, id, dir string, first, most time.Duration) Config {
	c := testConfig(k, id, dir)
	c.CycleRecords = 50
	c.Poison = Poison{Share: 0.5, Letters: 20, Window: 100, Probe: 10, PauseFirst: first, PauseMost: most}
	return c
}

// flood fills partitions with poison: alternately what does not decode and what its handler refuses.
func (k *cluster) flood(t *testing.T, n int, partitions ...int32) {
	t.Helper()
	values := [][]byte{[]byte("rubbish"), encoded(&avro.PartnerMessage{Format: "poison"})}
	var rs []*kgo.Record
	for i := range n {
		for _, p := range partitions {
			rs = append(rs, &kgo.Record{Topic: string(inbox.Name), Partition: p, Key: []byte("flood"), Value: values[i%2]})
		}
	}
	k.produce(t, rs...)
}

// onlyIn sends records of the counting stage to keys of one partition, and remembers them.
func (k *cluster) onlyIn(t *testing.T, partition int32, n int) {
	t.Helper()
	var rs []*kgo.Record
	for range n {
		rs = append(rs, k.next("only-in-"+string('a'+partition), partition))
	}
	k.produce(t, rs...)
}

func pausedIn(in *instance) (partitions []int32) {
	for _, p := range in.Stats()[0].Partitions {
		if !p.Paused.IsZero() {
			partitions = append(partitions, p.Partition)
		}
	}
	return partitions
}

// diary collects log records.
type diary struct {
	slog.Handler
	mu   *sync.Mutex
	text *strings.Builder
}

func newDiary() diary {
	s := diary{mu: &sync.Mutex{}, text: &strings.Builder{}}
	s.Handler = slog.NewTextHandler(s, nil)
	return s
}

func (s diary) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s diary) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s diary) Enabled(context.Context, slog.Level) bool { return true }

// A partition that floods poison is paused and says so; the others go on. What waits in it is not dead.
func TestAFloodPausesItsSourceAlone(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.flood(t, 1000, 0)
	log := newDiary()
	in := startWith(t, floodedConfig(k, "a", t.TempDir(), time.Hour, time.Hour), Deps{Log: slog.New(log)}, counting())
	eventually(t, "partition 0 is paused", func() bool { return len(pausedIn(in)) == 1 })
	buried := in.Stats()[0].DeadLetters
	for p := int32(1); p < inbox.Partitions; p++ {
		k.onlyIn(t, p, 200)
	}
	k.check(t)
	if s := in.Stats()[0]; s.DeadLetters != buried || buried < 20 || buried > 100 || s.Pauses != 1 || len(pausedIn(in)) != 1 {
		t.Errorf("%d letters when it was paused, %d now; %d pauses, paused are %v", buried, s.DeadLetters, s.Pauses, pausedIn(in))
	}
	for _, want := range []string{"level=ERROR", "source paused", "partition=0", "reason=BAD", "waybill dlq ls --stage counting --topic test.inbox"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("nothing of %q in the log:\n%s", want, log)
		}
	}
	in.halt(t)
	if n := k.lag(t, 0); n != 1000-buried {
		t.Errorf("%d records wait in partition 0, want those that did not die: %d", n, 1000-buried)
	}
}

// When the flood is over its source is read again: every record is a letter or worked on, once.
func TestAPausedSourceIsReadAgain(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.flood(t, 120, 0)
	k.onlyIn(t, 0, 300)
	log := newDiary()
	in := startWith(t, floodedConfig(k, "a", t.TempDir(), 50*time.Millisecond, 100*time.Millisecond), Deps{Log: slog.New(log)}, counting())
	k.check(t)
	eventually(t, "nothing is paused", func() bool { return len(pausedIn(in)) == 0 })
	in.halt(t)
	s := in.Stats()[0]
	if s.DeadLetters != 120 || s.Pauses < 3 {
		t.Errorf("%d letters, %d pauses: want 120 letters of a flood that was probed, 10 at a time", s.DeadLetters, s.Pauses)
	}
	if !strings.Contains(log.String(), "source is read again") {
		t.Errorf("nobody said that the source is read again:\n%s", log)
	}
}

// A stage whose undoing is a restore is restored in the middle of a probe: the end of the pause must not be taken for the
// end of the restore.
func TestAProbeAndARestoreAreTwoReasons(t *testing.T) {
	t.Parallel()
	k := newSnapshots(t)
	k.flood(t, 100, 0)
	k.onlyIn(t, 0, 100)
	k.onlyIn(t, 1, 100)
	log := newDiary()
	slowly := func(point string) bool {
		if point == "restored" {
			time.Sleep(300 * time.Millisecond) // longer than a fetch that finds nothing
		}
		return false
	}
	in := startWith(t, floodedConfig(k, "a", t.TempDir(), 5*time.Millisecond, 10*time.Millisecond), Deps{Log: slog.New(log), crash: slowly}, k.counting())
	k.check(t)
	in.halt(t)
	if s := in.Stats()[0]; s.DeadLetters != 100 || s.Pauses == 0 || s.Aborts == 0 {
		t.Errorf("%d letters, %d pauses, %d aborts", s.DeadLetters, s.Pauses, s.Aborts)
	}
	if strings.Contains(log.String(), "read before it was taken over") {
		t.Errorf("a partition was read while it was restored:\n%s", log)
	}
}

// Whoever gets a paused partition finds out for himself, also who had it before.
func TestAPausedSourceMayMove(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	const each = 500
	k.flood(t, each, 0, 1, 2, 3)
	a := start(t, floodedConfig(k, "a", t.TempDir(), time.Hour, time.Hour), nil, counting())
	eventually(t, "all is paused", func() bool { return len(pausedIn(a)) == 4 })
	b := start(t, floodedConfig(k, "b", t.TempDir(), time.Hour, time.Hour), nil, counting())
	eventually(t, "two partitions are paused by another", func() bool { return len(pausedIn(a)) == 2 && len(pausedIn(b)) == 2 })
	b.halt(t)
	eventually(t, "those two are paused anew", func() bool { return len(pausedIn(a)) == 4 })
	a.halt(t)
	if x, y := a.Stats()[0].Pauses, b.Stats()[0].Pauses; x != 6 || y != 2 {
		t.Errorf("%d and %d pauses, want 4 and after the move 2, and 2", x, y)
	}
	buried, left := a.Stats()[0].DeadLetters+b.Stats()[0].DeadLetters, int64(0)
	for p := range inbox.Partitions {
		left += k.lag(t, p)
	}
	if buried+left != 4*each || left < 2*each {
		t.Errorf("%d letters, %d records wait, of %d", buried, left, 4*each)
	}
}

// Ticks are no records: a source of one bad record a tick is all bad.
func TestTicksDoNotCount(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	var rs []*kgo.Record
	for range 60 {
		rs = append(rs, &kgo.Record{Topic: string(inbox.Name), Partition: 0, Value: encoded(&avro.Tick{})}, &kgo.Record{Topic: string(inbox.Name), Partition: 0, Key: []byte("x"), Value: []byte("rubbish")})
	}
	k.produce(t, rs...)
	in := start(t, floodedConfig(k, "a", t.TempDir(), time.Hour, time.Hour), nil, counting())
	eventually(t, "partition 0 is paused", func() bool { return len(pausedIn(in)) == 1 })
}
