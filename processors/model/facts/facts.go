// Package facts gives facts their identity and reduces a bag of them to a set.
package facts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// Hash is the form all of Waybill's content hashes take: the first 16 bytes of SHA-256 over the parts, in hex. Parts are
// length-prefixed, so that no two lists of parts share a hash by concatenation.
func Hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(strconv.AppendInt(nil, int64(len(p)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
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
	f.FactID = Hash(canonical(f)...)
}

func canonical(f *avro.Fact) []string {
	var c form
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
	return c
}

// body covers what a message says as a whole: its schema-versioned encoding, less envelope and reception.
func (c *form) body(f *avro.Fact) {
	if f.Order.Ok {
		o := f.Order.V
		o.EventID, o.ReceivedAt = "", 0
		c.text("order", string(o.Append(nil)))
	}
	if f.Load.Ok {
		l := f.Load.V
		l.EventID, l.ReceivedAt = "", 0
		c.text("load", string(l.Append(nil)))
	}
	if f.Stay.Ok {
		c.text("stay", string(f.Stay.V.Append(nil)))
	}
}

// form is the canonical form: name=value parts; what is empty is left out.
type form []string

func (c *form) text(name, v string) {
	if v != "" {
		*c = append(*c, name+"="+v)
	}
}

func (c *form) number(name string, v int64) { c.text(name, strconv.FormatInt(v, 10)) }

func (c *form) list(name string, vs []string) {
	for _, v := range vs {
		c.text(name, v)
	}
}

func (c *form) identifiers(name string, list []avro.Identifier) {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, ids.Compare)
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
		c.text("at", strconv.Itoa(int(p.V.LatE6))+","+strconv.Itoa(int(p.V.LonE6)))
	}
}

// Find gives the first identifier of a kind.
func Find(f *avro.Fact, kind avro.IdentifierKind) (avro.Identifier, bool) {
	i := slices.IndexFunc(f.Identifiers, func(id avro.Identifier) bool { return id.Kind == kind })
	if i < 0 {
		return avro.Identifier{}, false
	}
	return f.Identifiers[i], true
}

// Compare orders facts by when they happened, then by id: a total order that tells nothing of their arrival.
func Compare(a, b *avro.Fact) int {
	return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), strings.Compare(a.FactID, b.FactID))
}
