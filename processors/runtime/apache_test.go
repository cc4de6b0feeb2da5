package runtime

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"waybill/topics"
)

// The engine on Apache Kafka: what other tests of this process show on the embedded one. The broker is one for all of these, so
// they run one after the other, each on topics and a group made anew. TestFaultsOnApacheKafka has the crash matrix.
func TestApacheKafka(t *testing.T) {
	t.Parallel()
	broker := startOneApache(t)
	for _, p := range protocols {
		on := func(name string, test func(*testing.T, *cluster)) {
			t.Run(fmt.Sprint(p, "/", name), func(t *testing.T) {
				k := connect(t, broker.Brokers())
				k.protocol = p
				k.wipe(t)
				k.create(t, counting())
				test(t, k)
			})
		}
		on("an evicted member cannot fence", func(t *testing.T, k *cluster) { k.evictedCannotFence(t) })
		for _, point := range []string{"processed", "flushed"} {
			on("a zombie wakes after "+point, func(t *testing.T, k *cluster) { k.zombieWakes(t, point) })
		}
		if p == ClassicProtocol {
			on("static members", func(t *testing.T, k *cluster) { k.staticMembers(t) })
			on("the second of a static name ends the first", func(t *testing.T, k *cluster) { k.secondEndsTheFirst(t) })
		} else {
			on("from classic and back", func(t *testing.T, k *cluster) { k.migrates(t) })
		}
		on("a swallowed revoke fences nothing", func(t *testing.T, k *cluster) { k.swallowedRevoke(t) })
		on("scale out and in", func(t *testing.T, k *cluster) { k.scaleOutAndIn(t) })
		on("kills and moves", func(t *testing.T, k *cluster) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			k.killsAndMoves(t, 6, seed)
		})
	}
}

// wipe removes the topics and the group of the test before. Kafka takes its time: members must be gone, and a deleted topic
// lingers.
func (k *cluster) wipe(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	eventually(t, "the old group and topics are gone", func() bool {
		groups, err := k.adm.DeleteGroups(ctx, "test.counting")
		if err != nil || groups["test.counting"].Err != nil && !errors.Is(groups["test.counting"].Err, kerr.GroupIDNotFound) {
			return false
		}
		left := 0
		for _, topic := range ours(counting()) {
			if topic.Name == topics.DeadLetters.Name {
				continue // others use it
			}
			if _, err := k.adm.DeleteTopic(ctx, string(topic.Name)); !errors.Is(err, kerr.UnknownTopicOrPartition) {
				left++
			}
		}
		return left == 0
	})
}
