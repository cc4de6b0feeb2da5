package states

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/bench/rig"
	"waybill/processors/runtime"
)

// A changelog that was compacted says of what changed behind a checkpoint no more what it was before. That is no difference,
// of state kept record by record and in snapshots; what did not change is compared.
func TestCompactedChangelogVerifies(t *testing.T) {
	k := embedded(t)
	for _, snapshots := range []bool{false, true} {
		b := newBedOn(t, k.ListenAddrs(), fmt.Sprint("app-", snapshots), keeping(snapshots))
		b.compacted(func() {
			b.roll()
			k.Compact()
		})
	}
}

// The same on Apache Kafka, which compacts by itself all segments but the one that is written.
func TestCompactedApacheChangelogVerifies(t *testing.T) {
	k, err := rig.StartApacheCluster(t.Context(), t.TempDir(), rig.ApacheOptions{HeapMB: 256})
	if errors.Is(err, rig.ErrNoApacheKafka) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Stop() })
	for _, snapshots := range []bool{false, true} {
		b := newBedOn(t, k.Brokers(), fmt.Sprint("app-", snapshots), keeping(snapshots))
		b.compacted(b.roll)
	}
}

// compacted has the changelog compacted behind an instance that was stopped, while another worked on, and verifies the state of
// both.
func (b *bed) compacted(compact func()) {
	b.t.Helper()
	b.work(b.disk.Root, 100)
	other := *b
	other.disk.Root = filepath.Join(b.t.TempDir(), "another's")
	b.sent = 0
	b.work(other.disk.Root, 15) // for three of four keys, and a snapshot in each partition
	before := b.length()
	compact()
	b.until("the changelog is shorter", func() bool { return b.length() < before })
	r := b.verify()
	var compared, later int64
	for _, p := range r.Partitions {
		compared, later = compared+p.Compared, later+p.Later
	}
	if r.Err() != nil || later == 0 || compared == 0 {
		b.t.Errorf("the first one's state: %v, %d compared, %d changed later: %+v", r.Err(), compared, later, r)
	}
	if r := other.verify(); r.Err() != nil {
		b.t.Errorf("the other's state: %v: %+v", r.Err(), r)
	}
	b.work(b.disk.Root, 10) // the first takes over again
	if r := b.verify(); r.Err() != nil {
		b.t.Errorf("after the first one's return: %v: %+v", r.Err(), r)
	}
}

// length is how many committed records the changelog has.
func (b *bed) length() (n int) {
	b.t.Helper()
	logs, err := runtime.DescribeChangelog(b.t.Context(), b.client, b.disk.App, b.spec.Name)
	for _, log := range logs {
		err = errors.Join(err, log.Read(b.t.Context(), []kgo.Opt{kgo.SeedBrokers(b.addrs...)}, func(runtime.Entry) error {
			n++
			return nil
		}))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// roll makes Apache Kafka begin new segments, by transactions that are aborted.
func (b *bed) roll() {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.TransactionalID(b.disk.App+".roller"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	for range 2 {
		<-time.After(200 * time.Millisecond) // the age at which a segment is old, and then some
		if err := client.BeginTransaction(); err != nil {
			b.t.Fatal(err)
		}
		for p := range int32(partitions) {
			r := &kgo.Record{Topic: string(runtime.Changelogs(b.disk.App, b.spec)[0].Name), Partition: p, Key: []byte("never"), Value: []byte("never")}
			if err := client.ProduceSync(b.t.Context(), r).FirstErr(); err != nil {
				b.t.Fatal(err)
			}
		}
		if err := client.EndTransaction(b.t.Context(), kgo.TryAbort); err != nil {
			b.t.Fatal(err)
		}
	}
}
