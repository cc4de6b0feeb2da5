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
	byPRO      map[string]*leg // the day's loads are all of one carrier
	byLoad     map[string]*load
	reports    map[*shipment][]report
	taken      map[*shipment][]report // back by who had said so
	orders     map[*shipment][]report // said of the shipment, and known to its order alone

	waiting, released []WaitTruth // under identifiers of which nobody says what they belong to; and what of that was taken back
	driven            []BusyTruth
}

// report is one source's word about one milestone of one shipment.
type report struct {
	code   avro.MilestoneCode
	load   string
	stop   avro.Opt[int32]
	at     time.Time
	source avro.SourceSystem
}

// recurs says whether a milestone may stand several times, so that its time tells one from another.
func recurs(code avro.MilestoneCode) bool {
	return code == avro.MilestoneCodeAssigned || code == avro.MilestoneCodeShipVoided
}

func (w *World) evidenceOf(d *day) *evidence {
	e := &evidence{byOrder: map[string][]*shipment{}, byDelivery: map[string]*shipment{}, bySSCC: map[string]*shipment{}, byPRO: map[string]*leg{}, byLoad: map[string]*load{}, reports: map[*shipment][]report{}, taken: map[*shipment][]report{}, orders: map[*shipment][]report{}}
	for _, l := range d.loads {
		e.index(l)
	}
	silent := w.silences(d)
	for _, l := range d.loads {
		for _, m := range w.messages(l) {
			e.read(m.canonical())
		}
		for _, s := range l.stops {
			w.stood(e, d, l, s, silent)
		}
	}
	w.idle(e, d)
	for _, of := range []map[*shipment][]report{e.reports, e.orders} {
		for s := range of {
			of[s] = slices.DeleteFunc(of[s], func(r report) bool { return slices.Contains(e.taken[s], r) })
		}
	}
	return e
}

func (e *evidence) index(l *load) {
	e.byLoad[l.id] = l
	for _, aboard := range l.legs {
		s := aboard.shipment
		e.byPRO[aboard.pro] = aboard
		if !aboard.isFirst() {
			continue
		}
		e.byOrder[s.order.id] = append(e.byOrder[s.order.id], s)
		e.byDelivery[s.delivery] = s
		for _, unit := range s.sscc {
			e.bySSCC[unit] = s
		}
	}
}

func (e *evidence) add(s *shipment, r report) { add(e.reports, s, r) }

func add(to map[*shipment][]report, s *shipment, r report) {
	if !slices.Contains(to[s], r) {
		to[s] = append(to[s], r)
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
		l := e.byLoad[rec.LoadID]
		if rec.Carrier != l.carrier() || rec.Event == avro.LoadEventChanged {
			return // an issue that came to nothing; a change is no milestone
		}
		for _, aboard := range l.legs {
			e.add(aboard.shipment, report{code: loadMilestones[rec.Event], load: rec.LoadID, at: rec.OccurredAt.Time(), source: avro.SourceSystemTMS})
		}
	case *avro.Assignment:
		l := e.byLoad[rec.LoadID]
		e.busy(rec)
		if !l.stands(rec) {
			return
		}
		for _, aboard := range l.legs {
			e.add(aboard.shipment, report{code: avro.MilestoneCodeAssigned, load: rec.LoadID, at: rec.OccurredAt.Time(), source: avro.SourceSystemTMS})
		}
	case *avro.WarehouseEvent:
		e.scan(rec)
	case *avro.CarrierStatus:
		aboard := e.byPRO[rec.PRO]
		r := report{code: aboard.means(rec.Milestone), load: aboard.load.id, stop: rec.StopSequence, at: rec.OccurredAt.Time(), source: avro.SourceSystemCarrier}
		e.add(aboard.shipment, r)
		e.correct(aboard.shipment, r, rec.CorrectsAt)
	case *avro.ProofOfDelivery:
		e.prove(rec)
	}
}

// correct takes back what was said before, where it was at another time.
func (e *evidence) correct(s *shipment, r report, was avro.Opt[avro.Micros]) {
	if was.Ok {
		r.at = was.V.Time()
		e.taken[s] = append(e.taken[s], r)
	}
}

// means is what a carrier's word comes to: what it delivers at a terminal goes on.
func (l *leg) means(said avro.MilestoneCode) avro.MilestoneCode {
	if said == avro.MilestoneCodeDelivered && !l.isLast() {
		return avro.MilestoneCodeInterlined
	}
	return said
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
func (w *World) stood(e *evidence, d *day, l *load, s *stop, silent silences) {
	first, last, seen := w.standing(s, silent)
	if !seen {
		return
	}
	came, left := d.by(first), d.by(last)
	w.unseen(e, l, came, first, last)
	if left != came {
		w.unseen(e, l, left, left.there(), last)
	}
	first, last = first.Add(d.trackers[0].skew), last.Add(d.trackers[0].skew)
	if !w.given(l) || !first.Before(l.to) || !last.After(l.from) { // by its clock it was not there when it had the load
		return
	}
	arrived, departed := avro.MilestoneCodeArrivedPickup, avro.MilestoneCodeDepartedPickup
	if s.kind == avro.StopTypeDelivery {
		arrived, departed = avro.MilestoneCodeArrivedDelivery, avro.MilestoneCodeDepartedDelivery
	}
	for _, aboard := range s.legs {
		if w.fitted(came.vehicle) {
			e.add(aboard.shipment, report{code: arrived, load: l.id, stop: avro.Some(s.seq), at: first, source: avro.SourceSystemTelematics})
		}
		if w.fitted(left.vehicle) {
			e.add(aboard.shipment, report{code: departed, load: l.id, stop: avro.Some(s.seq), at: last, source: avro.SourceSystemTelematics})
		}
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

// agreed is how far reports of one milestone may lie apart and still agree.
const agreed = 30 * time.Minute

// believed picks of each milestone's reports the most trusted, and of one source's the earliest.
func (w *World) believed(reports []report) []MilestoneTruth {
	reports = slices.SortedFunc(slices.Values(reports), func(a, b report) int {
		trust := precedence(a.code)
		return cmp.Or(a.about(b), cmp.Compare(slices.Index(trust, a.source), slices.Index(trust, b.source)), a.at.Compare(b.at))
	})
	var out []MilestoneTruth
	for len(reports) > 0 {
		n := 1
		for n < len(reports) && reports[n].about(reports[0]) == 0 {
			n++
		}
		r, same := reports[0], reports[:n]
		reports = reports[n:]
		m := MilestoneTruth{Code: r.code, LoadID: r.load, StopSequence: r.stop, OccurredAt: r.at, Source: r.source, Agreement: agreement(same)}
		if r.source == avro.SourceSystemTelematics {
			m.Tolerance = w.cfg.PositionEvery
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b MilestoneTruth) int { return a.OccurredAt.Compare(b.OccurredAt) })
	return out
}

// about compares what two reports are about.
func (r report) about(o report) int {
	c := cmp.Or(cmp.Compare(r.code, o.code), cmp.Compare(r.load, o.load), cmp.Compare(r.stop.V, o.stop.V))
	if c == 0 && recurs(r.code) {
		return r.at.Compare(o.at)
	}
	return c
}

func agreement(same []report) avro.Agreement {
	first, last := same[0].at, same[0].at
	for _, r := range same {
		first, last = slices.MinFunc([]time.Time{first, r.at}, time.Time.Compare), slices.MaxFunc([]time.Time{last, r.at}, time.Time.Compare)
	}
	switch {
	case len(same) == 1:
		return avro.AgreementSingle
	case last.Sub(first) > agreed:
		return avro.AgreementConflict
	}
	return avro.AgreementCorroborated
}
