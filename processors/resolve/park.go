package resolve

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/ids"
	"waybill/topics"
	"waybill/topics/fault"
)

// What has no link waits, and each step of it shows: parked, then a gap where that takes longer than expected, then a dead letter. A link
// ends it at any time, in the transaction that brings the link here.

// Timers: of the identifier, and of a fact that waits, whose name follows.
const (
	idle    = "idle"
	overdue = "overdue/"
	lost    = "lost/"
)

func cutTimer(timer string) (what, name string) {
	i := strings.IndexByte(timer, '/') + 1
	if i == 0 {
		return timer, ""
	}
	return timer[:i], timer[i:]
}

// Reasons of Parked, and of dead letters.
const (
	noLink       = "NO_LINK"
	noIdentifier = "NO_IDENTIFIER"
	pastHorizon  = "PAST_HORIZON"
	corrected    = "CORRECTED"
	withdrew     = "WITHDRAWN"
	parkingFull  = "PARKING_FULL"
)

// park says once that a fact waits here, and once that it waits no more.
func (v *visit) park(name string, goesOn bool) {
	known, _ := v.facts.Get(name)
	waiting := !goesOn && v.stuck(&known.Fact)
	if waiting == known.Parked {
		return
	}
	v.facts.Edit(name).Parked = waiting
	if waiting {
		v.parked.Add(1)
		v.wait(name, &known.Fact)
		v.tellParked(known, "")
		return
	}
	because := ""
	switch {
	case goesOn:
	case withdrawn(&known.Fact):
		because = withdrew
	default:
		because = corrected
	}
	v.parked.Add(-1)
	v.tellParked(known, because)
	v.release(name, &known.Fact, because)
}

// tellParked says whether a fact waits now; because says why it waits no more, where no link came.
func (v *visit) tellParked(known *avro.NodeFact, because string) {
	f := &known.Fact
	p := avro.Parked{
		Tenant: v.tenant, FactID: cmp.Or(f.Series, f.FactID), At: v.at, Released: !known.Parked || because != "", Reason: cmp.Or(because, noLink),
		Milestone: f.Milestone, OccurredAt: f.OccurredAt, EmittedAt: v.now,
	}
	if v.at.Kind == avro.IdentifierKindUnspecified && because == "" {
		p.Reason = noIdentifier
	}
	v.out.To(topics.Parked.Name, ids.Key(v.tenant, v.at), &p)
}

// stuck says whether a fact that cannot go on is missed: not one that is void or was corrected, nor one that tells nothing but links
// and corrections and has done its work here, nor one that names an order or shipment and so is in a view already, or that names itself
// what a link would lead to. That a fact names a load says nothing: a load knows of units and deliveries only whose they are.
func (v *visit) stuck(f *avro.Fact) bool {
	if f.Void || !f.HasMilestone && !f.Stay.Ok && len(f.Links)+len(f.Supersedes) > 0 {
		return false
	}
	for _, id := range f.Identifiers {
		if id.Kind == avro.IdentifierKindOrder || id.Kind == avro.IdentifierKindShipment || slices.Contains(leads[v.at.Kind], id.Kind) {
			return false
		}
	}
	node, _ := v.node.Get()
	return !facts.Corrected(f, node.Superseded)
}

// expected says whether a link is to come. A vehicle also stands in its yard, between two loads: such a stay waits, but nobody misses it.
func (v *visit) expected(f *avro.Fact) bool {
	return !f.Stay.Ok || v.at.Kind != avro.IdentifierKindVehicle && v.at.Kind != avro.IdentifierKindTrailer
}

// wait begins to count how long a fact waits, and what it takes.
func (v *visit) wait(name string, f *avro.Fact) {
	if !v.expected(f) {
		return
	}
	w := v.waits.Put(name)
	*w = avro.NodeWait{Since: v.now, Bytes: int32(len(f.Append(nil)))}
	v.charge(1, int64(w.Bytes))
	if d := v.patience(f); d > 0 {
		v.timers.Set(overdue+name, (v.now + d).Time())
		return
	}
	v.timers.Set(lost+name, v.limit(w))
}

// limit is when a fact that waits is given up.
func (v *visit) limit(w *avro.NodeWait) time.Time { return w.Since.Time().Add(v.Horizon) }

func (v *visit) charge(facts, bytes int64) {
	t := v.tenants.Edit(v.tenant)
	t.Facts, t.Bytes = t.Facts+facts, t.Bytes+bytes
	if t.Facts == 0 {
		v.tenants.Delete(v.tenant)
	}
}

// room refuses a fact that waits where too much of its tenant does.
func (v *visit) room() error {
	t, _ := v.tenants.Get(v.tenant)
	if t.Facts <= v.MaxFacts && t.Bytes <= v.MaxBytes {
		return nil
	}
	return fault.Waitf(parkingFull, "tenant %s has %d facts of %d bytes waiting for links in this partition, resolve.max_facts is %d and resolve.max_bytes %d: find out why links do not come (`SELECT * FROM parked`), or raise the bound",
		v.tenant, t.Facts, t.Bytes, v.MaxFacts, v.MaxBytes)
}

// release ends the waiting of a fact; because says why, where it is not for a link.
func (v *visit) release(name string, f *avro.Fact, because string) {
	w, ok := v.waits.Get(name)
	if !ok {
		return
	}
	v.charge(-1, -int64(w.Bytes))
	v.timers.Cancel(overdue + name)
	v.timers.Cancel(lost + name)
	if w.Late {
		v.closeGap(f, because)
	}
	v.waits.Delete(name)
}

// overdue opens the gap of a fact that has waited longer than expected.
func (v *visit) overdue(name string, lagging bool) {
	known, _ := v.facts.Get(name)
	w, ok := v.waits.Get(name)
	if !ok || w.Late {
		return
	}
	w = v.waits.Edit(name)
	w.Late = true
	v.timers.Set(lost+name, v.limit(w))
	v.openGap(&known.Fact, w, lagging)
}

// giveUp makes a dead letter of a fact that no link came for. It is forgotten here: replayed, it is tried again.
func (v *visit) giveUp(name string) {
	known, ok := v.facts.Get(name)
	if !ok || !known.Parked {
		return
	}
	f := known.Fact.Clone()
	v.out.Bury(&f, fault.Poisonf(pastHorizon, "fact %s (%s) waited %v under %s for a link: where one is known by now replay it", f.FactID, f.Milestone, v.Horizon, ids.Key(v.tenant, v.at)))
	v.release(name, &f, pastHorizon)
	v.unlist(name, &f)
	v.drop(name)
}

// An identifier has one gap for all its facts of one milestone that are overdue: a device that nobody installed says much.

func (v *visit) openGap(f *avro.Fact, w *avro.NodeWait, lagging bool) {
	g := v.gaps.Edit(f.Milestone.String())
	g.Late++
	if g.Late > 1 {
		return
	}
	subject := v.at
	g.Gap = avro.Gap{
		Tenant: v.tenant, Kind: avro.GapKindUnlinkedFact, Status: avro.GapStatusOpen, Milestone: f.Milestone, Subject: avro.Some(subject),
		GapID:    facts.Hash("gap", v.tenant, avro.GapKindUnlinkedFact.String(), ids.Key("", v.at), f.Milestone.String()),
		Revision: g.Gap.Revision, CreatedAt: g.Gap.CreatedAt, DueAt: w.Since + v.patience(f), FactIDs: []string{f.FactID}, Lagging: lagging,
	}
	v.tellGap(g)
}

func (v *visit) closeGap(f *avro.Fact, because string) {
	g := v.gaps.Edit(f.Milestone.String())
	if g.Late--; g.Late > 0 {
		return
	}
	g.Gap.Status, g.Gap.FactIDs, g.Gap.Reason = avro.GapStatusClosed, []string{f.FactID}, "a link came"
	switch because {
	case pastHorizon:
		g.Gap.Reason = "no link came: it is a dead letter"
	case corrected:
		g.Gap.Reason = "what it said was corrected"
	case withdrew:
		g.Gap.Reason = "what led it here was corrected"
	}
	v.tellGap(g)
}

func (v *visit) tellGap(g *avro.NodeGap) {
	g.Gap.Revision++
	g.Gap.EmittedAt = v.now
	if g.Gap.CreatedAt == 0 {
		g.Gap.CreatedAt = v.now
	}
	told := g.Gap.Clone()
	v.out.To(topics.Gaps.Name, ids.Key(v.tenant, v.at), &told)
}
