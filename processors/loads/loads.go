// Package loads keeps the set of facts about one load: plan, assignments, stays of its vehicles, shipments aboard. It matches
// stays to stops and tells each shipment aboard what concerns it.
package loads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/factset"
	"waybill/processors/model/fence"
	"waybill/processors/model/ids"
	"waybill/processors/model/pace"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// Name is the stage's name.
const Name = "loads"

// Config is what an operator may set.
type Config struct {
	// MinStop is the shortest time at a stop's place that counts as a visit; a light at the gate does not.
	MinStop time.Duration
}

// DefaultConfig is right for trucks.
func DefaultConfig() Config { return Config{MinStop: 3 * time.Minute} }

// Validate reports every fault at once.
func (c Config) Validate() error {
	var errs []error
	if c.MinStop < 0 {
		errs = append(errs, fmt.Errorf("loads.min_stop is %v: it must not be negative", c.MinStop))
	}
	return errors.Join(errs...)
}

type state struct {
	facts  *factset.Store
	routes *factset.Routes
	load   *stream.Value[avro.LoadState, *avro.LoadState]
	told   *stream.Map[avro.Told, *avro.Told]
	places *stream.Map[avro.Place, *avro.Place]
	needs  *stream.Index
	fences fences
	pace   pace.Pace
}

// New declares the stage.
func New(cfg Config) stream.Spec {
	return stream.Define(stream.Processor[state]{
		Name:  Name,
		Inbox: topics.LoadsInbox,
		State: func(b *stream.Binder) state {
			return state{
				facts:  stream.MapOf[avro.Fact](b, "fact"),
				routes: stream.MapOf[avro.Routes](b, "route"),
				load:   stream.ValueOf[avro.LoadState](b, "load"),
				told:   stream.MapOf[avro.Told](b, "told"),
				places: stream.TableOf[avro.Place](b, "place", stream.Migrated(2, migratePlace)),
				needs:  stream.IndexOf(b, "needs"),
				fences: fences{},
				pace:   pace.Of(b),
			}
		},
		Inputs:  []stream.Input[state]{stream.On(cfg.onFact), stream.On(cfg.onWithdrawal), stream.On(onPlace)},
		Outputs: []topics.Name{topics.ShipmentsInbox.Name},
		Timers:  cfg.onDue,
		Sweep:   cfg.onPlaceChanged,
	})
}

func (c Config) onFact(_ context.Context, key string, ev stream.Event[avro.Fact], st state) (stream.Emits, error) {
	tenant, load, err := ids.ParseKey(key)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("add fact %s: %w", ev.Value.FactID, err))
	}
	if !factset.Arrive(st.facts, st.routes, ev.Value) || st.pace.Later(ev.Time) {
		return stream.Emits{}, nil
	}
	return c.tell(tenant, load, st)
}

// onWithdrawal takes back what a vehicle or trailer told that was not the load's at that time, or not in it.
func (c Config) onWithdrawal(_ context.Context, key string, ev stream.Event[avro.Withdrawal], st state) (stream.Emits, error) {
	tenant, load, err := ids.ParseKey(key)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("withdraw fact %s: %w", ev.Value.FactID, err))
	}
	if !factset.Withdraw(st.facts, st.routes, ev.Value.FactID) || st.pace.Later(ev.Time) {
		return stream.Emits{}, nil
	}
	return c.tell(tenant, load, st)
}

// onDue tells what came since a load of hundreds of shipments was told last.
func (c Config) onDue(_ context.Context, key string, _ stream.Firing, st state) (stream.Emits, error) {
	tenant, load, err := ids.ParseKey(key)
	if err != nil {
		return stream.Emits{}, fault.Poisoned("BAD_KEY", fmt.Errorf("tell load: %w", err))
	}
	return c.tell(tenant, load, st)
}

// onPlace takes in reference data; the loads whose stops are there are swept.
func onPlace(_ context.Context, _ string, ev stream.Event[avro.Place], st state) (stream.Emits, error) {
	var out stream.Emits
	key := placeKey(ev.Value.Tenant, ev.Value.PlaceID)
	if known, ok := st.places.Get(key); ok && known.Version > ev.Value.Version {
		return out, nil
	}
	if _, err := fence.Of(ev.Value); err != nil {
		return out, fault.Poisoned("BAD_GEOFENCE", fmt.Errorf("place %q: %w", ev.Value.PlaceID, err))
	}
	*st.places.Edit(key) = ev.Value.Clone()
	out.Sweep(key)
	return out, nil
}

func placeKey(tenant, place string) string { return topics.Key(tenant, place) }

func (c Config) onPlaceChanged(_ context.Context, key, _ string, _ time.Time, st state) (stream.Emits, error) {
	tenant, load, err := ids.ParseKey(key)
	if err != nil {
		return stream.Emits{}, fmt.Errorf("sweep load: %w", err)
	}
	return c.tell(tenant, load, st)
}

// tell derives the load anew and tells each shipment whose view of it changed.
func (c Config) tell(tenant string, load avro.Identifier, st state) (stream.Emits, error) {
	m := gather(slices.Collect(factset.Standing(st.facts)))
	depend(tenant, m, st)
	places, err := st.known(tenant, m.stops)
	if err != nil {
		return stream.Emits{}, fmt.Errorf("match stays of load %q: %w", load.Value, err)
	}
	tells := m.tells(c.matched(tenant, m, places))
	var out stream.Emits
	aboard := map[string]bool{}
	size := len(m.facts)
	for _, a := range m.aboard() {
		view := m.view(tenant, load, a, tells)
		key := ids.Key(tenant, a.shipment)
		aboard[key] = true
		size += len(view.Facts)
		st.emit(&out, key, view)
	}
	st.leave(&out, tenant, load, aboard)
	st.pace.Derived(size)
	return out, nil
}

// emit tells a view if its content differs from what was told.
func (st state) emit(out *stream.Emits, key string, view *avro.LoadView) {
	content := facts.Hash(string(view.Append(nil)))
	if told, ok := st.told.Get(key); ok && told.Content == content {
		return
	}
	st.told.Edit(key).Content = content
	l := st.load.Edit()
	l.Revision++
	view.Revision = l.Revision
	out.To(topics.ShipmentsInbox.Name, key, view)
}

// leave tells shipments that are not aboard any more.
func (st state) leave(out *stream.Emits, tenant string, load avro.Identifier, aboard map[string]bool) {
	var gone []string
	for key := range st.told.All() {
		if !aboard[key] {
			gone = append(gone, key)
		}
	}
	for _, key := range gone {
		if _, shipment, err := ids.ParseKey(key); err == nil {
			st.emit(out, key, &avro.LoadView{Tenant: tenant, LoadID: load.Value, Issuer: load.Issuer, ShipmentID: shipment.Value, Aboard: avro.ClassifierUnspecified})
		}
	}
}

// depend keeps the index of places in step with the plan.
func depend(tenant string, m *manifest, st state) {
	var need []string
	for _, s := range m.stops {
		if s.PlaceID != "" {
			need = append(need, placeKey(tenant, s.PlaceID))
		}
	}
	slices.Sort(need)
	need = slices.Compact(need)
	l, _ := st.load.Get()
	if slices.Equal(l.Places, need) {
		return
	}
	for _, p := range l.Places {
		st.needs.Remove(p)
	}
	for _, p := range need {
		st.needs.Add(p)
	}
	st.load.Edit().Places = need
}
