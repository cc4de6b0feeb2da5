// Package orders keeps the set of facts about one order and the views its shipments told it, and derives the order's own
// timeline across them.
package orders

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/factset"
	"waybill/processors/model/ids"
	"waybill/processors/model/pace"
	"waybill/processors/model/timeline"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// Name is the stage's name.
const Name = "orders"

type state struct {
	order  *stream.Value[avro.OrderState, *avro.OrderState]
	facts  *factset.Store
	routes *factset.Routes
	views  *stream.Map[avro.ShipmentView, *avro.ShipmentView]
	pace   pace.Pace
}

// New declares the stage.
func New() stream.Spec {
	return stream.Define(stream.Processor[state]{
		Name:  Name,
		Inbox: topics.OrdersInbox,
		State: func(b *stream.Binder) state {
			return state{
				order:  stream.ValueOf[avro.OrderState](b, "order"),
				facts:  stream.MapOf[avro.Fact](b, "fact"),
				routes: stream.MapOf[avro.Routes](b, "route"),
				views:  stream.MapOf[avro.ShipmentView](b, "view", stream.Migrated(2, migrateView)),
				pace:   pace.Of(b),
			}
		},
		Inputs:  []stream.Input[state]{stream.On(onFact), stream.On(onWithdrawal), stream.On(onShipmentView)},
		Outputs: []topics.Name{topics.OrderTimelines.Name},
		Timers:  onDue,
	})
}

// migrateView reads a view of before it told estimates and incidents.
func migrateView(_ byte, old []byte, into avro.Record) error {
	var was avro.ShipmentView1
	if err := was.Decode(old); err != nil {
		return err
	}
	*into.(*avro.ShipmentView) = avro.ShipmentView{
		Tenant: was.Tenant, ShipmentID: was.ShipmentID, Issuer: was.Issuer, OrderID: was.OrderID, Revision: was.Revision, Linked: was.Linked,
		LoadIDs: was.LoadIDs, Equipment: was.Equipment, Entries: was.Entries,
	}
	return nil
}

func onFact(_ context.Context, key string, ev stream.Event[avro.Fact], st state) (stream.Emits, error) {
	if !factset.Arrive(st.facts, st.routes, ev.Value) || st.pace.Later(ev.Time) {
		return stream.Emits{}, nil
	}
	return tell(key, ev.Time, st)
}

func onWithdrawal(_ context.Context, key string, ev stream.Event[avro.Withdrawal], st state) (stream.Emits, error) {
	if !factset.Withdraw(st.facts, st.routes, ev.Value.FactID) || st.pace.Later(ev.Time) {
		return stream.Emits{}, nil
	}
	return tell(key, ev.Time, st)
}

func onShipmentView(_ context.Context, key string, ev stream.Event[avro.ShipmentView], st state) (stream.Emits, error) {
	shipment := ids.Key(ev.Value.Tenant, avro.Identifier{Kind: avro.IdentifierKindShipment, Issuer: ev.Value.Issuer, Value: ev.Value.ShipmentID})
	if known, ok := st.views.Get(shipment); ok && known.Revision >= ev.Value.Revision {
		return stream.Emits{}, nil
	}
	*st.views.Edit(shipment) = ev.Value.Clone()
	if st.pace.Later(ev.Time) {
		return stream.Emits{}, nil
	}
	return tell(key, ev.Time, st)
}

// onDue tells what came since an order of thousands of lines was told last.
func onDue(_ context.Context, key string, f stream.Firing, st state) (stream.Emits, error) {
	return tell(key, f.Now, st)
}

// tell derives the order's timeline anew and emits it if its content changed.
func tell(key string, now time.Time, st state) (stream.Emits, error) {
	tenant, id, err := ids.ParseKey(key)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("derive order: %w", err))
	}
	s := st.order.Edit()
	if s.CreatedAt == 0 {
		s.CreatedAt = avro.MicrosOf(now)
	}
	var out stream.Emits
	tl := derive(tenant, id, st)
	st.pace.Derived(int(tl.Facts) + len(tl.Entries))
	content := facts.Hash(string(tl.Append(nil)))
	if content == s.Content {
		return out, nil
	}
	s.Content = content
	s.Revision++
	tl.Revision, tl.CreatedAt, tl.EmittedAt = s.Revision, s.CreatedAt, avro.MicrosOf(now)
	out.To(topics.OrderTimelines.Name, key, tl)
	return out, nil
}

func derive(tenant string, id avro.Identifier, st state) *avro.OrderTimeline {
	own := slices.Collect(factset.Standing(st.facts))
	tl := &avro.OrderTimeline{Tenant: tenant, OrderID: id.Value, Issuer: id.Issuer, Facts: int32(len(own))}
	tl.Entries = timeline.Policy{Tolerance: timeline.DefaultTolerance}.Entries(timeline.Unvoided(slices.Clone(own)))
	describe(tl, own)
	mine := lines(own)
	for _, v := range st.views.All() {
		if v.Linked {
			include(tl, v, mine)
		}
	}
	slices.Sort(tl.ShipmentIDs)
	slices.Sort(tl.LoadIDs)
	tl.LoadIDs = slices.Compact(tl.LoadIDs)
	slices.SortFunc(tl.Equipment, ids.Compare)
	tl.Equipment = slices.CompactFunc(tl.Equipment, ids.Same)
	slices.SortFunc(tl.Entries, timeline.Compare)
	slices.SortStableFunc(tl.Estimates, func(a, b avro.Estimate) int {
		return cmp.Or(cmp.Compare(a.LoadID, b.LoadID), cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.ShipmentID, b.ShipmentID))
	})
	slices.SortStableFunc(tl.Incidents, func(a, b avro.Incident) int {
		return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.Milestone, b.Milestone), cmp.Compare(a.ShipmentID, b.ShipmentID))
	})
	for _, e := range tl.Entries {
		if e.Classifier == avro.ClassifierActual {
			tl.State = e.Milestone
		}
	}
	return tl
}

// describe takes what the order itself says from the last message.
func describe(tl *avro.OrderTimeline, own []*avro.Fact) {
	byTime := slices.SortedFunc(slices.Values(own), func(a, b *avro.Fact) int {
		return cmp.Or(cmp.Compare(b.OccurredAt, a.OccurredAt), cmp.Compare(a.FactID, b.FactID))
	})
	for _, f := range byTime {
		if !f.Order.Ok {
			continue
		}
		tl.Customer = cmp.Or(tl.Customer, f.Order.V.Customer)
		tl.ServiceLevel = cmp.Or(tl.ServiceLevel, f.Order.V.ServiceLevel)
		if !tl.RequestedDeliveryAt.Ok {
			tl.RequestedDeliveryAt = f.Order.V.RequestedDeliveryAt
		}
	}
}

// lines are the order's lines, as far as its own facts name them.
func lines(own []*avro.Fact) []avro.Identifier {
	var out []avro.Identifier
	for _, f := range own {
		for _, id := range f.Identifiers {
			if id.Kind == avro.IdentifierKindOrderLine {
				out = append(out, id)
			}
		}
	}
	return out
}

// include adds a shipment's milestones, except those whose report is the order's own already, and those of lines of other
// orders in the same shipment.
func include(tl *avro.OrderTimeline, v *avro.ShipmentView, mine []avro.Identifier) {
	tl.ShipmentIDs = append(tl.ShipmentIDs, v.ShipmentID)
	tl.LoadIDs = append(tl.LoadIDs, v.LoadIDs...)
	tl.Estimates = append(tl.Estimates, v.Estimates...)
	tl.Incidents = append(tl.Incidents, v.Incidents...)
	tl.Equipment = append(tl.Equipment, v.Equipment...)
	known := map[string]bool{}
	for _, e := range tl.Entries {
		for _, r := range e.Reports {
			known[r.FactID] = true
		}
	}
	for _, e := range v.Entries {
		if !known[e.Reports[0].FactID] && concerns(e.Subject, mine) {
			tl.Entries = append(tl.Entries, e)
		}
	}
}

// concerns says whether a part is the order's: a line must be one of its own, where it knows them.
func concerns(part avro.Opt[avro.Identifier], mine []avro.Identifier) bool {
	return part.V.Kind != avro.IdentifierKindOrderLine || len(mine) == 0 ||
		slices.ContainsFunc(mine, func(line avro.Identifier) bool { return ids.Same(line, part.V) })
}
