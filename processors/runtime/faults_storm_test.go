package runtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"waybill/bench/rig"
)

// TestChaos lets three instances live under load for as long as asked, on the embedded Kafka and on three Apache brokers: they
// are killed, stopped and cut off at points and moments by chance, get their disks taken away, are evicted and fenced, while
// leaders and coordinators move and brokers die. `make chaos` runs it.
func TestChaos(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv(chaosSeconds))
	if err != nil {
		t.Skipf("runs by `make chaos`: set %s", chaosSeconds)
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv(chaosSeed); s != "" {
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("%s: %v", chaosSeed, err)
		}
	}
	length := time.Duration(seconds) * time.Second
	t.Run("embedded Kafka", func(t *testing.T) {
		tested := &faultCount{}
		for i, s := range subjects {
			t.Run(s.name, func(t *testing.T) { storm(t, startKfake(t, tested), s, seed+uint64(i), length/2, false) })
		}
		t.Logf("embedded Kafka: %s", tested)
	})
	t.Run("three Apache brokers", func(t *testing.T) {
		k, err := rig.StartApacheCluster(t.Context(), t.TempDir(), rig.ApacheOptions{Brokers: 3, HeapMB: 384})
		if errors.Is(err, rig.ErrNoApacheKafka) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = k.Stop() })
		v := apacheVenue(k, 3)
		for i, s := range subjects {
			// One of the changelogs is compacted all the while.
			t.Run(s.name, func(t *testing.T) { storm(t, v, s, seed+uint64(i), length/2, i == 1) })
		}
		t.Logf("Apache Kafka, three brokers: %s", v.tested)
	})
}

// storm is one stage under everything at once.
func storm(t *testing.T, v venue, s subject, seed uint64, length time.Duration, compacting bool) {
	t.Logf("%s=%d repeats the choices, though not the timing", chaosSeed, seed)
	r := newRun(t, v, protocols[seed%2], s, seed, compacting)
	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() { r.lives(ctx, fmt.Sprint("w", i), rand.New(rand.NewPCG(seed, uint64(10+i)))) })
	}
	group.Go(func() { r.troubles(ctx, rand.New(rand.NewPCG(seed, 20))) })
	for ctx.Err() == nil {
		r.load(20)
		sleep(ctx, 40*time.Millisecond)
	}
	group.Wait()
	r.start(order{Instance: "last"})
	r.finish()
}

// lives lets one instance live again and again, each life with an end of its own.
func (r *run) lives(ctx context.Context, name string, rng *rand.Rand) {
	dir := filepath.Join(r.folder, name)
	for life := 0; ctx.Err() == nil; life++ {
		if rng.IntN(4) == 0 {
			dir = filepath.Join(r.folder, fmt.Sprint(name, "-", life)) // moved to where nothing is
			r.venue.tested.fault("disk lost")
		}
		o := order{Instance: name, Dir: dir, Point: faultPoints[rng.IntN(len(faultPoints))], Nth: int64(1 + rng.IntN(6)), Do: killed, SmallFetches: rng.IntN(4) == 0}
		switch n := rng.IntN(10); {
		case n == 0:
			o.Do = stopped
		case n == 1:
			o.Do, o.Cut = cut, time.Duration(100+rng.IntN(4000))*time.Millisecond
		case n == 2:
			o.Point = ""
		}
		r.live(ctx, r.start(o), rng)
	}
}

// live is one life, to its end.
func (r *run) live(ctx context.Context, k *kid, rng *rand.Rand) {
	met := k.met
	for end := time.After(time.Duration(1000+rng.IntN(6000)) * time.Millisecond); ; {
		select {
		case <-met:
			met = nil
			r.venue.tested.fault(fmt.Sprintf("%s at %s", k.Do, k.Point))
			if k.Do == stopped {
				sleep(ctx, time.Duration(rng.IntN(4000))*time.Millisecond) // past the session timeout, or not
				k.wake()
			}
		case <-k.done:
			k.alive = false
			if !wasKilled(k) {
				r.t.Errorf("instance %s ended by itself: %v %q", k.Instance, k.ended, k.words)
			}
			return
		case <-end:
			if rng.IntN(3) == 0 {
				r.venue.tested.fault("stopped in order")
				k.stop()
				return
			}
			r.venue.tested.fault(string(killed) + " at any moment")
			k.kill()
			return
		}
	}
}

// troubles befall brokers and the group.
func (r *run) troubles(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		sleep(ctx, time.Duration(300+rng.IntN(2500))*time.Millisecond)
		what, err := "", error(nil)
		switch rng.IntN(7) {
		case 0:
			what, err = "leaders move", r.venue.moveLeaders(ctx, r.names()...)
		case 1:
			what, err = "coordinators move", r.venue.moveCoordinators(ctx)
		case 2:
			if rng.IntN(3) > 0 { // an Apache broker takes seconds to come back
				continue
			}
			what, err = "broker restarts", r.venue.restart(context.WithoutCancel(ctx), func() {})
		case 3:
			what = "evicted"
			_ = r.evictAll(ctx, r.group()) // the coordinator may be away
		case 4, 5:
			what, err = "fenced by a twin", r.fence(fmt.Sprint("w", rng.IntN(3)))
		case 6:
			if !r.cutOne(rng) {
				continue
			}
			what = "network cut"
		}
		if err != nil && ctx.Err() == nil {
			r.t.Errorf("%s: %v", what, err)
		}
		r.venue.tested.fault(what)
	}
}

// cutOne cuts an instance that lives off the brokers, for a while, if there is one.
func (r *run) cutOne(rng *rand.Rand) bool {
	r.mu.Lock()
	living := slices.DeleteFunc(slices.Clone(r.kids), (*kid).over)
	r.mu.Unlock()
	if len(living) == 0 {
		return false
	}
	k := living[rng.IntN(len(living))]
	_, err := fmt.Fprintf(k.in, "cut %dms\n", 100+rng.IntN(3000)) // it may just have ended
	return err == nil
}
