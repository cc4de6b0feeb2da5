package x12

import (
	"math"
	"slices"
	"strconv"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
)

// status reads a 214: a CarrierStatus per AT7, and one each for AT701 and AT703 where an AT7 has both. References before the
// first LX are the shipment's; those in an LX loop are that loop's, whose number is the stop where there are several loops.
// S5 names the stop of what follows it.
func (t *translator) status() {
	b10, position := t.first("B10")
	if position == 0 {
		t.lack("B10", "the shipment and its carrier")
		return
	}
	r := statusReader{t: t, base: avro.CarrierStatus{
		Tenant: t.msg.Tenant, Partner: t.msg.Partner, EventID: t.eventID(), ReceivedAt: t.msg.ReceivedAt,
		PRO: b10.Raw(1), ShipmentID: b10.Raw(2), Scac: t.need(b10, position, 3, "the carrier's SCAC"),
	}}
	if b10.Get(1) == "" && b10.Get(2) == "" {
		t.fault(b10, position, 1, missing, "and B1002 are missing: they are the PRO number and the shipper's id, send one of them")
	}
	for _, s := range t.set.segments {
		if s.ID() == "LX" {
			r.loops++
		}
	}
	for i, s := range t.set.segments {
		r.segment(s, i+1)
	}
	r.endLoop()
	r.endHeader()
}

// statusReader walks through a 214.
type statusReader struct {
	t       *translator
	base    avro.CarrierStatus
	refs    references // of the header, then of the loop
	header  references
	notes   []avro.KV // of the header
	pending []at7     // of the loop: AT7s that wait for their place
	more    []avro.KV
	loops   int
	inLoop  bool
	stop    avro.Opt[int32]
	party   string // N101 of the party being read
}

// at7 is a status with where it was, as far as it has been read.
type at7 struct {
	segment   Segment
	position  int
	place     codes.Place
	spot      avro.Opt[avro.GeoPoint]
	equipment string
	stop      avro.Opt[int32]
}

func (r *statusReader) segment(s Segment, position int) {
	switch s.ID() {
	case "LX":
		r.endLoop()
		r.inLoop, r.stop = true, avro.Opt[int32]{}
		if r.loops > 1 {
			r.stop = r.number(s, position, 1)
		}
	case "S5":
		r.stop = r.number(s, position, 1)
	case "AT7":
		r.pending = append(r.pending, at7{segment: s, position: position, stop: r.stop})
	case "MS1":
		r.at(s, position)
	case "MS2":
		if n := len(r.pending); n > 0 {
			r.pending[n-1].equipment = s.Get(2)
		}
	case "MS3":
		r.more = note(r.more, "interline", s.Get(1))
	case "L11":
		r.t.take(&r.refs, s, 1, 2)
	case "AT8":
		r.more = note(r.more, "weight", s.Get(3))
		r.more = note(r.more, "weight_unit", map[string]string{"K": "KGM", "L": "LBR"}[s.Get(2)])
		r.more = note(r.more, "pieces", s.Get(4))
	case "N1":
		r.party = s.Get(1)
	case "N4":
		r.address(s)
	}
}

// address reads where a party is; the consignee's is where the freight goes.
func (r *statusReader) address(s Segment) {
	if r.inLoop || !anyOf(r.party, "ST", "CN") {
		return
	}
	for i, k := range []string{"to_city", "to_region", "to_postcode", "to_country"} {
		r.notes = note(r.notes, k, s.Get(i+1))
	}
}

// at reads where the AT7 before it was. Longitude and latitude are written DDDMMSS with a letter for the side (X12 1654, 1655).
func (r *statusReader) at(s Segment, position int) {
	n := len(r.pending)
	if n == 0 {
		r.t.fault(s, position, 0, "2", "stands before any AT7: it says where a status was, send it behind it")
		return
	}
	a := &r.pending[n-1]
	a.place = codes.Place{City: s.Get(1), Region: s.Get(2), Country: s.Get(3)}
	if s.Get(4) == "" || s.Get(5) == "" {
		return
	}
	lon, okLon := degrees(s.Get(4), s.Get(6), 180, "W", "E")
	lat, okLat := degrees(s.Get(5), s.Get(7), 90, "S", "N")
	if !okLon || !okLat {
		r.t.fault(s, position, 4, badCharacter, "and MS105 are no longitude and latitude written as DDDMMSS with W or E and N or S: correct them or leave them out")
		return
	}
	a.spot = avro.Some(avro.GeoPoint{LatE6: lat, LonE6: lon})
}

func degrees(v, side string, most int, negative, positive string) (int32, bool) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || len(v) != 7 && len(v) != 6 || side != negative && side != positive {
		return 0, false
	}
	d, m, s := n/10_000, n/100%100, n%100
	if m > 59 || s > 59 || d > most || d == most && m+s > 0 {
		return 0, false
	}
	e6 := int64(d)*1_000_000 + (int64(m)*60+int64(s))*1_000_000/3600
	if side == negative {
		e6 = -e6
	}
	return int32(e6), true
}

func (r *statusReader) number(s Segment, position, element int) avro.Opt[int32] {
	n, err := strconv.Atoi(s.Get(element))
	if err != nil || n < 0 || n > math.MaxInt32 {
		r.t.fault(s, position, element, badCharacter, "is no number of a stop: correct it")
		return avro.Opt[int32]{}
	}
	return avro.Some(int32(n))
}

// endLoop tells the statuses of the loop that ends; before the first loop it puts the header's references aside.
func (r *statusReader) endLoop() {
	if !r.inLoop {
		r.header, r.refs = r.refs, references{}
		r.header.others = append(r.header.others, r.more...)
		r.more = nil
	}
	own := r.refs.within(&r.header)
	attributes := slices.Concat(r.notes, own.others, r.more)
	for _, a := range r.pending {
		r.tell(a, &own, attributes)
	}
	r.refs, r.more, r.pending, r.stop = references{}, nil, nil, avro.Opt[int32]{}
}

func (r *statusReader) endHeader() {
	if len(r.t.records) == 0 && r.t.wrong == 0 {
		r.t.lack("AT7", "the status")
	}
}

func (r *statusReader) tell(a at7, refs *references, attributes []avro.KV) {
	t, s := r.t, a.segment
	date := t.need(s, a.position, 5, "the date of the status")
	if date == "" {
		return
	}
	m, ok := t.moment(s, a.position, 5, 6, 7, a.place)
	if !ok {
		return
	}
	c := r.base
	c.BOL, c.OrderIDs, c.DeliveryNumbers = refs.bol, refs.orders, refs.deliveries
	if c.PRO == "" {
		c.PRO = refs.pro
	}
	c.City, c.Region, c.Country, c.Location = a.place.City, a.place.Region, a.place.Country, a.spot
	c.EquipmentID, c.StopSequence = a.equipment, a.stop
	c.OccurredAt, c.LocalTime = m.At, m.Local
	c.Attributes = note(attributes[:len(attributes):len(attributes)], "time", m.Note)
	told := false
	for _, pair := range [][2]int{{1, 2}, {3, 4}} {
		if s.Get(pair[0]) != "" {
			t.records = append(t.records, t.coded(c, s.Get(pair[0]), s.Get(pair[1]), pair[0]))
			told = true
		}
	}
	if !told {
		t.fault(s, a.position, 1, missing, "and AT703 are missing: they are the status and the appointment status, send one of them")
	}
}

// coded is a status with what its codes mean. An appointment is a plan, an expected arrival an estimate, the rest happened.
func (t *translator) coded(c avro.CarrierStatus, code, reason string, element int) *avro.CarrierStatus {
	c.StatusCode, c.ReasonCode = code, reason
	c.Milestone = t.Milestone("214/AT7-0"+strconv.Itoa(element), code)
	c.Classifier = avro.ClassifierActual
	switch c.Milestone {
	case avro.MilestoneCodeAppointmentSetPickup, avro.MilestoneCodeAppointmentSetDelivery:
		c.Classifier = avro.ClassifierPlanned
	case avro.MilestoneCodeETA:
		c.Classifier = avro.ClassifierEstimated
	}
	if whose, ok := t.Meaning("214/AT7-02", reason); ok {
		c.Attributes = note(c.Attributes[:len(c.Attributes):len(c.Attributes)], "fault", whose)
	}
	return &c
}

// amountOf reads an N2: digits with two implied decimals, in minor units of the currency. A written point is another type.
func amountOf(v string, digits int) (int64, bool) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n > 1e15 || n < -1e15 || len(v) > 0 && v[0] == '+' {
		return 0, false
	}
	for ; digits > 2; digits-- {
		n *= 10
	}
	for ; digits < 2; digits++ {
		if n%10 != 0 {
			return 0, false
		}
		n /= 10
	}
	return n, true
}

// exact reads a number of up to 14 digits before the point and 4 after it.
func (t *translator) exact(s Segment, position, element int) (avro.Unscaled, bool) {
	n, err := adapter.Exact(s.Get(element))
	if err != nil {
		t.fault(s, position, element, badCharacter, "%v: correct it", err)
	}
	return n, err == nil
}
