package main

import "strings"

func (e *emitter) recordDecode(t *schema) {
	e.p("\n// decodeAt reads the record from s[i:] and returns the next position, or an error as a negative one.")
	e.p("func (r *%s) decodeAt(s string, i int) int {", t.typeName())
	for _, f := range t.fields {
		e.decode(f.typ, "r."+goName(f.name))
	}
	e.p("return i\n}")
}

// decode writes straight-line code that reads t into dst. What is most common on the wire is written out, because Go does
// not inline it: strings shorter than 64 bytes, and branches and symbols of one byte.
func (e *emitter) decode(t *schema, dst string) {
	switch {
	case t.optional() != nil:
		e.decodeOptional(t, dst)
	case t.kind == "array":
		e.decodeArray(t, dst)
	case t.kind == "map":
		e.p("%s, i = readMap(%s, s, i)", dst, dst)
	case t.kind == "record", t.kind == "fixed":
		e.p("i = %s.decodeAt(s, i)", dst)
	case t.kind == "enum":
		e.p("if uint(i) < uint(len(s)) && s[i] < %d && s[i]&1 == 0 {", min(128, 2*len(t.symbols)))
		e.p("%s, i = %s(s[i]>>1), i+1", dst, t.typeName())
		e.p("} else {\n%s, i = readEnum[%s](s, i, %d)\n}", dst, t.typeName(), len(t.symbols))
	case t.kind == "string":
		e.p("if uint(i) < uint(len(s)) && s[i]&0x81 == 0 && int(s[i]>>1) < len(s)-i {")
		e.p("n := i + 1 + int(s[i]>>1)\n%s, i = s[i+1:n], n", dst)
		e.p("} else {\n%s, i = readString(s, i)\n}", dst)
	default:
		e.p("%s, i = read%s(s, i)", dst, primitiveOf(t).suffix)
	}
}

func (e *emitter) decodeOptional(t *schema, dst string) {
	e.p("if uint(i) < uint(len(s)) && s[i]|2 == 2 {")
	e.p("%s.Ok, i = s[i] == 2, i+1", dst)
	e.p("} else {\n%s.Ok, i = readPresent(s, i)\n}", dst)
	e.p("if %s.Ok {", dst)
	e.decode(t.optional(), dst+".V")
	e.p("} else {\n%s = %s{}\n}", dst, goType(t))
}

func (e *emitter) decodeArray(t *schema, dst string) {
	e.p("%s = %s[:0]", dst, dst)
	e.p("for {\nvar n int\nif n, i = readBlock(s, i, %d); n == 0 {\nbreak\n}", smallest(t.item))
	e.p("k := len(%s)\n%s = slices.Grow(%s, n)[:k+n]", dst, dst, dst)
	e.p("for ; k < len(%s) && i >= 0; k++ {\ne := &%s[k]", dst, dst)
	e.decode(t.item, deref(t.item))
	e.p("}\n}")
}

// deref is the item that e points to, in a form that can take a selector.
func deref(t *schema) string {
	if t.kind == "record" || t.kind == "fixed" {
		return "e"
	}
	return "(*e)"
}

func (e *emitter) recordAppend(t *schema) {
	e.p("\n// Append implements [Record].\nfunc (r *%s) Append(b []byte) []byte {", t.typeName())
	for _, f := range t.fields {
		e.append(f.typ, "r."+goName(f.name))
	}
	e.p("return b\n}")
}

func (e *emitter) append(t *schema, src string) {
	switch {
	case t.optional() != nil:
		e.p("if %s.Ok {\nb = append(b, 2)", src)
		e.append(t.optional(), src+".V")
		e.p("} else {\nb = append(b, 0)\n}")
	case t.kind == "array":
		e.p("if len(%s) > 0 {\nb = appendLong(b, int64(len(%s)))\n}", src, src)
		e.p("for k := range %s {\ne := &%s[k]", src, src)
		e.append(t.item, deref(t.item))
		e.p("}\nb = append(b, 0)")
	case t.kind == "map":
		e.p("b = appendMap(b, %s)", src)
	case t.kind == "record":
		e.p("b = %s.Append(b)", src)
	case t.kind == "fixed":
		e.p("b = append(b, %s[:]...)", src)
	case t.kind == "enum", t.kind == "int", t.kind == "long":
		e.p("b = appendLong(b, int64(%s))", src)
	default:
		e.p("b = append%s(b, %s)", primitiveOf(t).suffix, src)
	}
}

func (e *emitter) recordClone(t *schema) {
	e.p("\n// Clone is a copy that shares no memory with r.\nfunc (r *%s) Clone() %s {\nc := *r", t.typeName(), t.typeName())
	for _, f := range t.fields {
		e.clone(f.typ, "c."+goName(f.name))
	}
	e.p("return c\n}")
}

// clone makes dst, a shallow copy, a deep one.
func (e *emitter) clone(t *schema, dst string) {
	switch {
	case !holdsMemory(t):
	case t.optional() != nil:
		e.clone(t.optional(), dst+".V")
	case t.kind == "map":
		e.p("%s = cloneMap(%s)", dst, dst)
	case t.kind == "array":
		e.p("%s = slices.Clone(%s)", dst, dst)
		if holdsMemory(t.item) {
			e.p("for k := range %s {\ne := &%s[k]", dst, dst)
			if t.item.kind == "record" {
				e.p("*e = e.Clone()")
			} else {
				e.clone(t.item, deref(t.item))
			}
			e.p("}")
		}
	case t.kind == "record":
		e.p("%s = %s.Clone()", dst, dst)
	case t.kind == "string":
		e.p("%s = strings.Clone(%s)", dst, dst)
	default:
		e.p("%s = bytes.Clone(%s)", dst, dst)
	}
}

// holdsMemory says whether a value points at memory outside itself.
func holdsMemory(t *schema) bool {
	switch t.kind {
	case "string", "array", "map":
		return true
	case "bytes":
		return t.logical != "decimal"
	}
	for _, part := range t.parts() {
		if holdsMemory(part) {
			return true
		}
	}
	return false
}

func (e *emitter) recordPlan(t *schema) {
	e.p("\nfunc (r *%s) planField(k int, s string, i int, rd *Read) int {\nswitch k {", t.typeName())
	for k, f := range t.fields {
		e.p("case %d:\nreturn %s", k, planCall(f.typ, "r."+goName(f.name)))
	}
	e.p("}\npanic(\"avro: plan of another record\")\n}")
	e.p("\nfunc (r *%s) setDefault(k int) {\nswitch k {", t.typeName())
	for k, f := range t.fields {
		if f.fallback != nil {
			e.p("case %d:\n%s", k, setDefault(f))
		}
	}
	e.p("}\n}")
}

func setDefault(f *field) string {
	dst := "r." + goName(f.name)
	lit, err := literal(f.typ, f.fallback)
	if err != nil {
		panic(err) // check has tried it
	}
	if lit == "" {
		lit = dst + "[:0]"
	}
	return dst + " = " + lit
}

// planCall is the call that reads t by a plan into dst.
func planCall(t *schema, dst string) string {
	if t.kind == "record" || t.kind == "fixed" {
		return dst + ".plan(s, i, rd)"
	}
	fn, extra := planFunc(t)
	return fn + "(&" + dst + ", s, i, rd" + extra + ")"
}

func planFunc(t *schema) (fn, extra string) {
	switch {
	case t.optional() != nil:
		return "planOpt", ", " + planValue(t.optional())
	case t.kind == "array":
		return "planSlice", ", " + planValue(t.item)
	case t.kind == "map":
		return "planMap", ""
	case t.kind == "enum":
		return "planEnum", ", len(" + unexported(t.typeName()) + "Symbols)"
	}
	return "plan" + primitiveOf(t).suffix, ""
}

// planValue is planCall as a function value.
func planValue(t *schema) string {
	if t.kind == "record" || t.kind == "fixed" {
		return "(*" + t.typeName() + ").plan"
	}
	fn, extra := planFunc(t)
	if extra == "" {
		return fn
	}
	return strings.Join([]string{"func(v *", goType(t), ", s string, i int, rd *Read) int {\nreturn ", fn, "(v, s, i, rd", extra, ")\n}"}, "")
}
