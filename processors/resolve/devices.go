package resolve

import (
	"cmp"
	"slices"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/ids"
)

// A device is in one vehicle at a time, and what it saw is the vehicle's for as long as it was in it.

// installations are a device's links to vehicles, each until its end is said or the device is built in anew.
func installations(links []avro.NodeLink) []avro.NodeLink {
	var out []avro.NodeLink
	for _, l := range links {
		if l.Link.To.Kind == avro.IdentifierKindVehicle && !l.Link.Revoked {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b avro.NodeLink) int {
		return cmp.Compare(a.Link.ValidFrom.Or(-forever), b.Link.ValidFrom.Or(-forever))
	})
	for i := range out {
		l := &out[i].Link
		for _, o := range out {
			end := o.Link.ValidFrom
			if o.Link.ValidFrom == l.ValidFrom && ids.Same(o.Link.To, l.To) {
				end = o.Link.ValidTo // the same one, told again with its end
			} else if end.Or(-forever) <= l.ValidFrom.Or(-forever) {
				continue
			}
			if end.Ok && end.V < l.ValidTo.Or(forever) {
				l.ValidTo = end
			}
		}
	}
	return out
}

// asVehicle tells a device's stay as its vehicle's, as far as the device was in it: further on nobody needs to know which device was built
// into what. A stay that turns out to be none of the vehicle's is void. Links only ever become more, so that a restated stay has a higher
// revision whether the stay changed or the links did.
func (v *visit) asVehicle(f *avro.Fact, vehicle avro.Identifier) *avro.Fact {
	told := f.Clone()
	told.Identifiers = []avro.Identifier{vehicle}
	told.DerivedFrom = []string{f.FactID}
	told.Series = facts.Hash("stay of vehicle", ids.Key(v.tenant, vehicle), f.Series)
	node, _ := v.node.Get()
	told.Revision = f.Revision<<16 + int64(len(node.Links))
	told.Void = f.Void || !v.bound(&told, node, vehicle)
	facts.Seal(&told)
	return &told
}

// Attributes of a stay that is cut off, as loads reads them: the vehicle may have been there before the device was built in, or after it
// was taken out.
const (
	since = "since"
	until = "until"
)

// bound cuts a stay off where the device came or went; false where it was not in the vehicle at all.
func (v *visit) bound(told *avro.Fact, node *avro.ResolveNode, vehicle avro.Identifier) bool {
	stay := &told.Stay.V
	for _, l := range installations(node.Links) {
		if !ids.Same(l.Link.To, vehicle) || !holds(&l.Link, told) {
			continue
		}
		if from := l.Link.ValidFrom; from.Ok && stay.ArrivedAt < from.V {
			stay.ArrivedAt = from.V
			told.Attributes = append(told.Attributes, avro.KV{K: since, V: "the device was built in"})
		}
		if to := l.Link.ValidTo; to.Ok && stay.DepartedAt.Or(forever) > to.V {
			stay.DepartedAt = to
			told.Attributes = append(told.Attributes, avro.KV{K: until, V: "the device was taken out"})
		}
		return true
	}
	return false
}
