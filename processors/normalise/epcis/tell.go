package epcis

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"waybill/avro"
	"waybill/processors/model/facts"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/adapter"
	"waybill/processors/normalise/codes"
)

// version of the vocabulary, as code tables name it.
const version = "2.0"

// together is how many things one fact names at most: it is filed under each of them.
const together = 100

// teller turns events into facts and gathers what is wrong with them.
type teller struct {
	adapter.Report
	codes.View
	msg *avro.PartnerMessage
}

// tell gives an event's facts, and the declarations that it was an error.
func (t *teller) tell(e *event) []*avro.Fact {
	at := t.check(e)
	things := e.things()
	if len(things) > adapter.MaxNames {
		t.Addf(e.path, "names %d things, the limit is %d: split the event", len(things), adapter.MaxNames)
	}
	if n := len(e.all("bizTransactionList")); n > together {
		t.Addf(e.path+"bizTransactionList", "names %d transactions, the limit is %d: split the event", n, together)
	}
	if !t.OK() {
		return nil
	}
	base := t.base(e, at)
	if parts := len(things)/together + 1; parts > 1 && parts*size(base.Attributes) > 4*len(t.msg.Payload) {
		t.Addf(e.path, "says too much of %d things: split the event", len(things))
		return nil
	}
	var out []*avro.Fact
	for i := 0; i == 0 || i < len(things); i += together {
		f := base.Clone()
		t.name(&f, e, things[i:min(i+together, len(things))])
		out = append(out, &f)
	}
	return append(out, t.declare(e, out)...)
}

// kinds of events, and what else each must have.
var kinds = map[string][]string{
	"ObjectEvent": {"action"}, "AggregationEvent": {"action"}, "AssociationEvent": {"action", "parentID"},
	"TransactionEvent": {"action", "bizTransactionList"}, "TransformationEvent": nil,
}

// check reports what an event lacks, and gives its time.
func (t *teller) check(e *event) avro.Micros {
	must, ok := kinds[e.kind]
	if !ok {
		t.Addf(e.path+"type", "%s is none of ObjectEvent, AggregationEvent, AssociationEvent, TransactionEvent, TransformationEvent", adapter.Quote(e.kind))
	}
	for _, name := range must {
		if n := e.find(name); n.text == "" && len(n.kids) == 0 {
			t.Addf(e.path+name, "is missing: an %s has it", e.kind)
		}
	}
	action := e.find("action").text
	if action != "" && !slices.Contains([]string{"ADD", "OBSERVE", "DELETE"}, action) {
		t.Addf(e.path+"action", "%s is none of ADD, OBSERVE, DELETE", adapter.Quote(action))
	}
	if e.kind == "AggregationEvent" && action != "OBSERVE" && e.find("parentID").text == "" {
		t.Addf(e.path+"parentID", "is missing: an aggregation that is made or ended has it")
	}
	if e.find("eventTimeZoneOffset").text == "" {
		t.Addf(e.path+"eventTimeZoneOffset", "is missing: it is the place's, such as +01:00")
	}
	return t.time(e.path+"eventTime", e.find("eventTime").text)
}

func (t *teller) time(path, v string) avro.Micros {
	if v == "" {
		t.Addf(path, "is missing: want a time with its zone, such as 2026-01-01T00:00:00.000Z")
		return 0
	}
	at, err := adapter.Instant(v, layouts, nil)
	if err != nil {
		t.Addf(path, "%v", err)
	}
	return at
}

// base is what all facts of an event share.
func (t *teller) base(e *event, at avro.Micros) *avro.Fact {
	f := &avro.Fact{
		EventID: e.find("eventID").text, Classifier: avro.ClassifierActual, OccurredAt: at,
		Code: short(e.find("bizStep").text), PlaceID: place(e),
	}
	if recorded := e.find("recordTime").text; recorded != "" {
		f.ReceivedAt = t.time(e.path+"recordTime", recorded)
	}
	f.HasMilestone = f.Code != ""
	f.Milestone = t.milestone(f.Code, short(e.find("disposition").text))
	f.Source.System = t.system(f.Code)
	f.Quantity = quantity(e)
	f.Attributes = append(t.attributes(e), avro.KV{K: HashKey, V: hashID(e.kind, e.node)})
	return f
}

// milestone is what the step means; where none says, what became of the things.
func (t *teller) milestone(step, disposition string) avro.MilestoneCode {
	for _, x := range [][2]string{{"epcis/bizStep", step + "/" + disposition}, {"epcis/bizStep", step}, {"epcis/disposition", disposition}} {
		if name, ok := t.Meaning(x[0], x[1]); ok {
			m, _ := avro.ParseMilestoneCode(name)
			return m
		}
	}
	return avro.MilestoneCodeUnmapped
}

func (t *teller) system(step string) avro.SourceSystem {
	name, ok := t.Meaning("epcis/system", step)
	if !ok {
		name, _ = t.Meaning("epcis/system", "*")
	}
	s, _ := avro.ParseSourceSystem(name)
	return s
}

// place is where the things are, or else where they were seen: a GLN, or the whole id.
func place(e *event) string {
	id := e.find("bizLocation").find("id").text
	if id == "" {
		id = e.find("readPoint").find("id").text
	}
	return strings.TrimPrefix(id, dl+"414/")
}

// things are what an event is about but for its parent and transactions, each once, in order of their ids.
func (e *event) things() []string {
	var out []string
	for _, list := range []string{"epcList", "childEPCs", "inputEPCList", "outputEPCList"} {
		for _, epc := range e.all(list) {
			out = append(out, epc.text)
		}
	}
	for _, list := range []string{"quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"} {
		for _, q := range e.all(list) {
			if class := q.find("epcClass").text; class != "" {
				out = append(out, class)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// size is how many bytes attributes have.
func size(list []avro.KV) int {
	n := 0
	for _, a := range list {
		n += len(a.K) + len(a.V)
	}
	return n
}

// identify gives the identifier that a canonical id is. Serialised trade items, and whatever others mark single things with,
// are items; kinds of goods and lots are products, which take part in too much to correlate by.
func identify(v string) avro.Identifier {
	if number, ok := strings.CutPrefix(v, "urn:epc:id:bic:"); ok {
		return ids.Of(avro.IdentifierKindContainer, "", number)
	}
	key, ok := strings.CutPrefix(v, dl)
	if !ok {
		if strings.HasPrefix(v, "urn:epc:class:") || strings.HasPrefix(v, "urn:epc:idpat:") {
			return ids.Of(avro.IdentifierKindProduct, "", v)
		}
		return ids.Of(avro.IdentifierKindItem, "", v)
	}
	ai, value, _ := strings.Cut(key, "/")
	switch ai {
	case "00":
		return ids.Of(avro.IdentifierKindSSCC, "", value)
	case "401":
		return ids.Of(avro.IdentifierKindBOL, "GS1", value)
	case "402":
		return ids.Of(avro.IdentifierKindShipment, "GS1", value)
	case "8003", "8004":
		return ids.Of(avro.IdentifierKindEquipment, "GS1", value)
	case "414", "417", "8017", "8018":
		return ids.Of(avro.IdentifierKindParty, "GS1", value)
	}
	if strings.Contains(key, "/21/") || strings.Contains(key, "/235/") {
		return ids.Of(avro.IdentifierKindItem, "", key)
	}
	return ids.Of(avro.IdentifierKindProduct, "", key)
}

// name adds the identifiers of an event, or of a part of it, and the links between them.
func (t *teller) name(f *avro.Fact, e *event, things []string) {
	var parent []avro.Identifier
	if p := e.find("parentID").text; p != "" {
		parent = append(parent, identify(p))
	}
	var children []avro.Identifier
	for _, v := range things {
		children = append(children, identify(v))
	}
	transactions := t.transactions(e)
	f.Identifiers = slices.Concat(parent, children, transactions)
	during := validity(e.find("action").text, f.OccurredAt)
	if e.kind != "TransactionEvent" {
		link(f, children, parent, during)
		if during.Revoked && len(children) == 0 {
			disband(f, parent)
		}
		during = avro.Link{}
	}
	for _, tx := range transactions {
		if only(tx, transactions) {
			link(f, slices.Concat(parent, children), []avro.Identifier{tx}, during)
		}
	}
	for _, a := range transactions {
		for _, b := range transactions {
			if hops.Rank(a.Kind) < hops.Rank(b.Kind) && only(a, transactions) && only(b, transactions) {
				link(f, []avro.Identifier{a}, []avro.Identifier{b}, avro.Link{})
			}
		}
	}
	hops.SortLinks(f)
}

// only says whether an identifier is the only one of its kind: of several it stays open which belongs to which.
func only(id avro.Identifier, list []avro.Identifier) bool {
	n := 0
	for _, o := range list {
		if o.Kind == id.Kind {
			n++
		}
	}
	return n == 1
}

// validity is the time over which an action says that things belong together.
func validity(action string, at avro.Micros) avro.Link {
	switch action {
	case "ADD":
		return avro.Link{ValidFrom: avro.Some(at)}
	case "DELETE":
		return avro.Link{ValidFrom: avro.Some(at), Revoked: true}
	}
	return avro.Link{}
}

// disband says that nothing belongs to a parent from the event on: deleted without children, an aggregation is ended for all of them (EPCIS
// 2.0, 7.4.3 and 7.4.6). Who they are the event does not say.
func disband(f *avro.Fact, parents []avro.Identifier) {
	for _, p := range parents {
		if hops.Routed(p.Kind) {
			f.Links = append(f.Links, avro.Link{To: p, Classifier: avro.ClassifierActual, ValidFrom: avro.Some(f.OccurredAt), Revoked: true})
		}
	}
}

func link(f *avro.Fact, from, to []avro.Identifier, during avro.Link) {
	for _, a := range from {
		for _, b := range to {
			if l, ok := hops.Link(a, b, avro.ClassifierActual); ok {
				l.ValidFrom, l.Revoked = during.ValidFrom, during.Revoked
				f.Links = append(f.Links, l)
			}
		}
	}
}

// transactions are the business transactions of a kind that is an identifier to us, sorted, each once.
func (t *teller) transactions(e *event) []avro.Identifier {
	var out []avro.Identifier
	for _, tx := range e.all("bizTransactionList") {
		name, _ := t.Meaning("epcis/bizTransaction", short(tx.find("type").text))
		kind, _ := avro.ParseIdentifierKind(name)
		if kind == avro.IdentifierKindUnspecified || tx.text == "" {
			continue
		}
		issuer, value := transaction(tx.text)
		if known, ok := t.Meaning("epcis/issuer", issuer); ok {
			issuer = known
		}
		out = append(out, ids.Of(kind, issuer, value))
	}
	slices.SortFunc(out, ids.Compare)
	return slices.CompactFunc(out, ids.Same)
}

// transaction takes a transaction's id apart: the GLN of who numbered it, or the address it lies at, and the number (CBV
// 2.0, 8.5).
func transaction(v string) (issuer, value string) {
	if rest, ok := strings.CutPrefix(v, "urn:epcglobal:cbv:bt:"); ok {
		if gln, number, ok := strings.Cut(rest, ":"); ok && number != "" {
			return gln, number
		}
		return "", v
	}
	if key, ok := strings.CutPrefix(v, dl); ok {
		return "GS1", key
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" {
		return "", v
	}
	i := strings.LastIndexByte(strings.TrimSuffix(u.Path, "/"), '/')
	if number := strings.Trim(u.Path[max(i, 0):], "/"); number != "" && u.RawQuery == "" {
		return u.Host + u.Path[:max(i, 0)], number
	}
	return "", v
}

// quantity is that of an event of one kind of goods and no single things.
func quantity(e *event) avro.Opt[avro.Quantity] {
	list := slices.Concat(e.all("quantityList"), e.all("childQuantityList"))
	if len(list) != 1 || len(e.all("epcList"))+len(e.all("childEPCs")) > 0 {
		return avro.Opt[avro.Quantity]{}
	}
	whole, fraction, _ := strings.Cut(list[0].find("quantity").text, ".")
	if pad := avro.QuantityValueScale - len(fraction); pad >= 0 && len(whole) <= 14 {
		if n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", pad), 10, 64); err == nil {
			return avro.Some(avro.Quantity{Value: avro.Unscaled(n), Unit: list[0].find("uom").text})
		}
	}
	return avro.Opt[avro.Quantity]{}
}

// declare gives a fact for each of an event's facts that says that the event was an error, where it says so. It names what
// the declared facts name, so that it comes to where they went.
func (t *teller) declare(e *event, declared []*avro.Fact) []*avro.Fact {
	d := e.find("errorDeclaration")
	if d.name == "" {
		return nil
	}
	at := t.time(e.path+"errorDeclaration.declarationTime", d.find("declarationTime").text)
	more := []avro.KV{{K: HashKey, V: hashID(e.kind, e.node)}}
	for i, id := range d.corrective() {
		more = append(more, avro.KV{K: "corrective_event." + strconv.Itoa(i), V: id})
	}
	var out []*avro.Fact
	for _, f := range declared {
		out = append(out, &avro.Fact{
			EventID: f.EventID, Classifier: avro.ClassifierActual, OccurredAt: at, ReceivedAt: f.ReceivedAt, Source: f.Source, PlaceID: f.PlaceID,
			Code: "errorDeclaration", ReasonCode: short(d.find("reason").text), Identifiers: slices.Clone(f.Identifiers),
			Attributes: slices.Clone(more), Supersedes: []string{idOf(f, t.msg)},
		})
	}
	return out
}

// corrective are the ids of the events that replace a declared one, sorted.
func (n *node) corrective() []string {
	var out []string
	for _, k := range n.kids {
		switch {
		case k.name != "correctiveEventIDs":
		case len(k.kids) == 0:
			out = append(out, k.text)
		default: // XML wraps them
			for _, id := range k.kids {
				out = append(out, id.text)
			}
		}
	}
	slices.Sort(out)
	return out
}

// idOf is the id that a fact will have once normalise has completed and sealed it.
func idOf(f *avro.Fact, msg *avro.PartnerMessage) string {
	sealed := f.Clone()
	sealed.Tenant, sealed.Source.Partner = msg.Tenant, msg.Partner
	facts.Seal(&sealed)
	return sealed.FactID
}
