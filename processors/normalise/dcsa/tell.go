package dcsa

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
)

// version of the standard, as code tables name it.
const version = "2"

// object is a decoded JSON object, numbers as json.Number.
type object = map[string]any

// teller turns events that the schema found right into facts.
type teller struct {
	adapter.Report
	codes.View
	partner string
}

var classifiers = map[string]avro.Classifier{
	"PLN": avro.ClassifierPlanned, "EST": avro.ClassifierEstimated, "ACT": avro.ClassifierActual, "REQ": avro.ClassifierRequested,
}

// tell gives the fact of an event; nil where it contradicts itself.
func (t *teller) tell(path string, o object) *avro.Fact {
	call, _ := o["transportCall"].(object)
	place, _ := o["eventLocation"].(object)
	if place == nil {
		place, _ = call["location"].(object)
	}
	f := &avro.Fact{
		HasMilestone: true, Classifier: classifiers[text(o["eventClassifierCode"])], Source: avro.Source{System: avro.SourceSystemCarrier},
		EventID: text(o["eventID"]), OccurredAt: t.time(path+"/eventDateTime", o["eventDateTime"]), ReceivedAt: t.time(path+"/eventCreatedDateTime", o["eventCreatedDateTime"]),
		ReasonCode: text(o["delayReasonCode"]), PlaceID: placeOf(place, call), Location: t.point(path, place),
	}
	f.Milestone, f.Code = t.milestone(o, call)
	t.agree(path+"/transportCall", call)
	t.name(f, o, call)
	f.Attributes = attributes(o)
	if f.Classifier == avro.ClassifierEstimated { // of forecasts the last one stands
		f.Attributes = append(f.Attributes, avro.KV{K: facts.SaidAt, V: f.ReceivedAt.Time().Format(time.RFC3339Nano)})
		slices.SortStableFunc(f.Attributes, func(a, b avro.KV) int { return strings.Compare(a.K, b.K) })
	}
	if !t.OK() {
		return nil
	}
	return f
}

func (t *teller) time(path string, v any) avro.Micros {
	at, err := adapter.Instant(text(v), adapter.Zoned, nil)
	if err != nil {
		t.Addf(path, "%v", err)
	}
	return at
}

// milestone is what the event's code means, the most exact first: with the facility's type, the document's type, or whether the
// equipment is empty.
func (t *teller) milestone(o, call object) (avro.MilestoneCode, string) {
	element := strings.ToLower(text(o["eventType"]))
	code := text(o[element+"EventTypeCode"])
	keys := []string{code}
	for _, with := range []any{o["emptyIndicatorCode"], o["documentTypeCode"], call["facilityTypeCode"]} {
		if w := text(with); w != "" {
			keys = append(keys, code+"/"+w)
		}
	}
	for _, key := range slices.Backward(keys) {
		if name, ok := t.Meaning("dcsa/"+element, key); ok {
			m, _ := avro.ParseMilestoneCode(name)
			return m, code
		}
	}
	return avro.MilestoneCodeUnmapped, code
}

// agree reports a transport call that says of two places that it is at each.
func (t *teller) agree(path string, call object) {
	place, _ := call["location"].(object)
	for _, field := range []string{"UNLocationCode", "facilityCode"} {
		one, two := text(call[field]), text(place[field])
		if one != "" && two != "" && one != two {
			t.Addf(path+"/location/"+field, "is %s, and the transport call's own %s is %s: send one place", adapter.Quote(two), field, adapter.Quote(one))
		}
	}
}

// placeOf is the place by UN/LOCODE, and the facility within it by its code.
func placeOf(place, call object) string {
	locode := cmp.Or(text(place["UNLocationCode"]), text(call["UNLocationCode"]))
	facility := cmp.Or(text(place["facilityCode"]), text(call["facilityCode"]))
	if locode == "" || facility == "" {
		return cmp.Or(locode, facility)
	}
	return locode + "/" + facility
}

// point is where the place is, as far as it says both degrees.
func (t *teller) point(path string, place object) avro.Opt[avro.GeoPoint] {
	if place["latitude"] == nil || place["longitude"] == nil {
		return avro.Opt[avro.GeoPoint]{}
	}
	lat := t.degrees(path+"/eventLocation/latitude", place["latitude"], 90_000_000)
	lon := t.degrees(path+"/eventLocation/longitude", place["longitude"], 180_000_000)
	return avro.Some(avro.GeoPoint{LatE6: lat, LonE6: lon})
}

func (t *teller) degrees(path string, v any, most int64) int32 {
	n, err := adapter.Scaled(text(v), 1e6, -most, most)
	if err != nil {
		t.Addf(path, "%v", err)
	}
	return int32(n)
}

// name adds the identifiers, the equipment or vessel that the event is about first, and links those that documents and
// references name together. The vessel is linked to nothing: it carries what belongs to many.
func (t *teller) name(f *avro.Fact, o, call object) {
	references := t.references(o)
	classifier := avro.ClassifierActual
	if f.Classifier != avro.ClassifierActual {
		classifier = avro.ClassifierPlanned
	}
	adapter.Pairs(f, references, classifier)
	hops.SortLinks(f)
	if vessel, _ := call["vessel"].(object); vessel != nil && text(o["eventType"]) == "TRANSPORT" {
		if imo := text(vessel["vesselIMONumber"]); imo != "" {
			f.Identifiers = append(f.Identifiers, ids.Of(avro.IdentifierKindVehicle, "IMO", imo))
		}
	}
	f.Identifiers = append(f.Identifiers, references...)
}

// references gives what an event names of kinds that are identifiers to us, sorted but for the equipment it is about, each once.
func (t *teller) references(o object) []avro.Identifier {
	var out []avro.Identifier
	add := func(kind, value any) {
		name, _ := t.Meaning("dcsa/reference", text(kind))
		k, _ := avro.ParseIdentifierKind(name)
		if k == avro.IdentifierKindUnspecified || text(value) == "" {
			return
		}
		out = append(out, ids.Of(k, t.issuer(k), text(value)))
	}
	add(o["documentTypeCode"], o["documentID"])
	for _, x := range []struct{ list, kind, value string }{{"documentReferences", "documentReferenceType", "documentReferenceValue"}, {"references", "referenceType", "referenceValue"}} {
		list, _ := o[x.list].([]any)
		for _, e := range list {
			r, _ := e.(object)
			add(r[x.kind], r[x.value])
		}
	}
	add("EQ", o["equipmentReference"])
	slices.SortFunc(out, ids.Compare)
	return slices.CompactFunc(out, ids.Same)
}

// issuer is who numbers things of a kind: the carrier bookings and transport documents, and equipment and orders everybody the
// same.
func (t *teller) issuer(k avro.IdentifierKind) string {
	if k != avro.IdentifierKindPRO && k != avro.IdentifierKindBOL {
		return ""
	}
	if name, ok := t.Meaning("dcsa/issuer", "*"); ok {
		return name
	}
	return t.partner
}

// placed are the fields that have a place of their own in a fact. The event's id and when it was created are no content.
var placed = []string{"eventID", "eventCreatedDateTime", "eventClassifierCode", "eventDateTime", "delayReasonCode", "shipmentEventTypeCode", "transportEventTypeCode", "equipmentEventTypeCode"}

// attributes is all that an event says beside that. Lists of references are sorted: their order is no content.
func attributes(o object) []avro.KV {
	var out []avro.KV
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if slices.Contains(placed, key) {
			continue
		}
		list := adapter.Flatten(key, o[key])
		if refs, ok := o[key].([]any); ok && (key == "references" || key == "documentReferences") {
			list = byType(key, refs)
		}
		out = append(out, list...)
	}
	return out
}

// byType gives references by their type, several of one type in order.
func byType(key string, refs []any) []avro.KV {
	values := map[string][]string{}
	prefix := strings.TrimSuffix(key, "s")
	for _, e := range refs {
		r, _ := e.(object)
		kind := text(r[prefix+"Type"])
		values[kind] = append(values[kind], text(r[prefix+"Value"]))
	}
	var out []avro.KV
	for _, kind := range slices.Sorted(maps.Keys(values)) {
		slices.Sort(values[kind])
		out = append(out, avro.KV{K: key + "." + kind, V: strings.Join(slices.Compact(values[kind]), ",")})
	}
	return out
}
