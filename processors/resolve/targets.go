package resolve

import (
	"cmp"
	"slices"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/topics"
)

// leads says which links carry facts on, by the kinds at their ends. Not every link does: what happened to one order line
// is told to its order, not to the order's other shipments; a container's scans are not the vessel's.
var leads = map[avro.IdentifierKind][]avro.IdentifierKind{
	avro.IdentifierKindDevice:       {avro.IdentifierKindVehicle},
	avro.IdentifierKindVehicle:      {avro.IdentifierKindLoad},
	avro.IdentifierKindTrailer:      {avro.IdentifierKindLoad},
	avro.IdentifierKindPayment:      {avro.IdentifierKindInvoice, avro.IdentifierKindOrder},
	avro.IdentifierKindInvoice:      {avro.IdentifierKindGoodsReceipt, avro.IdentifierKindOrder, avro.IdentifierKindShipment},
	avro.IdentifierKindGoodsReceipt: {avro.IdentifierKindOrder},
	avro.IdentifierKindRequisition:  {avro.IdentifierKindQuotation, avro.IdentifierKindOrder},
	avro.IdentifierKindQuotation:    {avro.IdentifierKindOrder},
	avro.IdentifierKindOrderLine:    {avro.IdentifierKindOrder, avro.IdentifierKindShipment},
	avro.IdentifierKindSSCC:         {avro.IdentifierKindContainer, avro.IdentifierKindDelivery, avro.IdentifierKindShipment},
	avro.IdentifierKindContainer:    {avro.IdentifierKindShipment},
	avro.IdentifierKindDelivery:     {avro.IdentifierKindOrder, avro.IdentifierKindShipment},
	avro.IdentifierKindBOL:          {avro.IdentifierKindShipment},
	avro.IdentifierKindPRO:          {avro.IdentifierKindShipment},
	avro.IdentifierKindOrder:        {avro.IdentifierKindShipment},
}

// views are the inboxes of the stages that keep a view per key of a kind.
var views = map[avro.IdentifierKind]topics.Name{
	avro.IdentifierKindOrder:    topics.OrdersInbox.Name,
	avro.IdentifierKindLoad:     topics.LoadsInbox.Name,
	avro.IdentifierKindShipment: topics.ShipmentsInbox.Name,
}

// hub says whether identifiers of the kind have a view of their own.
func hub(kind avro.IdentifierKind) bool { return views[kind] != "" }

// inboxOf is where what concerns an identifier of the kind goes: to its view, or to the identifier here.
func inboxOf(kind avro.IdentifierKind) topics.Name {
	return cmp.Or(views[kind], topics.ResolveInbox.Name)
}

// target is where a fact goes next: a view's inbox, or the identifier one hop on.
type target struct {
	id  avro.Identifier
	key string
}

// targets lists where a fact is to be sent by the links known now, each once, and says whether it goes on at all: a fact
// that is filed under the next identifier by itself goes on without being sent.
func (v *visit) targets(f *avro.Fact) (out []target, goesOn bool) {
	node, _ := v.node.Get()
	if withdrawn(f) || !hub(v.at.Kind) && (restates(f) || f.Series == "" && facts.Corrected(f, node.Superseded)) {
		return nil, false // what corrects a fact may belong elsewhere by its time
	}
	if hub(v.at.Kind) {
		out = append(out, v.target(v.at))
	}
	filed := hops.Nodes(f)
	links := v.alive(node.Links, f)
	switch {
	case v.at.Kind == avro.IdentifierKindDevice:
		links = installations(links)
	case !moves(v.at.Kind): // a load itself says which of its assignments holds
		links = ended(links)
	}
	for i := range links {
		l := &links[i].Link
		if !slices.Contains(leads[v.at.Kind], l.To.Kind) || !holds(l, f) || v.at.Kind == avro.IdentifierKindOrder && !ofWholeOrder(f) {
			continue
		}
		goesOn = true
		known := slices.ContainsFunc(out, func(t target) bool { return ids.Same(t.id, l.To) })
		if !known && !names(filed, l.To.Kind) {
			out = append(out, v.target(l.To))
		}
	}
	return out, goesOn || len(out) > 0
}

// restates says whether a fact is a link that follows from others. It is filed under both its ends, each of which composes what follows from it.
func restates(f *avro.Fact) bool { return f.Series != "" && !f.HasMilestone && !f.Stay.Ok }

// names says whether a fact names an identifier of the kind itself. Then it speaks of that one, and of no other that a link
// leads to: one load's assignment is not told to the vehicle's next load.
func names(filed []avro.Identifier, kind avro.IdentifierKind) bool {
	return slices.ContainsFunc(filed, func(id avro.Identifier) bool { return id.Kind == kind })
}

func (v *visit) target(id avro.Identifier) target {
	return target{id: ids.Bare(id), key: ids.Key(v.tenant, id)}
}

// ofWholeOrder says whether a fact under an order concerns every shipment of it: it is an order message, or it names
// nothing narrower than the order.
func ofWholeOrder(f *avro.Fact) bool {
	if f.Order.Ok {
		return true
	}
	return !slices.ContainsFunc(f.Identifiers, func(id avro.Identifier) bool { return narrower(id, avro.IdentifierKindOrder) })
}

// narrower says whether an identifier stands for less than what identifiers of a kind stand for.
func narrower(id avro.Identifier, than avro.IdentifierKind) bool {
	return hops.Routed(id.Kind) && hops.Rank(id.Kind) < hops.Rank(than)
}

func fresh(known *avro.NodeFact, targets []target) []target {
	return slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return slices.Contains(known.Targets, t.key) })
}

// resend tells a restated fact again to whom an earlier revision was told, though it may not concern them any more: they
// see for themselves.
func (v *visit) resend(known *avro.NodeFact, f *avro.Fact, fresh []target) {
	for _, key := range known.Targets {
		_, id, err := ids.ParseKey(key)
		if err != nil || slices.ContainsFunc(fresh, func(t target) bool { return t.key == key }) {
			continue
		}
		v.send(target{id: id, key: key}, f)
	}
}

func (v *visit) send(t target, f *avro.Fact) {
	if f.Stay.Ok && v.at.Kind == avro.IdentifierKindDevice {
		f = v.asVehicle(f, t.id)
	}
	v.out.To(inboxOf(t.id.Kind), t.key, f)
}
