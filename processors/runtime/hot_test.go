package runtime

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

// sample weighs what the engine would of batches of so many records.
func (h *hot) sample(records []*kgo.Record, batch int, took func(key string) time.Duration) {
	for len(records) > 0 {
		b := records[:min(batch, len(records))]
		records = records[len(b):]
		next, each := sampled(b)
		for i, r := range b {
			if i == next {
				next += stride(r)
				h.weigh(r.Key, took(string(r.Key)), each)
			}
		}
	}
}

func keyed(n int, key func(i int) string) (out []*kgo.Record) {
	for i := range n {
		out = append(out, &kgo.Record{Offset: int64(i), Key: []byte(key(i))})
	}
	return out
}

func TestHotKeysAreFoundInASample(t *testing.T) {
	even := func(string) time.Duration { return time.Microsecond }
	random := rand.New(rand.NewPCG(1, 2))
	cases := []struct {
		name          string
		key           func(i int) string
		took          func(key string) time.Duration
		hot           string
		records, work float64
	}{
		{"none", func(int) string { return fmt.Sprint(random.IntN(100_000)) }, even, "", 0, 0},
		{"devices that report in turn", func(i int) string { return fmt.Sprint(i % 64) }, even, "", 0, 0},
		{"a third of the records", func(i int) string {
			if random.IntN(3) == 0 {
				return "heavy"
			}
			return fmt.Sprint(random.IntN(100_000))
		}, even, "heavy", 0.33, 0.33},
		{"a tenth of the records, two thirds of the work", func(i int) string {
			if random.IntN(10) == 0 {
				return "heavy"
			}
			return fmt.Sprint(random.IntN(100_000))
		}, func(key string) time.Duration {
			if key == "heavy" {
				return 18 * time.Microsecond
			}
			return time.Microsecond
		}, "heavy", 0.1, 0.67},
		{"one pause during a record", func(i int) string { return fmt.Sprint(random.IntN(100_000)) }, func() func(string) time.Duration {
			n := 0
			return func(string) time.Duration {
				if n++; n == 200 {
					return time.Second
				}
				return time.Microsecond
			}
		}(), "", 0, 0},
	}
	for _, c := range cases {
		for _, batch := range []int{1, 50, 700, 5000} {
			var h hot
			h.sample(keyed(40_000, c.key), batch, c.took)
			top := h.heaviest(time.Unix(1, 0))
			if len(top) > hotShown {
				t.Fatalf("%s: %d keys are listed", c.name, len(top))
			}
			for _, k := range top {
				near := func(got, want float64) bool { return got > want-0.08 && got < want+0.08 }
				if k.Key == c.hot && !(near(k.Records, c.records) && near(k.Work, c.work)) || k.Key != c.hot && k.share() > 0.1 || c.name == "none" && k.share() > 0.01 {
					t.Errorf("%s, in batches of %d: %+v", c.name, batch, k)
				}
			}
			if c.hot != "" && top[0].Key != c.hot {
				t.Errorf("%s, in batches of %d: the heaviest is %+v", c.name, batch, top[0])
			}
		}
	}
}

// Memory does not grow with keys nor with their length, and weighing allocates nothing.
func TestHotKeysTakeBoundedMemory(t *testing.T) {
	var h hot
	long := strings.Repeat("x", 10_000)
	for i := range 100_000 {
		h.weigh([]byte(fmt.Sprint(long, i)), time.Microsecond, 1)
	}
	for _, e := range h.records.of {
		if cap(e.key) > 2*keyShown {
			t.Fatalf("%d bytes of a key are kept", cap(e.key))
		}
	}
	i, key := 0, []byte("key-0000000")
	if n := testing.AllocsPerRun(1000, func() {
		i++
		copy(key[4:], fmt.Append(key[4:4], 1_000_000+i))
		h.weigh(key, time.Microsecond, 1)
	}); n > 1 { // the number is boxed
		t.Errorf("%v allocations a record", n)
	}
}

func TestAHotKeyIsToldOfOnce(t *testing.T) {
	var h hot
	now := time.Unix(0, 0)
	window := func(key string, took time.Duration) (told int) {
		for range hotWindow {
			h.weigh([]byte(key), 1, 1)
			h.weigh(fmt.Append(nil, rand.Int()), 1, 1)
		}
		now = now.Add(took)
		if is, news := h.turn(now); news {
			if is.Key != key {
				t.Errorf("told of %+v", is)
			}
			told++
		}
		return told
	}
	h.turn(now)
	for i, c := range []struct {
		key  string
		took time.Duration
		want int
	}{
		{"a", hotWithin + 1, 0}, // little goes on
		{"a", hotWithin, 1}, {"a", time.Second, 0}, {"a", time.Second, 0},
		{"b", time.Second, 1}, {"b", time.Second, 0},
		{"", time.Second, 0}, {"", time.Second, 0}, {"", time.Second, 0}, {"", time.Second, 0}, // it cools down
		{"b", time.Second, 1},
	} {
		if got := window(c.key, c.took); got != c.want {
			t.Errorf("window %d, of %q: told %d times, want %d", i, c.key, got, c.want)
		}
	}
}

// The stage that works says which key it is, where Stats are shown and in the log.
func TestAHotKeyIsVisible(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	var rs []*kgo.Record
	for i := range 20_000 {
		key := fmt.Sprint("key-", i)
		if i%2 == 0 {
			key = "load-7"
		}
		rs = append(rs, &kgo.Record{Topic: string(inbox.Name), Partition: 2, Key: []byte(key), Value: encoded(&avro.PartnerMessage{})})
	}
	k.produce(t, rs...)
	var said journal
	cfg := testConfig(k, "a", t.TempDir())
	cfg.CycleRecords = 5000
	in := startWith(t, cfg, Deps{Log: slog.New(slog.NewTextHandler(&said, nil))}, counting())
	eventually(t, "the hot key is listed", func() bool {
		for _, p := range in.Stats()[0].Partitions {
			if p.Partition != 2 && len(p.Hot) > 0 {
				t.Fatalf("partition %d lists %v", p.Partition, p.Hot)
			}
			if len(p.Hot) > 0 && p.Hot[0].Key == "load-7" && p.Hot[0].Records > 0.35 && p.Hot[0].Records < 0.65 {
				return true
			}
		}
		return false
	})
	eventually(t, "the hot key is told of", func() bool { return said.count("key=load-7") == 1 && said.count("one key takes much") == 1 })
	in.halt(t)
}

// BenchmarkWeighing is what a record costs of finding hot keys: in large batches, in small ones and with it left out.
func BenchmarkWeighing(b *testing.B) {
	for _, batch := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint("batches of ", batch), func(b *testing.B) {
			records := keyed(1000, func(i int) string { return fmt.Sprint("device-", i%311) })
			w := work{task: &task{}}
			b.ReportAllocs()
			n := 0
			for n < b.N {
				for from := 0; from < len(records); from += batch {
					some := records[from : from+batch]
					next, each := sampled(some)
					for i, r := range some {
						if i == next {
							next += stride(r)
							begun := time.Now()
							w.task.hot.weigh(r.Key, time.Since(begun), each)
						}
					}
					w.task.hot.turn(time.Unix(1, 0))
					n += batch
				}
			}
		})
	}
}
