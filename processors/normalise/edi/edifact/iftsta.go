package edifact

import (
	"time"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
)

// translator walks through one IFTSTA. What stands before the first STS of a consignment (CNI) holds for all its statuses.
type translator struct {
	codes.View
	adapter.Report
	msg     *avro.PartnerMessage
	records []avro.Record
	base    avro.CarrierStatus // of the message
	refs    references         // of the message
	group   references         // of the consignment
	now     *status
	inGroup bool
}

type references struct {
	bol, shipment      string
	containers         []string
	orders, deliveries []string
	others             []avro.KV
}

// status is an STS being read.
type status struct {
	segment  Segment
	position int
	refs     references
	at       Segment // its DTM
	atPos    int
	place    codes.Place
	placeID  string
	leg      []legTime
	legPlace *place
	inLeg    bool
	notes    []avro.KV
}

type place struct {
	function, id string
	where        codes.Place
}

// legTime is a DTM of a place of the transport leg.
type legTime struct {
	place    place
	dtm      Segment
	position int
}

func (t *translator) segment(s Segment, position int) {
	switch s.Tag() {
	case "NAD":
		if s.Get(1, 1) == "CA" && t.now == nil {
			t.base.Scac = s.Get(2, 1)
		}
	case "CNI":
		t.endStatus()
		t.group, t.inGroup = references{}, true
	case "RFF":
		t.reference(s)
	case "STS":
		t.endStatus()
		t.now = &status{segment: s, position: position}
	}
	if t.now != nil {
		t.now.read(s, position)
	}
}

// reference reads an RFF into what it stands in: the status, the consignment, or the message.
func (t *translator) reference(s Segment) {
	r := &t.refs
	switch {
	case t.now != nil:
		r = &t.now.refs
	case t.inGroup:
		r = &t.group
	}
	q, v := s.Get(1, 1), s.Get(1, 2)
	switch t.Kind("iftsta/RFF", q) {
	case avro.IdentifierKindBOL:
		r.bol = first(r.bol, v)
	case avro.IdentifierKindShipment:
		r.shipment = first(r.shipment, v)
	case avro.IdentifierKindContainer:
		r.containers = append(r.containers, v)
	case avro.IdentifierKindOrder:
		r.orders = append(r.orders, v)
	case avro.IdentifierKindDelivery:
		r.deliveries = append(r.deliveries, v)
	default:
		r.others = note(r.others, "reference/"+q, v)
	}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// mostNotes is how many attributes are kept of a status.
const mostNotes = 20

func note(list []avro.KV, k, v string) []avro.KV {
	if v == "" || len(list) == mostNotes {
		return list
	}
	for _, kv := range list {
		if kv.K == k {
			return list
		}
	}
	return append(list, avro.KV{K: k, V: v})
}

// read reads a segment that belongs to the status.
func (x *status) read(s Segment, position int) {
	switch s.Tag() {
	case "DTM":
		x.time(s, position)
	case "LOC":
		x.location(s)
	case "TDT":
		x.inLeg = true
		x.notes = note(x.notes, "operator", s.Get(5, 4))
		x.notes = note(x.notes, "vessel", s.Get(8, 4))
	case "EQD":
		if s.Get(1, 1) == "CN" && s.Get(2, 1) != "" {
			x.refs.containers = append(x.refs.containers, s.Get(2, 1))
		}
	}
}

// time reads a DTM: 334, the status's own; or one of a place of the leg.
func (x *status) time(s Segment, position int) {
	if s.Get(1, 1) == "334" && x.atPos == 0 {
		x.at, x.atPos = s, position
		return
	}
	if x.legPlace != nil {
		x.leg = append(x.leg, legTime{*x.legPlace, s, position})
	}
}

// location reads a LOC: place/location (3225, 3224) and the country it lies in (3223).
func (x *status) location(s Segment) {
	p := place{function: s.Get(1, 1), id: s.Get(2, 1), where: codes.Place{City: s.Get(2, 4), Country: s.Get(3, 1)}}
	if len(p.id) == 5 { // UN/LOCODE: its first two letters are the country
		p.where.Locode = p.id
		p.where.Country = first(p.where.Country, p.id[:2])
	}
	if x.inLeg {
		x.legPlace = &p
		return
	}
	if x.placeID == "" {
		x.place, x.placeID = p.where, p.id
	}
}

// endStatus tells the status that ends, once per container.
func (t *translator) endStatus() {
	x := t.now
	if t.now = nil; x == nil {
		return
	}
	if x.atPos == 0 {
		t.Addf(where(x.segment, x.position, 1, 1), "is followed by no DTM 334: it is when the status was reached, send it")
		return
	}
	m, ok := t.moment(x.at, x.atPos, x.place)
	code := x.segment.Get(2, 1)
	if code == "" {
		t.Addf(where(x.segment, x.position, 2, 1), "is missing: it is the status, send it")
		return
	}
	if !ok {
		return
	}
	c := t.common(x)
	c.StatusCode, c.ReasonCode, c.Milestone, c.Classifier = code, x.segment.Get(3, 1), t.Milestone("iftsta/STS", code), avro.ClassifierActual
	c.City, c.Country, c.PlaceID = x.place.City, x.place.Country, x.placeID
	c.OccurredAt, c.LocalTime = m.At, m.Local
	c.Attributes = note(note(c.Attributes, "status", x.segment.Get(2, 4)), "time", m.Note)
	later := t.expected(x, &c)
	t.tell(c, x)
	for i := range later {
		t.tell(later[i], x)
	}
}

// common is what all statuses of an STS share. Where it names orders or deliveries, those of the consignment are not meant.
func (t *translator) common(x *status) avro.CarrierStatus {
	c := t.base
	c.BOL = first(x.refs.bol, first(t.group.bol, t.refs.bol))
	c.ShipmentID = first(x.refs.shipment, first(t.group.shipment, t.refs.shipment))
	for _, r := range []*references{&x.refs, &t.group, &t.refs} {
		if len(c.OrderIDs) == 0 {
			c.OrderIDs = r.orders
		}
		if len(c.DeliveryNumbers) == 0 {
			c.DeliveryNumbers = r.deliveries
		}
		for _, kv := range r.others {
			c.Attributes = note(c.Attributes, kv.K, kv.V)
		}
	}
	for _, kv := range x.notes {
		c.Attributes = note(c.Attributes, kv.K, kv.V)
	}
	return c
}

// expected gives the times of the leg that tables give a meaning as statuses of their own, where they can be placed; the
// others are attributes.
func (t *translator) expected(x *status, c *avro.CarrierStatus) []avro.CarrierStatus {
	base := t.common(x)
	var out []avro.CarrierStatus
	for _, l := range x.leg {
		key := l.place.function + "/" + l.dtm.Get(1, 1)
		m, ok := t.moment(l.dtm, l.position, l.place.where)
		if !ok {
			continue
		}
		meaning := t.Milestone("iftsta/LOC-DTM", key)
		if meaning == avro.MilestoneCodeUnmapped || !m.Placed() {
			c.Attributes = note(c.Attributes, "leg/"+key, l.dtm.Get(1, 2)+" "+l.place.id)
			continue
		}
		e := base
		e.StatusCode, e.Milestone, e.Classifier, e.OccurredAt = key, meaning, avro.ClassifierActual, m.At
		if meaning == avro.MilestoneCodeETA {
			e.Classifier = avro.ClassifierEstimated
		}
		e.City, e.Country, e.PlaceID = l.place.where.City, l.place.where.Country, l.place.id
		out = append(out, e)
	}
	return out
}

func (t *translator) tell(c avro.CarrierStatus, x *status) {
	containers := x.refs.containers
	if len(containers) == 0 && len(t.group.containers) == 1 { // of several it stays open which are meant
		containers = t.group.containers
	}
	if len(containers)+len(t.group.containers) == 0 && len(t.refs.containers) == 1 {
		containers = t.refs.containers
	}
	if len(containers) == 0 {
		t.records = append(t.records, &c)
		return
	}
	seen := ""
	for _, id := range containers {
		if id == seen { // RFF EQ and EQD CN name it twice
			continue
		}
		seen = id
		one := c
		one.ContainerID = id
		t.records = append(t.records, &one)
	}
}

// layouts are the forms of a DTM (2379): how many of its digits are the date and the clock.
var layouts = map[string]struct{ date, clock int }{"101": {6, 0}, "102": {8, 0}, "201": {6, 4}, "203": {8, 4}, "204": {8, 6}, "205": {8, 4}, "303": {8, 4}, "304": {8, 6}}

// moment places a DTM. 205 ends with an offset from UTC, 303 and 304 with the name of a zone; the others are local.
func (t *translator) moment(s Segment, position int, where codes.Place) (codes.Moment, bool) {
	v, form := s.Get(1, 2), s.Get(1, 3)
	l, ok := layouts[form]
	if !ok || len(v) < l.date+l.clock {
		t.Addf(at(s, position), "%s is no time of form %s: send it as 203, CCYYMMDDHHMM", adapter.Quote(v), adapter.Quote(form))
		return codes.Moment{}, false
	}
	w := codes.Wall{Date: v[:l.date], Clock: v[l.date : l.date+l.clock], Code: v[l.date+l.clock:], Place: where}
	if form == "205" {
		return t.offset(s, position, v)
	}
	m, err := t.Moment(w)
	if err != nil {
		t.Addf(at(s, position), "%v: correct it", err)
	}
	return m, err == nil
}

func (t *translator) offset(s Segment, position int, v string) (codes.Moment, bool) {
	instant, err := adapter.Instant(v, []string{"200601021504-0700"}, time.UTC)
	if err != nil {
		t.Addf(at(s, position), "%s is no time of form 205, CCYYMMDDHHMM and an offset such as +0100: correct it", adapter.Quote(v))
	}
	return codes.Moment{At: instant}, err == nil
}

func at(s Segment, position int) string { return where(s, position, 1, 2) }
