package resolve

import (
	"context"
	"fmt"
	"slices"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/factset"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/stream"
	"waybill/topics/fault"
)

// A link that is corrected, or over, leads on no more. What it led on was sent, and is taken back hop by hop: where a fact came by another
// link as well it stands, where it did not it is kept and does not stand.

// withdrawn says whether a fact was sent here and taken back. Only facts that are no series can be: of a series the sender says so itself.
func withdrawn(f *avro.Fact) bool { return f.Void && f.Series == "" }

// leave takes a fact back from where it was sent and does not belong any more.
func (v *visit) leave(name string, known *avro.NodeFact, targets []target) {
	if known.Fact.Series != "" {
		return
	}
	gone := slices.DeleteFunc(slices.Clone(known.Targets), func(key string) bool {
		return slices.ContainsFunc(targets, func(t target) bool { return t.key == key })
	})
	for _, key := range gone {
		_, id, err := ids.ParseKey(key)
		if err != nil {
			continue // we wrote it
		}
		v.out.To(inboxOf(id.Kind), key, &avro.Withdrawal{Tenant: v.tenant, FactID: known.Fact.FactID})
	}
	if len(gone) > 0 {
		e := v.facts.Edit(name)
		e.Targets = slices.DeleteFunc(e.Targets, func(key string) bool { return slices.Contains(gone, key) })
	}
}

// again takes in a fact that is known: it came by another link, or by one that leads here again. What is filed here comes again and again.
func (v *visit) again(name string, known *avro.NodeFact, f *avro.Fact) {
	if f.Series != "" || slices.ContainsFunc(hops.Nodes(f), func(id avro.Identifier) bool { return ids.Same(id, v.at) }) {
		return
	}
	if !withdrawn(&known.Fact) {
		factset.Another(v.routes, f.FactID)
		return
	}
	v.facts.Edit(name).Fact.Void = false
	changed := v.learn(f)
	v.forward(name, f)
	v.follow(f, changed)
}

func (r *rules) onWithdrawal(_ context.Context, key string, ev stream.Event[avro.Withdrawal], st state) (stream.Emits, error) {
	v, err := r.visit(key, ev.Time, st)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("withdraw fact %s: %w", ev.Value.FactID, err))
	}
	name := ev.Value.FactID
	known, ok := st.facts.Get(name)
	if !ok || known.Fact.Void || known.Fact.Series != "" || factset.Fewer(st.routes, name) {
		return stream.Emits{}, nil
	}
	corrected := facts.Corrects(&known.Fact)
	v.facts.Edit(name).Fact.Void = true
	v.forward(name, &known.Fact)
	v.reinstate(corrected)
	return v.out, nil
}

// reinstate lets stand again, with its links, what only a fact corrected that is withdrawn.
func (v *visit) reinstate(corrected []string) {
	if len(corrected) == 0 {
		return
	}
	still := map[string]bool{}
	for _, known := range v.facts.All() {
		for _, name := range facts.Corrects(&known.Fact) {
			still[name] = true
		}
	}
	corrected = slices.DeleteFunc(corrected, func(name string) bool { return still[name] })
	e := v.node.Edit()
	e.Superseded = slices.DeleteFunc(e.Superseded, func(name string) bool { return slices.Contains(corrected, name) })
	for _, name := range namesOf(v.facts.All()) {
		if known, _ := v.facts.Get(name); facts.Corrected(&known.Fact, corrected) {
			changed := v.learn(&known.Fact)
			v.forward(name, &known.Fact)
			v.follow(&known.Fact, changed)
		}
	}
}

// ended gives the links less those that are revoked, and each until what revokes it: a revocation says that its two ends do not belong
// together from then on. What is said of them later joins them again.
func ended(links []avro.NodeLink) []avro.NodeLink {
	if !slices.ContainsFunc(links, func(l avro.NodeLink) bool { return l.Link.Revoked }) {
		return links
	}
	var out []avro.NodeLink
	for _, l := range links {
		for _, r := range links {
			end := r.Link.ValidFrom.Or(-forever)
			if r.Link.Revoked && ids.Same(r.Link.To, l.Link.To) && (end == -forever || begins(&l) <= end) && end < l.Link.ValidTo.Or(forever) {
				l.Link.ValidTo = avro.Some(end)
			}
		}
		if !l.Link.Revoked && l.Link.ValidTo.Or(forever) > l.Link.ValidFrom.Or(-forever) {
			out = append(out, l)
		}
	}
	return out
}

// begins is when a link is known to hold first: its start, or when somebody said so.
func begins(l *avro.NodeLink) avro.Micros { return l.Link.ValidFrom.Or(l.OccurredAt) }
