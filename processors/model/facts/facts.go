// Package facts gives facts their identity and reduces a bag of them to a set.
package facts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"

	"waybill/avro"
	"waybill/processors/model/ids"
	"waybill/topics"
)

// Hash is the form all of Waybill's content hashes take: the first 16 bytes of SHA-256 over the parts, in hex. Parts are
// length-prefixed, so that no two lists of parts share a hash by concatenation.
func Hash(parts ...string) string {
	c := newForm()
	for _, p := range parts {
		c.length(len(p))
		c.b = append(c.b, p...)
	}
	return c.hash()
}

// Seal sorts what has no order and sets the fact's id. It is the last thing done to a fact.
//
// Identity is the canonical business content: a new envelope id, a re-sent history, a later reception or another topic
// do not change it. The canonical form is written out here rather than taken from the Avro encoding, so that a field
// added to the schema leaves the ids of facts without it as they are.
func Seal(f *avro.Fact) {
	slices.SortFunc(f.Attributes, func(a, b avro.KV) int { return strings.Compare(a.K, b.K) })
	slices.Sort(f.Supersedes)
	slices.Sort(f.DerivedFrom)
	c := newForm()
	c.fact(f)
	f.FactID = c.hash()
}

func (c *form) fact(f *avro.Fact) {
	c.text("tenant", f.Tenant)
	c.text("source", f.Source.System.String()+"/"+f.Source.Partner)
	if f.HasMilestone {
		c.text("milestone", f.Milestone.String())
	}
	c.text("classifier", f.Classifier.String())
	c.number("occurred", int64(f.OccurredAt))
	c.identifiers("id", f.Identifiers)
	for i := range f.Links {
		c.link(&f.Links[i])
	}
	if f.StopSequence.Ok {
		c.number("stop", int64(f.StopSequence.V))
	}
	c.text("place", f.PlaceID)
	c.point(f.Location)
	c.text("code", f.Code)
	c.text("reason", f.ReasonCode)
	if f.Quantity.Ok {
		c.number("quantity/"+f.Quantity.V.Unit, int64(f.Quantity.V.Value))
	}
	for _, a := range f.Attributes {
		c.text("attribute/"+a.K, a.V)
	}
	c.body(f)
	c.list("supersedes", f.Supersedes)
	c.list("derived", f.DerivedFrom)
	c.text("series", f.Series)
	if f.Void {
		c.text("void", "true")
	}
}

// body covers what a message says as a whole: its schema-versioned encoding, less envelope and reception.
func (c *form) body(f *avro.Fact) {
	if f.Order.Ok {
		o := f.Order.V
		o.EventID, o.ReceivedAt = "", 0
		text(c, "order", since(o.Append(nil), len(o.Remarks)))
	}
	if f.Load.Ok {
		l := f.Load.V
		l.EventID, l.ReceivedAt = "", 0
		text(c, "load", since(l.Append(nil), len(l.Remarks)))
	}
	if f.Stay.Ok {
		var room [64]byte
		text(c, "stay", f.Stay.V.Append(room[:0]))
	}
}

// since leaves out remarks that are empty: they came to the schema later, at its end, as one zero byte, and must not change the ids
// of what was said before.
func since(encoded []byte, remarks int) []byte {
	if remarks == 0 {
		return encoded[:len(encoded)-1]
	}
	return encoded
}

// form is the canonical form: name=value parts, each after its length; what is empty is left out.
type form struct{ b []byte }

// forms are kept, since each fact of the pipeline passes here.
var forms = sync.Pool{New: func() any { return new(form) }}

func newForm() *form {
	c := forms.Get().(*form)
	c.b = c.b[:0]
	return c
}

// hash is the first 16 bytes of SHA-256 in hex. It is the last thing done to a form.
func (c *form) hash() string {
	sum := sha256.Sum256(c.b)
	if cap(c.b) <= 1<<16 { // an order of thousands of lines need not stay
		forms.Put(c)
	}
	var out [32]byte
	hex.Encode(out[:], sum[:16])
	return string(out[:])
}

func (c *form) length(n int) { c.b = append(strconv.AppendInt(c.b, int64(n), 10), ':') }

func (c *form) text(name, v string) { text(c, name, v) }

func text[V string | []byte](c *form, name string, v V) {
	if len(v) == 0 {
		return
	}
	c.length(len(name) + 1 + len(v))
	c.b = append(append(append(c.b, name...), '='), v...)
}

func (c *form) number(name string, v int64) {
	var room [20]byte
	text(c, name, strconv.AppendInt(room[:0], v, 10))
}

func (c *form) list(name string, vs []string) {
	for _, v := range vs {
		c.text(name, v)
	}
}

func (c *form) identifiers(name string, list []avro.Identifier) {
	sorted := list
	if len(list) > 1 {
		sorted = slices.Clone(list)
		slices.SortFunc(sorted, ids.Compare)
	}
	for _, id := range sorted {
		c.text(name, ids.Key("", id))
	}
}

func (c *form) link(l *avro.Link) {
	v := ids.Key("", l.From) + ">" + ids.Key("", l.To) + " " + l.Classifier.String()
	if l.ValidFrom.Ok {
		v += " from " + strconv.FormatInt(int64(l.ValidFrom.V), 10)
	}
	if l.ValidTo.Ok {
		v += " to " + strconv.FormatInt(int64(l.ValidTo.V), 10)
	}
	if l.Revoked {
		v += " revoked"
	}
	c.text("link", v)
}

func (c *form) point(p avro.Opt[avro.GeoPoint]) {
	if p.Ok {
		var room [32]byte
		b := append(strconv.AppendInt(room[:0], int64(p.V.LatE6), 10), ',')
		text(c, "at", strconv.AppendInt(b, int64(p.V.LonE6), 10))
	}
}

// byEvent begins the name of what a source corrects by the event id that it gave it, in Fact.Supersedes.
const byEvent = "event:"

// ByEvent says whether a name, as Corrects gives it, is of what was said under an event id.
func ByEvent(name string) bool { return strings.HasPrefix(name, byEvent) }

// Corrects names what a fact corrects, sorted: facts by their id, and those of the same source by their event id. A void fact corrects
// nothing.
func Corrects(f *avro.Fact) (names []string) {
	if f.Void {
		return nil
	}
	for _, name := range f.Supersedes {
		if event, ok := strings.CutPrefix(name, byEvent); ok {
			name = eventName(f, event)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Corrected says whether a fact is among what others correct, as Corrects names it; by is sorted. It stays in the log and in what was known; it does
// not stand. A fact that corrects what was said under its own event id does not correct itself.
func Corrected(f *avro.Fact, by []string) bool {
	if len(by) == 0 {
		return false
	}
	among := func(name string) bool {
		_, ok := slices.BinarySearch(by, name)
		return ok
	}
	return among(f.FactID) ||
		f.EventID != "" && among(eventName(f, f.EventID)) && !slices.Contains(f.Supersedes, byEvent+f.EventID)
}

func eventName(f *avro.Fact, event string) string {
	return byEvent + topics.Key(f.Source.System.String(), f.Source.Partner, event)
}

// Compare orders facts by when they happened, then by id: a total order that tells nothing of their arrival.
func Compare(a, b *avro.Fact) int {
	return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), strings.Compare(a.FactID, b.FactID))
}

// SaidAt is the attribute of an estimate that tells when it was said, as RFC 3339. It is content: who says the same again later says another thing.
const SaidAt = "said_at"
