package avro

import "slices"

// Plan is how a record written with another schema becomes the generated type: which of the reader's fields take their
// default, and what to do with each of the writer's fields, in the writer's order. Package topics/wire makes plans; the
// nil plan is the record's own schema.
type Plan struct {
	Defaults []int // reader's fields that the writer does not have
	Ops      []Op
}

// Op is one field of the writer: read into a field of the reader, or skipped where Skip is set.
type Op struct {
	Field int
	Read  *Read
	Skip  *Skip
}

// Read is how a value of the writer becomes a value of the reader. Nil, and the zero value for all but Opt, mean that both
// have the same type.
type Read struct {
	Union   []*Read // the writer has a union, with these branches
	Null    bool    // the writer's branch is null: only within Union, and only for Opt
	Number  Number  // the writer has another kind of number
	Symbols []int32 // writer's symbol to reader's; -1 where there is none
	Record  *Plan
	Items   *Read // of an array or a map
}

// Number is the writer's kind of number where it differs from the reader's.
type Number int

// The kinds that promote: long (or int) to float and double, float to double.
const (
	SameNumber Number = iota
	FromLong
	FromFloat
)

// planned is the generated part of decoding by plan.
type planned interface {
	decodeAt(s string, i int) int
	planField(k int, s string, i int, rd *Read) int
	setDefault(k int)
}

func runPlan(r planned, s string, i int, p *Plan) int {
	if p == nil {
		return r.decodeAt(s, i)
	}
	for _, k := range p.Defaults {
		r.setDefault(k)
	}
	for k := range p.Ops {
		op := &p.Ops[k]
		if op.Skip != nil {
			i = op.Skip.over(s, i)
			continue
		}
		i = r.planField(op.Field, s, i, op.Read)
	}
	return i
}

var sameRead, nullRead = Read{}, Read{Null: true}

// enter follows the writer's union to the branch taken. It never returns nil.
func (rd *Read) enter(s string, i int) (*Read, int) {
	if rd == nil {
		return &sameRead, i
	}
	if rd.Union == nil {
		return rd, i
	}
	b, i := readIndex(s, i, len(rd.Union), BadBranch)
	if i < 0 || rd.Union[b] == nil {
		return &sameRead, i
	}
	return rd.Union[b], i
}

func planRecord(r planned, s string, i int, rd *Read) int {
	rd, i = rd.enter(s, i)
	return runPlan(r, s, i, rd.Record)
}

func planOpt[T any](dst *Opt[T], s string, i int, rd *Read, value func(*T, string, int, *Read) int) int {
	if rd == nil {
		var ok bool
		if ok, i = readPresent(s, i); ok {
			rd = &sameRead
		} else {
			rd = &nullRead
		}
	} else {
		rd, i = rd.enter(s, i)
	}
	if rd.Null || i < 0 {
		*dst = Opt[T]{}
		return i
	}
	dst.Ok = true
	return value(&dst.V, s, i, rd)
}

func planSlice[T any](dst *[]T, s string, i int, rd *Read, item func(*T, string, int, *Read) int) int {
	rd, i = rd.enter(s, i)
	*dst = (*dst)[:0]
	for {
		var n int
		if n, i = readBlock(s, i, 1); n == 0 {
			return i
		}
		k := len(*dst)
		*dst = slices.Grow(*dst, n)[:k+n]
		for ; k < len(*dst) && i >= 0; k++ {
			i = item(&(*dst)[k], s, i, rd.Items)
		}
	}
}

func planMap(dst *[]KV, s string, i int, rd *Read) int {
	rd, i = rd.enter(s, i)
	*dst = (*dst)[:0]
	for {
		var n int
		if n, i = readBlock(s, i, 2); n == 0 {
			return i
		}
		for range n {
			var e KV
			e.K, i = readString(s, i)
			if i = planString(&e.V, s, i, rd.Items); i < 0 {
				return i
			}
			*dst = append(*dst, e)
		}
	}
}

func planEnum[E ~int32](dst *E, s string, i int, rd *Read, n int) int {
	rd, i = rd.enter(s, i)
	if rd.Symbols == nil {
		*dst, i = readEnum[E](s, i, n)
		return i
	}
	v, j := readIndex(s, i, len(rd.Symbols), BadSymbol)
	if j < 0 {
		return j
	}
	if rd.Symbols[v] < 0 {
		return fail(i, UnknownSymbol)
	}
	*dst = E(rd.Symbols[v])
	return j
}

func planDouble(dst *float64, s string, i int, rd *Read) int {
	rd, i = rd.enter(s, i)
	switch rd.Number {
	case FromLong:
		var v int64
		v, i = readLong(s, i)
		*dst = float64(v)
	case FromFloat:
		var v float32
		v, i = readFloat(s, i)
		*dst = float64(v)
	default:
		*dst, i = readDouble(s, i)
	}
	return i
}

func planFloat(dst *float32, s string, i int, rd *Read) int {
	rd, i = rd.enter(s, i)
	if rd.Number == FromLong {
		var v int64
		v, i = readLong(s, i)
		*dst = float32(v)
		return i
	}
	*dst, i = readFloat(s, i)
	return i
}

// The rest have one form on the wire, whatever the writer called it: an int is a short long, and strings are bytes.

func planFixed(dst []byte, s string, i int, rd *Read) int {
	_, i = rd.enter(s, i)
	return readFixed(dst, s, i)
}

func planString(dst *string, s string, i int, rd *Read) int { return plain(dst, s, i, rd, readString) }
func planBytes(dst *[]byte, s string, i int, rd *Read) int  { return plain(dst, s, i, rd, readBytes) }
func planInt(dst *int32, s string, i int, rd *Read) int     { return plain(dst, s, i, rd, readInt) }
func planLong(dst *int64, s string, i int, rd *Read) int    { return plain(dst, s, i, rd, readLong) }
func planBool(dst *bool, s string, i int, rd *Read) int     { return plain(dst, s, i, rd, readBool) }
func planMicros(dst *Micros, s string, i int, rd *Read) int { return plain(dst, s, i, rd, readMicros) }
func planDays(dst *Days, s string, i int, rd *Read) int     { return plain(dst, s, i, rd, readDays) }
func planDecimal(dst *Unscaled, s string, i int, rd *Read) int {
	return plain(dst, s, i, rd, readDecimal)
}

func plain[T any](dst *T, s string, i int, rd *Read, read func(string, int) (T, int)) int {
	_, i = rd.enter(s, i)
	*dst, i = read(s, i)
	return i
}
