package runtime

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/processors/state"
	"waybill/processors/stream"
)

// nth crashes the nth time a point is met. A kill may come before or after the disk has what was written to memory, so both
// are tried.
func nth(point string, n int64, disk bool) func(string) bool {
	var met atomic.Int64
	return func(p string) bool {
		return p == point && met.Add(1) == n || p == "disk keeps everything" && disk
	}
}

// crash is the nth time that a point is met, and whether the disk then has everything.
type crash struct {
	point string
	n     int64
	disk  bool
}

var crashes = []crash{
	{"processed", 1, true}, {"processed", 3, true}, {"produced", 2, true}, {"flushed", 1, false}, {"flushed", 3, true},
	{"committed", 1, false}, {"committed", 3, true}, {"applied", 2, false}, {"applied", 5, true},
	{"fencing", 1, false}, {"fenced", 1, false}, {"restored", 1, true},
}

func TestCrashThenRestartInPlace(t *testing.T) {
	for _, c := range crashes {
		t.Run(fmt.Sprint(c.point, c.n), func(t *testing.T) {
			underBoth(t, func(t *testing.T, k *cluster) { k.crashThenRestart(t, c) })
		})
	}
}

func (k *cluster) crashThenRestart(t *testing.T, c crash) {
	cfg := testConfig(k, "a", t.TempDir())
	k.send(t, 700, 13)
	first := start(t, cfg, nth(c.point, c.n, c.disk), k.counting())
	first.crashed(t)
	k.send(t, 100, 13)
	second := start(t, cfg, nil, k.counting())
	k.check(t)
	second.halt(t)
}

// Another instance, with a disk of its own, waits out what the first left open and takes over.
func TestCrashThenMove(t *testing.T) {
	for _, c := range crashes {
		if c.n == 1 {
			continue // the second instance would start on the same nothing
		}
		t.Run(fmt.Sprint(c.point, c.n), func(t *testing.T) {
			underBoth(t, func(t *testing.T, k *cluster) { k.crashThenMove(t, c) })
		})
	}
}

func (k *cluster) crashThenMove(t *testing.T, c crash) {
	k.send(t, 700, 13)
	first := start(t, testConfig(k, "a", t.TempDir()), nth(c.point, c.n, c.disk), k.counting())
	first.crashed(t)
	second := start(t, testConfig(k, "b", t.TempDir()), nil, k.counting())
	k.send(t, 100, 13)
	k.check(t)
	second.halt(t)
}

// A disk that missed what another instance did meanwhile restores the difference; one from another world starts anew.
func TestDiskThatMissedSomething(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		next int64 // of the checkpoint put onto the disk, 0: leave it
	}{{"old", 0}, {"future", 1 << 40}} {
		t.Run(c.name, func(t *testing.T) {
			k := newCluster(t, counting())
			a, b := testConfig(k, "a", t.TempDir()), testConfig(k, "b", t.TempDir())
			for i, cfg := range []Config{a, b, a} {
				if i == 2 && c.next != 0 {
					misdate(t, cfg, c.next)
				}
				in := start(t, cfg, nil, counting())
				k.send(t, 200, 11)
				k.check(t)
				in.halt(t)
				if i == 2 && in.Stats()[0].Restored == 0 {
					t.Error("nothing was restored")
				}
			}
		})
	}
}

// misdate puts the disk's checkpoint where the changelog has not been, over state that was never there.
func misdate(t *testing.T, cfg Config, next int64) {
	t.Helper()
	disk, err := state.NewDisk(cfg.StateDir, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	for p := range inbox.Partitions {
		s, err := disk.Open(state.ID{App: cfg.App, Stage: "counting", Topic: string(inbox.Name), Partition: p})
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := s.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		c.Next = next
		var wrong []stream.Change
		if err := s.Scan(nil, nil, func(key, _ []byte) error {
			wrong = append(wrong, stream.Change{Key: append([]byte{}, key...)})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(wrong, c); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// evict removes every member of the group, as the coordinator does with one it has not heard of for too long.
func (k *cluster) evict(t *testing.T, group string) {
	if err := k.evictAll(t.Context(), group); err != nil {
		t.Error(err)
	}
}

func (k *cluster) evictAll(ctx context.Context, group string) error {
	described, err := k.adm.DescribeGroups(ctx, group)
	if err != nil {
		return err
	}
	for _, m := range described[group].Members {
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group = group
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = m.MemberID
		req.Members = append(req.Members, member)
		if _, err := req.RequestWith(ctx, k.client); err != nil {
			return err
		}
	}
	return k.evictByHeartbeat(ctx, group)
}

// evictByHeartbeat is evict under the consumer protocol: a member leaves by a heartbeat, which anybody may send.
func (k *cluster) evictByHeartbeat(ctx context.Context, group string) error {
	described, err := k.adm.DescribeConsumerGroups(ctx, group)
	if err != nil {
		return err
	}
	for _, m := range described[group].Members {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Group, req.MemberID, req.MemberEpoch = group, m.MemberID, -1
		if _, err := req.RequestWith(ctx, k.client); err != nil {
			return err
		}
	}
	return nil
}

// A member that was evicted between its assignment and its fence must not get the fence through.
func TestEvictedMemberCannotFence(t *testing.T) {
	underBoth(t, func(t *testing.T, k *cluster) { k.evictedCannotFence(t) })
}

func (k *cluster) evictedCannotFence(t *testing.T) {
	var evicted atomic.Bool
	in := start(t, testConfig(k, "a", t.TempDir()), func(point string) bool {
		if point == "fencing" && evicted.CompareAndSwap(false, true) {
			k.evict(t, "test.counting")
		}
		return false
	}, k.counting())
	k.send(t, 100, 7)
	k.check(t)
	in.halt(t)
	for p, rs := range k.read(t, "test.counting.changelog") {
		fences := 0
		for _, r := range rs {
			if string(r.Key) == fenceKey {
				fences++
			}
		}
		if fences != 1 {
			t.Errorf("partition %d has %d fences, want 1: that of the member that was evicted is not to be seen", p, fences)
		}
	}
}

// A member that stands still in the middle of a cycle while another takes its partitions wakes up to an abort.
func TestZombieWakesToAnAbort(t *testing.T) {
	for _, point := range []string{"processed", "flushed"} {
		t.Run(point, func(t *testing.T) {
			underBoth(t, func(t *testing.T, k *cluster) { k.zombieWakes(t, point) })
		})
	}
}

func (k *cluster) zombieWakes(t *testing.T, point string) {
	var met atomic.Int64
	asleep, wake := make(chan struct{}), make(chan struct{})
	zombie := start(t, testConfig(k, "a", t.TempDir()), func(p string) bool {
		if p == point && met.Add(1) == 3 {
			close(asleep)
			<-wake
		}
		return false
	}, k.counting())
	k.send(t, 700, 13)
	<-asleep
	other := start(t, testConfig(k, "b", t.TempDir()), nil, k.counting())
	k.evict(t, "test.counting")
	eventually(t, "the other has tasks", func() bool { return other.Stats()[0].Tasks > 0 })
	k.send(t, 100, 13)
	close(wake)
	k.check(t)
	zombie.halt(t)
	other.halt(t)
	if zombie.Stats()[0].Aborts+zombie.Stats()[0].Rebuilds == 0 {
		t.Error("the zombie's cycle was not undone")
	}
}

// A group that moves twice between two transactions tells of the first move only: the session swallows the revoke that
// follows. Who was given a partition and lost it again that way must not fence it, nor commit an old offset for it under the
// new owner's feet.
func TestSwallowedRevokeFencesNothing(t *testing.T) {
	t.Parallel()
	newCluster(t, counting()).swallowedRevoke(t)
}

func (k *cluster) swallowedRevoke(t *testing.T) {
	held, goOn := make(chan string), make(chan struct{})
	var takeovers atomic.Int64
	a := start(t, testConfig(k, "a", t.TempDir()), func(point string) bool {
		n := takeovers.Load()
		if point == "assigned" {
			n = takeovers.Add(1)
		}
		// The second takeover stands still before it asks for anything; the try after the one that the session undoes, before
		// its fence ends.
		if point == "assigned" && n == 2 || point == "fencing" && n == 3 {
			held <- point
			<-goOn
		}
		return false
	}, counting())
	k.send(t, 100, 7)
	k.check(t)
	b := start(t, testConfig(k, "b", t.TempDir()), nil, counting())
	eventually(t, "b has two partitions", func() bool { return b.Stats()[0].Tasks == 2 }) // a heard of the revoke
	b.halt(t)
	if at := <-held; at != "assigned" { // they are a's again
		t.Fatal(at)
	}
	c := start(t, testConfig(k, "c", t.TempDir()), nil, counting())
	eventually(t, "c has two partitions", func() bool { return c.Stats()[0].Tasks == 2 && c.Stats()[0].Restoring == 0 }) // a did not
	commits := a.Stats()[0].Commits
	goOn <- struct{}{}
	k.send(t, 100, 7)
	before := k.committed(t)
	eventually(t, "a is at work again, or about to fence", func() bool {
		select {
		case <-held:
			from := k.committed(t)
			k.send(t, 200, 7)
			eventually(t, "c is further with both of its partitions", func() bool {
				before = k.committed(t)
				return moved(from, before) == 2
			})
			commits = a.Stats()[0].Commits
			goOn <- struct{}{}
			return true
		default:
			return a.Stats()[0].Commits > commits
		}
	})
	eventually(t, "a has committed what it held", func() bool { return a.Stats()[0].Commits > commits })
	for p, offset := range k.committed(t) {
		if offset < before[p] {
			t.Errorf("the committed offset of partition %d went back from %d to %d", p, before[p], offset)
		}
	}
	k.send(t, 100, 7)
	k.check(t)
	for p, rs := range k.read(t, "test.counting.changelog") {
		if _, faults := (changelog{records: rs}).tenures(); len(faults) > 0 {
			t.Errorf("changelog partition %d: %s", p, faults[0])
		}
	}
	a.halt(t)
	c.halt(t)
}

// moved is how many partitions are further than before.
func moved(before, after map[int32]int64) (n int) {
	for p, offset := range after {
		if offset > before[p] {
			n++
		}
	}
	return n
}

// committed are the counting stage's committed offsets.
func (k *cluster) committed(t *testing.T) map[int32]int64 {
	t.Helper()
	offsets, err := k.adm.FetchOffsets(t.Context(), "test.counting")
	if err != nil {
		t.Fatal(err)
	}
	out := map[int32]int64{}
	for p, o := range offsets[string(inbox.Name)] {
		out[p] = o.At
	}
	return out
}
