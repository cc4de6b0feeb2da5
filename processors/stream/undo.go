package stream

import (
	"fmt"

	"waybill/topics/fault"
)

// undo takes back what one unit of work changed: one record, one timer, one key of a sweep. It copies what is about to be
// changed, which costs an encoding each, so it is used only where a cycle holds poison: a task is not careful at first.
type undo struct {
	limit   int    // 0: not careful; else how long key and value of what is remembered may be
	unit    uint64 // number of the unit under way, from 1
	touched bool   // the unit changed something
	images  []image
	dirty   int // how many cells were dirty before
}

// image is a cell before the unit.
type image struct {
	cell    *cell
	dirty   bool
	present bool
	value   []byte
}

func (u *undo) begin(b *Binder) {
	u.unit++
	u.touched, u.dirty = false, len(b.dirty)
	u.images = u.images[:0]
}

func (u *undo) save(b *Binder, c *cell) {
	u.touched = true
	if u.limit == 0 || c.saved == u.unit {
		return
	}
	c.saved = u.unit
	i := image{cell: c, dirty: c.dirty, present: c.present}
	if c.dirty && c.present { // a clean one is read again from where it is committed
		i.value = b.stores[c.store].append(nil, c.rec)
	}
	u.images = append(u.images, i)
}

// fits refuses a unit that makes a value longer than can be written: only here it can be told whose fault it is.
func (u *undo) fits(b *Binder) error {
	for _, i := range u.images {
		if !i.cell.present {
			continue
		}
		of := &b.stores[i.cell.store]
		id := appendID(nil, of.name, i.cell.scope.key, i.cell.sub)
		if n := len(id) + len(of.append(nil, i.cell.rec)); n > u.limit {
			return fault.Poisonf("OVERSIZE", "what is to be remembered under %q is %d bytes long, the limit is %d", id, n, u.limit)
		}
	}
	return nil
}

// back takes the unit back.
func (u *undo) back(b *Binder) error {
	for _, i := range u.images {
		c := i.cell
		if !i.dirty {
			b.drop(c)
			continue
		}
		rec := b.stores[c.store].record()
		if i.present {
			if err := b.stores[c.store].decode(i.value, rec); err != nil {
				return fmt.Errorf("undo a change of store %s: %w", b.stores[c.store].name, err)
			}
		}
		if was, ok := c.rec.(*due); ok {
			rec.(*due).keep(was)
		}
		c.rec, c.present = rec, i.present
		if in := c.scope.slots[c.store].subs; in != nil {
			b.unlist(c.scope, in)
		}
	}
	b.dirty = b.dirty[:u.dirty] // behind these stand the cells that the unit made dirty
	u.images, u.touched = u.images[:0], false
	return nil
}

func (u *undo) forget() { u.images, u.touched = u.images[:0], false }
