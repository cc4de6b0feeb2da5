package wire

import (
	"errors"
	"fmt"
	"slices"

	twmb "github.com/twmb/avro"

	"waybill/avro"
	"waybill/topics/fault"
)

// newReader finds the generated type of the writer's name and compiles how to read it.
func newReader(writer *twmb.Schema) (*Reader, error) {
	name := fullName(writer.Root())
	own, ok := avro.New(name)
	if !ok {
		return nil, fault.Poisoned(ReasonUnknownRecord, fmt.Errorf("%q: %w", name, ErrUnknownRecord))
	}
	reader, err := twmb.Parse(own.AvroSchema())
	if err != nil {
		return nil, fmt.Errorf("generated schema of %s: %w", name, err)
	}
	plan, err := Compile(writer, reader)
	if err != nil {
		return nil, incompatible(fmt.Errorf("%s: %w", name, err))
	}
	return &Reader{Name: name, plan: plan}, nil
}

// Compile plans how bytes of the writer's schema become the generated type of the reader's. Nil is a plan too: the two lie
// alike in the bytes. Beyond the standard's rules it refuses what resolves and yet misreads (see Check), recursion, and
// lists of items that take no bytes.
func Compile(writer, reader *twmb.Schema) (*avro.Plan, error) {
	if err := twmb.CheckCompatibility(writer, reader); err != nil {
		return nil, err
	}
	w, r := writer.Root().ExpandReferences(), reader.Root().ExpandReferences()
	if changes := drift(r.Name, w, r); len(changes) > 0 {
		return nil, errors.Join(changes...)
	}
	return planRecord(w, r)
}

func planRecord(w, r *twmb.SchemaNode) (*avro.Plan, error) {
	from := writersOf(w, r)
	plan := &avro.Plan{}
	for k := range r.Fields {
		if from[k] < 0 {
			plan.Defaults = append(plan.Defaults, k)
		}
	}
	same := len(w.Fields) == len(r.Fields)
	for i := range w.Fields {
		k := slices.Index(from, i)
		op, err := planField(k, &w.Fields[i].Type, r)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", w.Name, w.Fields[i].Name, err)
		}
		same = same && k == i && op.Read == nil
		plan.Ops = append(plan.Ops, op)
	}
	if same {
		return nil, nil
	}
	return plan, nil
}

// writersOf is, for each field of the reader, the field of the writer it is read from: that of the same name, else of one
// of its aliases; -1 where it takes its default.
func writersOf(w, r *twmb.SchemaNode) []int {
	from := make([]int, len(r.Fields))
	for k := range r.Fields {
		f := &r.Fields[k]
		from[k] = -1
		for _, name := range append([]string{f.Name}, f.Aliases...) {
			if from[k] < 0 {
				from[k] = slices.IndexFunc(w.Fields, func(wf twmb.SchemaField) bool { return wf.Name == name })
			}
		}
	}
	return from
}

func planField(k int, w, r *twmb.SchemaNode) (avro.Op, error) {
	if k < 0 {
		skip, err := planSkip(w)
		return avro.Op{Field: k, Skip: skip}, err
	}
	read, err := planRead(w, &r.Fields[k].Type)
	return avro.Op{Field: k, Read: read}, err
}

// planRead plans a value; nil where writer and reader have the same type.
func planRead(w, r *twmb.SchemaNode) (*avro.Read, error) {
	if !kinds[w.Type] {
		return nil, unresolved(w)
	}
	if inner := optional(r); inner != nil {
		return planOptional(w, inner)
	}
	if w.Type == "union" {
		return planUnion(w, r, false)
	}
	switch r.Type {
	case "float", "double":
		return planNumber(w, r), nil
	case "enum":
		return planSymbols(w, r), nil
	case "record":
		plan, err := planRecord(w, r)
		if plan == nil || err != nil {
			return nil, err
		}
		return &avro.Read{Record: plan}, nil
	case "array":
		return planItems(w.Items, r.Items, 0)
	case "map":
		return planItems(w.Values, r.Values, 1)
	}
	return nil, nil
}

// planOptional plans ["null", inner], whatever the writer's order, or where the writer always has a value.
func planOptional(w, inner *twmb.SchemaNode) (*avro.Read, error) {
	if w.Type == "union" {
		return planUnion(w, inner, true)
	}
	read, err := planRead(w, inner)
	if read == nil {
		read = &avro.Read{}
	}
	return read, err
}

func planUnion(w, r *twmb.SchemaNode, nullable bool) (*avro.Read, error) {
	read := &avro.Read{}
	same := nullable && optional(w) != nil
	for i := range w.Branches {
		if w.Branches[i].Type == "null" && nullable {
			read.Union = append(read.Union, &avro.Read{Null: true})
			continue
		}
		branch, err := planRead(&w.Branches[i], r)
		if err != nil {
			return nil, err
		}
		same = same && branch == nil
		read.Union = append(read.Union, branch)
	}
	if same {
		return nil, nil
	}
	return read, nil
}

func planNumber(w, r *twmb.SchemaNode) *avro.Read {
	switch {
	case w.Type == "int" || w.Type == "long":
		return &avro.Read{Number: avro.FromLong}
	case w.Type == "float" && r.Type == "double":
		return &avro.Read{Number: avro.FromFloat}
	}
	return nil
}

func planSymbols(w, r *twmb.SchemaNode) *avro.Read {
	read := &avro.Read{}
	same := len(w.Symbols) <= len(r.Symbols)
	for i, symbol := range w.Symbols {
		to := slices.Index(r.Symbols, symbol)
		if to < 0 && r.HasEnumDefault {
			to = slices.Index(r.Symbols, r.EnumDefault)
		}
		same = same && to == i
		read.Symbols = append(read.Symbols, int32(to))
	}
	if same {
		return nil
	}
	return read
}

var errEmptyItems = errors.New("items that take no bytes are not read: their number would not be bounded by the record")

// planItems plans the items of an array, or the values of a map beside keys of at least one byte.
func planItems(w, r *twmb.SchemaNode, key int) (*avro.Read, error) {
	if smallest(w)+key == 0 {
		return nil, errEmptyItems
	}
	read, err := planRead(w, r)
	if read == nil || err != nil {
		return nil, err
	}
	return &avro.Read{Items: read}, nil
}

// optional is T of ["null", T], the one union that generated types have.
func optional(n *twmb.SchemaNode) *twmb.SchemaNode {
	if n.Type == "union" && len(n.Branches) == 2 && n.Branches[0].Type == "null" {
		return &n.Branches[1]
	}
	return nil
}

func fullName(n *twmb.SchemaNode) string {
	if n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}
