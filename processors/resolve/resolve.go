// Package resolve keeps, per identifier, the facts filed under it and the links that lead on from it. It sends each fact
// one typed hop on, again when a link comes later, and parks what has no link yet.
package resolve

import (
	"cmp"
	"context"
	"fmt"

	"waybill/avro"
	"waybill/processors/model/factset"
	"waybill/processors/model/ids"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// Name is the stage's name.
const Name = "resolve"

type state struct {
	facts *stream.Map[avro.NodeFact, *avro.NodeFact]
	node  *stream.Value[avro.ResolveNode, *avro.ResolveNode]

	parked *stream.Tally
}

// New declares the stage.
func New() stream.Spec {
	return stream.Define(stream.Processor[state]{
		Name:  Name,
		Inbox: topics.ResolveInbox,
		State: func(b *stream.Binder) state {
			return state{
				facts: stream.MapOf[avro.NodeFact](b, "fact"),
				node:  stream.ValueOf[avro.ResolveNode](b, "node"),

				parked: stream.TallyOf(b, "parked_facts"),
			}
		},
		Inputs: []stream.Input[state]{stream.On(onFact)},
		Outputs: []topics.Name{
			topics.ResolveInbox.Name, topics.LoadsInbox.Name, topics.ShipmentsInbox.Name, topics.OrdersInbox.Name, topics.Parked.Name,
		},
	})
}

// visit is one fact arriving at one identifier.
type visit struct {
	state
	tenant string
	at     avro.Identifier
	now    avro.Micros
	out    stream.Emits
}

func onFact(_ context.Context, key string, ev stream.Event[avro.Fact], st state) (stream.Emits, error) {
	tenant, at, err := ids.ParseKey(key)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("file fact %s: %w", ev.Value.FactID, err))
	}
	v := &visit{state: st, tenant: tenant, at: at, now: avro.MicrosOf(ev.Time)}
	forgot := v.forget(ev.Value.Supersedes)
	name := factset.Name(ev.Value)
	known, ok := st.facts.Get(name)
	if ok && !factset.Newer(ev.Value, &known.Fact) {
		v.relearn(forgot)
		return v.out, nil
	}
	st.facts.Edit(name).Fact = ev.Value.Clone()
	if v.learn(ev.Value) || forgot {
		v.forwardAll()
		v.compose()
		return v.out, nil
	}
	v.forward(name)
	return v.out, nil
}

// forget drops superseded facts and the links they stated, and says whether that took any link. Where they were sent they are dropped
// likewise: what supersedes them is filed under the same identifiers.
func (v *visit) forget(superseded []string) (links bool) {
	for _, id := range superseded {
		if known, ok := v.facts.Get(id); ok && known.Fact.Void {
			continue
		}
		v.facts.Edit(id).Fact = avro.Fact{FactID: id, Void: true} // enough to refuse it when it comes
		v.park(id, true)
		links = v.unlearn(id) || links
	}
	return links
}

func (v *visit) relearn(changed bool) {
	if changed {
		v.forwardAll()
		v.compose()
	}
}

// forwardAll sends on everything filed here that the links now lead on from: a late link releases history.
func (v *visit) forwardAll() {
	var names []string
	for name := range v.facts.All() {
		names = append(names, name)
	}
	for _, name := range names {
		v.forward(name)
	}
}

// forward sends one fact to where it has not been, or where an earlier revision of it has.
func (v *visit) forward(name string) {
	known, _ := v.facts.Get(name)
	targets, goesOn := v.targets(&known.Fact)
	fresh := fresh(known, targets)
	restated := known.Fact.Revision > 0 && known.Fact.Series != ""
	for _, t := range fresh {
		v.send(t, &known.Fact)
	}
	if restated {
		v.resend(known, fresh)
	}
	v.park(name, goesOn)
	if len(fresh) > 0 {
		e := v.facts.Edit(name)
		for _, t := range fresh {
			e.Targets = append(e.Targets, t.key)
		}
	}
}

// park says once that a fact waits here, and once that it waits no more.
func (v *visit) park(name string, goesOn bool) {
	known, _ := v.facts.Get(name)
	waiting := !goesOn && waits(&known.Fact)
	if waiting == known.Parked {
		return
	}
	v.facts.Edit(name).Parked = waiting
	if waiting {
		v.parked.Add(1)
	} else {
		v.parked.Add(-1)
	}
	p := avro.Parked{
		Tenant: v.tenant, FactID: cmp.Or(known.Fact.Series, known.Fact.FactID), At: v.at, Released: !waiting, Reason: "NO_LINK",
		Milestone: known.Fact.Milestone, OccurredAt: known.Fact.OccurredAt, EmittedAt: v.now,
	}
	if v.at.Kind == avro.IdentifierKindUnspecified {
		p.Reason = "NO_IDENTIFIER"
	}
	v.out.To(topics.Parked.Name, ids.Key(v.tenant, v.at), &p)
}

// waits says whether a fact that cannot go on is missed: not one that is void, nor one that tells nothing but links and
// has done its work here, nor one that names an order, load or shipment and so is in a view already.
func waits(f *avro.Fact) bool {
	if f.Void || !f.HasMilestone && !f.Stay.Ok && len(f.Links) > 0 {
		return false
	}
	for _, id := range f.Identifiers {
		if hub(id.Kind) {
			return false
		}
	}
	return true
}
