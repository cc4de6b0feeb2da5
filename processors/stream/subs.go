package stream

import "slices"

// subs are the decoded entries of a Map, an Index or the timers in one scope.
type subs struct {
	cells   map[string]*cell
	changed []*cell  // the dirty ones
	list    []string // names of all that are present, in order, where listed
	listed  bool
	asked   bool // a handler went through the list
	names   int  // about how many bytes the list takes
	most    int  // cells that were there at once
}

func (in *subs) add(c *cell) {
	in.cells[c.sub] = c
	in.most = max(in.most, len(in.cells))
}

// small says whether there is no room to be given back.
func (in *subs) small() bool { return in.most <= 8 && cap(in.changed) <= 8 }

// shrink gives back the room of entries that were let go of, where it is much: a map keeps what it once needed.
func (in *subs) shrink() {
	if !in.small() {
		in.cells, in.changed, in.most = map[string]*cell{}, nil, 0
	}
}

// lacks says that an entry is known not to be there. Those that are decoded are looked for before.
func (in *subs) lacks(sub string) bool {
	if !in.listed {
		return false
	}
	_, found := slices.BinarySearch(in.list, sub)
	return !found
}

func (b *Binder) subs(s *scope, store uint16) *subs {
	if s.slots[store].subs == nil {
		s.slots[store].subs = b.newSubs()
		b.grow(s, subsOverhead)
		if s.slots[store].none {
			s.slots[store].none, s.slots[store].subs.listed = false, true
		}
	}
	return s.slots[store].subs
}

// newSubs takes one that was let go of, where there is one: a cold store lets go of them with each commit.
func (b *Binder) newSubs() *subs {
	last := len(b.spare) - 1
	if last < 0 {
		return &subs{cells: map[string]*cell{}}
	}
	in := b.spare[last]
	b.spare = b.spare[:last]
	in.asked = false
	return in
}

// spareSubs is how many of them are kept, all of them small: less than a megabyte. Blocks of positions are turned by the clock, so all
// devices let go of theirs at once.
const spareSubs = 2048

func (b *Binder) letGo(in *subs) {
	if len(b.spare) < spareSubs && in.small() && cap(in.list) == 0 {
		b.spare = append(b.spare, in)
	}
}
