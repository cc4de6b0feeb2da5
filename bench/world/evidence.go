package world

import (
	"cmp"
	"slices"
	"time"

	"waybill/avro"
)

// evidence is what was delivered about the shipments of a day, sorted out by what it says. Who a message is about is settled by
// the world's own knowledge: every link that a message needs is delivered sooner or later.
type evidence struct {
	byOrder    map[string][]*shipment
	byDelivery map[string]*shipment
	bySSCC     map[string]*shipment
	byPRO      map[string]*shipment // the day's loads are all of one carrier
	byLoad     map[string]*load
	reports    map[*shipment][]report
}

// report is one source's word about one milestone of one shipment.
type report struct {
	code   avro.MilestoneCode
	load   string
	stop   avro.Opt[int32]
	at     time.Time
	source avro.SourceSystem
}

func (w *World) evidenceOf(d *day) *evidence {
	e := &evidence{byOrder: map[string][]*shipment{}, byDelivery: map[string]*shipment{}, bySSCC: map[string]*shipment{}, byPRO: map[string]*shipment{}, byLoad: map[string]*load{}, reports: map[*shipment][]report{}}
	for _, l := range d.loads {
		e.index(l)
	}
	silent := w.silences(d)
	for _, l := range d.loads {
		for _, m := range w.messages(l) {
			e.read(m.Record)
		}
		for _, s := range l.stops {
			w.stood(e, l, s, silent)
		}
	}
	return e
}

func (e *evidence) index(l *load) {
	e.byLoad[l.id] = l
	for _, s := range l.shipments {
		e.byOrder[s.order.id] = append(e.byOrder[s.order.id], s)
		e.byDelivery[s.delivery], e.byPRO[s.pro] = s, s
		for _, unit := range s.sscc {
			e.bySSCC[unit] = s
		}
	}
}

func (e *evidence) add(s *shipment, r report) {
	if !slices.Contains(e.reports[s], r) {
		e.reports[s] = append(e.reports[s], r)
	}
}

// read takes what a delivered record says. Whom it names most narrowly, it is about.
func (e *evidence) read(rec avro.Record) {
	switch rec := rec.(type) {
	case *avro.Order:
		for _, s := range e.byOrder[rec.OrderID] {
			e.add(s, report{code: orderMilestones[rec.Event], at: rec.OccurredAt.Time(), source: avro.SourceSystemERP})
		}
	case *avro.Load:
		for _, s := range e.byLoad[rec.LoadID].shipments {
			e.add(s, report{code: loadMilestones[rec.Event], load: rec.LoadID, at: rec.OccurredAt.Time(), source: avro.SourceSystemTMS})
		}
	case *avro.Assignment:
		for _, s := range e.byLoad[rec.LoadID].shipments {
			e.add(s, report{code: avro.MilestoneCodeAssigned, load: rec.LoadID, at: rec.OccurredAt.Time(), source: avro.SourceSystemTMS})
		}
	case *avro.WarehouseEvent:
		e.add(e.scanned(rec), report{code: rec.Milestone, at: rec.OccurredAt.Time(), source: avro.SourceSystemWMS})
	case *avro.CarrierStatus:
		s := e.byPRO[rec.PRO]
		e.add(s, report{code: rec.Milestone, load: s.load.id, stop: rec.StopSequence, at: rec.OccurredAt.Time(), source: avro.SourceSystemCarrier})
	case *avro.ProofOfDelivery:
		e.add(e.byDelivery[rec.DeliveryNumber], report{code: proofMilestones[rec.Outcome], load: rec.LoadID, stop: rec.StopSequence, at: rec.OccurredAt.Time(), source: avro.SourceSystemEpod})
	}
}

func (e *evidence) scanned(rec *avro.WarehouseEvent) *shipment {
	if rec.DeliveryNumber != "" {
		return e.byDelivery[rec.DeliveryNumber]
	}
	return e.bySSCC[rec.SSCC[0]]
}

var (
	orderMilestones = map[avro.OrderEvent]avro.MilestoneCode{
		avro.OrderEventReleased: avro.MilestoneCodeOrderReleased, avro.OrderEventConfirmed: avro.MilestoneCodeOrderConfirmed, avro.OrderEventChanged: avro.MilestoneCodeOrderChanged,
	}
	loadMilestones = map[avro.LoadEvent]avro.MilestoneCode{
		avro.LoadEventPlanned: avro.MilestoneCodePlanned, avro.LoadEventTendered: avro.MilestoneCodeTendered, avro.LoadEventAccepted: avro.MilestoneCodeAccepted, avro.LoadEventDispatched: avro.MilestoneCodeDispatched,
	}
	proofMilestones = map[avro.DeliveryOutcome]avro.MilestoneCode{
		avro.DeliveryOutcomeDelivered: avro.MilestoneCodeDelivered, avro.DeliveryOutcomePodReceived: avro.MilestoneCodePodReceived,
	}
)

// stood is what telematics say about a stop: from the first to the last fix that was delivered from the spot. A device that
// was silent all the while says nothing.
func (w *World) stood(e *evidence, l *load, s *stop, silent silences) {
	first, last, seen := w.standing(s, silent)
	if !seen {
		return
	}
	arrived, departed := avro.MilestoneCodeArrivedPickup, avro.MilestoneCodeDepartedPickup
	if s.kind == avro.StopTypeDelivery {
		arrived, departed = avro.MilestoneCodeArrivedDelivery, avro.MilestoneCodeDepartedDelivery
	}
	for _, aboard := range s.shipments {
		e.add(aboard, report{code: arrived, load: l.id, stop: avro.Some(s.seq), at: first, source: avro.SourceSystemTelematics})
		e.add(aboard, report{code: departed, load: l.id, stop: avro.Some(s.seq), at: last, source: avro.SourceSystemTelematics})
	}
}

func (w *World) standing(s *stop, silent silences) (first, last time.Time, seen bool) {
	for at := s.firstFix; !at.After(s.lastFix); at = at.Add(w.cfg.PositionEvery) {
		if _, lost := covering(silent.lost, at); lost {
			continue
		}
		if !seen {
			first, seen = at, true
		}
		last = at
	}
	return first, last, seen
}

// precedence is who is believed, the most trusted first. What is not listed has one source only.
func precedence(code avro.MilestoneCode) []avro.SourceSystem {
	switch code {
	case avro.MilestoneCodeArrivedPickup, avro.MilestoneCodeDepartedPickup, avro.MilestoneCodeArrivedDelivery, avro.MilestoneCodeDepartedDelivery:
		return []avro.SourceSystem{avro.SourceSystemTelematics, avro.SourceSystemEpod, avro.SourceSystemCarrier, avro.SourceSystemTMS}
	case avro.MilestoneCodeDelivered:
		return []avro.SourceSystem{avro.SourceSystemEpod, avro.SourceSystemCarrier}
	}
	return nil
}

// believed picks of each milestone's reports the most trusted. One source never tells two stories here.
func (w *World) believed(reports []report) []MilestoneTruth {
	slices.SortFunc(reports, func(a, b report) int {
		trust := precedence(a.code)
		return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.load, b.load), cmp.Compare(a.stop.V, b.stop.V), cmp.Compare(slices.Index(trust, a.source), slices.Index(trust, b.source)), a.at.Compare(b.at))
	})
	best := slices.CompactFunc(slices.Clone(reports), func(a, b report) bool { return a.code == b.code && a.load == b.load && a.stop == b.stop })
	var out []MilestoneTruth
	for _, r := range best {
		m := MilestoneTruth{Code: r.code, LoadID: r.load, StopSequence: r.stop, OccurredAt: r.at, Source: r.source}
		if r.source == avro.SourceSystemTelematics {
			m.Tolerance = w.cfg.PositionEvery
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b MilestoneTruth) int { return a.OccurredAt.Compare(b.OccurredAt) })
	return out
}
