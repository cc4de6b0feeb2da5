package main

import (
	"bytes"
	"encoding/json"
)

// selfContained is t as compact JSON with docs. A type is defined where it is first used and named from then on. Equal
// schemas have equal text, so that a registry finds them again.
func selfContained(t *schema) string {
	var w jsonWriter
	w.defined = map[string]bool{}
	w.schema(t)
	return w.String()
}

type jsonWriter struct {
	bytes.Buffer
	defined map[string]bool
}

func (w *jsonWriter) value(v any) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // strings, ints and checked JSON: cannot happen
	}
	w.Write(bytes.TrimSpace(text.Bytes()))
}

func (w *jsonWriter) attribute(key string, v any) {
	w.WriteByte(',')
	w.value(key)
	w.WriteByte(':')
	w.value(v)
}

func (w *jsonWriter) schema(t *schema) {
	switch {
	case w.defined[t.name]:
		w.value(t.name)
	case t.named():
		w.defined[t.name] = true
		w.definition(t)
	case t.kind == "union":
		w.list('[', len(t.branches), func(i int) { w.schema(t.branches[i]) })
	case t.kind == "array":
		w.WriteString(`{"type":"array","items":`)
		w.schema(t.item)
		w.WriteByte('}')
	case t.kind == "map":
		w.WriteString(`{"type":"map","values":`)
		w.schema(t.item)
		w.WriteByte('}')
	case t.logical == "":
		w.value(t.kind)
	default:
		w.logical(t)
	}
}

func (w *jsonWriter) logical(t *schema) {
	w.WriteString(`{"type":`)
	w.value(t.kind)
	w.attribute("logicalType", t.logical)
	if t.logical == "decimal" {
		w.attribute("precision", t.precision)
		w.attribute("scale", t.scale)
	}
	w.WriteByte('}')
}

func (w *jsonWriter) definition(t *schema) {
	namespace, name := splitName(t.name)
	w.WriteString(`{"type":`)
	w.value(t.kind)
	w.attribute("name", name)
	w.attribute("namespace", namespace)
	w.attribute("doc", t.doc)
	if len(t.aliases) > 0 {
		w.attribute("aliases", t.aliases)
	}
	switch t.kind {
	case "fixed":
		w.attribute("size", t.size)
	case "enum":
		w.attribute("symbols", t.symbols)
		w.attribute("default", t.otherwise)
	case "record":
		w.WriteString(`,"fields":`)
		w.list('[', len(t.fields), func(i int) { w.field(t.fields[i]) })
	}
	w.WriteByte('}')
}

func (w *jsonWriter) field(f *field) {
	w.WriteString(`{"name":`)
	w.value(f.name)
	w.WriteString(`,"type":`)
	w.schema(f.typ)
	if f.fallback != nil {
		w.attribute("default", f.fallback)
	}
	w.attribute("doc", f.doc)
	if len(f.aliases) > 0 {
		w.attribute("aliases", f.aliases)
	}
	w.WriteByte('}')
}

func (w *jsonWriter) list(open byte, n int, item func(int)) {
	w.WriteByte(open)
	for i := range n {
		if i > 0 {
			w.WriteByte(',')
		}
		item(i)
	}
	w.WriteByte(open + 2) // ']' stands two behind '[' in ASCII
}
