package runtime

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/topics"
)

func newProbe(t *testing.T, k *cluster) *Probe {
	t.Helper()
	p, err := NewProbe([]kgo.Opt{kgo.SeedBrokers(k.addrs...)}, testConfig(k, "a", "x").Readers(counting())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// What a transactional producer leaves in the inbox, markers and aborted records, must not look like work left.
func TestQuietSeesPastMarkers(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	p := newProbe(t, k)
	producer, err := kgo.NewClient(kgo.SeedBrokers(k.addrs...), kgo.TransactionalID("outside"), kgo.RecordPartitioner(Partitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	transact := func(n int, how kgo.TransactionEndTry) {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range n {
			r := &kgo.Record{Topic: string(inbox.Name), Partition: 1, Key: []byte("key"), Value: encoded(&avro.PartnerMessage{Name: "in a transaction"})}
			if err := producer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if how {
			lags, err := p.Lags(t.Context())
			if err != nil || lags[0].Open == 0 {
				t.Errorf("an open transaction shows as %+v, %v", lags, err)
			}
		}
		if err := producer.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	transact(3, kgo.TryCommit)
	transact(2, kgo.TryAbort)
	lags, err := p.Lags(t.Context())
	if err != nil || lags[0].Records != 3 || lags[0].Open != 0 {
		t.Fatalf("lag is %+v, %v, want 3 records", lags, err)
	}
	if quiet, err := p.Quiet(t.Context()); quiet || err != nil {
		t.Errorf("quiet with 3 records to go (%v)", err)
	}
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	if err := p.WaitQuiet(t.Context(), 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	in.halt(t)
	if got := in.Stats()[0].In; got != 3 {
		t.Errorf("quiet after %d records, want 3", got)
	}
}

func TestTickReachesEveryPartition(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	ticker := Ticker{Client: k.client, Encoder: codec{}, Inboxes: Inboxes(counting()), Producer: "test"}
	if err := ticker.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := k.read(t, string(inbox.Name)); len(got) != int(inbox.Partitions) {
		t.Errorf("ticks in %d partitions, want %d", len(got), inbox.Partitions)
	}
	other, err := kgo.NewClient(kgo.SeedBrokers(k.addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ticker.Client = other
	if err := ticker.Send(t.Context()); err == nil || !strings.Contains(err.Error(), "Partitioner") {
		t.Errorf("got %v, want to hear of the wrong partitioner", err)
	}
	ticker.Client, ticker.Inboxes = k.client, []topics.Name{"test.absent"}
	if err := ticker.Send(t.Context()); err == nil {
		t.Error("a tick for a missing inbox was sent")
	}
}
