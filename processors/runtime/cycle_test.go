package runtime

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

// What handlers say counts among a cycle's bytes: records that say much are not worked on by the thousand in one transaction.
func TestCyclesAreBoundedByWhatTheySay(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	cfg := testConfig(k, "a", t.TempDir())
	cfg.CycleRecords, cfg.CycleBytes = 5000, 10*largeBytes
	in := start(t, cfg, nil, counting())
	for _, n := range []int{1, 300} { // the first says how much it is
		var rs []*kgo.Record
		for range n {
			r := k.next("key", byKey)
			var m avro.PartnerMessage
			if err := m.Decode(r.Value[5:]); err != nil {
				t.Fatal(err)
			}
			m.Format = "large"
			r.Value = encoded(&m)
			rs = append(rs, r)
		}
		k.produce(t, rs...)
		k.check(t)
	}
	in.halt(t)
	said := map[int16]int{} // by epoch: each transaction has its own
	for _, rs := range k.outputs(t) {
		for _, r := range rs {
			said[r.ProducerEpoch] += len(r.Value)
		}
	}
	for epoch, n := range said {
		if n > 2*cfg.CycleBytes {
			t.Errorf("transaction %d says %d bytes, and a cycle is to have %d", epoch, n, cfg.CycleBytes)
		}
	}
	if len(said) < 10 {
		t.Errorf("%d transactions: has each an epoch of its own?", len(said))
	}
}
