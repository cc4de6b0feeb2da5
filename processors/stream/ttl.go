package stream

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// TTL says that a value, an entry of a map or table, or an element of a list is forgotten when no handler changed it for d: at the first tick
// that is between d and an eighth more after it was changed last, by the broker's time of the record. To read it is not to change it. What
// was written before a store had a TTL is forgotten once it is changed again; another TTL holds from the next change on.
func TTL(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("stream: a TTL of %v: want more than 0", d))
	}
	return func(s *store) {
		s.ttl = d.Microseconds()
		s.grain = max(s.ttl/grains, 1)
	}
}

// An expiry is a timer of the entry's key that no handler sees. It moves in steps of a sixteenth of the TTL: a hot key would
// otherwise write its expiry with each commit.
const grains = 16

// edit makes a cell present, to be changed in place.
func (b *Binder) edit(c *cell) {
	b.touch(c)
	b.set(c, true)
	if b.expires && b.stores[c.store].ttl > 0 {
		b.renew(c)
	}
}

// remove makes a cell absent.
func (b *Binder) remove(c *cell) {
	if b.expires && c.present && b.stores[c.store].ttl > 0 {
		b.timers.remove(c.scope, expiryName(b.stores[c.store].name, c.sub))
	}
	b.touch(c)
	b.set(c, false)
	c.rec = b.stores[c.store].record()
}

// renew moves the expiry of a changed cell, where it is a step behind.
func (b *Binder) renew(c *cell) {
	of := &b.stores[c.store]
	step := (b.now+of.ttl)/of.grain + 1
	b.name = appendExpiry(b.name[:0], of.name, c.sub)
	if e := b.subs(c.scope, b.timers.no).cells[string(b.name)]; e != nil && e.present && e.rec.(*due).at/of.grain == step {
		return
	}
	name := string(b.name)
	b.timers.set(c.scope, name, step*of.grain+spread(c.scope.key, name)%of.grain)
}

// spread keeps entries that were changed together from being forgotten all at one tick. It is FNV-1a: the same everywhere, always.
func spread(key, name string) int64 {
	h := uint64(14695981039346656037)
	for _, s := range [2]string{key, name} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	return int64(h >> 1)
}

// forget removes the entry whose expiry has come. Its store may have lost its TTL, or itself, since.
func (b *Binder) forget(x timer) {
	name, sub, _ := strings.Cut(x.name[1:], "\x00")
	no := slices.IndexFunc(b.stores, func(s store) bool { return s.name == name && s.ttl > 0 })
	if no < 0 {
		return
	}
	s := b.scope(x.key)
	var c *cell
	if b.stores[no].kind == ValueKind {
		c = b.value(s, uint16(no))
	} else {
		c = b.entry(s, uint16(no), sub)
	}
	if c.present {
		b.remove(c)
	}
}

// The name of an expiry: NUL, store, NUL, entry. Handlers can set none that begins so.
func expiryName(store, sub string) string { return string(appendExpiry(nil, store, sub)) }

func appendExpiry(b []byte, store, sub string) []byte {
	b = append(append(b, 0), store...)
	return append(append(b, 0), sub...)
}

func isExpiry(name string) bool { return len(name) > 0 && name[0] == 0 }

// ExpiryOf gives the key of the entry that is forgotten when a timer is due, for the key of an entry of the timers' store that is an
// expiry and none of a handler's timers.
func ExpiryOf(k StateKey) (StateKey, bool) {
	if k.Store != timerStore || !isExpiry(k.Entry) {
		return StateKey{}, false
	}
	name, sub, _ := strings.Cut(k.Entry[1:], "\x00")
	return StateKey{Store: name, Scope: k.Scope, Entry: sub}, true
}
