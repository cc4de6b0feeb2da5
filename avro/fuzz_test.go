package avro

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/linkedin/goavro/v2"
	twmb "github.com/twmb/avro"
)

// seedsPerType is how many random records each fuzz target starts from; a plain `go test` runs just these.
const seedsPerType = 24

// fuzzRecord compares a generated codec with two others, on arbitrary bytes. They share no code with it.
func fuzzRecord(f *testing.F, newRecord func() Record) {
	o := newOracles(f, newRecord())
	rng := rand.New(rand.NewPCG(1, 2))
	for range seedsPerType {
		b := o.randomRecord(rng)
		f.Add(b)
		f.Add(b[:rng.IntN(len(b)+1)])
		f.Add(flipped(rng, b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRecord()
		err := r.Decode(b)
		o.checkAccepted(t, b, r, err)
		o.checkCanonical(t, b, newRecord())
		checkForms(t, b, r, err, newRecord, o.identity())
	})
}

// flipped is b with one bit changed.
func flipped(rng *rand.Rand, b []byte) []byte {
	b = slices.Clone(b)
	if len(b) > 0 {
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
	}
	return b
}

// TestRandomRecordsDecode keeps the fuzz seeds honest: valid records must be accepted, so that something is compared.
func TestRandomRecordsDecode(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	all := []func() Record{func() Record { return new(Fixture) }}
	for _, name := range Names() {
		all = append(all, func() Record { r, _ := New(name); return r })
	}
	for _, newRecord := range all {
		o := newOracles(t, newRecord())
		for range seedsPerType {
			b := o.randomRecord(rng)
			r := newRecord()
			if err := r.Decode(b); err != nil {
				t.Fatalf("%x: %v", b, err)
			}
			o.checkAccepted(t, b, r, nil)
		}
	}
}

// oracles are two other implementations for one schema.
type oracles struct {
	twmb   *twmb.Schema
	goavro *goavro.Codec
	root   *twmb.SchemaNode
	named  map[string]*twmb.SchemaNode
}

func newOracles(tb testing.TB, r Record) *oracles {
	goavro.MaxBlockCount, goavro.MaxBlockSize = 1<<20, 1<<20
	schema, err := twmb.Parse(r.AvroSchema())
	if err != nil {
		tb.Fatal(err)
	}
	codec, err := goavro.NewCodec(r.AvroSchema())
	if err != nil {
		tb.Fatal(err)
	}
	o := &oracles{twmb: schema, goavro: codec, root: schema.Root(), named: map[string]*twmb.SchemaNode{}}
	o.index(o.root)
	return o
}

func (o *oracles) byTwmb(b []byte) (v any, err error) {
	rest, err := o.twmb.Decode(b, &v)
	if err == nil && len(rest) > 0 {
		err = errors.New("bytes left over")
	}
	return v, err
}

// byGoavro turns goavro's panics on bad input into errors.
func (o *oracles) byGoavro(b []byte) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("goavro panics")
		}
	}()
	v, rest, err := o.goavro.NativeFromBinary(b)
	if err == nil && len(rest) > 0 {
		err = errors.New("bytes left over")
	}
	return v, err
}

// checkAccepted: what the generated codec accepts, the others accept, and what it read, written again, is to each of them
// the same value as the bytes were.
func (o *oracles) checkAccepted(t *testing.T, b []byte, r Record, err error) {
	if err != nil {
		var de *DecodeError
		if !errors.As(err, &de) || de.Offset < 0 || de.Offset > len(b) || de.Why.String() == "" {
			t.Fatalf("%x: not a DecodeError within the input: %v", b, err)
		}
		return
	}
	again := r.Append(nil)
	for name, decode := range map[string]func([]byte) (any, error){"twmb": o.byTwmb, "goavro": o.byGoavro} {
		want, err := decode(b)
		if err != nil {
			t.Fatalf("%s refuses %x: %v", name, b, err)
		}
		got, err := decode(again)
		if err != nil {
			t.Fatalf("%s refuses %x, written again as %x: %v", name, b, again, err)
		}
		if !same(got, want) {
			t.Fatalf("%s reads %x as\n%v\nand written again as %x as\n%v", name, b, want, again, got)
		}
	}
}

// checkCanonical: what twmb accepts and can write again in plain form, the generated codec accepts, but for decimals
// beyond 64 bits.
func (o *oracles) checkCanonical(t *testing.T, b []byte, r Record) {
	v, err := o.byTwmb(b)
	if err != nil {
		return
	}
	plain, err := o.twmb.Encode(v)
	if err != nil {
		return
	}
	var de *DecodeError
	if err := r.Decode(plain); errors.As(err, &de) && de.Why != BadDecimal {
		t.Fatalf("twmb writes %x: %v", plain, err)
	}
}

// checkForms: all forms of decoding agree, and a clone survives the buffer it came from.
func checkForms(t *testing.T, b []byte, r Record, err error, newRecord func() Record, identity *Plan) {
	want := outcome(r, err)
	alias, planned, plannedAlias := newRecord(), newRecord(), newRecord()
	buf := bytes.Clone(b)
	errAlias := alias.DecodeAlias(buf)
	for name, got := range map[string]string{
		"DecodeAlias":     outcome(alias, errAlias),
		"DecodePlan":      outcome(planned, planned.DecodePlan(b, identity)),
		"DecodePlanAlias": outcome(plannedAlias, plannedAlias.DecodePlanAlias(b, nil)),
	} {
		if got != want {
			t.Fatalf("%s of %x: %x, Decode: %x", name, b, got, want)
		}
	}
	if err != nil {
		return
	}
	clone := cloneOf(alias)
	for i := range buf {
		buf[i] = 0xaa
	}
	if got := outcome(clone, nil); got != want {
		t.Fatalf("Clone of %x changed with the buffer: %x, want %x", b, got, want)
	}
	if err := alias.Decode([]byte(want)); err != nil || string(alias.Append(nil)) != want {
		t.Fatalf("round trip of %x: %v, %x", want, err, alias.Append(nil))
	}
}

// outcome is what came of decoding, in a form that can be compared: the record's bytes, or the reason against it.
func outcome(r Record, err error) string {
	if de := (*DecodeError)(nil); errors.As(err, &de) {
		return "refused"
	}
	return string(r.Append(nil))
}

func cloneOf(r Record) Record {
	c := reflect.New(reflect.TypeOf(r).Elem())
	c.Elem().Set(reflect.ValueOf(r).MethodByName("Clone").Call(nil)[0])
	return c.Interface().(Record)
}

// identity is a plan that reads each field as it is.
func (o *oracles) identity() *Plan {
	p := &Plan{}
	for k := range o.root.Fields {
		p.Ops = append(p.Ops, Op{Field: k})
	}
	return p
}

// same is deep equality in which NaN equals itself.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if _, ok := b[k]; !ok || !same(a[k], b[k]) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
	case float32:
		b, ok := b.(float32)
		return ok && (a == b || a != a && b != b)
	}
	return reflect.DeepEqual(a, b)
}
