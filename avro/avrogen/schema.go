package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// schema is a node of the model: a primitive, a collection, a union, or the definition of a named type. References are
// replaced by the definition once all files are read.
type schema struct {
	kind      string // an Avro type name; "ref" until resolved
	name      string // full name of a record, enum or fixed; of the target while kind is "ref"
	doc       string
	aliases   []string
	fields    []*field
	symbols   []string
	otherwise string    // an enum's default
	item      *schema   // of an array; values of a map
	branches  []*schema // of a union
	logical   string
	precision int
	scale     int
	size      int
	where     string // file and path, for messages
}

type field struct {
	name     string
	doc      string
	aliases  []string
	typ      *schema
	fallback json.RawMessage // the default; nil where there is none
	where    string
}

var primitives = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true,
}

// file is one .avsc file: its named types in order of definition, nested ones before those that contain them.
type file struct {
	base  string // without folder and extension
	types []*schema
}

// loader reads files into one name space.
type loader struct {
	named map[string]*schema
	file  *file
}

func (p *loader) parseFile(path string, text []byte) (*file, error) {
	name := filepath.Base(path)
	p.file = &file{base: strings.TrimSuffix(name, filepath.Ext(name))}
	var defs []json.RawMessage
	if trimmed := bytes.TrimSpace(text); !bytes.HasPrefix(trimmed, []byte("[")) {
		defs = []json.RawMessage{trimmed}
	} else if err := json.Unmarshal(text, &defs); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i, def := range defs {
		where := fmt.Sprintf("%s: definition %d", name, i+1)
		t, err := p.parse(def, "", where)
		if err != nil {
			return nil, err
		}
		if t.name == "" || t.kind == "ref" {
			return nil, fmt.Errorf("%s: must define a record, an enum or a fixed", where)
		}
	}
	return p.file, nil
}

// attributes are all that a definition may have; others are typing errors.
type attributes struct {
	Type        json.RawMessage
	Name        string
	Namespace   *string
	Doc         string
	Aliases     []string
	Fields      []json.RawMessage
	Symbols     []string
	Default     *string
	Items       json.RawMessage
	Values      json.RawMessage
	LogicalType string
	Precision   int
	Scale       int
	Size        int
}

type fieldAttributes struct {
	Name    string
	Type    json.RawMessage
	Doc     string
	Aliases []string
	Default json.RawMessage
}

func strict(text []byte, into any, where string) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

func (p *loader) parse(text json.RawMessage, namespace, where string) (*schema, error) {
	switch {
	case len(text) == 0:
		return nil, fmt.Errorf("%s: type is missing", where)
	case text[0] == '"':
		return parseName(text, namespace, where)
	case text[0] == '[':
		return p.parseUnion(text, namespace, where)
	}
	var a attributes
	if err := strict(text, &a, where); err != nil {
		return nil, err
	}
	var kind string
	if err := json.Unmarshal(a.Type, &kind); err != nil {
		return nil, fmt.Errorf(`%s: "type" of a definition must be the name of a type: %w`, where, err)
	}
	t := &schema{kind: kind, doc: a.Doc, logical: a.LogicalType, precision: a.Precision, scale: a.Scale, size: a.Size, where: where}
	switch kind {
	case "array":
		return p.withItem(t, a.Items, namespace, where+"[]")
	case "map":
		return p.withItem(t, a.Values, namespace, where+"{}")
	case "record", "enum", "fixed":
		return p.parseNamed(t, &a, namespace)
	}
	if !primitives[kind] {
		return nil, fmt.Errorf("%s: %q is not an Avro type", where, kind)
	}
	return t, nil
}

func parseName(text json.RawMessage, namespace, where string) (*schema, error) {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	if primitives[name] {
		return &schema{kind: name, where: where}, nil
	}
	return &schema{kind: "ref", name: fullName(name, namespace), where: where}, nil
}

func (p *loader) parseUnion(text json.RawMessage, namespace, where string) (*schema, error) {
	var branches []json.RawMessage
	if err := json.Unmarshal(text, &branches); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	t := &schema{kind: "union", where: where}
	for _, branch := range branches {
		b, err := p.parse(branch, namespace, where)
		if err != nil {
			return nil, err
		}
		t.branches = append(t.branches, b)
	}
	return t, nil
}

func (p *loader) withItem(t *schema, text json.RawMessage, namespace, where string) (*schema, error) {
	item, err := p.parse(text, namespace, where)
	t.item = item
	return t, err
}

func (p *loader) parseNamed(t *schema, a *attributes, namespace string) (*schema, error) {
	if a.Namespace != nil {
		namespace = *a.Namespace
	}
	t.name = fullName(a.Name, namespace)
	t.where = fmt.Sprintf("%s.avsc: %s", p.file.base, t.name)
	t.aliases, t.symbols = a.Aliases, a.Symbols
	if a.Default != nil {
		t.otherwise = *a.Default
	}
	if old := p.named[t.name]; old != nil {
		return nil, fmt.Errorf("%s: defined twice, first in %s", t.where, old.where)
	}
	p.named[t.name] = t
	for _, text := range a.Fields {
		f, err := p.parseField(text, t)
		if err != nil {
			return nil, err
		}
		t.fields = append(t.fields, f)
	}
	p.file.types = append(p.file.types, t)
	return t, nil
}

func (p *loader) parseField(text json.RawMessage, of *schema) (*field, error) {
	var a fieldAttributes
	if err := strict(text, &a, of.where); err != nil {
		return nil, err
	}
	f := &field{name: a.Name, doc: a.Doc, aliases: a.Aliases, fallback: a.Default, where: of.where + "." + a.Name}
	namespace, _ := splitName(of.name)
	typ, err := p.parse(a.Type, namespace, f.where)
	f.typ = typ
	return f, err
}

// resolve replaces references by what they name, throughout.
func (p *loader) resolve(t *schema) (*schema, error) {
	if t.kind == "ref" {
		if def := p.named[t.name]; def != nil {
			return def, nil
		}
		return nil, fmt.Errorf("%s: %s is not a primitive, and no file defines it", t.where, t.name)
	}
	var err error
	if t.item != nil {
		t.item, err = p.resolve(t.item)
	}
	for i := range t.branches {
		if err == nil {
			t.branches[i], err = p.resolve(t.branches[i])
		}
	}
	for _, f := range t.fields {
		if err == nil && !f.typ.named() {
			f.typ, err = p.resolve(f.typ)
		}
	}
	return t, err
}

// named says whether t is a definition, which is resolved in its own turn.
func (t *schema) named() bool { return t.kind == "record" || t.kind == "enum" || t.kind == "fixed" }

// optional is T of ["null", T], or nil.
func (t *schema) optional() *schema {
	if t.kind == "union" && len(t.branches) == 2 && t.branches[0].kind == "null" {
		return t.branches[1]
	}
	return nil
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

func splitName(full string) (namespace, last string) {
	if i := strings.LastIndexByte(full, '.'); i >= 0 {
		return full[:i], full[i+1:]
	}
	return "", full
}
