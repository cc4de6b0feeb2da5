package states

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/processors/runtime"
)

// Right after an instance has stopped, the markers of its last transaction may be under way. State is held against the changelog once they
// are there: against less, all that was done last would be a difference.
func TestWhatIsAboutToBeCommittedIsWaitedFor(t *testing.T) {
	k := embedded(t)
	b := newBedOn(t, k.ListenAddrs(), "test", keeping(false))
	writer, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.TransactionalID("writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(writer.Close)
	if err := writer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Topic: string(runtime.Changelogs(b.disk.App, b.spec)[0].Name), Partition: 0, Key: key("last", "key", ""), Value: []byte("x")}
	if err := writer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	asked, ended := 0, make(chan error, 1)
	k.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if req.(*kmsg.ListOffsetsRequest).IsolationLevel == 1 { // of committed offsets
			if asked++; asked == 2 {
				go func() { ended <- writer.EndTransaction(t.Context(), kgo.TryCommit) }()
			}
		}
		return nil, nil, false
	})
	logs, err := runtime.DescribeChangelog(t.Context(), b.client, b.disk.App, b.spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	if logs[0].Committed < logs[0].End || logs[0].End == 0 {
		t.Fatalf("described up to %d, and the changelog goes to %d", logs[0].Committed, logs[0].End)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
