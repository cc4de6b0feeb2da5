package runtime

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/topics"
)

// letters gives the dead letters, by reason, in order of their keys.
func (k *cluster) letters(t *testing.T) []*avro.DeadLetter {
	t.Helper()
	var all []*avro.DeadLetter
	for _, rs := range k.read(t, string(topics.DeadLetters.Name)) {
		for _, r := range rs {
			rec, err := codec{}.Decode(t.Context(), r.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, rec.(*avro.DeadLetter))
		}
	}
	slices.SortStableFunc(all, func(a, b *avro.DeadLetter) int { return strings.Compare(string(a.Key.V), string(b.Key.V)) })
	return all
}

// tick lets time pass in a partition. kfake takes the producer's timestamp where the topic does not say LogAppendTime.
func (k *cluster) tick(t *testing.T, partition int32, at time.Time) {
	t.Helper()
	k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: partition, Value: encoded(&avro.Tick{}), Timestamp: at})
}

// A timer whose handler fails is a dead letter: what it changed is undone, it does not fire again, and the others of the tick
// go on. The next record of its key sets it anew.
func TestATimerThatFailsIsBuried(t *testing.T) {
	t.Parallel()
	for _, snapshots := range []bool{false, true} {
		t.Run(fmt.Sprint("snapshots=", snapshots), func(t *testing.T) {
			t.Parallel()
			k := newCluster(t, counting())
			k.snapshots = snapshots
			in := start(t, testConfig(k, "a", t.TempDir()), nil, k.counting())
			keys := []string{"a", "bad-timer-1", "b", "bad-timer-2", "c"}
			for _, key := range keys {
				k.produce(t, k.next(key, 0))
			}
			k.check(t)
			k.tick(t, 0, time.Now().Add(time.Hour))
			k.tick(t, 0, time.Now().Add(2*time.Hour))
			k.produce(t, k.next("bad-timer-2", 0))
			k.check(t) // and with it that no timer changed a count
			k.tick(t, 0, time.Now().Add(3*time.Hour))
			eventually(t, "three timers are buried", func() bool { return in.Stats()[0].DeadLetters == 3 })
			in.halt(t)
			k.buriedTimers(t, "bad-timer-1", "bad-timer-2", "bad-timer-2")
			var said []string
			for _, rs := range k.read(t, string(totals)) {
				for _, r := range rs {
					said = append(said, string(r.Key))
				}
			}
			if slices.Sort(said); !slices.Equal(said, []string{"a", "b", "c"}) {
				t.Errorf("totals of %v", said)
			}
			k.check(t)
		})
	}
}

func (k *cluster) buriedTimers(t *testing.T, keys ...string) {
	t.Helper()
	letters := k.letters(t)
	if len(letters) != len(keys) {
		t.Fatalf("%d letters, want %d", len(letters), len(keys))
	}
	for i, l := range letters {
		if string(l.Key.V) != keys[i] || l.Reason != "TIMER_BAD" || l.Value.Ok || l.Stage != "counting" || !strings.Contains(l.Causes[0], "timer total for "+keys[i]) {
			t.Errorf("letter %+v is not of the timer of %s", l, keys[i])
		}
	}
}

// A letter that no broker takes would be met at every tick.
func TestATimerOfALongKeyIsBuried(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	long := "bad-timer" + strings.Repeat("x", 600_000)
	k.produce(t, k.next(long, 0), k.next("z", 0))
	k.check(t)
	k.tick(t, 0, time.Now().Add(time.Hour))
	eventually(t, "the timer is buried and the other said", func() bool {
		return in.Stats()[0].DeadLetters == 1 && len(k.read(t, string(totals))) == 1
	})
	in.halt(t)
	l := k.letters(t)[0]
	if l.Reason != "TIMER_BAD" || !l.Truncated || l.Key.Ok || !strings.HasPrefix(l.Causes[0], "timer total for bad-timer") {
		t.Errorf("reason %s, truncated %v, key there %v, causes %.50q", l.Reason, l.Truncated, l.Key.Ok, l.Causes)
	}
}
