package runtime

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/avro"
	"waybill/processors/stream"
)

// nothingLost waits until every input has come out, and holds the state to counting each at least once. Then it lets time pass:
// no timer may be missing.
func (k *cluster) nothingLost(t *testing.T) {
	t.Helper()
	eventually(t, fmt.Sprintf("all of %d inputs are out", k.sent), func() bool {
		seen := map[string]bool{}
		for _, rs := range k.read(t, string(numbered)) {
			for _, r := range rs {
				seen[decodeMessage(t, r.Value).Name] = true
			}
		}
		return len(seen) == k.sent
	})
	eventually(t, "the changelog counts every input", func() bool {
		got := k.changelog(t)
		for key, n := range k.want {
			if got[key] < n && !k.snapshots {
				return false
			}
		}
		return true
	})
	k.clockByHand(t)
	for p := range inbox.Partitions {
		k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: p, Value: encoded(&avro.Tick{}), Timestamp: time.Now().Add(time.Hour)})
	}
	eventually(t, "a timer of each key", func() bool {
		rang := map[string]bool{}
		for _, rs := range k.read(t, string(totals)) {
			for _, r := range rs {
				rang[string(r.Key)] = true
			}
		}
		return len(rang) == len(k.want)
	})
}

// atLeastOnce is a Kafka whose instances run in that mode.
func atLeastOnce(t *testing.T) *cluster {
	k := newCluster(t, counting())
	k.mode = AtLeastOnce
	return k
}

// Where nothing fails nothing is doubled.
func TestAtLeastOnceWithoutFaults(t *testing.T) {
	t.Parallel()
	k := atLeastOnce(t)
	cfg := testConfig(k, "a", t.TempDir())
	for range 2 {
		k.send(t, 300, 7)
		in := start(t, cfg, nil, counting())
		k.check(t)
		k.send(t, 300, 7)
		k.check(t)
		in.halt(t)
	}
	k.nothingOfIt(t)
}

// nothingOfIt: no transaction wrote anything.
func (k *cluster) nothingOfIt(t *testing.T) {
	t.Helper()
	for _, topic := range []string{string(numbered), "test.counting.changelog"} {
		for _, rs := range k.read(t, topic) {
			for _, r := range rs {
				if r.Attrs.IsTransactional() {
					t.Fatalf("%s was written by a transaction", at(r))
				}
			}
		}
	}
}

func TestAtLeastOnceLosesNothing(t *testing.T) {
	for _, c := range crashes {
		for _, snapshots := range []bool{false, true} {
			t.Run(fmt.Sprint(c.point, c.n, " snapshots=", snapshots), func(t *testing.T) {
				t.Parallel()
				k := atLeastOnce(t)
				k.snapshots = snapshots
				k.crashLosesNothing(t, c, c.n != 1)
			})
		}
	}
}

func (k *cluster) crashLosesNothing(t *testing.T, c crash, move bool) {
	cfg := testConfig(k, "a", t.TempDir())
	k.send(t, 700, 13)
	start(t, cfg, nth(c.point, c.n, c.disk), k.counting()).crashed(t)
	if move {
		cfg = testConfig(k, "b", t.TempDir())
	}
	in := start(t, cfg, nil, k.counting())
	k.send(t, 100, 13)
	k.nothingLost(t)
	in.halt(t)
}

func TestAtLeastOnceKillsAndMoves(t *testing.T) {
	t.Parallel()
	atLeastOnce(t).killsAndMovesUntil(t, 4, uint64(time.Now().UnixNano()), func(t *testing.T, k *cluster) { k.nothingLost(t) })
}

// The modes follow one another on the same topics: each finds what the other left.
func TestModesFollowEachOther(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	for i, mode := range []Mode{ExactlyOnce, AtLeastOnce, ExactlyOnce, AtLeastOnce} {
		k.mode = mode
		in := start(t, testConfig(k, fmt.Sprint("m", i), t.TempDir()), nil, counting())
		k.send(t, 200, 13)
		k.check(t)
		in.halt(t)
	}
}

// What a crash left of a cycle in the changelog has not happened: a fact in it would be known without its timer.
func TestPartOfACycleIsNotRestored(t *testing.T) {
	t.Parallel()
	k := atLeastOnce(t)
	first := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.send(t, 100, 3)
	k.check(t)
	first.halt(t)
	for p, rs := range k.read(t, "test.counting.changelog") {
		for _, r := range rs {
			if strings.Contains(string(r.Key), "\x00count\x00") {
				part := (&avro.PartnerMessage{Line: 1_000_000}).Append([]byte{r.Value[0]})
				k.produce(t, &kgo.Record{Topic: r.Topic, Partition: p, Key: r.Key, Value: part})
			}
		}
	}
	for i := range 2 { // the second restores over the fence of the first
		in := start(t, testConfig(k, fmt.Sprint("b", i), t.TempDir()), nil, counting())
		k.send(t, 50, 3)
		k.check(t)
		in.halt(t)
	}
}

func TestLedgerIsExactlyOnceOnly(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Mode = AtLeastOnce
	deps := Deps{Decoder: codec{}, Encoder: codec{}}
	if _, err := New(cfg, deps, counting()); err != nil {
		t.Error(err)
	}
	spec := stream.Define(stream.Processor[struct{}]{Name: "ledger", Ledger: true, Feeds: counting().Inboxes})
	if _, err := New(cfg, deps, counting(), spec); err == nil || !strings.Contains(err.Error(), "stage ledger writes the ledger") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one sentence", err)
	}
}

// Of a cycle whose changes were not all written a part may be in the changelog. The next cycle's seal must not stand for it.
func TestPartOfAnAbortedCycleIsNotRestored(t *testing.T) {
	t.Parallel()
	k := atLeastOnce(t)
	var failed atomic.Int64
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.send(t, 100, 3)
	k.check(t)
	fences := k.fences(t)
	log := k.topicID(t, "test.counting.changelog")
	k.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		asked := req.(*kmsg.ProduceRequest)
		if asked.Topics[0].TopicID != log && asked.Topics[0].Topic != "test.counting.changelog" || failed.Add(1) > 1 {
			return nil, nil, false
		}
		return refused(asked, kerr.InvalidRecord.Code), nil, true
	})
	k.send(t, 100, 3)
	k.check(t)
	in.halt(t)
	if failed.Load() == 0 {
		t.Fatal("nothing was refused")
	}
	if now := k.fences(t); now <= fences {
		t.Errorf("%d fences before and %d after: none stands behind the part", fences, now)
	}
}

// fences counts those in the changelog.
func (k *cluster) fences(t *testing.T) (n int) {
	t.Helper()
	for _, rs := range k.read(t, "test.counting.changelog") {
		for _, r := range rs {
			if string(r.Key) == fenceKey {
				n++
			}
		}
	}
	return n
}

func (k *cluster) topicID(t *testing.T, topic string) [16]byte {
	t.Helper()
	listed, err := k.adm.ListTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return listed[topic].ID
}

// refused answers that no record was taken.
func refused(asked *kmsg.ProduceRequest, code int16) *kmsg.ProduceResponse {
	res := asked.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range asked.Topics {
		of := kmsg.NewProduceResponseTopic()
		of.Topic, of.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			at := kmsg.NewProduceResponseTopicPartition()
			at.Partition, at.ErrorCode = p.Partition, code
			of.Partitions = append(of.Partitions, at)
		}
		res.Topics = append(res.Topics, of)
	}
	return res
}
