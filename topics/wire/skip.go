package wire

import (
	"fmt"

	twmb "github.com/twmb/avro"

	"waybill/avro"
)

// planSkip plans how to pass over a value that the reader has no field for.
func planSkip(n *twmb.SchemaNode) (*avro.Skip, error) {
	switch n.Type {
	case "int", "long", "enum":
		return &avro.Skip{Kind: avro.WireVarint}, nil
	case "null", "boolean", "float", "double", "fixed":
		return &avro.Skip{Kind: avro.WireFixed, Size: smallest(n)}, nil
	case "string", "bytes":
		return &avro.Skip{Kind: avro.WireString}, nil
	case "array":
		if smallest(n.Items) == 0 {
			return nil, errEmptyItems
		}
		return skipParts(avro.WireArray, []*twmb.SchemaNode{n.Items})
	case "map":
		return skipParts(avro.WireMap, []*twmb.SchemaNode{n.Values})
	case "record", "error":
		var parts []*twmb.SchemaNode
		for i := range n.Fields {
			parts = append(parts, &n.Fields[i].Type)
		}
		return skipParts(avro.WireRecord, parts)
	case "union":
		var parts []*twmb.SchemaNode
		for i := range n.Branches {
			parts = append(parts, &n.Branches[i])
		}
		return skipParts(avro.WireUnion, parts)
	}
	return nil, unresolved(n)
}

// kinds are the types that stand for themselves. What else is left after expansion is a name that was not expanded.
var kinds = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true,
	"array": true, "map": true, "union": true, "record": true, "error": true, "enum": true, "fixed": true,
}

func unresolved(n *twmb.SchemaNode) error {
	return fmt.Errorf("type %s is recursive, or named with attributes of its own", n.Type)
}

func skipParts(kind avro.Wire, parts []*twmb.SchemaNode) (*avro.Skip, error) {
	skip := &avro.Skip{Kind: kind}
	for _, part := range parts {
		kid, err := planSkip(part)
		if err != nil {
			return nil, err
		}
		skip.Kids = append(skip.Kids, kid)
	}
	return skip, nil
}

// smallest is the fewest bytes that a value takes.
func smallest(n *twmb.SchemaNode) int {
	switch n.Type {
	case "null":
		return 0
	case "float":
		return 4
	case "double":
		return 8
	case "fixed":
		return n.Size
	case "record", "error":
		sum := 0
		for i := range n.Fields {
			sum += smallest(&n.Fields[i].Type)
		}
		return sum
	}
	return 1
}
