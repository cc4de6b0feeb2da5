package main

import (
	"context"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"waybill/bench/world"
	"waybill/cmd/internal/pipeline"
)

// TestChaosPipeline kills three instances of the whole pipeline by chance, while the world comes in and they take partitions
// from each other. What is there in the end is the truth: content, the net of every charge, chains of reversals, every record
// and fact accounted for, each row once in ClickHouse. `make chaos` runs it.
func TestChaosPipeline(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("WAYBILL_CHAOS_SECONDS"))
	if err != nil {
		t.Skip("runs by `make chaos`: set WAYBILL_CHAOS_SECONDS")
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("WAYBILL_CHAOS_SEED"); s != "" {
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"WAYBILL_CHAOS_SECONDS", "WAYBILL_CHAOS_SEED"} { // waybill itself refuses what it does not know
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("WAYBILL_CHAOS_SEED=%d repeats the choices, though not the timing", seed)
	length := time.Duration(seconds) * time.Second / 4
	storm := trouble{"storm", length + 5*time.Minute, func(t *testing.T, ctx context.Context, line *pipeline.Line) world.Truth {
		return stormed(t, ctx, line, length, seed)
	}}
	undisturbed := live(t, never, embedded)
	for _, on := range []struct {
		name  string
		kafka func(*testing.T) []string
	}{{"embedded Kafka", embedded}, {"Apache Kafka", apache}} {
		t.Run(on.name, func(t *testing.T) {
			for what, got := range live(t, storm, on.kafka) {
				if want := undisturbed[what]; got != want {
					t.Errorf("%s in ClickHouse: %s after the storm, %s undisturbed", what, got, want)
				}
			}
		})
	}
}

// stormed feeds the world for so long, bit by bit, while instances live and are killed.
func stormed(t *testing.T, ctx context.Context, line *pipeline.Line, length time.Duration, seed uint64) world.Truth {
	w := smallWorld(t, line.Config.Tenant)
	truth := w.Truth()
	storm, stop := context.WithTimeout(ctx, length)
	defer stop()
	var kills atomic.Int64
	var group sync.WaitGroup
	for i, name := range []string{"a", "b", "c"} {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		env := []string{"WAYBILL_RUNTIME_INSTANCE=" + name, "WAYBILL_RUNTIME_STATE_DIR=" + filepath.Join(t.TempDir(), name)}
		group.Go(func() {
			for storm.Err() == nil {
				p := spawn(t, io.Discard, env, hasty...)
				select {
				case <-storm.Done():
				case <-time.After(time.Duration(4000+rng.IntN(10000)) * time.Millisecond): // from before it is at work to well into it
				}
				p.kill(t)
				kills.Add(1)
			}
		})
	}
	next, stopNext := iter.Pull(w.Deliveries())
	defer stopNext()
	const parts = 200
	total := delivered(truth)
	for tick := time.NewTicker(length / parts); storm.Err() == nil; <-tick.C {
		send(t, ctx, line, next, total/parts+1)
	}
	send(t, ctx, line, next, total)
	group.Wait()
	toItsEnd(t, ctx, line, hasty)
	t.Logf("%d kills of three instances", kills.Load())
	return truth
}
