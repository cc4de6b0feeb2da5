package otm

import (
	"cmp"
	"slices"
	"strconv"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
)

// trip is a trip being read.
type trip struct {
	object
	path      string
	id        string
	stops     []*stop
	at        map[string]*stop // by the path of their actions
	shipments []avro.LoadShipment
	trailer   string
	facts     []*avro.Fact
}

// stop is a stop in all the lifecycles that the trip tells of it.
type stop struct {
	avro.Stop
	action  string // its id
	loads   bool
	unloads bool
}

// deepest is how many levels of actions within actions are read.
const deepest = 8

// trip tells a trip.
func (r *reader) trip(path string, o object) []avro.Record {
	t := &trip{object: o, path: path, id: text(o["id"]), at: map[string]*stop{}}
	if t.id == "" {
		r.Addf(path+"id", "is missing: it is the trip's")
	}
	actions, ok := o["actions"].([]any)
	if !ok && o["actions"] != nil {
		r.Addf(path+"actions", "want a list of actions")
	}
	r.actions(t, path+"actions.", actions, nil, 0)
	r.count(t)
	slices.SortStableFunc(t.stops, func(a, b *stop) int { return cmp.Compare(a.Sequence, b.Sequence) })
	r.tell(t, path+"actions.", actions, nil, 0)
	load := r.load(t)
	if !r.OK() {
		return nil
	}
	out := []avro.Record{load}
	if a := t.assignment(load); a != nil {
		out = append(out, a)
	}
	for _, f := range t.facts {
		out = append(out, f)
	}
	return out
}

// count reports what a trip has too many of, and two stops in one place of the order.
func (r *reader) count(t *trip) {
	if n := max(len(t.stops), len(t.shipments)); n > adapter.MaxNames {
		r.Addf(t.path+"actions", "have %d stops and %d consignments, the limit is %d: split the trip", len(t.stops), len(t.shipments), adapter.MaxNames)
	}
	seen := map[int32]bool{}
	for _, s := range t.stops {
		if seen[s.Sequence] {
			r.Addf(t.path+"actions", "two stops have the sequenceNr %d: number them apart", s.Sequence-1)
		}
		seen[s.Sequence] = true
	}
}

// load is the plan of a trip.
func (r *reader) load(t *trip) *avro.Load {
	l := &avro.Load{
		Tenant: r.msg.Tenant, Partner: r.msg.Partner, LoadID: t.id, Shipments: t.shipments,
		Carrier: t.actor("carrier", "name"), Customer: t.actor("shipper", "name"),
	}
	name, ok := r.Meaning("otm5/status", text(t.object["status"]))
	if !ok {
		r.Addf(t.path+"status", "%s is no status that a table names: add it", adapter.Quote(text(t.object["status"])))
	}
	l.Event, _ = avro.ParseLoadEvent(name)
	var times []avro.Micros
	for _, s := range t.stops {
		l.Stops = append(l.Stops, s.Stop)
		for _, at := range []avro.Opt[avro.Micros]{s.WindowFrom, s.WindowTo} {
			if at.Ok {
				times = append(times, at.V)
			}
		}
	}
	for _, f := range t.facts {
		times = append(times, f.OccurredAt)
	}
	l.OccurredAt = r.said(t, times)
	return l
}

// said is when the trip was last said. Trips need not say: then it is the earliest time that the trip names, so that the same trip
// sent again is the same fact. Which of two such plans was said last stays open.
func (r *reader) said(t *trip, times []avro.Micros) avro.Micros {
	for _, field := range []string{"lastModified", "creationDate"} {
		if at := r.time(t.path+field, t.object[field]); at.Ok {
			return at.V
		}
	}
	if len(times) == 0 {
		r.Addf(t.path+"lastModified", "is missing, and no action of the trip has a time: send one")
		return 0
	}
	return slices.Min(times)
}

// actor is a field of the first actor in a role.
func (t *trip) actor(role, field string) string {
	list, _ := t.object["actors"].([]any)
	for _, a := range list {
		o, _ := a.(object)
		roles, _ := o["roles"].([]any)
		if slices.ContainsFunc(roles, func(r any) bool { return text(r) == role }) {
			e, id := entity(a)
			return cmp.Or(text(e[field]), id)
		}
	}
	return ""
}

// assignment is who and what drives the trip, from its first stop on; nil where the trip does not say.
func (t *trip) assignment(l *avro.Load) *avro.Assignment {
	vehicle, id := entity(t.object["vehicle"])
	a := &avro.Assignment{
		Tenant: l.Tenant, Partner: l.Partner, LoadID: l.LoadID, VehicleID: text(vehicle["licensePlate"]), TrailerID: t.trailer, DriverID: t.actor("driver", "id"),
		OccurredAt: l.OccurredAt, ValidFrom: l.OccurredAt,
	}
	if a.VehicleID == "" {
		a.VehicleID, a.VehicleIssuer = id, l.Partner
	}
	for _, s := range l.Stops {
		if s.WindowFrom.Ok {
			a.ValidFrom = s.WindowFrom.V
			break
		}
	}
	if a.VehicleID == "" && a.TrailerID == "" && a.DriverID == "" {
		return nil
	}
	return a
}

// actions reads the stops and what is done at them. The same action in another lifecycle is the same stop.
func (r *reader) actions(t *trip, path string, list []any, at *stop, depth int) {
	if depth > deepest {
		r.Addf(path, "actions are nested more than %d deep", deepest)
		return
	}
	for i, e := range each(list) {
		if max(len(t.stops), len(t.shipments)) > adapter.MaxNames {
			return // reported
		}
		here := path + strconv.Itoa(i) + ".entity."
		s := at
		switch kind := text(e["actionType"]); kind {
		case "":
			r.Addf(here+"actionType", "is missing: it says what is done")
		case "stop":
			s = r.stop(t, here, e)
			t.at[here] = s
		case "load", "unload":
			r.cargo(t, s, kind, e)
		case "attachTransportEquipment":
			equipment, id := entity(e["transportEquipment"])
			t.trailer = cmp.Or(t.trailer, text(equipment["licensePlate"]), id)
		}
		if _, ok := r.Meaning("otm5/lifecycle", text(e["lifecycle"])); !ok {
			r.Addf(here+"lifecycle", "%s is none of requested, planned, projected, actual, realized", adapter.Quote(text(e["lifecycle"])))
		}
		inner, _ := e["actions"].([]any)
		r.actions(t, here+"actions.", inner, s, depth+1)
	}
}

// stop gives the stop of an action, which may have been read in another lifecycle.
func (r *reader) stop(t *trip, path string, e object) *stop {
	id := text(e["id"])
	s := &stop{action: id, Stop: avro.Stop{Sequence: int32(len(t.stops) + 1)}}
	if i := slices.IndexFunc(t.stops, func(o *stop) bool { return id != "" && o.action == id }); i >= 0 {
		s = t.stops[i]
	} else {
		t.stops = append(t.stops, s)
	}
	if n, ok := e["sequenceNr"]; ok {
		v, err := adapter.Scaled(text(n), 1, 0, 1_000_000)
		if err != nil {
			r.Addf(path+"sequenceNr", "%v", err)
		}
		s.Sequence = int32(v + 1)
	}
	if _, place := entity(e["location"]); place != "" {
		s.PlaceID = place
	}
	constraint, _ := entity(e["constraint"])
	if window, ok := constraint["value"].(object); ok && text(window["type"]) == "timeWindowConstraint" && !s.WindowFrom.Ok {
		s.WindowFrom = r.time(path+"constraint.entity.value.startTime", window["startTime"])
		s.WindowTo = r.time(path+"constraint.entity.value.endTime", window["endTime"])
	}
	return s
}

// cargo puts a consignment aboard, and at the stop that it is loaded or unloaded at.
func (r *reader) cargo(t *trip, s *stop, kind string, e object) {
	consignment, id := entity(e["consignment"])
	if id == "" {
		return
	}
	i := slices.IndexFunc(t.shipments, func(x avro.LoadShipment) bool { return x.ShipmentID == id })
	if i < 0 {
		i = len(t.shipments)
		t.shipments = append(t.shipments, avro.LoadShipment{ShipmentID: id})
	}
	if _, order := entity(consignment["transportOrder"]); order != "" && !slices.Contains(t.shipments[i].OrderIDs, order) {
		t.shipments[i].OrderIDs = append(t.shipments[i].OrderIDs, order)
	}
	if s == nil {
		return
	}
	if !slices.Contains(s.ShipmentIDs, id) {
		s.ShipmentIDs = append(s.ShipmentIDs, id)
	}
	s.loads, s.unloads = s.loads || kind == "load", s.unloads || kind == "unload"
	switch {
	case s.loads && s.unloads: // the plan has one word for a stop
		s.Type = avro.StopTypeUnspecified
	case s.loads:
		s.Type = avro.StopTypePickup
	default:
		s.Type = avro.StopTypeDelivery
	}
}
