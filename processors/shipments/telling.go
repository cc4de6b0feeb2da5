package shipments

import (
	"fmt"
	"slices"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/ids"
	"waybill/processors/model/timeline"
	"waybill/topics"
)

func (t *telling) key() string { return ids.Key(t.tenant, t.id) }

func (t *telling) orderIDs() []string { return values(t.orders) }

func (t *telling) loadIDs() []string {
	var out []string
	for _, leg := range t.legs {
		out = append(out, leg.LoadID)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func values(list []avro.Identifier) []string {
	var out []string
	for _, id := range list {
		out = append(out, id.Value)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// tellTimeline tells the timeline if its content changed.
func (t *telling) tellTimeline() {
	s := t.shipment.Edit()
	tl := avro.Timeline{
		Tenant: t.tenant, ShipmentID: t.id.Value, Issuer: t.id.Issuer, OrderIDs: t.orderIDs(), LoadIDs: t.loadIDs(), Equipment: t.equipment, References: t.references,
		Carrier: t.carrier, Customer: t.customer, ServiceLevel: t.level, State: latest(t.entries), Stops: t.stops, Entries: t.entries, Expectations: t.expectations,
		Facts: int32(t.words), Estimates: t.estimates, Incidents: t.incidents,
	}
	content := facts.Hash(string(tl.Append(nil)))
	if content == s.Content {
		return
	}
	s.Content = content
	s.Revision++
	tl.Revision, tl.CreatedAt, tl.EmittedAt = s.Revision, s.CreatedAt, t.now
	t.out.To(topics.Timelines.Name, t.key(), &tl)
}

// latest is the actual milestone that happened last: the state of the shipment.
func latest(entries []avro.TimelineEntry) avro.MilestoneCode {
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Classifier == avro.ClassifierActual && !entries[i].Subject.Ok {
			return entries[i].Milestone
		}
	}
	return avro.MilestoneCodeUnmapped
}

// tellMilestones tells each entry that is new or changed, and takes back those that no longer stand.
func (t *telling) tellMilestones() {
	wanted := map[string]bool{}
	for i := range t.entries {
		m := t.milestoneOf(&t.entries[i])
		wanted[m.MilestoneID] = true
		t.emitMilestone(m)
	}
	var gone []string
	for id, told := range t.milestones.All() {
		if !wanted[id] && !told.Retracted {
			gone = append(gone, id)
		}
	}
	for _, id := range gone {
		told, _ := t.milestones.Get(id)
		m := t.whole(id, told)
		m.Retracted = true
		t.emitMilestone(m)
	}
}

func (t *telling) milestoneOf(e *avro.TimelineEntry) avro.Milestone {
	m := avro.Milestone{Tenant: t.tenant, ShipmentID: t.id.Value, OrderIDs: t.orderIDs(), Carrier: t.carrier, Customer: t.customer, Entry: *e}
	natural := []string{"milestone", t.tenant, t.id.Issuer, t.id.Value, e.Milestone.String(), e.Classifier.String(), e.LoadID, fmt.Sprint(e.StopSequence.Or(-1)), ids.Key("", e.Subject.V)}
	if timeline.Recurs(e.Milestone, e.Classifier) {
		natural = append(natural, fmt.Sprint(e.OccurredAt))
	}
	m.MilestoneID = facts.Hash(natural...)
	return m
}

// bare is what is kept of a milestone: the key of its state and its name there say the rest.
func bare(m avro.Milestone) avro.Milestone {
	m.Tenant, m.ShipmentID, m.MilestoneID = "", "", ""
	return m
}

// whole is a milestone as it was told, of what is kept of it under its id.
func (t *telling) whole(id string, kept *avro.Milestone) avro.Milestone {
	m := kept.Clone()
	m.Tenant, m.ShipmentID, m.MilestoneID = t.tenant, t.id.Value, id
	return m
}

func (t *telling) emitMilestone(m avro.Milestone) {
	told, known := t.milestones.Get(m.MilestoneID)
	if known {
		m.Revision, m.EmittedAt = told.Revision, told.EmittedAt
		if now := bare(m); slices.Equal(now.Append(nil), told.Append(nil)) {
			return
		}
	}
	m.Revision++
	m.EmittedAt = t.now
	kept := bare(m)
	*t.milestones.Edit(m.MilestoneID) = kept.Clone()
	t.out.To(topics.Milestones.Name, t.key(), &m)
}

// tellOrders hands the shipment's view to each of its orders, and says so to those it is linked to no more.
func (t *telling) tellOrders() {
	linked := map[string]bool{}
	for _, order := range t.orders {
		key := ids.Key(t.tenant, order)
		linked[key] = true
		t.emitView(key, t.viewFor(order))
	}
	var gone []string
	for key, told := range t.views.All() {
		if !linked[key] && told.Content != "" {
			gone = append(gone, key)
		}
	}
	for _, key := range gone {
		if _, order, err := ids.ParseKey(key); err == nil {
			t.emitView(key, &avro.ShipmentView{Tenant: t.tenant, ShipmentID: t.id.Value, Issuer: t.id.Issuer, OrderID: order.Value})
		}
	}
}

func (t *telling) viewFor(order avro.Identifier) *avro.ShipmentView {
	return &avro.ShipmentView{
		Tenant: t.tenant, ShipmentID: t.id.Value, Issuer: t.id.Issuer, OrderID: order.Value, Linked: true,
		LoadIDs: t.loadIDs(), Equipment: t.equipment, Entries: t.entries, Estimates: t.estimates, Incidents: t.incidents,
	}
}

func (t *telling) emitView(key string, v *avro.ShipmentView) {
	content := facts.Hash(string(v.Append(nil)))
	if told, ok := t.views.Get(key); ok && told.Content == content {
		return
	}
	e := t.views.Edit(key)
	e.Content = content
	if !v.Linked {
		e.Content = ""
	}
	s := t.shipment.Edit()
	s.ViewRevision++
	v.Revision = s.ViewRevision
	t.out.To(topics.OrdersInbox.Name, key, v)
}
