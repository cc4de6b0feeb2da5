package runtime

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

func splitNUL(s string) iter.Seq[string] { return strings.SplitSeq(s, "\x00") }

func TestCountsEachRecordOnce(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.send(t, 500, 7)
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.outputs(t)
	k.send(t, 500, 7)
	k.check(t)
	in.halt(t)
	if s := in.Stats()[0]; s.In != 1000 || s.Out != 1000 || s.DeadLetters != 0 || s.Commits == 0 {
		t.Errorf("counters say %+v", s)
	}
}

// A new disk restores from the changelog alone; the old disk needs only what it lacks.
func TestRestartWithAndWithoutDisk(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprint("keep=", keep), func(t *testing.T) {
			k := newCluster(t, counting())
			cfg := testConfig(k, "a", t.TempDir())
			first := start(t, cfg, nil, counting())
			k.send(t, 300, 7)
			k.check(t)
			first.halt(t)
			if !keep {
				cfg.StateDir = t.TempDir()
			}
			second := start(t, cfg, nil, counting())
			k.send(t, 300, 7)
			k.check(t)
			second.halt(t)
			if restored := second.Stats()[0].Restored; keep != (restored == 0) {
				t.Errorf("restored %d records", restored)
			}
		})
	}
}

func TestForeignDiskIsSetAside(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	cfg := testConfig(k, "a", t.TempDir())
	dir := filepath.Join(cfg.StateDir, "test", "counting", string(inbox.Name), "0")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "holiday.jpg"), []byte("not state"), 0o644); err != nil {
		t.Fatal(err)
	}
	in := start(t, cfg, nil, counting())
	k.send(t, 100, 7)
	k.check(t)
	in.halt(t)
	if _, err := os.Stat(filepath.Join(dir+".aside-1", "holiday.jpg")); err != nil {
		t.Errorf("what lay there is gone: %v", err)
	}
}

func TestPoisonBecomesDeadLetter(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	bad := func(format string) []byte {
		return encoded(&avro.PartnerMessage{Name: format, Format: format})
	}
	var rs []*kgo.Record
	for _, value := range [][]byte{bad("poison"), []byte("rubbish"), nil, bad("oversize"), encoded(&avro.Fence{})} {
		rs = append(rs, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: []byte("key-0"), Value: value, Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("x")}}})
	}
	rs = append(rs, &kgo.Record{Topic: string(inbox.Name), Partition: 1, Value: bad("")})
	k.send(t, 20, 3)
	k.produce(t, rs...)
	k.send(t, 20, 3)
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.check(t)
	in.halt(t)
	reasons := map[string]*avro.DeadLetter{}
	for _, records := range k.read(t, string(topics.DeadLetters.Name)) {
		for _, r := range records {
			rec, err := codec{}.Decode(t.Context(), r.Value)
			if err != nil {
				t.Fatal(err)
			}
			letter := rec.(*avro.DeadLetter)
			reasons[letter.Reason] = letter
		}
	}
	for reason, value := range map[string][]byte{"BAD": rs[0].Value, "BAD_FRAME": rs[1].Value, "TOMBSTONE": nil, "OVERSIZE": rs[3].Value, "UNEXPECTED_RECORD": rs[4].Value, "NO_KEY": rs[5].Value} {
		letter := reasons[reason]
		if letter == nil {
			t.Errorf("no dead letter with reason %s, but %v", reason, reasons)
			continue
		}
		if string(letter.Value.V) != string(value) || letter.Value.Ok != (value != nil) || letter.Topic != string(inbox.Name) || letter.Stage != "counting" || len(letter.Causes) == 0 || letter.Attempt != 1 {
			t.Errorf("dead letter %+v is not what died", letter)
		}
		if reason != "NO_KEY" && (len(letter.Headers) != 1 || letter.Headers[0].Key != "trace") {
			t.Errorf("headers %v", letter.Headers)
		}
	}
	if len(reasons) != 6 {
		t.Errorf("dead letters %v", reasons)
	}
}

// Neither bytes on which a decoder panics nor a record that cannot be encoded may end the process: the next one would meet them
// again.
func TestPanicsAroundHandlersAreBuried(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.send(t, 20, 3)
	for _, value := range [][]byte{[]byte("deadly"), encoded(&avro.PartnerMessage{Name: "nothing", Format: "nothing"})} {
		k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: []byte("key-0"), Value: value})
	}
	k.send(t, 20, 3)
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.check(t)
	in.halt(t)
	if got := in.Stats()[0].Reasons; len(got) != 1 || got["PANIC"] != 2 {
		t.Errorf("dead letters %v, want two of PANIC", got)
	}
}

// What is too long for a letter stays where it was read: a letter that no broker takes would hold up the stage for ever.
func TestRecordsTooLongForALetterStillDie(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	limit := testConfig(k, "a", "").MaxMessageBytes
	for _, size := range []struct{ key, value int }{{1, limit - 500}, {limit - 500, 1}, {limit * 7 / 10, 10}, {limit / 3, limit / 3}} {
		k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: make([]byte, size.key), Value: make([]byte, size.value)})
	}
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	eventually(t, "four dead letters", func() bool { return in.Stats()[0].DeadLetters == 4 })
	k.send(t, 10, 3)
	k.check(t)
	in.halt(t)
}

// A batch full of poison is run twice at most, not once per record.
func TestMuchPoisonCostsLittle(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	var rs []*kgo.Record
	for range 500 {
		rs = append(rs, &kgo.Record{Topic: string(inbox.Name), Partition: 0, Key: []byte("key-0"), Value: encoded(&avro.PartnerMessage{Format: "poison"})})
	}
	k.produce(t, rs...)
	k.send(t, 50, 3)
	var calls atomic.Int64
	cfg := testConfig(k, "a", t.TempDir())
	cfg.CycleRecords = 1000
	in := start(t, cfg, nil, countingCalls(&calls))
	k.check(t)
	in.halt(t)
	if n := in.Stats()[0].DeadLetters; n != 500 {
		t.Errorf("%d dead letters, want 500", n)
	}
	if n := calls.Load(); n > 2*550 {
		t.Errorf("handlers ran %d times for 550 records", n)
	}
}

func TestBroadcastAndTimers(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.send(t, 10, 5)
	k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: []byte("key-0"), Value: encoded(&avro.PartnerMessage{Name: "all", Format: "everyone"})})
	k.sent, k.want["key-0"] = k.sent+1, k.want["key-0"]+1
	k.check(t)
	eventually(t, "a copy in each partition", func() bool { return len(k.read(t, string(totals))) == 3 })
	k.clockByHand(t)
	for p := range inbox.Partitions {
		k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: p, Value: encoded(&avro.Tick{}), Timestamp: time.Now().Add(time.Hour)})
	}
	got := map[string]int64{}
	eventually(t, "a total per key", func() bool {
		clear(got)
		for _, rs := range k.read(t, string(totals)) {
			for _, r := range rs {
				if m := decodeMessage(t, r.Value); m.Line > 0 {
					got[m.Name] += m.Line
				}
			}
		}
		return len(got) == len(k.want)
	})
	if !mapsEqual(got, k.want) {
		t.Errorf("timers said %v, want %v", got, k.want)
	}
	in.halt(t)
}

func TestFatalEndsTheEngine(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: []byte("key-0"), Value: encoded(&avro.PartnerMessage{Format: "fatal"})})
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	in.ended(t)
	if in.err == nil || !strings.Contains(in.err.Error(), "told to stop") || strings.Contains(in.err.Error(), "\n") {
		t.Errorf("got %v, want one sentence that names the cause", in.err)
	}
	if out := k.read(t, string(numbered)); len(out) != 0 {
		t.Errorf("output of an aborted cycle is visible: %v", out)
	}
}

func TestMissingTopicIsNamed(t *testing.T) {
	t.Parallel()
	k := newCluster(t) // no changelog
	e, err := New(testConfig(k, "a", t.TempDir()), Deps{Decoder: codec{}, Encoder: codec{}}, counting())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "test.counting.changelog") {
		t.Errorf("got %v, want the missing topic by name", err)
	}
}

// Two processes of one instance fence each other for ever; the log says how to end that.
func TestTwinInstancesAreTold(t *testing.T) {
	err := (&lane{stage: &stage{cfg: Config{App: "test", Instance: "a"}}}).rival(fmt.Errorf("end: %w", kerr.ProducerFenced))
	if !errors.Is(err, kerr.ProducerFenced) || !strings.Contains(err.Error(), `instance "a" of test: give each its own runtime.instance`) {
		t.Errorf("got %v", err)
	}
}

func TestInstancesShareTheWork(t *testing.T) {
	underBoth(t, func(t *testing.T, k *cluster) { k.instancesShare(t) })
}

func (k *cluster) instancesShare(t *testing.T) {
	a := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.send(t, 300, 11)
	k.outputs(t)
	b := start(t, testConfig(k, "b", t.TempDir()), nil, counting())
	eventually(t, "two tasks each", func() bool {
		k.send(t, 5, 11)
		x, y := a.Stats()[0], b.Stats()[0]
		return x.Tasks == 2 && y.Tasks == 2 && y.Restoring == 0
	})
	k.send(t, 300, 11)
	k.check(t)
	a.halt(t) // leaves the group: b takes over what a had
	k.send(t, 300, 11)
	k.check(t)
	b.halt(t)
}

// Headers are bytes of a cycle as values are: what is nearly all header must not fill memory until the commit interval is over.
func TestHeadersFillACycle(t *testing.T) {
	s := &stage{cfg: DefaultConfig(), deps: Deps{Decoder: codec{}, Encoder: codec{}}, spec: counting()}
	st, err := s.spec.NewTask(stream.Nothing{})
	if err != nil {
		t.Fatal(err)
	}
	w := &work{stage: s, topo: &topology{}, task: &task{Task: st}}
	burden := []kgo.RecordHeader{{Key: "burden", Value: make([]byte, 200_000)}}
	if err := w.run(t.Context(), []*kgo.Record{{Key: []byte("a"), Value: encoded(&avro.PartnerMessage{}), Headers: burden}}); err != nil || w.bytes < 200_000 {
		t.Errorf("%d bytes, %v, want 200000 and more", w.bytes, err)
	}
}
