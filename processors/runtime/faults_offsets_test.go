package runtime

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetsTopic is where Apache Kafka keeps what groups commit.
const offsetsTopic = "__consumer_offsets"

// commits gives what was committed of each partition of a group, in the order in which it was: by the log of the offsets itself. A
// coordinator's answers may be older than that log. It reads until it has met what the coordinator tells in the end.
func (k *cluster) commits(t testing.TB, group string) map[place][]int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(kadm.RequireStable(context.Background()), patience)
	defer cancel()
	client, err := kgo.NewClient(append(k.login, kgo.SeedBrokers(k.addrs...), kgo.ConsumeTopics(offsetsTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.Dialer(k.dialer))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	all := map[place][]int64{}
	for !k.toldOfAll(ctx, group, all) {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %s: the end of what group %s committed does not come: %v", offsetsTopic, group, fetches.Errors())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var key kmsg.OffsetCommitKey
			var value kmsg.OffsetCommitValue
			if len(r.Key) < 2 || r.Key[0] != 0 || r.Key[1] > 1 || r.Value == nil { // of a group, or an offset removed
				return
			}
			if err := key.ReadFrom(r.Key); err != nil || key.Group != group {
				return
			}
			if err := value.ReadFrom(r.Value); err != nil {
				t.Fatalf("read the offset at %s: %v", at(r), err)
			}
			all[place{key.Topic, key.Partition}] = append(all[place{key.Topic, key.Partition}], value.Offset)
		})
	}
	return all
}

// toldOfAll says whether what was read ends with what the coordinator tells.
func (k *cluster) toldOfAll(ctx context.Context, group string, read map[place][]int64) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	told, err := k.adm.FetchOffsets(ctx, group)
	all := err == nil && len(told) > 0
	told.Each(func(o kadm.OffsetResponse) {
		offsets := read[place{o.Topic, o.Partition}]
		all = all && o.Err == nil && len(offsets) > 0 && offsets[len(offsets)-1] == o.At
	})
	return all
}

// neverBack holds what a group committed: it never went back.
func (r *run) neverBack() {
	r.t.Helper()
	for at, offsets := range r.commits(r.t, r.group()) {
		for i := 1; i < len(offsets); i++ {
			if offsets[i] < offsets[i-1] {
				r.t.Errorf("the committed offset of %s/%d went back from %d to %d", at.topic, at.partition, offsets[i-1], offsets[i])
			}
		}
	}
}
