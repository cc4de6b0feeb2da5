// Package factset keeps the set of facts about a key in a store. Duplicates cost nothing, and of a restatable series the
// highest revision stands: so the set does not depend on the order of arrival.
package factset

import (
	"iter"

	"waybill/avro"
	"waybill/processors/stream"
)

// Store is the store a set lives in.
type Store = stream.Map[avro.Fact, *avro.Fact]

// Name is what a fact is kept under: its series where it has one, else its id.
func Name(f *avro.Fact) string {
	if f.Series != "" {
		return "series/" + f.Series
	}
	return f.FactID
}

// Newer says whether f says more than what is known under its name.
func Newer(f, known *avro.Fact) bool {
	return f.Series != "" && f.Revision > known.Revision
}

// Put adds a fact and says whether the set changed.
func Put(set *Store, f *avro.Fact) bool {
	if known, ok := set.Get(Name(f)); ok && !Newer(f, known) {
		return false
	}
	*set.Edit(Name(f)) = f.Clone()
	return true
}

// Standing gives the facts that stand, in order of their names: those of no void series that no fact of the set supersedes.
// Who superseded whom first does not matter, and what was superseded stays in the set.
func Standing(set *Store) iter.Seq[*avro.Fact] {
	return func(yield func(*avro.Fact) bool) {
		var standing []*avro.Fact
		superseded := map[string]bool{}
		for _, f := range set.All() {
			if f.Void {
				continue
			}
			standing = append(standing, f)
			for _, id := range f.Supersedes {
				superseded[id] = true
			}
		}
		for _, f := range standing {
			if !superseded[f.FactID] && !yield(f) {
				return
			}
		}
	}
}
