package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// initialisms are the words that keep their capitals.
var initialisms = map[string]string{
	"id": "ID", "ids": "IDs", "url": "URL", "uri": "URI", "sscc": "SSCC", "pro": "PRO", "bol": "BOL", "eta": "ETA", "un": "UN",
	"erp": "ERP", "wms": "WMS", "tms": "TMS", "po": "PO",
}

// goName turns snake_case and UPPER_CASE into CamelCase.
func goName(s string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(s, "_") {
		if word == "" {
			continue
		}
		if strings.ToUpper(word) == word {
			word = strings.ToLower(word)
		}
		if known, ok := initialisms[word]; ok {
			word = known
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// typeName is the last segment of the full name, as written.
func (t *schema) typeName() string {
	_, last := splitName(t.name)
	return last
}

// methods are the names a record's fields cannot have.
var methods = []string{"Decode", "DecodeAlias", "DecodePlan", "DecodePlanAlias", "Append", "Clone", "AvroName", "AvroSchema"}

// identifiers finds names that two things would share in the package: types of different namespaces, constants, and what
// the hand-written files in dst declare.
type identifiers map[string]string

func (ids identifiers) claim(name, by string) error {
	if other, taken := ids[name]; taken {
		return fmt.Errorf("%s: Go name %s is taken by %s", by, name, other)
	}
	ids[name] = by
	return nil
}

func (ids identifiers) claimDeclarations(path string, text []byte) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
	if err != nil {
		return err
	}
	for _, d := range f.Decls {
		for _, name := range declared(d) {
			ids[name] = path
		}
	}
	return nil
}

func declared(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

func (ids identifiers) claimType(t *schema) error {
	name := t.typeName()
	if err := ids.claim(name, t.where); err != nil {
		return err
	}
	for _, symbol := range t.symbols {
		if err := ids.claim(name+goName(symbol), t.where+"."+symbol); err != nil {
			return err
		}
	}
	if t.kind == "enum" {
		return ids.claim("Parse"+name, t.where)
	}
	return ids.claimFields(t)
}

func (ids identifiers) claimFields(t *schema) error {
	own := identifiers{}
	for _, m := range methods {
		own[m] = "a method"
	}
	for _, f := range t.fields {
		if err := own.claim(goName(f.name), f.where); err != nil {
			return err
		}
		if d := decimalOf(f.typ); d != nil {
			if err := ids.claim(scaleName(t, f), f.where); err != nil {
				return err
			}
		}
	}
	return nil
}

// decimalOf is the decimal a field holds, directly, optionally or in a list.
func decimalOf(t *schema) *schema {
	switch {
	case t.logical == "decimal":
		return t
	case t.optional() != nil:
		return decimalOf(t.optional())
	case t.kind == "array":
		return decimalOf(t.item)
	}
	return nil
}

func scaleName(t *schema, f *field) string { return t.typeName() + goName(f.name) + "Scale" }
