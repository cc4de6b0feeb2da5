package states

import (
	"bytes"
	"errors"
	"fmt"

	"waybill/processors/stream"
)

// self compares a store with itself: every key is of a store that there is, every value can be read, and what is derived is what
// follows from the rest.
func (c *comparison) self() error {
	steps := c.steps(c.ctx)
	return c.at.Scan(nil, nil, func(key, value []byte) error {
		c.Keys++
		return errors.Join(c.entry(key, value), steps())
	})
}

func (c *comparison) entry(key, value []byte) error {
	isDerived := bytes.HasPrefix(key, []byte(stream.DerivedPrefix))
	if !isDerived {
		if why := c.wrong(key, value); why != "" {
			c.differs(key, "%s", why)
		}
	}
	switch {
	case c.checkpoint.Partly: // what is derived is made when the restore is finished
		return nil
	case isDerived:
		return c.derived(key)
	case stream.IsTimer(key):
		return c.derives(key, value)
	}
	return nil
}

// wrong says what is wrong with an entry, or nothing.
func (c *comparison) wrong(key, value []byte) string {
	k, err := stream.ParseKey(key)
	if err != nil {
		return err.Error()
	}
	i, ok := c.infos[k.Store]
	switch {
	case !ok:
		return fmt.Sprintf("is of store %s, which stage %s of this program does not have", k.Store, c.Stage)
	case (k.Scope == "") != i.Kind.OfTask() && i.Kind != stream.TimerKind:
		return fmt.Sprintf("a %s has no entry under such a key", i.Kind)
	case k.Entry != "" && i.Kind.Single():
		return fmt.Sprintf("a %s has no entries", i.Kind)
	case len(k.Entry) != stream.ElementName && i.Kind == stream.ListKind:
		return "a list has no element of this name"
	}
	if _, _, err := i.Decode(value); err != nil {
		return err.Error()
	}
	return ""
}

// derives looks for what follows from an entry.
func (c *comparison) derives(key, value []byte) error {
	want, _, err := stream.Derive(key, value)
	if err != nil {
		return nil // it cannot be read, which is told already
	}
	have, err := c.at.Get(want.Key)
	if err == nil && have == nil {
		c.differs(key, "the index of what is due does not have it: it would not fire")
	}
	return errors.Join(err, c.expires(key))
}

// expires looks for the entry that an expiry speaks of. A store that has lost its TTL may have some left.
func (c *comparison) expires(key []byte) error {
	k, err := stream.ParseKey(key)
	of, ok := stream.ExpiryOf(k)
	if err != nil || !ok || c.infos[of.Store].TTL == 0 {
		return nil
	}
	have, err := c.at.Get(of.Bytes())
	if err == nil && have == nil {
		c.differs(of.Bytes(), "it has an expiry and is not here")
	}
	return err
}

// derived looks for what a derived entry follows from.
func (c *comparison) derived(key []byte) error {
	from, err := stream.DerivedOf(key)
	if err != nil {
		c.differs(key, "%v", err)
		return nil
	}
	value, err := c.at.Get(from)
	if err != nil {
		return err
	}
	if want, _, err := stream.Derive(from, value); err != nil || !bytes.Equal(want.Key, key) {
		c.differs(from, "the index of what is due has it at an instant for which it is not set")
	}
	return nil
}
