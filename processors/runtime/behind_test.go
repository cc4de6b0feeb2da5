package runtime

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

// producing gives a client that fills partition 1 of the inbox in transactions.
func producing(t *testing.T, k *cluster) func(stamps []time.Time, how kgo.TransactionEndTry) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.addrs...), kgo.TransactionalID("outside"), kgo.RecordPartitioner(Partitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return func(stamps []time.Time, how kgo.TransactionEndTry) {
		t.Helper()
		err := client.BeginTransaction()
		for _, at := range stamps {
			r := &kgo.Record{Topic: string(inbox.Name), Partition: 1, Key: []byte("key"), Value: encoded(&avro.PartnerMessage{Name: "x"}), Timestamp: at}
			err = errors.Join(err, client.ProduceSync(context.Background(), r).FirstErr())
		}
		if err = errors.Join(err, client.EndTransaction(context.Background(), how)); err != nil {
			t.Fatal(err)
		}
	}
}

func behind(t *testing.T, p *Probe, wanted func(group, topic string, partition int32) bool) map[int32]Behind {
	t.Helper()
	all, err := p.Behind(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int32]Behind{}
	for _, b := range all {
		out[b.Partition] = b
	}
	return out
}

func everything(string, string, int32) bool { return true }

// An aborted record is not waiting, however old; a marker is none.
func TestBehindIsTheAgeOfTheOldestRecordLeft(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	p, produce := newProbe(t, k), producing(t, k)
	hour := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	produce([]time.Time{hour.Add(-time.Hour), hour.Add(-time.Hour)}, kgo.TryAbort)
	got := behind(t, p, everything)
	if b := got[1]; b.Records != 0 || !b.Oldest.IsZero() || len(got) != int(inbox.Partitions) {
		t.Errorf("with nothing but aborted records: %+v of %d partitions", b, len(got))
	}
	produce([]time.Time{hour, hour.Add(time.Minute)}, kgo.TryCommit)
	produce([]time.Time{hour.Add(time.Minute)}, kgo.TryCommit)
	b := behind(t, p, everything)[1]
	if b.Records != 5 || !b.Oldest.Equal(hour) { // three records, and the markers behind them
		t.Errorf("got %+v, want 5 offsets from %s on", b, hour)
	}
	none := behind(t, p, func(group, topic string, partition int32) bool {
		return group == "test.counting" && topic == string(inbox.Name) && partition == 3
	})
	if len(none) != 1 || none[3].Records != 0 {
		t.Errorf("asked for partition 3 alone: %+v", none)
	}
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	eventually(t, "nothing is behind, though a marker that nobody commits is left", func() bool {
		b := behind(t, p, everything)[1]
		return b.Records == 0 && b.Oldest.IsZero()
	})
	in.halt(t)
}
