package runtime

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

func TestStatsTellWhatHappened(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.send(t, 200, 20)
	first := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.outputs(t)
	first.halt(t)
	if s := first.Stats()[0]; s.Joined || len(s.Partitions) != 0 {
		t.Errorf("after it left: joined %v with %v", s.Joined, s.Partitions)
	}
	k.send(t, 200, 20)
	k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: []byte("key-1"), Value: encoded(&avro.PartnerMessage{Format: "poison"})})
	began := time.Now()
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting()) // elsewhere, so that it restores
	eventually(t, "the poison is buried and all partitions work", func() bool {
		s := in.Stats()[0]
		return s.DeadLetters == 1 && s.In == 201 && len(s.Partitions) == int(inbox.Partitions) && s.Restoring == 0
	})
	s := in.Stats()[0]
	for i, p := range s.Partitions {
		if !p.Working || p.Topic != string(inbox.Name) || p.Partition != int32(i) || p.State.DiskBytes == 0 {
			t.Errorf("partition %d stands at %+v", i, p)
		}
	}
	if !s.Joined || s.Beat.Before(began) || s.Reasons["BAD"] != 1 || len(s.Reasons) != 1 {
		t.Errorf("joined %v, last beat %s, dead letters %v", s.Joined, s.Beat, s.Reasons)
	}
	if s.EndToEnd.Count != s.In || s.In == 0 || s.CommitTime.Count == 0 || s.CycleTime.Count < s.CommitTime.Count {
		t.Errorf("%d records in, %d timed from end to end; %d cycles, %d commits timed", s.In, s.EndToEnd.Count, s.CycleTime.Count, s.CommitTime.Count)
	}
	if s.Misses == 0 || s.Restored == 0 {
		t.Errorf("%d misses, %d changelog records read", s.Misses, s.Restored)
	}
}

// A member too many has no partition, and that is all right.
func TestJoinedWithoutPartitions(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	var all []*instance
	for i := range int(inbox.Partitions) + 1 {
		all = append(all, start(t, testConfig(k, fmt.Sprint(i), t.TempDir()), nil, counting()))
	}
	eventually(t, "all are joined, one of them with nothing", func() bool {
		owned, idle := 0, 0
		for _, in := range all {
			s := in.Stats()[0]
			owned += len(s.Partitions)
			if s.Joined && len(s.Partitions) == 0 {
				idle++
			}
		}
		return owned == int(inbox.Partitions) && idle == 1
	})
}

func TestProgressKnowsWhatIsLeft(t *testing.T) {
	tests := []struct {
		in   Progress
		want time.Duration
	}{
		{Progress{}, 0},
		{Progress{Total: 100, Took: time.Second}, 0},
		{Progress{Done: 25, Total: 100, Took: time.Second}, 3 * time.Second},
		{Progress{Done: 100, Total: 100, Took: time.Second}, 0},
	}
	for _, tc := range tests {
		if got := tc.in.Left(); got != tc.want {
			t.Errorf("%+v: %s left, want %s", tc.in, got, tc.want)
		}
	}
}
