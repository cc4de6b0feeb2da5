package runtime

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

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
			if strings.HasPrefix(string(r.Key), "count\x00") {
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
