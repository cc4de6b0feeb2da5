package runtime

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

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
