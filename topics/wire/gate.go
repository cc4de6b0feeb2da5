package wire

import (
	"errors"
	"fmt"
	"slices"

	twmb "github.com/twmb/avro"
)

// Check holds a schema against all its earlier versions and lists every fault. Compatibility must be full and transitive:
// each version reads what each other wrote. And meaning must stay, which compatibility does not see: timestamp-millis and
// timestamp-micros resolve into each other and are a thousandfold apart. The new schema itself must have a doc on every
// record, enum and field, a default on every enum, and no decimal of more than 18 digits, the most that fit 64 bits.
func Check(old []string, text string) []error {
	schema, err := twmb.Parse(text)
	if err != nil {
		return []error{err}
	}
	faults := lint(schema.Root().Name, schema.Root())
	for i, o := range old {
		for _, fault := range checkAgainst(o, schema) {
			faults = append(faults, fmt.Errorf("version %d: %w", i+1, fault))
		}
	}
	return faults
}

func checkAgainst(oldText string, schema *twmb.Schema) (faults []error) {
	old, err := twmb.Parse(oldText)
	if err != nil {
		return []error{err}
	}
	if err := twmb.CheckCompatibility(old, schema); err != nil {
		faults = append(faults, fmt.Errorf("cannot read what it wrote: %w", err))
	}
	if err := twmb.CheckCompatibility(schema, old); err != nil {
		faults = append(faults, fmt.Errorf("it cannot read what is written now: %w", err))
	}
	if fullName(old.Root()) != fullName(schema.Root()) {
		faults = append(faults, fmt.Errorf("record is renamed from %s to %s: readers find their type by name", fullName(old.Root()), fullName(schema.Root())))
	}
	return append(faults, drift(schema.Root().Name, old.Root().ExpandReferences(), schema.Root().ExpandReferences())...)
}

// drift lists changes that resolve cleanly and yet change meaning.
func drift(path string, from, to *twmb.SchemaNode) (faults []error) {
	if from.Type != to.Type {
		return driftUnion(path, from, to)
	}
	if meaning(from) != meaning(to) {
		faults = append(faults, fmt.Errorf("%s: meaning changes from %s to %s", path, meaning(from), meaning(to)))
	}
	switch to.Type {
	case "record":
		for k, i := range writersOf(from, to) {
			if i >= 0 {
				f := &to.Fields[k]
				faults = append(faults, drift(path+"."+f.Name, &from.Fields[i].Type, &f.Type)...)
			}
		}
	case "array":
		faults = append(faults, drift(path+"[]", from.Items, to.Items)...)
	case "map":
		faults = append(faults, drift(path+"{}", from.Values, to.Values)...)
	case "union":
		faults = append(faults, driftUnion(path, from, to)...)
	}
	return faults
}

// driftUnion compares the branches that have the same type; what is no union is its own only branch.
func driftUnion(path string, from, to *twmb.SchemaNode) (faults []error) {
	for _, f := range branchesOf(from) {
		for _, t := range branchesOf(to) {
			if f.Type == t.Type && f.Type != "union" && (f.Name == "" || fullName(f) == fullName(t)) {
				faults = append(faults, drift(path, f, t)...)
			}
		}
	}
	return faults
}

func branchesOf(n *twmb.SchemaNode) (branches []*twmb.SchemaNode) {
	if n.Type != "union" {
		return []*twmb.SchemaNode{n}
	}
	for i := range n.Branches {
		branches = append(branches, &n.Branches[i])
	}
	return branches
}

// meaning is what the bytes stand for beyond their type. A uuid is still a string.
func meaning(n *twmb.SchemaNode) string {
	switch n.LogicalType {
	case "", "uuid":
		return "plain " + n.Type
	case "decimal":
		return fmt.Sprintf("decimal(%d, %d)", n.Precision, n.Scale)
	}
	return n.LogicalType
}

const maxPrecision = 18

// lint lists faults of a schema by itself. References are not followed: each type is looked at where it is defined.
func lint(path string, n *twmb.SchemaNode) (faults []error) {
	fault := func(text string) { faults = append(faults, errors.New(path+": "+text)) }
	if slices.Contains([]string{"record", "enum"}, n.Type) && n.Doc == "" {
		fault(n.Type + " " + n.Name + " has no doc")
	}
	if n.Type == "enum" && !n.HasEnumDefault {
		fault("enum " + n.Name + " has no default, and so can never gain a symbol")
	}
	if n.LogicalType == "decimal" && n.Precision > maxPrecision {
		fault(fmt.Sprintf("decimal of %d digits does not fit 64 bits, which hold %d", n.Precision, maxPrecision))
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		if f.Doc == "" {
			faults = append(faults, fmt.Errorf("%s.%s: field has no doc", path, f.Name))
		}
		faults = append(faults, lint(path+"."+f.Name, &f.Type)...)
	}
	for _, part := range []*twmb.SchemaNode{n.Items, n.Values} {
		if part != nil {
			faults = append(faults, lint(path+"[]", part)...)
		}
	}
	for i := range n.Branches {
		faults = append(faults, lint(path, &n.Branches[i])...)
	}
	return faults
}
