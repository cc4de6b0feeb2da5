package x12

import (
	"strings"

	"waybill/avro"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/codes"
)

// node is a level of an 856's hierarchy: S shipment, O order, T tare, P pack, I item.
type node struct {
	id, parent, level string
	position          int
	order             string // PRF01 here, or at an item
	units             []string
}

// shipNotice reads an 856. HL segments are a tree by their numbers; where parents are left out an order's parts are what follows
// it. A unit belongs to the order above it. Each order with units is PACKED, the shipment SHIP_CONFIRMED.
func (t *translator) shipNotice() {
	bsn, position := t.first("BSN")
	if position == 0 {
		t.lack("BSN", "the shipment's number and time")
		return
	}
	r := noticeReader{t: t}
	for i, s := range t.set.segments {
		r.segment(s, i+1)
	}
	r.tie()
	base := avro.WarehouseEvent{
		Tenant: t.msg.Tenant, Partner: t.msg.Partner, EventID: t.eventID(), ReceivedAt: t.msg.ReceivedAt, ShipmentID: bsn.Raw(2),
		BOL: r.refs.bol, TrailerID: r.trailer, PlaceID: r.from, Attributes: note(note(r.refs.others, "carrier", r.carrier), "pro", r.refs.pro),
	}
	if bsn.Get(2) == "" && r.refs.bol == "" && len(r.orders) == 0 {
		t.fault(bsn, position, 2, missing, "is missing, and neither a bill of lading (REF BM) nor an order (PRF) is named: send one of them")
		return
	}
	if bsn.Get(1) == "01" { // a cancelled notice confirms nothing
		base.ReasonCode = "BSN/01"
	}
	m, ok := r.shipped(bsn, position)
	if !ok {
		return
	}
	base.OccurredAt, base.LocalTime, base.Attributes = m.At, m.Local, note(base.Attributes, "time", m.Note)
	r.tell(base, bsn.Get(1) == "01")
}

// noticeReader walks through an 856.
type noticeReader struct {
	t       *translator
	nodes   []node
	refs    references
	carrier string
	trailer string
	party   string
	from    string // place it ships from
	place   codes.Place
	date    dated
	orders  []string            // in the order of the message
	units   map[string][]string // by order; under "" those of no order
}

func (r *noticeReader) segment(s Segment, position int) {
	switch s.ID() {
	case "HL":
		r.nodes = append(r.nodes, node{id: s.Get(1), parent: s.Get(2), level: s.Get(3), position: position})
	case "REF":
		if r.shipmentLevel() {
			r.t.take(&r.refs, s, 2, 1)
		}
	case "TD3":
		r.trailer = first(r.trailer, s.Get(3))
	case "TD5":
		if s.Get(2) == "2" { // 2: a SCAC
			r.carrier = first(r.carrier, s.Get(3))
		}
	case "DTM":
		if s.Get(1) == "011" && r.date.position == 0 {
			r.date = dated{s, position}
		}
	case "PRF":
		if n := len(r.nodes); n > 0 {
			r.nodes[n-1].order = r.t.need(s, position, 1, "the order's number")
		}
	case "MAN":
		r.unit(s, position)
	case "N1":
		if r.party = s.Get(1); r.party == "SF" && r.shipmentLevel() {
			r.from = s.Get(4)
		}
	case "N4":
		if r.party == "SF" && r.shipmentLevel() {
			r.place = placeOf(s)
		}
	}
}

// shipmentLevel says whether what is read is of the shipment as a whole.
func (r *noticeReader) shipmentLevel() bool {
	n := len(r.nodes)
	return n == 0 || r.nodes[n-1].level == "S"
}

// unit reads a MAN: the unit's number, with the application identifier 00 of a bar code before it or without.
func (r *noticeReader) unit(s Segment, position int) {
	n := len(r.nodes)
	if n == 0 || r.t.Kind("856/MAN-01", s.Get(1)) != avro.IdentifierKindSSCC {
		return
	}
	v := r.t.need(s, position, 2, "the unit's number")
	if s.Get(1) == "GM" && len(v) == 20 && strings.HasPrefix(v, "00") {
		v = v[2:]
	}
	r.nodes[n-1].units = appendSome(r.nodes[n-1].units, v)
}

// tie finds the order of each unit.
func (r *noticeReader) tie() {
	r.units = map[string][]string{}
	orderAt := map[string]string{}
	latest := ""
	for i := range r.nodes {
		n := &r.nodes[i]
		above, known := orderAt[n.parent]
		switch {
		case n.order != "":
			r.orders = append(r.orders, n.order)
			latest = n.order
		case n.level == "S" || n.level == "O":
			latest = ""
		case n.parent == "" || !known: // parents left out: it belongs to the order before it
			n.order = latest
		default:
			n.order = above
		}
		if orderAt[n.id] = n.order; len(n.units) > 0 {
			r.units[n.order] = append(r.units[n.order], n.units...)
		}
	}
}

// shipped is when it left, DTM 011, or else the notice's own time. A day that its DTM spoils is at fault.
func (r *noticeReader) shipped(bsn Segment, position int) (codes.Moment, bool) {
	if r.date.position > 0 {
		return r.t.moment(r.date.segment, r.date.position, 2, 3, 4, r.place)
	}
	if r.t.need(bsn, position, 3, "the day of the notice") == "" {
		return codes.Moment{}, false
	}
	return r.t.moment(bsn, position, 3, 4, 0, r.place)
}

func (r *noticeReader) tell(base avro.WarehouseEvent, cancelled bool) {
	seen := map[string]bool{}
	confirm := base
	for _, o := range append(r.orders, "") {
		if seen[o] {
			continue
		}
		seen[o] = true
		if units := r.units[o]; len(units) > 0 && !cancelled {
			packed := base
			packed.Milestone, packed.OrderID, packed.SSCC, packed.BOL, packed.TrailerID = avro.MilestoneCodePacked, o, units, "", ""
			r.t.records = append(r.t.records, &packed)
		}
		confirm.SSCC = append(confirm.SSCC, r.units[o]...)
	}
	confirm.Milestone = avro.MilestoneCodeShipConfirmed
	if cancelled {
		confirm.Milestone = avro.MilestoneCodeUnmapped
		confirm.Attributes = note(confirm.Attributes, "code", "856/01")
	}
	delete(seen, "")
	if len(seen) == 1 {
		confirm.OrderID = r.orders[0]
	}
	r.t.records = append(r.t.records, &confirm)
	if len(seen) > 1 && !cancelled {
		r.t.records = append(r.t.records, r.serves(&confirm))
	}
}

// serves says which orders a shipment is for, where they are several: an event names one.
func (r *noticeReader) serves(e *avro.WarehouseEvent) *avro.Fact {
	to := ids.Of(avro.IdentifierKindShipment, "", e.ShipmentID)
	if to.Value == "" {
		to = ids.Of(avro.IdentifierKindBOL, "", e.BOL)
	}
	f := &avro.Fact{
		Classifier: avro.ClassifierActual, Source: avro.Source{System: avro.SourceSystemWMS}, EventID: e.EventID, OccurredAt: e.OccurredAt,
		ReceivedAt: e.ReceivedAt, Identifiers: []avro.Identifier{to}, Code: "856",
	}
	for _, o := range r.orders {
		if l, ok := hops.Link(ids.Of(avro.IdentifierKindOrder, "", o), to, avro.ClassifierActual); ok {
			f.Links = append(f.Links, l)
		}
	}
	return f
}

// parties reads the N1 loops of a 940 or 945.
type parties struct {
	party string
	n1    Segment
	id    map[string]string
	place map[string]codes.Place
}

func (p *parties) segment(s Segment) {
	if p.id == nil {
		p.id, p.place = map[string]string{}, map[string]codes.Place{}
	}
	switch s.ID() {
	case "N1":
		p.party, p.n1 = s.Get(1), s
		p.id[p.party] = s.Get(4)
	case "N4":
		p.place[p.party] = placeOf(s)
	}
}

// warehouse is where it ships from.
func (p *parties) warehouse() (string, codes.Place) {
	for _, q := range []string{"WH", "SF"} {
		if _, ok := p.id[q]; ok {
			return p.id[q], p.place[q]
		}
	}
	return "", codes.Place{}
}

// warehouseOrder reads a 940: the order as the depositor releases it to the warehouse. Requested days are midnight at the
// warehouse and at the consignee; where their zone is not known they are remarks.
func (t *translator) warehouseOrder() {
	w05, position := t.first("W05")
	if position == 0 {
		t.lack("W05", "the order's number and status")
		return
	}
	said := t.said()
	o := &avro.Order{
		Tenant: t.msg.Tenant, Partner: t.msg.Partner, EventID: t.eventID(), OrderID: t.need(w05, position, 2, "the depositor's order number"),
		CustomerPO: w05.Get(3), OccurredAt: said.At, ReceivedAt: t.msg.ReceivedAt, Remarks: note(nil, "occurred_at", said.Note),
	}
	code := t.need(w05, position, 1, "the order's status: N new, R replaced, F cancelled")
	meaning, known := t.Meaning("940/W05-01", code)
	o.Event, _ = avro.ParseOrderEvent(meaning)
	if !known {
		o.Remarks = note(o.Remarks, "status", code)
	}
	var p parties
	var dates []dated
	line := ""
	for i, s := range t.set.segments {
		p.segment(s)
		switch s.ID() {
		case "G62":
			dates = append(dates, dated{s, i + 1})
		case "LX":
			line = s.Get(1)
		case "W01":
			t.line(o, s, i+1, line)
		}
	}
	o.Customer = p.id["DE"]
	for _, d := range dates {
		t.requested(o, d, &p)
	}
	if t.wrong == 0 {
		t.records = append(t.records, o)
	}
}

// line reads a W01. Its number is the order's and LX, since lines of other orders are numbered alike.
func (t *translator) line(o *avro.Order, s Segment, position int, line string) {
	l := avro.OrderLine{Product: first(s.Get(5), first(s.Get(7), s.Get(3)))}
	if line != "" {
		l.LineID = o.OrderID + "/" + line
	}
	if s.Get(1) != "" {
		if n, ok := t.exact(s, position, 1); ok {
			l.Quantity = avro.Some(avro.Quantity{Value: n, Unit: s.Get(2)})
		}
	}
	o.Lines = append(o.Lines, l)
}

func (t *translator) requested(o *avro.Order, d dated, p *parties) {
	var to *avro.Opt[avro.Micros]
	where := p.place["ST"]
	switch d.segment.Get(1) {
	case "10", "37":
		to = &o.RequestedPickupAt
		_, where = p.warehouse()
	case "02", "53", "54":
		to = &o.RequestedDeliveryAt
	default:
		return
	}
	m, ok := t.moment(d.segment, d.position, 2, 4, 5, where)
	switch {
	case !ok:
	case m.Placed():
		*to = avro.Some(m.At)
	default:
		o.Remarks = note(o.Remarks, "date/"+d.segment.Get(1), m.Local+": "+m.Note)
	}
}

// shipAdvice reads a 945: what the warehouse shipped of an order, and each line of which it shipped less than was asked for.
func (t *translator) shipAdvice() {
	w06, position := t.first("W06")
	if position == 0 {
		t.lack("W06", "the order's number and the day of shipping")
		return
	}
	e := avro.WarehouseEvent{
		Tenant: t.msg.Tenant, Partner: t.msg.Partner, EventID: t.eventID(), ReceivedAt: t.msg.ReceivedAt, Milestone: avro.MilestoneCodeShipConfirmed,
		OrderID: t.need(w06, position, 2, "the depositor's order number"), ShipmentID: w06.Get(4),
	}
	r := adviceReader{t: t, event: &e}
	for i, s := range t.set.segments {
		r.segment(s, i+1)
	}
	r.tell(w06, position)
}

// adviceReader walks through a 945.
type adviceReader struct {
	t       *translator
	event   *avro.WarehouseEvent
	p       parties
	refs    references
	date    dated // G62 11, where there is one
	line    string
	shorted []short
}

// short is a line of which less was shipped than asked for.
type short struct {
	line, code, unit string
	missing          avro.Unscaled
}

func (r *adviceReader) segment(s Segment, position int) {
	r.p.segment(s)
	switch s.ID() {
	case "G62":
		if s.Get(1) == "11" { // shipped
			r.date = dated{s, position}
		}
	case "N9":
		r.t.take(&r.refs, s, 2, 1)
	case "W27":
		r.event.Attributes = note(r.event.Attributes, "carrier", s.Get(2))
	case "LX":
		r.line = s.Get(1)
	case "MAN":
		if r.t.Kind("856/MAN-01", s.Get(1)) == avro.IdentifierKindSSCC {
			r.event.SSCC = appendSome(r.event.SSCC, s.Get(2))
		}
	case "W12":
		r.shipped(s, position)
	}
}

// event tells it, as part of the advice.
func (s short) event(of *avro.WarehouseEvent) *avro.WarehouseEvent {
	e := &avro.WarehouseEvent{
		Tenant: of.Tenant, Partner: of.Partner, EventID: of.EventID, OrderID: of.OrderID, ShipmentID: of.ShipmentID, PlaceID: of.PlaceID,
		OccurredAt: of.OccurredAt, LocalTime: of.LocalTime, ReceivedAt: of.ReceivedAt, Milestone: avro.MilestoneCodeShorted, ReasonCode: s.code,
		Quantity: avro.Some(avro.Quantity{Value: s.missing, Unit: s.unit}),
	}
	if s.line != "" {
		e.OrderLineIDs = []string{of.OrderID + "/" + s.line}
	}
	return e
}

// shipped reads a W12: quantity asked for (2), shipped (3), and the difference (4).
func (r *adviceReader) shipped(s Segment, position int) {
	if s.Get(2) == "" || s.Get(3) == "" {
		return
	}
	asked, ok := r.t.exact(s, position, 2)
	got, ok2 := r.t.exact(s, position, 3)
	if !ok || !ok2 || got >= asked {
		return
	}
	r.shorted = append(r.shorted, short{line: r.line, code: s.Get(1), unit: s.Get(5), missing: asked - got})
}

func (r *adviceReader) tell(w06 Segment, position int) {
	t, e := r.t, r.event
	place, where := r.p.warehouse()
	var m codes.Moment
	ok := true
	if r.date.position > 0 {
		m, ok = t.moment(r.date.segment, r.date.position, 2, 4, 5, where)
	} else if t.need(w06, position, 3, "the day of shipping") != "" {
		m, ok = t.moment(w06, position, 3, 0, 0, where)
	}
	if !ok || t.wrong > 0 {
		return
	}
	e.PlaceID, e.BOL = place, r.refs.bol
	e.OccurredAt, e.LocalTime, e.Attributes = m.At, m.Local, note(e.Attributes, "time", m.Note)
	e.Attributes = append(e.Attributes, r.refs.others...)
	t.records = append(t.records, e)
	for _, s := range r.shorted {
		t.records = append(t.records, s.event(e))
	}
}
