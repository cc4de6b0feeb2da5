package normalise

import (
	"cmp"
	"slices"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// sortLinks orders links and drops repeated ones: a source that lists the same units in another order says the same.
func sortLinks(f *avro.Fact) {
	slices.SortFunc(f.Links, compareLinks)
	f.Links = slices.CompactFunc(f.Links, func(a, b avro.Link) bool { return compareLinks(a, b) == 0 })
}

func compareLinks(a, b avro.Link) int {
	return cmp.Or(ids.Compare(a.From, b.From), ids.Compare(a.To, b.To), cmp.Compare(a.Classifier, b.Classifier),
		cmp.Compare(a.ValidFrom.V, b.ValidFrom.V), cmp.Compare(a.ValidTo.V, b.ValidTo.V))
}
