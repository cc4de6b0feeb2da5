package clickhouse

import (
	"fmt"
	"testing"

	"waybill/avro"
	"waybill/sinks"
	"waybill/topics"
)

// BenchmarkPositions writes blocks of 100,000 positions of 1,000 devices.
func BenchmarkPositions(b *testing.B) {
	benchmark(b, 100_000, func(i int) avro.Record {
		return &avro.Position{
			Tenant: "t", Issuer: "fleet", DeviceID: fmt.Sprintf("d%03d", i%1000), DeviceAt: day + avro.Micros(i/1000)*1_000_000,
			LatE6: int32(48_000_000 + i), LonE6: int32(11_000_000 + i), SpeedMmS: avro.Some(int32(i % 30_000)), Valid: true,
		}
	})
}

// BenchmarkMilestones writes blocks of 20,000 milestones.
func BenchmarkMilestones(b *testing.B) {
	benchmark(b, 20_000, func(i int) avro.Record { return full(int64(i))[0] })
}

func benchmark(b *testing.B, rows int, record func(int) avro.Record) {
	cfg, _ := database(b)
	s := newSink(b, cfg)
	block := &sinks.Block{Topic: topics.Positions.Name, TopicID: [16]byte{1}}
	for i := range rows {
		block.Rows = append(block.Rows, sinks.Row{Offset: int64(i), At: day.Time(), Value: record(i)})
	}
	b.ResetTimer()
	for b.Loop() {
		block.From, block.Next = block.Next, block.Next+int64(rows)
		if err := s.writer.Write(b.Context(), block); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
