package epcis

import (
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
)

// placed are the fields that have a place of their own in a fact.
var placed = []string{"eventTime", "recordTime", "eventID", "errorDeclaration", "bizStep", "parentID", "epcList", "childEPCs"}

// attributes is the rest of what an event says, in its canonical form: where one says more than another, their hashes differ
// too.
func (t *teller) attributes(e *event) []avro.KV {
	out := []avro.KV{{K: "event", V: e.kind}}
	rest := &node{}
	for _, k := range e.kids {
		if !slices.Contains(placed, k.name) {
			rest.kids = append(rest.kids, k)
		}
	}
	rest.arrange()
	fields, _ := rest.plain().(map[string]any)
	for name, v := range fields {
		out = append(out, adapter.Flatten(name, v)...)
	}
	slices.SortFunc(out, func(a, b avro.KV) int { return strings.Compare(a.K, b.K) })
	return out
}

// plain gives an arranged element as text, or as a map of what is within it; elements of one name are a list.
func (n *node) plain() any {
	if len(n.kids) == 0 {
		return short(n.text)
	}
	out := map[string]any{}
	if n.text != "" {
		out["id"] = short(n.text)
	}
	for _, k := range n.kids {
		v := k.plain()
		switch was := out[k.name].(type) {
		case nil:
			out[k.name] = v
		case list:
			out[k.name] = append(was, v)
		default:
			out[k.name] = list{was, v}
		}
	}
	return unlisted(out)
}

// list tells elements of one name from a value.
type list []any

func unlisted(o map[string]any) map[string]any {
	for name, v := range o {
		if l, ok := v.(list); ok {
			o[name] = []any(l)
		}
	}
	return o
}

// arrange puts what is within an element into an order that does not depend on the one it came in, and gives what it is
// ordered by.
func (n *node) arrange() string {
	if len(n.kids) == 0 {
		return n.name + "=" + n.text
	}
	type written struct {
		kid  *node
		text string
	}
	all := make([]written, 0, len(n.kids))
	length := len(n.name) + 1 + len(n.text)
	for _, k := range n.kids {
		all = append(all, written{k, k.arrange()})
		length += len(all[len(all)-1].text)
	}
	slices.SortFunc(all, func(a, b written) int { return strings.Compare(a.text, b.text) })
	var out strings.Builder
	out.Grow(length)
	out.WriteString(n.name)
	out.WriteByte('=')
	out.WriteString(n.text)
	for i, w := range all {
		n.kids[i] = w.kid
		out.WriteString(w.text)
	}
	return out.String()
}
