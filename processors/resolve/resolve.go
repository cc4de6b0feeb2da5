// Package resolve keeps, per identifier, the facts filed under it and the links that lead on from it. It sends each fact
// one typed hop on, again when a link comes later, and parks what has no link yet.
package resolve

import (
	"context"
	"fmt"
	"slices"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/factset"
	"waybill/processors/model/ids"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// Name is the stage's name.
const Name = "resolve"

// state: facts, and what is remembered of each, leave memory once they are durable. Most are read once more, if at all.
type state struct {
	facts  *stream.Map[avro.NodeFact, *avro.NodeFact]
	routes *factset.Routes
	spans  *stream.Map[avro.NodeSpan, *avro.NodeSpan]
	node   *stream.Value[avro.ResolveNode, *avro.ResolveNode]

	waits   *stream.Map[avro.NodeWait, *avro.NodeWait]
	gaps    *stream.Map[avro.NodeGap, *avro.NodeGap]
	tenants *stream.Map[avro.TenantParking, *avro.TenantParking]
	parked  *stream.Tally
	timers  *stream.Timers
}

func bind(b *stream.Binder) state {
	return state{
		facts:  stream.MapOf[avro.NodeFact](b, "fact", stream.Cold()),
		routes: stream.MapOf[avro.Routes](b, "route", stream.Cold()),
		spans:  stream.MapOf[avro.NodeSpan](b, "span", stream.Cold()),
		node:   stream.ValueOf[avro.ResolveNode](b, "node", stream.Migrated(2, migrateNode)),

		waits:   stream.MapOf[avro.NodeWait](b, "wait", stream.Cold()),
		gaps:    stream.MapOf[avro.NodeGap](b, "gap", stream.Cold()),
		tenants: stream.TableOf[avro.TenantParking](b, "tenant"),
		parked:  stream.TallyOf(b, "parked_facts"),
		timers:  b.Timers(),
	}
}

func migrateNode(_ byte, old []byte, into avro.Record) error {
	var was avro.ResolveNode1
	if err := was.Decode(old); err != nil {
		return err
	}
	node := into.(*avro.ResolveNode)
	node.Links, node.Composed = was.Links, was.Composed
	return nil
}

// rules are a Config made ready.
type rules struct {
	Config
	delays map[speech]time.Duration
}

// New declares the stage. A cfg that does not validate is a programmer's error: it panics.
func New(cfg Config) stream.Spec {
	delays, err := readDelays(cfg.Delays)
	if err != nil {
		panic(err)
	}
	r := &rules{cfg, delays}
	return stream.Define(stream.Processor[state]{
		Name:   Name,
		Inbox:  topics.ResolveInbox,
		State:  bind,
		Inputs: []stream.Input[state]{stream.On(r.onFact), stream.On(r.onWithdrawal)},
		Outputs: []topics.Name{
			topics.ResolveInbox.Name, topics.LoadsInbox.Name, topics.ShipmentsInbox.Name, topics.OrdersInbox.Name, topics.Parked.Name, topics.Gaps.Name,
		},
		Timers: r.onDue,
	})
}

// visit is one fact arriving at one identifier, or its time coming.
type visit struct {
	state
	*rules
	tenant string
	at     avro.Identifier
	now    avro.Micros
	out    stream.Emits
}

func (r *rules) visit(key string, now time.Time, st state) (*visit, error) {
	tenant, at, err := ids.ParseKey(key)
	return &visit{state: st, rules: r, tenant: tenant, at: at, now: avro.MicrosOf(now)}, err
}

func (r *rules) onFact(_ context.Context, key string, ev stream.Event[avro.Fact], st state) (stream.Emits, error) {
	v, err := r.visit(key, ev.Time, st)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("file fact %s: %w", ev.Value.FactID, err))
	}
	name := factset.Name(ev.Value)
	known, ok := st.facts.Get(name)
	if ok && !factset.Newer(ev.Value, &known.Fact) {
		v.again(name, known, ev.Value)
		return v.out, nil
	}
	waited := ok && known.Parked
	v.remember()
	v.file(name, ev.Value)
	changed := v.learn(ev.Value)
	v.forward(name, ev.Value)
	v.follow(ev.Value, changed)
	if known, _ = st.facts.Get(name); known.Parked && !waited {
		if err := v.room(); err != nil {
			return stream.Emits{}, err
		}
	}
	return v.out, nil
}

// follow does for the other facts here what follows from what one says.
func (v *visit) follow(f *avro.Fact, changed []avro.NodeLink) {
	v.walk(changed)
	v.relieve(f)
	switch {
	case len(changed) > 0:
		v.compose()
	case v.composing():
		v.dissolveOf(f, v.disbanded(), map[string]bool{})
	}
}

// forward sends one fact to where it has not been, or where an earlier revision of it has. f is the fact as it came, or as it is kept where
// only what is kept whole can go on.
func (v *visit) forward(name string, f *avro.Fact) {
	known, _ := v.facts.Get(name)
	targets, goesOn := v.targets(f)
	fresh := fresh(known, targets)
	v.leave(name, known, targets)
	restated := f.Revision > 0 && f.Series != ""
	for _, t := range fresh {
		v.send(t, f)
	}
	if restated {
		v.resend(known, f, fresh)
	}
	v.park(name, goesOn)
	if len(fresh) > 0 {
		e := v.facts.Edit(name)
		for _, t := range fresh {
			e.Targets = append(e.Targets, t.key)
		}
	}
}

// walk sends on what the links that changed may lead on, or led on: a late link releases history. It looks at no other facts where
// there are many.
func (v *visit) walk(changed []avro.NodeLink) {
	changed = slices.DeleteFunc(changed, func(l avro.NodeLink) bool { return !slices.Contains(leads[v.at.Kind], l.Link.To.Kind) })
	if len(changed) == 0 {
		return
	}
	for _, name := range v.concerned(changed) {
		if known, ok := v.facts.Get(name); ok && v.mayGo(&known.Fact) {
			v.forward(name, &known.Fact)
		}
	}
}

// relieve ends the waiting of what a fact corrects, and takes it back from where it went.
func (v *visit) relieve(f *avro.Fact) {
	corrects := facts.Corrects(f)
	if len(corrects) == 0 || hub(v.at.Kind) {
		return
	}
	names := slices.Concat(corrects, namesOf(v.waits.All())) // a fact's name is its id, but for series
	if slices.ContainsFunc(corrects, facts.ByEvent) {
		names = namesOf(v.facts.All())
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if known, ok := v.facts.Get(name); ok && facts.Corrected(&known.Fact, corrects) {
			v.forward(name, &known.Fact)
		}
	}
}

// onDue is a timer of a fact that waits, or of the identifier itself.
func (r *rules) onDue(_ context.Context, key string, f stream.Firing, st state) (stream.Emits, error) {
	v, err := r.visit(key, f.Now, st)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("timer %s: %w", f.Name, err))
	}
	switch what, name := cutTimer(f.Name); what {
	case overdue:
		v.overdue(name, f.Lagging)
	case lost:
		v.giveUp(name)
	case idle:
		v.forget()
	}
	return v.out, nil
}
