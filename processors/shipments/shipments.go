// Package shipments keeps the set of facts about one shipment, and derives from it the timeline, the milestones, the gaps
// and the charges. What differs from what was last told goes out.
package shipments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"waybill/avro"
	"waybill/processors/model/factset"
	"waybill/processors/model/ids"
	"waybill/processors/model/pace"
	"waybill/processors/model/timeline"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// Name is the stage's name.
const Name = "shipments"

// Config is what an operator may set.
type Config struct {
	// Tolerance is how far two sources' times of one milestone may lie apart and still agree.
	Tolerance time.Duration
	// UncontractedDwell is the time at a stop above which a shipment without a contract has a charge held rather than none.
	UncontractedDwell time.Duration
}

// DefaultConfig agrees with the defaults of the design.
func DefaultConfig() Config {
	return Config{Tolerance: timeline.DefaultTolerance, UncontractedDwell: 2 * time.Hour}
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var errs []error
	if c.Tolerance < 0 {
		errs = append(errs, fmt.Errorf("shipments.tolerance is %v: it must not be negative", c.Tolerance))
	}
	if c.UncontractedDwell < 0 {
		errs = append(errs, fmt.Errorf("shipments.uncontracted_dwell is %v: it must not be negative", c.UncontractedDwell))
	}
	return errors.Join(errs...)
}

type state struct {
	shipment   *stream.Value[avro.ShipmentState, *avro.ShipmentState]
	facts      *factset.Store
	routes     *factset.Routes
	loads      *stream.Map[avro.LoadView, *avro.LoadView]
	milestones *stream.Map[avro.Milestone, *avro.Milestone]
	gaps       *stream.Map[avro.Gap, *avro.Gap]
	charges    *stream.Map[avro.ChargeTold, *avro.ChargeTold]
	views      *stream.Map[avro.Told, *avro.Told]
	timers     *stream.Timers
	contracts  *stream.Map[avro.Contract, *avro.Contract]
	levels     *stream.Map[avro.ServiceLevel, *avro.ServiceLevel]
	needs      *stream.Index
	pace       pace.Pace
}

func bind(b *stream.Binder) state {
	return state{
		shipment:   stream.ValueOf[avro.ShipmentState](b, "shipment"),
		facts:      stream.MapOf[avro.Fact](b, "fact"),
		routes:     stream.MapOf[avro.Routes](b, "route"),
		loads:      stream.MapOf[avro.LoadView](b, "load"),
		milestones: stream.MapOf[avro.Milestone](b, "milestone"),
		gaps:       stream.MapOf[avro.Gap](b, "gap"),
		charges:    stream.MapOf[avro.ChargeTold](b, "charge"),
		views:      stream.MapOf[avro.Told](b, "view"),
		timers:     b.Timers(),
		contracts:  stream.TableOf[avro.Contract](b, "contract", stream.Migrated(2, beforeClauses)),
		levels:     stream.TableOf[avro.ServiceLevel](b, "level"),
		needs:      stream.IndexOf(b, "needs"),
		pace:       pace.Of(b),
	}
}

// New declares the stage.
func New(cfg Config) stream.Spec {
	return stream.Define(stream.Processor[state]{
		Name:  Name,
		Inbox: topics.ShipmentsInbox,
		State: bind,
		Inputs: []stream.Input[state]{
			stream.On(cfg.onFact), stream.On(cfg.onWithdrawal), stream.On(cfg.onLoadView), stream.On(onContract), stream.On(onServiceLevel),
		},
		Outputs: []topics.Name{
			topics.Timelines.Name, topics.Milestones.Name, topics.Gaps.Name, topics.Charges.Name, topics.OrdersInbox.Name,
		},
		Ledger: true,
		Timers: cfg.onDue,
		Sweep:  cfg.onReference,
	})
}

func (c Config) onFact(_ context.Context, key string, ev stream.Event[avro.Fact], st state) (stream.Emits, error) {
	if !factset.Arrive(st.facts, st.routes, ev.Value) || st.pace.Later(ev.Time) {
		return stream.Emits{}, nil
	}
	return c.tell(key, ev.Time, st)
}

func (c Config) onWithdrawal(_ context.Context, key string, ev stream.Event[avro.Withdrawal], st state) (stream.Emits, error) {
	if !factset.Withdraw(st.facts, st.routes, ev.Value.FactID) || st.pace.Later(ev.Time) {
		return stream.Emits{}, nil
	}
	return c.tell(key, ev.Time, st)
}

func (c Config) onLoadView(_ context.Context, key string, ev stream.Event[avro.LoadView], st state) (stream.Emits, error) {
	load := ids.Key(ev.Value.Tenant, avro.Identifier{Kind: avro.IdentifierKindLoad, Issuer: ev.Value.Issuer, Value: ev.Value.LoadID})
	if known, ok := st.loads.Get(load); ok && known.Revision >= ev.Value.Revision {
		return stream.Emits{}, nil
	}
	*st.loads.Edit(load) = ev.Value.Clone()
	if st.pace.Later(ev.Time) {
		return stream.Emits{}, nil
	}
	return c.tell(key, ev.Time, st)
}

// beforeClauses refuses contracts of the form that knew detention alone. No release kept any.
func beforeClauses(from byte, _ []byte, _ avro.Record) error {
	return fmt.Errorf("a contract of form %d, from before contracts had clauses: begin with an empty state and a new kafka.app, and send contracts anew", from)
}

// onContract takes in a contract version; the shipments of its party are swept.
func onContract(_ context.Context, _ string, ev stream.Event[avro.Contract], st state) (stream.Emits, error) {
	var out stream.Emits
	c := ev.Value
	if c.Tenant == "" || c.ContractID == "" || c.Party == "" || c.Currency == "" {
		return out, fault.Poisonf("BAD_CONTRACT", "contract %q of tenant %q with party %q in currency %q: none of the four may be empty", c.ContractID, c.Tenant, c.Party, c.Currency)
	}
	*st.contracts.Edit(topics.Key(c.Tenant, c.Party, c.ContractID, fmt.Sprintf("%012d", c.Version))) = c.Clone()
	out.Sweep(partyReference(c.Tenant, c.Party))
	return out, nil
}

func onServiceLevel(_ context.Context, _ string, ev stream.Event[avro.ServiceLevel], st state) (stream.Emits, error) {
	var out stream.Emits
	key := topics.Key(ev.Value.Tenant, ev.Value.Name)
	if known, ok := st.levels.Get(key); ok && known.Version > ev.Value.Version {
		return out, nil
	}
	*st.levels.Edit(key) = ev.Value.Clone()
	out.Sweep(levelReference(ev.Value.Name))
	return out, nil
}

func partyReference(tenant, party string) string { return "party|" + topics.Key(tenant, party) }
func levelReference(name string) string          { return "level|" + name }

// onDue judges what is expected by now: from here on, silence means missed. Or it tells what came since a shipment of thousands of facts
// was told last, which judges nothing.
func (c Config) onDue(_ context.Context, key string, f stream.Firing, st state) (stream.Emits, error) {
	if f.Name != pace.Timer {
		s := st.shipment.Edit()
		s.JudgedAt = max(s.JudgedAt, avro.MicrosOf(f.Now))
	}
	return c.tell(key, f.Now, st, lagging(f.Lagging))
}

func (c Config) onReference(_ context.Context, key, _ string, now time.Time, st state) (stream.Emits, error) {
	return c.tell(key, now, st)
}

type option func(*telling)

func lagging(is bool) option { return func(t *telling) { t.lagging = is } }

// telling is one derivation of a shipment, and what of it is news.
type telling struct {
	state
	*consist
	now     avro.Micros
	lagging bool
	out     stream.Emits
}

// tell derives the shipment anew and emits the difference.
func (c Config) tell(key string, now time.Time, st state, opts ...option) (stream.Emits, error) {
	tenant, id, err := ids.ParseKey(key)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("derive shipment: %w", err))
	}
	s := st.shipment.Edit()
	if s.CreatedAt == 0 {
		s.CreatedAt = avro.MicrosOf(now)
	}
	t := &telling{state: st, consist: c.gather(tenant, id, st), now: avro.MicrosOf(now)}
	for _, o := range opts {
		o(t)
	}
	t.depend()
	due := t.expect(s.JudgedAt)
	ready, err := t.chargeable(c, s.JudgedAt)
	if err != nil {
		return stream.Emits{}, err
	}
	t.tellMilestones()
	t.tellTimeline()
	t.tellGaps()
	t.tellOrders()
	t.schedule(min(due, ready))
	t.pace.Derived(len(t.consist.facts) + len(t.entries))
	return t.out, nil
}

// schedule wakes the shipment at the next deadline that no tick has judged yet.
func (t *telling) schedule(at avro.Micros) {
	if at == never {
		t.timers.Cancel("due")
		return
	}
	t.timers.Set("due", at.Time())
}

const never = avro.Micros(1<<62 - 1)

// depend keeps the index of reference data in step with the shipment's parties and template.
func (t *telling) depend() {
	need := []string{levelReference(t.level)}
	for _, p := range t.parties() {
		need = append(need, partyReference(t.tenant, p))
	}
	slices.Sort(need)
	need = slices.Compact(need)
	s, _ := t.shipment.Get()
	if slices.Equal(s.References, need) {
		return
	}
	for _, r := range s.References {
		t.needs.Remove(r)
	}
	for _, r := range need {
		t.needs.Add(r)
	}
	t.shipment.Edit().References = need
}
