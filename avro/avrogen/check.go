package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/avro"
)

// maxPrecision is the most decimal digits that always fit an int64.
const maxPrecision = 18

// logicalTypes are those with a Go type of their own, and strings that say what they hold.
var logicalTypes = map[string]string{"uuid": "string", "date": "int", "timestamp-micros": "long", "decimal": "bytes"}

// check holds a named type against the project's rules and lists every fault.
func check(t *schema) error {
	var faults []error
	fault := func(where, format string, args ...any) {
		faults = append(faults, fmt.Errorf(where+": "+format, args...))
	}
	if t.doc == "" {
		fault(t.where, "%s has no doc", t.kind)
	}
	if t.kind == "enum" && !slices.Contains(t.symbols, t.otherwise) {
		fault(t.where, "enum has no default: it needs one to gain symbols later")
	}
	if t.kind == "fixed" && t.size < 1 {
		fault(t.where, "fixed needs a size of at least 1")
	}
	if t.kind == "fixed" && t.logical != "" {
		fault(t.where, "logical type %s on fixed is not supported", t.logical)
	}
	if path := cycle(t, nil); path != "" {
		fault(t.where, "is recursive through %s: depth would not be bounded", path)
		return errors.Join(faults...)
	}
	for _, f := range t.fields {
		if f.doc == "" {
			fault(f.where, "field has no doc")
		}
		checkType(f.typ, f.where, fault)
		if f.fallback != nil {
			if _, err := literal(f.typ, f.fallback); err != nil {
				fault(f.where, "default %s: %v", f.fallback, err)
			}
		}
	}
	return errors.Join(faults...)
}

type faultFunc func(where, format string, args ...any)

// checkType checks an unnamed type at where.
func checkType(t *schema, where string, fault faultFunc) {
	if t.named() {
		return
	}
	if t.logical != "" && logicalTypes[t.logical] != t.kind {
		fault(where, "logical type %s on %s is not supported; use uuid on string, date on int, timestamp-micros on long, or decimal on bytes",
			t.logical, t.kind)
	}
	switch t.kind {
	case "null":
		fault(where, `null stands only in ["null", T]`)
	case "bytes":
		checkDecimal(t, where, fault)
	case "union":
		checkUnion(t, where, fault)
	case "map":
		if t.item.kind != "string" {
			fault(where, "map of %s is not supported; use a map of string, or an array of records", t.item.kind)
		}
	case "array":
		if smallest(t.item) == 0 {
			fault(where, "items may take no bytes at all: a count would not be bounded by the input")
		}
		checkType(t.item, where+"[]", fault)
	}
}

func checkDecimal(t *schema, where string, fault faultFunc) {
	if t.logical != "decimal" {
		return
	}
	if t.precision < 1 || t.precision > maxPrecision {
		fault(where, "decimal precision %d is not within 1 and %d, the digits of an int64", t.precision, maxPrecision)
	}
	if t.scale < 0 || t.scale > t.precision {
		fault(where, "decimal scale %d is not within 0 and the precision", t.scale)
	}
}

func checkUnion(t *schema, where string, fault faultFunc) {
	inner := t.optional()
	if inner == nil || inner.kind == "union" || inner.kind == "null" {
		fault(where, `of unions, only ["null", T] is supported`)
		return
	}
	checkType(inner, where, fault)
}

// cycle returns the path by which t contains itself.
func cycle(t *schema, above []*schema) string {
	if slices.Contains(above, t) {
		return t.name
	}
	if t.kind == "record" {
		above = append(slices.Clip(above), t)
	}
	for _, part := range t.parts() {
		if path := cycle(part, above); path != "" {
			if t.kind == "record" && path != t.name {
				return t.name + ", " + path
			}
			return path
		}
	}
	return ""
}

// parts are the types directly within t.
func (t *schema) parts() []*schema {
	parts := slices.Clone(t.branches)
	if t.item != nil {
		parts = append(parts, t.item)
	}
	for _, f := range t.fields {
		parts = append(parts, f.typ)
	}
	return parts
}

// smallest is the fewest bytes a value of t takes.
func smallest(t *schema) int {
	switch t.kind {
	case "null":
		return 0
	case "float":
		return 4
	case "double":
		return 8
	case "fixed":
		return t.size
	case "record":
		sum := 0
		for _, f := range t.fields {
			sum += smallest(f.typ)
		}
		return sum
	}
	return 1
}

// checkJSON has another implementation read the self-contained schema: names, defaults and unions as the standard says.
func checkJSON(t *schema) error {
	text := selfContained(t)
	if _, err := avro.Parse(text); err != nil {
		return fmt.Errorf("%s: %w", t.where, err)
	}
	if !bytes.Equal([]byte(text), []byte(selfContained(t))) {
		return fmt.Errorf("%s: schema text differs between two runs", t.where)
	}
	return nil
}
