package wire

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"waybill/topics/fault"
)

// cache keeps what was fetched for ever, and failures that would repeat for a while. A hit takes no lock: the map is
// replaced, never changed. However many ask for a key at once, one fetches.
type cache[K comparable, V any] struct {
	fetch   func(context.Context, K) (V, error)
	missFor time.Duration
	now     func() time.Time

	found  atomic.Pointer[map[K]V]
	flight singleflight.Group
	mu     sync.Mutex // guards missed, and replacing found
	missed map[K]miss
}

type miss struct {
	err   error
	until time.Time
}

func (c *cache[K, V]) get(ctx context.Context, k K) (V, error) {
	if v, ok := c.hit(k); ok {
		return v, nil
	}
	if err := c.miss(k); err != nil {
		var none V
		return none, err
	}
	return c.load(ctx, k)
}

func (c *cache[K, V]) hit(k K) (v V, ok bool) {
	if found := c.found.Load(); found != nil {
		v, ok = (*found)[k]
	}
	return v, ok
}

func (c *cache[K, V]) miss(k K) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.missed[k]; ok && c.now().Before(m.until) {
		return m.err
	}
	return nil
}

// load fetches k once for all who wait for it. The fetch outlives the caller who began it, bounded by the client's own
// timeout, so that one caller's end is not the others' error.
func (c *cache[K, V]) load(ctx context.Context, k K) (v V, err error) {
	done := c.flight.DoChan(fmt.Sprint(k), func() (any, error) {
		if v, ok := c.hit(k); ok { // another flight has landed since the caller looked
			return v, nil
		}
		v, err := c.fetch(context.WithoutCancel(ctx), k)
		c.remember(k, v, err)
		return v, err
	})
	select {
	case r := <-done:
		v, _ = r.Val.(V)
		return v, r.Err
	case <-ctx.Done():
		return v, fault.Retry(ctx.Err())
	}
}

// remember: a failure that another try may cure is not kept.
func (c *cache[K, V]) remember(k K, v V, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if fault.Of(err) != fault.Retryable {
			c.keepMiss(k, err)
		}
		return
	}
	next := map[K]V{k: v}
	if found := c.found.Load(); found != nil {
		maps.Copy(next, *found)
	}
	c.found.Store(&next)
	delete(c.missed, k)
}

// maxMisses bounds what records with random ids can make us remember.
const maxMisses = 1024

func (c *cache[K, V]) keepMiss(k K, err error) {
	if c.missed == nil || len(c.missed) >= maxMisses {
		c.missed = map[K]miss{}
	}
	c.missed[k] = miss{err, c.now().Add(c.missFor)}
}
