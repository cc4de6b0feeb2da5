package factset

import (
	"waybill/avro"
	"waybill/processors/stream"
)

// Routes count by how many links a fact came to a key, of those that came by more than one. Each sender sends a fact along a link once, and
// takes it back once where the link is corrected or over: so a fact stands as long as one of them leads here.
type Routes = stream.Map[avro.Routes, *avro.Routes]

// Another counts one more way by which a fact came.
func Another(routes *Routes, factID string) {
	r := routes.Edit(factID)
	r.Count = max(r.Count, 1) + 1
}

// Fewer counts one way less, and says whether there is another.
func Fewer(routes *Routes, factID string) bool {
	r, ok := routes.Get(factID)
	switch {
	case !ok:
		return false
	case r.Count <= 2:
		routes.Delete(factID)
	default:
		routes.Edit(factID).Count--
	}
	return true
}

// Arrive adds a fact that links led here and says whether the set changed. What was withdrawn stands again.
func Arrive(set *Store, routes *Routes, f *avro.Fact) bool {
	known, ok := set.Get(Name(f))
	switch {
	case !ok || f.Series != "":
		return Put(set, f)
	case known.Void:
		*set.Edit(f.FactID) = f.Clone()
		return true
	}
	Another(routes, f.FactID)
	return false
}

// Withdraw takes back that a link led a fact here and says whether the set changed: void, it is kept and does not stand.
func Withdraw(set *Store, routes *Routes, factID string) bool {
	known, ok := set.Get(factID)
	if !ok || known.Void || Fewer(routes, factID) {
		return false
	}
	set.Edit(factID).Void = true
	return true
}
