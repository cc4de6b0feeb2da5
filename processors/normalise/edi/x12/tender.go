package x12

import (
	"fmt"
	"strconv"

	"waybill/avro"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/codes"
)

// tender reads a 204: the whole load each time. B2A says whether it is new, changed or cancelled. Where stops name more than
// one bill of lading each of these is a shipment; else the load's number is its only shipment's.
func (t *translator) tender() {
	b2, position := t.first("B2")
	if position == 0 {
		t.lack("B2", "the load and its carrier")
		return
	}
	said := t.said()
	l := &avro.Load{
		Tenant: t.msg.Tenant, Partner: t.msg.Partner, EventID: t.eventID(), LoadID: t.need(b2, position, 4, "the load's number"), Carrier: b2.Get(2),
		OccurredAt: said.At, ReceivedAt: t.msg.ReceivedAt, Remarks: note(nil, "occurred_at", said.Note),
	}
	purpose := t.purpose(l)
	r := tenderReader{t: t, load: l}
	for i, s := range t.set.segments {
		r.segment(s, i+1)
	}
	r.endStop()
	if t.wrong > 0 {
		return
	}
	r.shipments()
	if l.Event == avro.LoadEventUnspecified { // visible with its raw form
		t.records = append(t.records, t.unmappedTender(l, purpose))
		return
	}
	t.records = append(t.records, l)
}

// purpose sets what happened to the load by B2A01; without B2A it is a new tender.
func (t *translator) purpose(l *avro.Load) string {
	code := "00"
	if b2a, position := t.first("B2A"); position > 0 {
		code = t.need(b2a, position, 1, "the purpose: 00 new, 01 cancelled, 04 changed")
	}
	meaning, _ := t.Meaning("204/B2A-01", code)
	l.Event, _ = avro.ParseLoadEvent(meaning)
	l.ReasonCode = ""
	return code
}

// unmappedTender tells of a tender whose purpose no table knows. It plans nothing.
func (t *translator) unmappedTender(l *avro.Load, purpose string) *avro.Fact {
	return &avro.Fact{
		HasMilestone: true, Classifier: avro.ClassifierActual, Source: avro.Source{System: avro.SourceSystemTMS}, Code: "204/" + purpose, EventID: l.EventID,
		Identifiers: []avro.Identifier{ids.Of(avro.IdentifierKindLoad, "", l.LoadID)}, OccurredAt: l.OccurredAt, Attributes: l.Remarks,
	}
}

// mostStops is X12's own limit of S5 loops in a 204.
const mostStops = 999

// tenderReader walks through a 204.
type tenderReader struct {
	t      *translator
	load   *avro.Load
	refs   references // of the load
	stops  []stop
	inStop bool
	n1     Segment
}

// stop is a stop with what is known of it before its place is.
type stop struct {
	avro.Stop
	refs  references
	place codes.Place
	dates []dated
}

type dated struct {
	segment  Segment
	position int
}

func (r *tenderReader) segment(s Segment, position int) {
	switch s.ID() {
	case "S5":
		r.endStop()
		r.begin(s, position)
	case "L11":
		r.t.take(r.of(), s, 1, 2)
	case "OID":
		r.of().deliveries = appendSome(r.of().deliveries, s.Get(1))
		r.of().orders = appendSome(r.of().orders, s.Get(2))
	case "G62":
		if r.inStop {
			last := &r.stops[len(r.stops)-1]
			last.dates = append(last.dates, dated{s, position})
		}
	case "N1":
		r.n1 = s
		if !r.inStop && anyOf(s.Get(1), "BT", "SH") && (r.load.Customer == "" || s.Get(1) == "BT") {
			r.load.Customer = first(s.Get(4), s.Get(2))
		}
	case "N4":
		if r.inStop {
			r.stops[len(r.stops)-1].place = placeOf(s)
			r.stops[len(r.stops)-1].PlaceID = placeID(r.n1, s)
		}
	case "MS3":
		r.load.Remarks = note(r.load.Remarks, "mode", s.Get(4))
	}
}

func appendSome(list []string, v string) []string {
	if v == "" {
		return list
	}
	return append(list, v)
}

// of is whose references are being read: the stop's, or the load's.
func (r *tenderReader) of() *references {
	if r.inStop {
		return &r.stops[len(r.stops)-1].refs
	}
	return &r.refs
}

func (r *tenderReader) begin(s Segment, position int) {
	n, err := strconv.Atoi(r.t.need(s, position, 1, "the stop's number"))
	if err != nil || n < 1 || n > 1_000_000 {
		if s.Get(1) != "" {
			r.t.fault(s, position, 1, badCharacter, "is no number of a stop: correct it")
		}
		n = 0
	}
	st := stop{Stop: avro.Stop{Sequence: int32(n)}}
	code := r.t.need(s, position, 2, "what is done at the stop")
	meaning, ok := r.t.Meaning("204/S5-02", code)
	st.Type, _ = avro.ParseStopType(meaning)
	if !ok {
		r.load.Remarks = note(r.load.Remarks, fmt.Sprintf("stop/%d/type", n), code)
	}
	if r.inStop = len(r.stops) < mostStops; !r.inStop {
		r.t.fault(s, position, 1, badCharacter, "is one stop too many: a load has at most %d, send it as several", mostStops)
		return
	}
	r.n1 = Segment{}
	r.stops = append(r.stops, st)
}

// endStop places the stop's dates, now that its place is known.
func (r *tenderReader) endStop() {
	if !r.inStop {
		return
	}
	st := &r.stops[len(r.stops)-1]
	if st.PlaceID == "" {
		st.PlaceID = r.n1.Get(4)
	}
	for _, d := range st.dates {
		r.date(st, d)
	}
}

// date sets a bound of the stop's window. A time that cannot be placed is a remark, not a bound.
func (r *tenderReader) date(st *stop, d dated) {
	m, ok := r.t.moment(d.segment, d.position, 2, 4, 5, st.place)
	if !ok {
		return
	}
	key := fmt.Sprintf("stop/%d/%s", st.Sequence, clip(d.segment.Get(1)))
	meaning, known := r.t.Meaning("204/G62-01", d.segment.Get(1))
	if !m.Placed() || !known {
		r.load.Remarks = note(r.load.Remarks, key, first(m.Local, m.At.Time().Format("2006-01-02T15:04:05Z"))+": "+first(m.Note, "no table knows the qualifier"))
		return
	}
	r.load.Remarks = note(r.load.Remarks, key, m.Note)
	switch meaning {
	case codes.From:
		st.WindowFrom = avro.Some(m.At)
	case codes.To:
		st.WindowTo = avro.Some(m.At)
	case codes.Appointment:
		st.AppointmentAt = avro.Some(m.At)
	}
}

// shipments says what is aboard, and at which stops.
func (r *tenderReader) shipments() {
	bols := map[string]*avro.LoadShipment{}
	var order []string
	for i := range r.stops {
		refs := &r.stops[i].refs
		if refs.bol == "" {
			continue
		}
		s := bols[refs.bol]
		if s == nil {
			s = &avro.LoadShipment{ShipmentID: refs.bol, BOL: refs.bol}
			bols[refs.bol] = s
			order = append(order, refs.bol)
		}
		s.PRO = first(s.PRO, refs.pro)
		s.OrderIDs, s.DeliveryNumbers = append(s.OrderIDs, refs.orders...), append(s.DeliveryNumbers, refs.deliveries...)
	}
	for i := range r.stops {
		st := r.stops[i].Stop
		if len(order) > 1 {
			st.ShipmentIDs = appendSome(nil, r.stops[i].refs.bol)
		}
		r.load.Stops = append(r.load.Stops, st)
	}
	if len(order) > 1 {
		for _, b := range order {
			r.load.Shipments = append(r.load.Shipments, *bols[b])
		}
		return
	}
	all := r.refs
	for i := range r.stops {
		all.add(&r.stops[i].refs)
	}
	r.load.Shipments = []avro.LoadShipment{{ShipmentID: r.load.LoadID, OrderIDs: all.orders, DeliveryNumbers: all.deliveries, BOL: all.bol, PRO: all.pro}}
	for _, kv := range all.others {
		r.load.Remarks = note(r.load.Remarks, kv.K, kv.V)
	}
}

// response reads a 990: the carrier takes the load or does not, and says its PRO number.
func (t *translator) response() {
	b1, position := t.first("B1")
	if position == 0 {
		t.lack("B1", "the load and the carrier's answer")
		return
	}
	said := t.said()
	if !t.group.gs.there() && b1.Get(3) != "" { // the answer's own day is all there is
		m, err := t.Document(codes.Wall{Date: b1.Get(3)})
		if t.timed(b1, position, 3, 3, err) {
			said = m
		}
	}
	scac, code := t.need(b1, position, 1, "the carrier's SCAC"), t.need(b1, position, 4, "the answer: A accepted, D declined")
	load := ids.Of(avro.IdentifierKindLoad, "", t.need(b1, position, 2, "the load's number"))
	f := &avro.Fact{
		HasMilestone: true, Milestone: t.Milestone("990/B1-04", code), Code: code, Classifier: avro.ClassifierActual, EventID: t.eventID(),
		Source: avro.Source{System: avro.SourceSystemCarrier}, Identifiers: []avro.Identifier{load}, OccurredAt: said.At, ReceivedAt: t.msg.ReceivedAt,
		Attributes: note(note(nil, "carrier", scac), "occurred_at", said.Note),
	}
	var refs references
	for _, s := range t.set.segments {
		switch s.ID() {
		case "N9":
			t.take(&refs, s, 2, 1)
		case "V9":
			f.ReasonCode = first(f.ReasonCode, s.Get(8))
			f.Attributes = note(f.Attributes, "event", s.Get(1))
		case "K1":
			f.Attributes = note(f.Attributes, "remark", s.Get(1))
		}
	}
	if l, ok := hops.Link(ids.Of(avro.IdentifierKindPRO, scac, refs.pro), load, avro.ClassifierActual); ok && refs.pro != "" {
		f.Links = append(f.Links, l)
	}
	f.Attributes = append(f.Attributes, refs.others...)
	t.records = append(t.records, f)
}
