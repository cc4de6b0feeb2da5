package runtime

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// marker is the end of a transaction in one partition. With transactions of version 2 each has an epoch of its own, so producer and
// epoch name it.
type marker struct {
	producer int64
	epoch    int16
	commit   bool
	where    string
}

// half are transactions that ended in both ways: committed in one partition and aborted in another, or in one and the same. Of such a one
// the changelog may stand and the outputs not, which no engine can see; whose fault it is is the brokers' log's to say.
func half(markers []marker) (faults []string) {
	type transaction struct {
		producer int64
		epoch    int16
	}
	ends := map[transaction][2][]string{} // aborted, committed
	for _, m := range markers {
		t := transaction{m.producer, m.epoch}
		kind := 0
		if m.commit {
			kind = 1
		}
		at := ends[t]
		at[kind] = append(at[kind], m.where)
		ends[t] = at
	}
	for t, at := range ends {
		if len(at[0]) > 0 && len(at[1]) > 0 {
			faults = append(faults, fmt.Sprintf("the transaction of producer %d that ended at epoch %d was aborted in %s and committed in %s",
				t.producer, t.epoch, strings.Join(at[0], ", "), strings.Join(at[1], ", ")))
		}
	}
	slices.Sort(faults)
	return faults
}

// whole says whether no transaction of the run's instances ended in both ways. Where one did the run shows nothing, whatever became of it: it is one
// more case of what DESIGN.md tells of brokers that are back at once, and counted.
func (r *run) whole() bool {
	r.t.Helper()
	var all []marker
	for _, topic := range r.names() {
		all = append(all, r.markers(r.t, topic)...)
	}
	faults := half(all)
	for _, fault := range faults {
		r.t.Logf("the brokers were of two minds, and no engine can see that: %s", fault)
		r.venue.tested.fault("transaction ended in two ways by the brokers")
	}
	return len(faults) == 0
}

// markers reads a topic's markers, of whatever became of their transactions.
func (k *cluster) markers(t testing.TB, topic string) (found []marker) {
	t.Helper()
	from, left := map[int32]kgo.Offset{}, map[int32]int64{}
	k.ends(t, topic).Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().AtStart(), o.Offset
		}
	})
	if len(from) == 0 {
		return nil
	}
	client, err := kgo.NewClient(append(k.login, kgo.SeedBrokers(k.addrs...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.KeepControlRecords(), kgo.Dialer(k.dialer))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read the markers of %s: %v still to come", topic, left)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if rec.Offset+1 >= left[rec.Partition] {
				delete(left, rec.Partition)
			}
			if rec.Attrs.IsControl() && len(rec.Key) >= 4 { // version, type
				found = append(found, marker{rec.ProducerID, rec.ProducerEpoch, binary.BigEndian.Uint16(rec.Key[2:]) == 1, fmt.Sprintf("%s/%d@%d", rec.Topic, rec.Partition, rec.Offset)})
			}
		})
	}
	return found
}

func TestATransactionThatEndedInBothWaysIsSeen(t *testing.T) {
	good := []marker{{7, 3, true, "out/0@5"}, {7, 3, true, "out/0@6"}, {7, 4, false, "out/0@9"}, {8, 3, false, "out/0@11"}, {7, 3, true, "log/0@2"}}
	if faults := half(good); faults != nil {
		t.Errorf("%q, want none", faults)
	}
	want := []string{"the transaction of producer 7 that ended at epoch 3 was aborted in out/1@4 and committed in out/0@5, out/0@6, log/0@2"}
	if faults := half(append(good, marker{7, 3, false, "out/1@4"})); !slices.Equal(faults, want) {
		t.Errorf("%q, want %q", faults, want)
	}
}
