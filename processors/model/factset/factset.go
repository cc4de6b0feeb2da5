// Package factset keeps the set of facts about a key in a store. Duplicates cost nothing, and of a restatable series the
// highest revision stands: so the set does not depend on the order of arrival.
package factset

import (
	"iter"
	"slices"

	"waybill/avro"
	"waybill/processors/model/facts"
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

// Standing gives the facts that stand, in order of their names: those that are not void, and that no other of the set corrects.
func Standing(set *Store) iter.Seq[*avro.Fact] {
	return func(yield func(*avro.Fact) bool) {
		var all []*avro.Fact
		for _, f := range set.All() {
			if !f.Void {
				all = append(all, f)
			}
		}
		for _, f := range Uncorrected(all) {
			if !yield(f) {
				return
			}
		}
	}
}

// Uncorrected leaves out what others of the list correct. It may use the list's room.
func Uncorrected(list []*avro.Fact) []*avro.Fact {
	var corrected []string
	for _, f := range list {
		corrected = append(corrected, facts.Corrects(f)...)
	}
	if len(corrected) == 0 {
		return list
	}
	slices.Sort(corrected)
	return slices.DeleteFunc(list, func(f *avro.Fact) bool { return facts.Corrected(f, corrected) })
}
