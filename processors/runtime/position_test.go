package runtime

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A coordinator that tells of older offsets than were committed, as one does that was deposed and has not heard, has nothing worked on
// twice: whoever takes over asks until it is told of its own fence.
func TestStaleOffsetsAreNotBelieved(t *testing.T) {
	t.Parallel()
	for _, p := range protocols {
		for _, old := range []bool{true, false} { // older ones, and none at all
			t.Run(fmt.Sprintf("%s/offsets %v", p, old), func(t *testing.T) {
				t.Parallel()
				k := newCluster(t, counting())
				k.protocol = p
				k.staleOffsets(t, old)
			})
		}
	}
}

func TestStaleOffsetsAreNotBelievedAtLeastOnce(t *testing.T) {
	t.Parallel()
	atLeastOnce(t).staleOffsets(t, true)
}

func TestStaleOffsetsAreNotBelievedBySnapshots(t *testing.T) {
	t.Parallel()
	newSnapshots(t).staleOffsets(t, true)
}

// staleOffsets lets an instance take over while the coordinator's answers are old.
func (k *cluster) staleOffsets(t *testing.T, any bool) {
	const group = "test.counting"
	first := start(t, testConfig(k, "a", t.TempDir()), nil, k.counting())
	k.send(t, 100, 7)
	k.check(t)
	stale, err := k.adm.FetchOffsets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if !any {
		stale = nil
	}
	k.send(t, 200, 7)
	k.check(t)
	first.halt(t)
	names := map[[16]byte]string{}
	for _, name := range []string{string(inbox.Name), "test.counting.changelog"} {
		names[k.topicID(t, name)] = name
	}
	var left atomic.Int64
	left.Store(12)
	k.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if left.Add(-1) < 0 {
			return nil, nil, false
		}
		return answer(req.(*kmsg.OffsetFetchRequest), names, stale), nil, true
	})
	second := start(t, testConfig(k, "b", t.TempDir()), nil, k.counting())
	k.send(t, 100, 7)
	k.check(t)
	second.halt(t)
	if left.Load() >= 0 {
		t.Errorf("%d old answers were not asked for", left.Load())
	}
}

// answer is what a coordinator says that believes these offsets to be the latest.
func answer(req *kmsg.OffsetFetchRequest, names map[[16]byte]string, offsets kadm.OffsetResponses) kmsg.Response {
	res := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	for _, g := range req.Groups {
		group := kmsg.NewOffsetFetchResponseGroup()
		group.Group = g.Group
		for _, asked := range g.Topics {
			topic := kmsg.NewOffsetFetchResponseGroupTopic()
			topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
			name := asked.Topic
			if name == "" {
				name = names[asked.TopicID]
			}
			for _, p := range asked.Partitions {
				partition := kmsg.NewOffsetFetchResponseGroupTopicPartition()
				partition.Partition, partition.Offset, partition.LeaderEpoch = p, -1, -1
				if o, ok := offsets.Lookup(name, p); ok {
					partition.Offset = o.At
				}
				topic.Partitions = append(topic.Partitions, partition)
			}
			group.Topics = append(group.Topics, topic)
		}
		res.Groups = append(res.Groups, group)
	}
	return res
}
