package runtime

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
)

// BenchmarkMetering is what a committed cycle costs of being measured, for partitions with so many records each in a cycle: counts and histograms once
// a partition, hot keys in a sample of records, and what Stats shows, made anew each cycle. The figure to compare is ns/record.
func BenchmarkMetering(b *testing.B) {
	for _, c := range []struct{ partitions, records int }{{12, 1}, {12, 40}, {12, 400}, {1, 5000}} {
		b.Run(fmt.Sprintf("%dx%d", c.partitions, c.records), func(b *testing.B) {
			l := &lane{stage: &stage{log: slog.New(slog.DiscardHandler)}, tasks: map[place]*task{}, sources: newSources(DefaultConfig().Poison)}
			works := measured(b, l, c.partitions, c.records)
			b.ReportAllocs()
			for b.Loop() {
				begun := time.Now()
				for _, w := range works {
					weighOnly(w)
					l.measure(w, begun)
				}
				l.stats.commitTime.Observe(time.Since(begun), 1)
				l.stats.cycleTime.Observe(time.Since(begun), 1)
				if err := l.report(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.partitions*c.records), "ns/record")
		})
	}
}

// measured gives the lane tasks that have worked on so many records each.
func measured(b *testing.B, l *lane, partitions, records int) (works []*work) {
	for p := range partitions {
		bound, err := counting().NewTask(stream.Nothing{})
		if err != nil {
			b.Fatal(err)
		}
		t := &task{place: place{"in", int32(p)}, Task: bound}
		l.tasks[t.place] = t
		w := &work{stage: l.stage, task: t, records: keyed(records, func(i int) string { return fmt.Sprint("device-", i) })}
		for _, r := range w.records {
			r.Timestamp = time.Now()
		}
		works = append(works, w)
	}
	return works
}

// weighOnly does what each does of a batch, but for the handlers.
func weighOnly(w *work) {
	next, each := sampled(w.records)
	for i, r := range w.records {
		if i == next {
			next += stride(r)
			begun := time.Now()
			w.task.hot.weigh(r.Key, time.Since(begun), each)
		}
	}
}

// BenchmarkStage is a stage that reads, changes and writes a value and a timer per record, 10,000 keys in 4 partitions, on
// Kafka in the same process.
func BenchmarkStage(b *testing.B) {
	k := newCluster(b, counting())
	var rs []*kgo.Record
	for i := range b.N {
		key := fmt.Sprint("key-", i%10_000)
		rs = append(rs, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: []byte(key), Value: encoded(&avro.PartnerMessage{Name: fmt.Sprint(i), Payload: make([]byte, 150)})})
	}
	k.produce(b, rs...)
	cfg := testConfig(k, "a", b.TempDir())
	cfg.CommitInterval, cfg.CycleRecords = 100*time.Millisecond, 5000
	b.ResetTimer()
	in := start(b, cfg, nil, counting())
	eventually(b, "all records", func() bool { return in.Stats()[0].In >= int64(b.N) })
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	in.halt(b)
}
