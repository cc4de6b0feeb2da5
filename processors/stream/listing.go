package stream

import (
	"fmt"
	"slices"
	"strings"
)

func (b *Binder) list(s *scope, in *subs, names []string) {
	in.list, in.listed = names, true
	n := 0
	for _, name := range names {
		n += nameOverhead + len(name)
	}
	b.growList(s, in, n)
}

func (b *Binder) unlist(s *scope, in *subs) {
	in.list, in.listed = nil, false
	b.growList(s, in, -in.names)
}

// names lists the entries of a scope whose names begin with prefix, in order. The list is valid until one is added or removed.
func (b *Binder) names(s *scope, store uint16, prefix string) []string {
	return b.listing(s, store, prefix, span{})
}

func (b *Binder) listing(s *scope, store uint16, prefix string, how span) []string {
	in := b.subs(s, store)
	if !in.listed && b.reads(s, store) {
		b.fail(b.look(s))
	}
	if !in.listed && prefix != "" && s.key == "" {
		return b.scan(s, store, prefix, how, -1) // the table may be one of all places there are
	}
	if !in.listed {
		how.values = how.values && prefix == "" // else most may be none of those that are asked for
		b.list(s, in, b.scan(s, store, "", how, -1))
		if b.fault != nil {
			b.unlist(s, in)
		}
	}
	in.asked = true
	from, _ := slices.BinarySearch(in.list, prefix)
	to := from + len(in.list[from:])
	if prefix != "" {
		if n := slices.IndexFunc(in.list[from:], func(name string) bool { return !strings.HasPrefix(name, prefix) }); n >= 0 {
			to = from + n
		}
	}
	return in.list[from:to:to]
}

// span bounds names: behind after, before the name until; empty bounds nothing. With values, what is committed is decoded as it is come by: who
// goes through the entries would otherwise look up each a second time.
type span struct {
	after, until string
	values       bool
}

func (x span) holds(name string) bool {
	return (x.after == "" || name > x.after) && (x.until == "" || name < x.until)
}

// scan lists entries within a span from what is committed and what is changed; at most limit where that is not negative.
func (b *Binder) scan(s *scope, store uint16, prefix string, within span, limit int) []string {
	in := b.subs(s, store)
	if in.listed && limit < 0 {
		return slices.DeleteFunc(slices.Clone(in.list), func(name string) bool { return !strings.HasPrefix(name, prefix) || !within.holds(name) })
	}
	name := b.stores[store].name
	base := len(name) + len(s.key) + 2
	var behind []byte
	if within.after != "" {
		behind = appendID(nil, name, s.key, within.after)
	}
	var out []string
	err := b.kv.Scan(appendID(nil, name, s.key, prefix), behind, func(key, value []byte) error {
		if within.until != "" && string(key[base:]) >= within.until {
			return ErrStop
		}
		c := in.cells[string(key[base:])]
		if c != nil && c.dirty {
			return nil // with adds it
		}
		out = append(out, string(key[base:]))
		if c == nil && within.values {
			if err := b.found(s, store, out[len(out)-1], value); err != nil {
				return err
			}
		}
		if len(out) == limit {
			return ErrStop
		}
		return nil
	})
	if err != nil {
		b.fail(fmt.Errorf("scan state %q: %w", name, err))
		return nil
	}
	out = in.with(out, prefix, within)
	if limit >= 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

// found keeps decoded what a scan came by.
func (b *Binder) found(s *scope, store uint16, name string, value []byte) error {
	b.misses++
	c := &cell{rec: b.stores[store].record(), scope: s, sub: name, store: store, present: true}
	if err := b.stores[store].decode(value, c.rec); err != nil {
		return fmt.Errorf("entry %q of %q: %w", name, s.key, err)
	}
	s.slots[store].subs.add(c)
	b.resize(c, len(value))
	return nil
}

// with adds what is changed to a list of what is committed, and takes out what is deleted.
func (in *subs) with(committed []string, prefix string, within span) []string {
	out := slices.DeleteFunc(committed, func(name string) bool {
		c := in.cells[name]
		return c != nil && c.dirty // its turn comes below
	})
	for _, c := range in.changed {
		if c.present && strings.HasPrefix(c.sub, prefix) && within.holds(c.sub) {
			out = append(out, c.sub)
		}
	}
	slices.Sort(out)
	return out
}
