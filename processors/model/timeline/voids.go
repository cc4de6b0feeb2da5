package timeline

import (
	"slices"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// Unvoided leaves out confirmations of shipping that a later void takes back, whoever gave them: what is shipped again is confirmed again. It
// may use the list's room. The void itself stays, as what happened.
func Unvoided(list []*avro.Fact) []*avro.Fact {
	var voids []*avro.Fact
	for _, f := range list {
		if f.HasMilestone && f.Milestone == avro.MilestoneCodeShipVoided && f.Classifier == avro.ClassifierActual && !f.Void {
			voids = append(voids, f)
		}
	}
	if len(voids) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(f *avro.Fact) bool {
		return f.HasMilestone && f.Milestone == avro.MilestoneCodeShipConfirmed && slices.ContainsFunc(voids, func(v *avro.Fact) bool {
			return f.OccurredAt <= v.OccurredAt && alike(f, v)
		})
	})
}

// parts are what a confirmation may be of, short of the whole shipment.
var parts = []avro.IdentifierKind{avro.IdentifierKindDelivery, avro.IdentifierKindSSCC, avro.IdentifierKindOrderLine, avro.IdentifierKindLoad, avro.IdentifierKindShipment}

// alike says whether two facts speak of the same part: of each kind that both name, they name one in common.
func alike(a, b *avro.Fact) bool {
	for _, kind := range parts {
		mine, theirs := of(a, kind), of(b, kind)
		common := slices.ContainsFunc(mine, func(id avro.Identifier) bool {
			return slices.ContainsFunc(theirs, func(o avro.Identifier) bool { return ids.Same(id, o) })
		})
		if len(mine) > 0 && len(theirs) > 0 && !common {
			return false
		}
	}
	return true
}

func of(f *avro.Fact, kind avro.IdentifierKind) (out []avro.Identifier) {
	for _, id := range f.Identifiers {
		if id.Kind == kind {
			out = append(out, id)
		}
	}
	return out
}
