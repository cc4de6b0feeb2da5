package x12

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
)

// translator makes canonical records of one transaction set, and gathers what is wrong with its elements.
type translator struct {
	codes.View
	msg     *avro.PartnerMessage
	set     *set
	group   *group
	records []avro.Record
	faults  []avro.ElementFault
	wrong   int // faults counted, also those beyond the most that are kept
}

// most faults that are kept of a set: a set of a million wrong elements must not make an acknowledgement of a million lines.
const most = 20

// What AK403 and AK304 say is wrong.
const (
	missing      = "1"
	badCharacter = "6"
	badCode      = "7"
	badDate      = "8"
	badTime      = "9"

	segmentMissing = "3"
	inElements     = "8"
)

// translators by transaction set.
var translators = map[string]func(*translator){
	"204": (*translator).tender, "210": (*translator).invoice, "214": (*translator).status, "990": (*translator).response,
	"856": (*translator).shipNotice, "940": (*translator).warehouseOrder, "945": (*translator).shipAdvice,
}

// fault reports an element.
func (t *translator) fault(s Segment, position, element int, code, format string, args ...any) {
	t.wrong++
	if len(t.faults) == most {
		return
	}
	f := avro.ElementFault{Segment: clip(s.ID()), Position: int32(position), Element: int32(element), Code: code, Text: fmt.Sprintf(format, args...)}
	if element > 0 {
		f.Value = clip(s.Get(element))
	}
	t.faults = append(t.faults, f)
}

// need is an element that must be there.
func (t *translator) need(s Segment, position, element int, what string) string {
	v := s.Get(element)
	if v == "" {
		t.fault(s, position, element, missing, "is missing: it is %s, send it", what)
	}
	return v
}

// lack reports a segment that must be there.
func (t *translator) lack(id, what string) {
	t.fault(Segment{elements: []string{id}}, len(t.set.segments), 0, segmentMissing, "is missing: it is %s, send it", what)
}

// first finds the first segment of an id and its position; 0 where there is none.
func (t *translator) first(id string) (Segment, int) {
	for i, s := range t.set.segments {
		if s.ID() == id {
			return s, i + 1
		}
	}
	return Segment{}, 0
}

// moment places the time of three elements: date, clock and time code; the latter two are 0 where the segment has none.
func (t *translator) moment(s Segment, position int, date, clock, code int, where codes.Place) (codes.Moment, bool) {
	w := codes.Wall{Date: s.Get(date), Place: where}
	if clock > 0 {
		w.Clock = s.Get(clock)
	}
	if code > 0 {
		w.Code = s.Get(code)
	}
	m, err := t.Moment(w)
	return m, t.timed(s, position, date, clock, err)
}

// timed reports what is wrong with a date or time.
func (t *translator) timed(s Segment, position, date, clock int, err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, codes.ErrClock):
		t.fault(s, position, clock, badTime, "%v: correct it", err)
	default:
		t.fault(s, position, date, badDate, "%v: correct it", err)
	}
	return false
}

// said is when the document was made, as its group says; where no group says, when it reached us.
func (t *translator) said() codes.Moment {
	if gs := t.group.gs; gs.there() {
		m, err := t.Document(codes.Wall{Date: gs.Get(4), Clock: gs.Get(5)})
		if err == nil {
			return m
		}
		return codes.Moment{At: t.msg.ReceivedAt, Note: fmt.Sprintf("GS says %s %s, which %v: the time of reception stands in", adapter.Quote(gs.Get(4)), adapter.Quote(gs.Get(5)), err)}
	}
	return codes.Moment{At: t.msg.ReceivedAt, Note: "no GS says when it was made: the time of reception stands in"}
}

// eventID is the document's control numbers: an envelope's, no part of what it says.
func (t *translator) eventID() string {
	if !t.group.gs.there() {
		return t.set.control()
	}
	return t.group.gs.Get(6) + "/" + t.set.control()
}

// references gathers what L11, N9 or REF name, by what their qualifiers mean to the partner.
type references struct {
	bol, pro           string
	orders, deliveries []string
	others             []avro.KV
}

// mostOthers is how many references are kept that are of no kind we join by.
const mostOthers = 10

// take reads a reference, whose value and qualifier are two elements.
func (t *translator) take(r *references, s Segment, value, qualifier int) {
	v, q := s.Get(value), s.Get(qualifier)
	if v == "" {
		return
	}
	switch t.Kind("x12/REF", q) {
	case avro.IdentifierKindBOL:
		r.bol = first(r.bol, v)
	case avro.IdentifierKindPRO:
		r.pro = first(r.pro, v)
	case avro.IdentifierKindOrder:
		r.orders = append(r.orders, v)
	case avro.IdentifierKindDelivery:
		r.deliveries = append(r.deliveries, v)
	default:
		if len(r.others) < mostOthers {
			r.others = append(r.others, avro.KV{K: "reference/" + clip(q), V: v})
		}
	}
}

// within is what a part names, and where it names none what the whole does. Lists are shared: a part is often small.
func (r references) within(whole *references) references {
	r.bol, r.pro = first(r.bol, whole.bol), first(r.pro, whole.pro)
	if len(r.orders) == 0 {
		r.orders = whole.orders
	}
	if len(r.deliveries) == 0 {
		r.deliveries = whole.deliveries
	}
	r.others = slices.Concat(r.others, whole.others)
	return r
}

// add takes over what other names and r does not.
func (r *references) add(other *references) {
	r.bol, r.pro = first(r.bol, other.bol), first(r.pro, other.pro)
	r.orders = append(r.orders, other.orders...)
	r.deliveries = append(r.deliveries, other.deliveries...)
	r.others = append(r.others, other.others...)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// mostNotes is how many attributes or remarks are kept of one thing.
const mostNotes = 200

// note adds an attribute unless it is empty. Of a key said twice the first stands.
func note(list []avro.KV, k, v string) []avro.KV {
	if v == "" || len(list) > mostNotes {
		return list
	}
	if len(list) == mostNotes {
		return append(list, avro.KV{K: "more", V: "there is more than this has room for"})
	}
	for _, kv := range list {
		if kv.K == k {
			return list
		}
	}
	return append(list, avro.KV{K: k, V: v})
}

// placeOf is where an N4 is.
func placeOf(s Segment) codes.Place {
	p := codes.Place{City: s.Get(1), Region: s.Get(2), Country: s.Get(4)}
	if len(s.Get(6)) == 5 {
		p.Locode = s.Get(6)
	}
	return p
}

// placeID is the code by which N1 or N4 names a place.
func placeID(n1, n4 Segment) string {
	return first(n1.Get(4), n4.Get(6))
}

// summary is what is wrong with a set, as one sentence.
func (t *translator) summary() string {
	var list []string
	for _, f := range t.faults {
		at := fmt.Sprintf("segment %d, %s", f.Position, f.Segment)
		if f.Element > 0 {
			at += fmt.Sprintf("%02d", f.Element)
		}
		if f.Value != "" {
			at += " " + adapter.Quote(f.Value)
		}
		list = append(list, at+" "+f.Text)
	}
	if t.wrong > len(t.faults) {
		list = append(list, fmt.Sprintf("and %d more", t.wrong-len(t.faults)))
	}
	return strings.Join(list, "; ")
}
