package otm

import (
	"strconv"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// tell makes facts of the times that actions have. The plan's windows are constraints, which the load holds.
func (r *reader) tell(t *trip, path string, list []any, at *stop, depth int) {
	if depth > deepest {
		return
	}
	for i, e := range each(list) {
		here := path + strconv.Itoa(i) + ".entity."
		s := at
		if own := t.at[here]; own != nil {
			s = own
		}
		for _, edge := range []string{"start", "end"} {
			if when := r.time(here+edge+"Time", e[edge+"Time"]); when.Ok {
				r.fact(t, s, e, edge, when.V)
			}
		}
		inner, _ := e["actions"].([]any)
		r.tell(t, here+"actions.", inner, s, depth+1)
	}
}

// fact tells the start or end of an action, UNMAPPED where no table gives it a meaning.
func (r *reader) fact(t *trip, s *stop, e object, edge string, at avro.Micros) {
	kind := text(e["actionType"])
	key := kind + "/" + edge
	if kind == "stop" && s != nil {
		key = kind + "/" + s.Type.String() + "/" + edge
	}
	name, _ := r.Meaning("otm5/action", key)
	lifecycle, _ := r.Meaning("otm5/lifecycle", text(e["lifecycle"]))
	f := &avro.Fact{
		HasMilestone: true, OccurredAt: at, Code: key, EventID: text(e["id"]), Source: avro.Source{System: avro.SourceSystemTMS},
		Identifiers: []avro.Identifier{ids.Of(avro.IdentifierKindLoad, "", t.id)},
	}
	f.Milestone, _ = avro.ParseMilestoneCode(name)
	f.Classifier, _ = avro.ParseClassifier(lifecycle)
	if _, shipment := entity(e["consignment"]); shipment != "" {
		f.Identifiers = append(f.Identifiers, ids.Of(avro.IdentifierKindShipment, "", shipment))
	}
	if s != nil {
		f.StopSequence, f.PlaceID = avro.Some(s.Sequence), s.PlaceID
	}
	if id := text(e["id"]); id != "" {
		f.Attributes = append(f.Attributes, avro.KV{K: "action", V: id})
	}
	t.facts = append(t.facts, f)
}
