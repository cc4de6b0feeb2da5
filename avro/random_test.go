package avro

import (
	"encoding/binary"
	"math/rand/v2"

	twmb "github.com/twmb/avro"
)

// The random writer knows the Avro standard from its text, not from the codecs under test: it also writes what they never
// would, such as lists in several blocks, counts with byte sizes, and decimals longer than needed.

func (o *oracles) index(n *twmb.SchemaNode) {
	switch n.Type {
	case "record", "enum", "fixed":
		o.named[n.Namespace+"."+n.Name] = n
		for i := range n.Fields {
			o.index(&n.Fields[i].Type)
		}
	case "array":
		o.index(n.Items)
	case "map":
		o.index(n.Values)
	case "union":
		for i := range n.Branches {
			o.index(&n.Branches[i])
		}
	}
}

func (o *oracles) randomRecord(rng *rand.Rand) []byte { return o.random(nil, rng, o.root) }

func (o *oracles) random(b []byte, rng *rand.Rand, n *twmb.SchemaNode) []byte {
	if def := o.named[n.Type]; def != nil {
		n = def
	}
	switch n.Type {
	case "null":
		return b
	case "boolean":
		return append(b, byte(rng.IntN(2)))
	case "int":
		return binary.AppendVarint(b, int64(int32(randomLong(rng))))
	case "long":
		return binary.AppendVarint(b, randomLong(rng))
	case "float":
		return binary.LittleEndian.AppendUint32(b, rng.Uint32())
	case "double":
		return binary.LittleEndian.AppendUint64(b, rng.Uint64())
	case "string":
		return randomBytes(b, rng, rng.IntN(90), 'a', 26)
	case "bytes":
		if n.LogicalType == "decimal" {
			return randomDecimal(b, rng, n.Precision)
		}
		return randomBytes(b, rng, rng.IntN(90), 0, 256)
	case "fixed":
		for range n.Size {
			b = append(b, byte(rng.Uint32()))
		}
		return b
	case "enum":
		return binary.AppendVarint(b, rng.Int64N(int64(len(n.Symbols))))
	case "union":
		branch := rng.IntN(len(n.Branches))
		return o.random(binary.AppendVarint(b, int64(branch)), rng, &n.Branches[branch])
	case "array":
		return randomBlocks(b, rng, func(b []byte) []byte { return o.random(b, rng, n.Items) })
	case "map":
		return randomBlocks(b, rng, func(b []byte) []byte {
			return o.random(randomBytes(b, rng, 12, 'a', 26), rng, n.Values)
		})
	case "record":
		for i := range n.Fields {
			b = o.random(b, rng, &n.Fields[i].Type)
		}
		return b
	}
	panic("random value of type " + n.Type)
}

// randomLong is of any size, small ones as often as large ones, and within the instants that all oracles can tell apart:
// goavro holds them in nanoseconds.
func randomLong(rng *rand.Rand) int64 {
	v := int64(rng.Uint64() >> (11 + rng.IntN(53)))
	if rng.IntN(2) == 0 {
		return -v
	}
	return v
}

func randomBytes(b []byte, rng *rand.Rand, n, low, span int) []byte {
	b = binary.AppendVarint(b, int64(n))
	for range n {
		b = append(b, byte(low+rng.IntN(span)))
	}
	return b
}

// randomDecimal is up to eight bytes within the precision, or fewer with up to four bytes of sign before them.
func randomDecimal(b []byte, rng *rand.Rand, precision int) []byte {
	limit := int64(1)
	for range precision {
		limit *= 10
	}
	v := randomLong(rng) % limit
	raw := binary.BigEndian.AppendUint64(nil, uint64(v))
	for len(raw) > 1 && raw[0] == byte(v>>63) && raw[1]>>7 == byte(v>>63)&1 && rng.IntN(4) > 0 {
		raw = raw[1:]
	}
	for range rng.IntN(4) {
		raw = append([]byte{byte(v >> 63)}, raw...)
	}
	return append(binary.AppendVarint(b, int64(len(raw))), raw...)
}

func randomBlocks(b []byte, rng *rand.Rand, item func([]byte) []byte) []byte {
	for range rng.IntN(3) {
		n := 1 + rng.IntN(3)
		var items []byte
		for range n {
			items = item(items)
		}
		if rng.IntN(2) == 0 {
			b = binary.AppendVarint(b, int64(n))
		} else {
			b = binary.AppendVarint(binary.AppendVarint(b, int64(-n)), int64(len(items)))
		}
		b = append(b, items...)
	}
	return append(b, 0)
}
