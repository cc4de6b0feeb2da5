package wire_test

import (
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	twmb "github.com/twmb/avro"

	"waybill/avro"
	"waybill/topics/wire"
)

// FuzzResolve writes random records with randomly evolved schemas and reads them by plan. The judge is twmb/avro, which
// resolves schemas by its own means. A flip other than zero damages one bit.
func FuzzResolve(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed, uint(0))
		f.Add(seed, uint(seed*7919+1))
	}
	names := avro.Names()
	f.Fuzz(func(t *testing.T, seed uint64, flip uint) {
		rng := rand.New(rand.NewPCG(seed, 1))
		own, _ := avro.New(names[rng.IntN(len(names))])
		reader := twmb.MustParse(own.AvroSchema())
		writer := evolved(t, rng, reader)
		plan, err := wire.Compile(writer, reader)
		if err != nil {
			t.Skip("not compatible: ", err)
		}
		data, err := writer.Encode(randomValue(rng, writer.Root().ExpandReferences()))
		if err != nil {
			t.Fatalf("%s: %v", writer, err)
		}
		if flip > 0 && len(data) > 0 {
			data[flip/8%uint(len(data))] ^= 1 << (flip % 8)
		}
		checkResolved(t, own, writer, reader, data, own.DecodePlan(data, plan), flip > 0)
	})
}

func checkResolved(t *testing.T, got avro.Record, writer, reader *twmb.Schema, data []byte, err error, damaged bool) {
	resolved, resolveErr := twmb.Resolve(writer, reader)
	if resolveErr != nil {
		t.Fatal(resolveErr)
	}
	var want, have any
	rest, wantErr := resolved.Decode(data, &want)
	if err != nil {
		if !damaged {
			t.Fatalf("%x written as\n%s\n%v", data, writer, err)
		}
		return
	}
	if wantErr != nil || len(rest) > 0 {
		t.Fatalf("%x written as\n%s\nis read here, but not by twmb: %v, %d bytes left", data, writer, wantErr, len(rest))
	}
	if _, err := reader.Decode(got.Append(nil), &have); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(have, want) {
		t.Fatalf("%x written as\n%s\ngot  %v\nwant %v", data, writer, have, want)
	}
}

// TestEvolutionsCompile keeps FuzzResolve honest: most of its schemas must be read, and by plans that do something.
func TestEvolutionsCompile(t *testing.T) {
	names := avro.Names()
	var compiled, planned int
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		own, _ := avro.New(names[rng.IntN(len(names))])
		reader := twmb.MustParse(own.AvroSchema())
		plan, err := wire.Compile(evolved(t, rng, reader), reader)
		if err == nil {
			compiled++
		}
		if plan != nil {
			planned++
		}
	}
	if compiled < 250 || planned < 200 {
		t.Errorf("of 300 schemas %d compile, %d to a plan", compiled, planned)
	}
}

func TestOwnSchemaNeedsNoPlan(t *testing.T) {
	for _, name := range avro.Names() {
		r, _ := avro.New(name)
		schema := twmb.MustParse(r.AvroSchema())
		if plan, err := wire.Compile(schema, schema); plan != nil || err != nil {
			t.Errorf("%s: plan %+v, %v", name, plan, err)
		}
	}
}

// evolved is a writer's schema as it may have been before, or may be after, the reader's.
func evolved(tb testing.TB, rng *rand.Rand, reader *twmb.Schema) *twmb.Schema {
	root := reader.Root()
	evolve(rng, root)
	writer, err := root.Schema()
	if err != nil {
		tb.Fatal(err)
	}
	return writer
}

func evolve(rng *rand.Rand, n *twmb.SchemaNode) {
	switch n.Type {
	case "record":
		evolveFields(rng, n)
	case "enum":
		n.Symbols = slices.Clone(n.Symbols)
		rng.Shuffle(len(n.Symbols), reflect.Swapper(n.Symbols))
		if rng.IntN(2) == 0 {
			n.Symbols = append(n.Symbols, "LATER_ADDITION")
		}
	case "array":
		evolve(rng, n.Items)
	case "union":
		evolveUnion(rng, n)
	}
}

func evolveFields(rng *rand.Rand, n *twmb.SchemaNode) {
	for i := range n.Fields {
		f := &n.Fields[i]
		evolve(rng, &f.Type)
		if f.Type.Type != "union" || f.Type.Branches[0].Type != "null" {
			f.HasDefault = f.HasDefault && f.Default != nil
		}
	}
	if rng.IntN(2) == 0 {
		rng.Shuffle(len(n.Fields), reflect.Swapper(n.Fields))
	}
	if rng.IntN(2) == 0 {
		n.Fields = slices.Insert(n.Fields, rng.IntN(len(n.Fields)+1), twmb.SchemaField{Name: "unknown_here", Type: strangers(n.Name)[rng.IntN(6)]})
	}
	if i := rng.IntN(len(n.Fields)); n.Fields[i].HasDefault && definesNothing(&n.Fields[i].Type) {
		n.Fields = slices.Delete(n.Fields, i, i+1)
	}
}

// definesNothing says that a field can go without taking along the definition of a type that is used further on.
func definesNothing(n *twmb.SchemaNode) bool {
	switch n.Type {
	case "record", "enum", "fixed":
		return false
	case "array":
		return definesNothing(n.Items)
	case "union":
		return !slices.ContainsFunc(n.Branches, func(b twmb.SchemaNode) bool { return !definesNothing(&b) })
	}
	return true
}

// evolveUnion makes ["null", T] to [T, "null"] or to T, a third each.
func evolveUnion(rng *rand.Rand, n *twmb.SchemaNode) {
	for i := range n.Branches {
		evolve(rng, &n.Branches[i])
	}
	switch rng.IntN(3) {
	case 0:
		slices.Reverse(n.Branches)
	case 1:
		*n = n.Branches[1]
	}
}

// strangers are types of fields that the reader does not know.
func strangers(of string) []twmb.SchemaNode {
	inner := twmb.SchemaNode{Type: "record", Name: of + "Stranger", Namespace: "elsewhere", Fields: []twmb.SchemaField{
		{Name: "a", Type: twmb.SchemaNode{Type: "double"}}, {Name: "b", Type: twmb.SchemaNode{Type: "boolean"}},
	}}
	text, number := twmb.SchemaNode{Type: "string"}, twmb.SchemaNode{Type: "long"}
	return []twmb.SchemaNode{
		text, number, inner,
		{Type: "array", Items: &inner},
		{Type: "map", Values: &number},
		{Type: "union", Branches: []twmb.SchemaNode{{Type: "null"}, text, {Type: "float"}}},
	}
}

// randomValue is a value in the form that twmb encodes.
func randomValue(rng *rand.Rand, n *twmb.SchemaNode) any {
	switch n.Type {
	case "null":
		return nil
	case "boolean":
		return rng.IntN(2) == 0
	case "int":
		return int32(rng.Uint32())
	case "long":
		return rng.Int64() >> (12 + rng.IntN(50))
	case "float":
		return rng.Float32()
	case "double":
		return rng.Float64()
	case "string":
		return randomText(rng)
	case "bytes":
		return randomBytes(rng, n)
	case "enum":
		return n.Symbols[rng.IntN(len(n.Symbols))]
	case "union":
		return randomValue(rng, &n.Branches[rng.IntN(len(n.Branches))])
	case "array":
		list := []any{}
		for range rng.IntN(4) {
			list = append(list, randomValue(rng, n.Items))
		}
		return list
	case "map":
		m := map[string]any{}
		for range rng.IntN(4) {
			m[randomText(rng)] = randomValue(rng, n.Values)
		}
		return m
	case "record":
		m := map[string]any{}
		for i := range n.Fields {
			m[n.Fields[i].Name] = randomValue(rng, &n.Fields[i].Type)
		}
		return m
	}
	panic("random value of type " + n.Type)
}

func randomBytes(rng *rand.Rand, n *twmb.SchemaNode) any {
	if n.LogicalType != "decimal" {
		return []byte(randomText(rng))
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.Scale)), nil)
	return new(big.Rat).SetFrac(big.NewInt(rng.Int64N(2e9)-1e9), scale)
}

func randomText(rng *rand.Rand) string {
	b := make([]byte, rng.IntN(70))
	for i := range b {
		b[i] = byte('a' + rng.IntN(26))
	}
	return string(b)
}
