package shipments

import (
	"cmp"
	"slices"

	"waybill/avro"
	"waybill/processors/model/factset"
	"waybill/processors/model/ids"
	"waybill/processors/model/timeline"
)

// consist is what a shipment is made of, by its facts and its loads' views: a pure function of both sets.
type consist struct {
	tenant       string
	id           avro.Identifier
	facts        []*avro.Fact
	legs         []*avro.LoadView // the loads it travels on, by id
	terminals    []halt           // where it is unloaded and goes on
	pros         []proOf
	orders       []avro.Identifier
	equipment    []avro.Identifier
	references   []avro.Identifier
	carrier      string
	customer     string
	level        string // service level
	words        int    // facts that may tell a milestone of it
	entries      []avro.TimelineEntry
	estimates    []avro.Estimate
	incidents    []avro.Incident
	stops        []avro.TimelineStop
	expectations []avro.ExpectationStatus
}

func (c Config) gather(tenant string, id avro.Identifier, st state) *consist {
	s := &consist{tenant: tenant, id: id}
	for f := range factset.Standing(st.facts) {
		s.facts = append(s.facts, f)
	}
	s.disown(boarded(st))
	s.legs = legs(st)
	s.terminals, s.pros = terminals(st), s.prosByLoad()
	s.link()
	s.describe()
	policy := timeline.Policy{Tolerance: c.Tolerance, Place: s.place, Planned: s.planned}
	told := s.told()
	s.words, s.estimates = len(told), s.estimatesIn(told)
	s.entries = policy.Entries(told)
	s.incidents = s.incidentsIn(told)
	s.stops = s.planAgainstActual()
	return s
}

// legs are the loads the shipment was seen on, and those planned that take it there or on from there, of which nobody scanned anything;
// while it was seen on none, all it is planned on.
func legs(st state) []*avro.LoadView {
	var seen, planned []*avro.LoadView
	for _, v := range st.loads.All() {
		switch v.Aboard {
		case avro.ClassifierActual:
			seen = append(seen, v)
		case avro.ClassifierPlanned:
			planned = append(planned, v)
		}
	}
	if len(seen) == 0 {
		return planned
	}
	for range planned { // one may join on to another
		planned = slices.DeleteFunc(planned, func(p *avro.LoadView) bool {
			joins := slices.ContainsFunc(seen, func(s *avro.LoadView) bool { return passes(s, p) || passes(p, s) })
			if joins {
				seen = append(seen, p)
			}
			return joins
		})
	}
	slices.SortFunc(seen, func(a, b *avro.LoadView) int {
		return cmp.Or(cmp.Compare(a.LoadID, b.LoadID), cmp.Compare(a.Issuer, b.Issuer))
	})
	return seen
}

// told is every fact that may tell a milestone of the shipment: its own, and its legs'. What a load's messages tell is the load's to
// say, which knows what still stands of them.
func (s *consist) told() []*avro.Fact {
	out := slices.DeleteFunc(slices.Clone(s.facts), func(f *avro.Fact) bool { return f.Load.Ok })
	for _, leg := range s.legs {
		for i := range leg.Facts {
			out = append(out, &leg.Facts[i])
		}
	}
	slices.SortFunc(out, func(a, b *avro.Fact) int { return cmp.Compare(a.FactID, b.FactID) })
	out = timeline.Unvoided(factset.Uncorrected(slices.CompactFunc(out, func(a, b *avro.Fact) bool { return a.FactID == b.FactID })))
	for i := range out {
		out[i] = s.meant(out[i])
	}
	return out
}

// link collects what is tied to the shipment.
func (s *consist) link() {
	for _, f := range s.facts {
		for _, l := range f.Links {
			if ids.Same(l.To, s.id) && !l.Revoked {
				s.file(l.From)
			}
		}
		for _, id := range f.Identifiers {
			if id.Kind == avro.IdentifierKindSSCC || id.Kind == avro.IdentifierKindContainer {
				s.file(id)
			}
		}
	}
	for _, leg := range s.legs {
		for _, v := range leg.Vehicles {
			s.file(v)
		}
	}
	s.orders, s.equipment, s.references = sorted(s.orders), sorted(s.equipment), sorted(s.references)
}

func (s *consist) file(id avro.Identifier) {
	id = ids.Bare(id)
	switch id.Kind {
	case avro.IdentifierKindOrder:
		s.orders = append(s.orders, id)
	case avro.IdentifierKindSSCC, avro.IdentifierKindContainer, avro.IdentifierKindVehicle, avro.IdentifierKindTrailer:
		s.equipment = append(s.equipment, id)
	case avro.IdentifierKindBOL, avro.IdentifierKindPRO, avro.IdentifierKindDelivery, avro.IdentifierKindInvoice:
		s.references = append(s.references, id)
	}
}

func sorted(list []avro.Identifier) []avro.Identifier {
	slices.SortFunc(list, ids.Compare)
	return slices.CompactFunc(list, ids.Same)
}

// describe finds carrier, customer and service level: the legs' word first, then the last order message's.
func (s *consist) describe() {
	for _, leg := range s.legs {
		s.carrier = cmp.Or(s.carrier, leg.Carrier)
		s.customer = cmp.Or(s.customer, leg.Customer)
		s.level = cmp.Or(s.level, leg.ServiceLevel)
	}
	byTime := slices.SortedFunc(slices.Values(s.facts), func(a, b *avro.Fact) int {
		return cmp.Or(cmp.Compare(b.OccurredAt, a.OccurredAt), cmp.Compare(a.FactID, b.FactID))
	})
	for _, f := range byTime {
		s.customer = cmp.Or(s.customer, f.Order.V.Customer)
		s.level = cmp.Or(s.level, f.Order.V.ServiceLevel, attribute(f, "service_level"))
	}
}

func attribute(f *avro.Fact, name string) string {
	for _, a := range f.Attributes {
		if a.K == name {
			return a.V
		}
	}
	return ""
}

func (s *consist) parties() []string {
	var out []string
	for _, p := range []string{s.customer, s.carrier} {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// stopType is the kind of stop a milestone belongs to.
var stopType = map[avro.MilestoneCode]avro.StopType{
	avro.MilestoneCodeArrivedPickup:          avro.StopTypePickup,
	avro.MilestoneCodeDepartedPickup:         avro.StopTypePickup,
	avro.MilestoneCodeAppointmentSetPickup:   avro.StopTypePickup,
	avro.MilestoneCodeArrivedDelivery:        avro.StopTypeDelivery,
	avro.MilestoneCodeDepartedDelivery:       avro.StopTypeDelivery,
	avro.MilestoneCodeAppointmentSetDelivery: avro.StopTypeDelivery,
	avro.MilestoneCodeInterlined:             avro.StopTypeDelivery,
	avro.MilestoneCodeDelivered:              avro.StopTypeDelivery,
	avro.MilestoneCodeDeliveredPartial:       avro.StopTypeDelivery,
	avro.MilestoneCodePodReceived:            avro.StopTypeDelivery,
	avro.MilestoneCodeAttemptFailed:          avro.StopTypeDelivery,
	avro.MilestoneCodeRefused:                avro.StopTypeDelivery,
}

// place gives a report the only stop it can belong to: of the milestone's type, and of the sequence and load it names if
// it names them. Where there are several, it stays open.
func (s *consist) place(f *avro.Fact) (load string, stop int32, ok bool) {
	want, ok := stopType[f.Milestone]
	if !ok {
		return "", 0, false
	}
	n := 0
	for _, leg := range s.legs {
		for _, st := range leg.Stops {
			if st.Type == want && f.StopSequence.Or(st.Sequence) == st.Sequence && s.aboard(f, leg) {
				load, stop = leg.LoadID, st.Sequence
				n++
			}
		}
	}
	return load, stop, n == 1
}

// aboard says whether a fact names the leg's load, or a PRO number the shipment goes by on it; or names no load in either way.
func (s *consist) aboard(f *avro.Fact, leg *avro.LoadView) bool {
	named := false
	for _, id := range f.Identifiers {
		if id.Kind == avro.IdentifierKindLoad {
			if id.Value == leg.LoadID {
				return true
			}
			named = true
		}
		for _, p := range s.pros {
			if ids.Same(p.pro, id) {
				if p.load == leg.LoadID {
					return true
				}
				named = true
			}
		}
	}
	return !named
}

// planned is the appointment, else the start of the window, for what is done at a stop.
func (s *consist) planned(m avro.MilestoneCode, load string, stop int32) avro.Opt[avro.Micros] {
	if m != avro.MilestoneCodeArrivedPickup && m != avro.MilestoneCodeArrivedDelivery {
		return avro.Opt[avro.Micros]{}
	}
	for _, leg := range s.legs {
		for _, st := range leg.Stops {
			if leg.LoadID == load && st.Sequence == stop {
				if st.AppointmentAt.Ok {
					return st.AppointmentAt
				}
				return st.WindowFrom
			}
		}
	}
	return avro.Opt[avro.Micros]{}
}

func (s *consist) planAgainstActual() []avro.TimelineStop {
	var out []avro.TimelineStop
	for _, leg := range s.legs {
		for _, st := range leg.Stops {
			t := avro.TimelineStop{
				LoadID: leg.LoadID, Sequence: st.Sequence, Type: st.Type, PlaceID: st.PlaceID, PlannedAt: st.WindowFrom, AppointmentAt: st.AppointmentAt,
			}
			arrive, depart := movements(st.Type)
			if e := s.at(arrive, leg.LoadID, st.Sequence); e != nil {
				t.ArrivedAt = avro.Some(e.OccurredAt)
			}
			if e := s.at(depart, leg.LoadID, st.Sequence); e != nil {
				t.DepartedAt = avro.Some(e.OccurredAt)
			}
			out = append(out, t)
		}
	}
	return out
}

func movements(t avro.StopType) (arrive, depart avro.MilestoneCode) {
	if t == avro.StopTypePickup {
		return avro.MilestoneCodeArrivedPickup, avro.MilestoneCodeDepartedPickup
	}
	return avro.MilestoneCodeArrivedDelivery, avro.MilestoneCodeDepartedDelivery
}

// at finds the actual entry of a milestone at a stop.
func (s *consist) at(m avro.MilestoneCode, load string, stop int32) *avro.TimelineEntry {
	return s.find(m, func(e *avro.TimelineEntry) bool { return e.LoadID == load && e.StopSequence.Or(-1) == stop })
}

// find gives the first actual entry of a milestone, of the whole shipment and not of a part, that fits.
func (s *consist) find(m avro.MilestoneCode, fits func(*avro.TimelineEntry) bool) *avro.TimelineEntry {
	for i := range s.entries {
		e := &s.entries[i]
		if e.Milestone == m && e.Classifier == avro.ClassifierActual && !e.Subject.Ok && fits(e) {
			return e
		}
	}
	return nil
}
