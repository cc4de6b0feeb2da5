package runtime

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What is committed behind the open transaction of somebody who may be dead is part of the state: a restore waits until that
// transaction has ended, and does not end before it, at the last stable offset.
func TestRestoreReachesBehindOpenTransactions(t *testing.T) {
	underBoth(t, func(t *testing.T, k *cluster) { k.restoresBehind(t) })
}

func (k *cluster) restoresBehind(t *testing.T) {
	first := start(t, testConfig(k, "a", t.TempDir()), nil, k.counting())
	k.send(t, 100, 7)
	k.check(t)
	dead := k.open(t, "test.counting.changelog")
	k.send(t, 100, 7)
	k.outputs(t) // the changelog has no end to read to
	first.halt(t)
	fenced := make(chan struct{}, 100)
	second := start(t, testConfig(k, "b", t.TempDir()), func(point string) bool {
		if point == "fenced" {
			fenced <- struct{}{}
		}
		return false
	}, k.counting())
	<-fenced
	for range 25 {
		sleep(t.Context(), 20*time.Millisecond)
		if s := second.Stats()[0]; s.Tasks > 0 && s.Restoring == 0 {
			t.Fatal("it is at work, and what lies behind the open transaction is not restored")
		}
	}
	if err := dead.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	k.send(t, 100, 7)
	k.check(t)
	second.halt(t)
}

// open begins a transaction over every partition of a topic.
func (k *cluster) open(t *testing.T, topic string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.addrs...), kgo.TransactionalID("test.dead"), kgo.RecordPartitioner(Partitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for p := range inbox.Partitions {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: p, Key: []byte("never"), Value: []byte("never")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return client
}
