package runtime

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func staticConfig(k *cluster, id, dir string) Config {
	c := testConfig(k, id, dir)
	c.StaticMembership = true
	c.SessionTimeout, c.TransactionTimeout = 3*time.Second, 5*time.Second
	return c
}

// An instance that restarts within its session finds its partitions where it left them; one that was taken out does not.
func TestStaticMembers(t *testing.T) {
	t.Parallel()
	newCluster(t, counting()).staticMembers(t)
}

func (k *cluster) staticMembers(t *testing.T) {
	cfg := staticConfig(k, "a", t.TempDir())
	a, b := start(t, cfg, nil, counting()), start(t, staticConfig(k, "b", t.TempDir()), nil, counting())
	k.shared(t, a, b)
	before := fmt.Sprint(k.fencedBy(t, "b"))
	a.halt(t)
	k.send(t, 50, 13)
	a = start(t, cfg, nil, counting())
	k.shared(t, a, b)
	k.check(t)
	if after := fmt.Sprint(k.fencedBy(t, "b")); after != before {
		t.Errorf("while a restarted b took over: it had %s, and had %s then", before, after)
	}
	a.halt(t)
	left, err := Leave(t.Context(), k.client, cfg, counting())
	if err != nil || len(left) != 1 {
		t.Fatalf("left %v: %v", left, err)
	}
	begun := time.Now()
	eventually(t, "b has all", func() bool { s := b.Stats()[0]; return s.Tasks == 4 && s.Restoring == 0 })
	if took := time.Since(begun); took > cfg.SessionTimeout {
		t.Errorf("b waited %v for the session of one that was taken out", took)
	}
	if left, err := Leave(t.Context(), k.client, cfg, counting()); err != nil || len(left) != 0 {
		t.Errorf("left %v once more: %v", left, err)
	}
	k.send(t, 50, 13)
	k.check(t)
	b.halt(t)
}

// shared waits until both have two tasks and are at work.
func (k *cluster) shared(t *testing.T, a, b *instance) {
	t.Helper()
	eventually(t, "two tasks each", func() bool {
		k.send(t, 5, 13)
		x, y := a.Stats()[0], b.Stats()[0]
		return x.Tasks == 2 && y.Tasks == 2 && x.Restoring+y.Restoring == 0
	})
}

// Of two processes of one name, the brokers let the newer in, and the older ends and says why.
func TestSecondOfAStaticNameEndsTheFirst(t *testing.T) {
	t.Parallel()
	newCluster(t, counting()).secondEndsTheFirst(t)
}

func (k *cluster) secondEndsTheFirst(t *testing.T) {
	k.send(t, 50, 13)
	first := start(t, staticConfig(k, "a", t.TempDir()), nil, counting())
	k.check(t)
	second := start(t, staticConfig(k, "a", t.TempDir()), nil, counting())
	<-first.done
	if first.err == nil || !strings.Contains(first.err.Error(), "give each its own runtime.instance") || strings.Contains(first.err.Error(), "\n") {
		t.Errorf("the first ended with %v, want one sentence that says what to do", first.err)
	}
	k.send(t, 50, 13)
	k.check(t)
	second.halt(t)
}
