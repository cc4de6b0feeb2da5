package avro

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNamesAndNew(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(names) == 0 {
		t.Errorf("names %q", names)
	}
	for _, name := range names {
		r, ok := New(name)
		if !ok || r.AvroName() != name {
			t.Errorf("New(%q) makes %v, %v", name, r, ok)
		}
	}
	if r, ok := New("waybill.Nothing"); ok || r != nil {
		t.Errorf("New of an unknown name makes %v", r)
	}
}

func TestDecodeErrors(t *testing.T) {
	// Place in the bytes of FixtureLeaf: a string, then a float.
	for _, c := range []struct {
		name   string
		in     string
		offset int
		why    Reason
	}{
		{"nothing", "", 0, Truncated},
		{"length without end", "\x80", 0, Truncated},
		{"length negative", "\x01abcd", 0, BadLength},
		{"length beyond the end", "\x0aabcd", 0, BadLength},
		{"length of more than 64 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 0, BadVarint},
		{"length of more than ten bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 0, BadVarint},
		{"float cut", "\x02a\x00\x00\x00", 2, Truncated},
		{"left over", "\x02a\x00\x00\x00\x00!", 6, Trailing},
	} {
		var got *DecodeError
		if err := new(FixtureLeaf).Decode([]byte(c.in)); !errors.As(err, &got) {
			t.Errorf("%s: got %v", c.name, err)
		} else if want := (DecodeError{"waybill.fixture.FixtureLeaf", c.offset, c.why}); *got != want {
			t.Errorf("%s: got %v, want %v", c.name, got, &want)
		}
	}
}

func TestReadersRefuse(t *testing.T) {
	for _, c := range []struct {
		name string
		end  int
		why  Reason
	}{
		{"boolean of 2", second(readBool("\x02", 0)), BadBoolean},
		{"int of 33 bits", second(readInt("\x80\x80\x80\x80\x20", 0)), BadVarint},
		{"branch 2 of 2", second(readPresent("\x04", 0)), BadBranch},
		{"branch -1", second(readPresent("\x01", 0)), BadBranch},
		{"symbol 3 of 3", second(readEnum[FixtureColour]("\x06", 0, 3)), BadSymbol},
		{"decimal of 65 bits", second(readDecimal("\x12\x00\x80\x00\x00\x00\x00\x00\x00\x00", 0)), BadDecimal},
		{"decimal of nine significant bytes", second(readDecimal("\x12\x01\x00\x00\x00\x00\x00\x00\x00\x00", 0)), BadDecimal},
		{"count beyond the bytes left", second(readBlock("\x08\x00\x00\x00", 0, 1)), BadCount},
		{"count beyond the items that fit", second(readBlock("\x04\x00\x00\x00", 0, 2)), BadCount},
		{"count of minus 2^63", second(readBlock("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x00", 0, 1)), BadCount},
		{"block size beyond the end", second(readBlock("\x01\x08\x00", 0, 1)), BadLength},
		{"block size negative", second(readBlock("\x01\x01\x00", 0, 1)), BadLength},
	} {
		if c.end >= 0 || Reason(^c.end&(1<<reasonBits-1)) != c.why {
			t.Errorf("%s: end %d, want %s", c.name, c.end, c.why)
		}
	}
}

func second[T any](_ T, i int) int { return i }

// A failed position passes through every reader unchanged, so that the first fault is the one reported.
func TestReadersPassFailuresOn(t *testing.T) {
	f := fail(7, BadDecimal)
	var opt Opt[string]
	var list []string
	var kv []KV
	for name, got := range map[string]int{
		"long": second(readLong("\x00", f)), "int": second(readInt("\x00", f)), "string": second(readString("\x00", f)),
		"bytes": second(readBytes("\x00", f)), "double": second(readDouble("12345678", f)), "float": second(readFloat("1234", f)),
		"bool": second(readBool("\x00", f)), "micros": second(readMicros("\x00", f)), "days": second(readDays("\x00", f)),
		"decimal": second(readDecimal("\x00", f)), "present": second(readPresent("\x00", f)), "map": second(readMap(nil, "\x00", f)),
		"fixed": readFixed(make([]byte, 1), "\x00", f), "block": second(readBlock("\x00", f, 1)), "record": new(Fixture).decodeAt("\x00", f),
		"plan of opt": planOpt(&opt, "\x00", f, nil, planString), "plan of slice": planSlice(&list, "\x00", f, nil, planString),
		"plan of map": planMap(&kv, "\x00", f, nil), "skip": (&Skip{Kind: WireUnion}).over("\x00", f), "skip list": (&Skip{Kind: WireArray}).over("\x00", f),
	} {
		if got != f {
			t.Errorf("%s turns %d into %d", name, f, got)
		}
	}
}

func TestTooLarge(t *testing.T) {
	var got *DecodeError
	b := make([]byte, MaxBytes+1)
	for _, err := range []error{new(Fixture).Decode(b), new(Fixture).DecodeAlias(b), new(Fixture).DecodePlan(b, nil)} {
		if !errors.As(err, &got) || got.Why != TooLarge {
			t.Errorf("got %v", err)
		}
	}
}

func TestLongs(t *testing.T) {
	for shift := range 64 {
		for _, v := range []int64{1 << shift, -1 << shift, 1<<shift - 1, math.MaxInt64 >> shift, math.MinInt64 >> shift} {
			b := appendLong(nil, v)
			for _, padding := range []string{"", "0123456789"} {
				got, end := readLong(string(b)+padding, 0)
				if got != v || end != len(b) {
					t.Errorf("%d as %x came back as %d, to byte %d", v, b, got, end)
				}
			}
		}
	}
}

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		v    Unscaled
		want string
	}{
		{0, "\x02\x00"}, {127, "\x02\x7f"}, {128, "\x04\x00\x80"}, {-1, "\x02\xff"}, {-128, "\x02\x80"}, {-129, "\x04\xff\x7f"},
		{math.MaxInt64, "\x10\x7f\xff\xff\xff\xff\xff\xff\xff"}, {math.MinInt64, "\x10\x80\x00\x00\x00\x00\x00\x00\x00"},
	} {
		if got := appendDecimal(nil, c.v); string(got) != c.want {
			t.Errorf("%d is written as %x, want %x", c.v, got, c.want)
		}
		if got, end := readDecimal(c.want, 0); got != c.v || end != len(c.want) {
			t.Errorf("%x is read as %d to byte %d", c.want, got, end)
		}
	}
	if got, end := readDecimal("\x00", 0); got != 0 || end != 1 {
		t.Errorf("no bytes are read as %d to byte %d", got, end)
	}
}

// Promotions: no schema of the project has a float, so that the fixture stands in.
func TestPlanPromotesNumbers(t *testing.T) {
	var got FixtureLeaf
	plan := &Plan{Defaults: []int{0}, Ops: []Op{{Field: 1, Read: &Read{Number: FromLong}}}}
	if err := got.DecodePlan(appendLong(nil, -12), plan); err != nil || got != (FixtureLeaf{"leaf", -12}) {
		t.Errorf("long to float: %+v, %v", got, err)
	}
	for _, c := range []struct {
		number Number
		in     []byte
		want   float64
	}{
		{FromLong, appendLong(nil, 1<<40), 1 << 40}, {FromFloat, appendFloat(nil, 1.5), 1.5}, {SameNumber, appendDouble(nil, 0.1), 0.1},
	} {
		var r Fixture
		plan := &Plan{Ops: []Op{{Field: 4, Read: &Read{Number: c.number}}}}
		if err := r.DecodePlan(c.in, plan); err != nil || r.Wide != c.want {
			t.Errorf("kind %d to double: %v, %v", c.number, r.Wide, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	r := Fixture{Tags: []KV{{"stale", "1"}}, MaybeText: Some("stale"), Names: []string{"stale"}, Flag: false}
	plan := &Plan{}
	for k := range 36 {
		plan.Defaults = append(plan.Defaults, k)
	}
	if err := r.DecodePlan(nil, plan); err != nil {
		t.Fatal(err)
	}
	want := Fixture{Flag: true, Small: -7, Big: 9007199254740993, Wide: -0.25, Raw: []byte{0xff, 1}, Text: `it's "so"`, Amount: -123, Colour: FixtureColourDarkBlue}
	if !bytes.Equal(r.Append(nil), want.Append(nil)) {
		t.Errorf("got %+v", r)
	}
}

func TestUnknownSymbolWithoutDefault(t *testing.T) {
	var got *DecodeError
	plan := &Plan{Ops: []Op{{Field: 11, Read: &Read{Symbols: []int32{1, -1}}}}}
	if err := new(Fixture).DecodePlan([]byte{2}, plan); !errors.As(err, &got) || got.Why != UnknownSymbol {
		t.Errorf("got %v", err)
	}
}

// A value outside the symbols is written as it is, and no decoder accepts it.
func TestSymbolsAreBounded(t *testing.T) {
	for _, in := range []Fixture{{Colour: 3}, {Colours: []FixtureColour{3}}, {MaybeColour: Some[FixtureColour](3)}, {Colour: -1}, {Colour: 64}} {
		var got *DecodeError
		if err := new(Fixture).Decode(in.Append(nil)); !errors.As(err, &got) || got.Why != BadSymbol {
			t.Errorf("%+v: got %v", in, err)
		}
	}
}

// A receiver is used again and again: nothing of the record before may shine through.
func TestDecodeOverwritesAll(t *testing.T) {
	r := Fixture{
		Flag: true, Text: "old", Tags: []KV{{"old", "1"}}, Names: []string{"old"}, Maybes: []Opt[string]{Some("old")}, MaybeText: Some("old"),
		MaybeLeaf: Some(FixtureLeaf{Name: "old"}), MaybeColour: Some(FixtureColourRed), MaybeWide: Some(1.0), Leaf: FixtureLeaf{Name: "old", Weight: 1},
	}
	in := Fixture{Maybes: []Opt[string]{{}}}
	if err := r.Decode(in.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.Append(nil), in.Append(nil)) {
		t.Errorf("got %+v", r)
	}
	if r.MaybeText.V != "" || r.MaybeLeaf.V.Name != "" || r.MaybeColour.V != 0 || r.MaybeWide.V != 0 || r.Maybes[0].V != "" {
		t.Errorf("absent values are not zero: %+v", r)
	}
}

func TestEnum(t *testing.T) {
	for _, c := range []FixtureColour{FixtureColourUnknown, FixtureColourRed, FixtureColourDarkBlue} {
		if got, ok := ParseFixtureColour(c.String()); got != c || !ok {
			t.Errorf("%s is parsed as %s, %v", c, got, ok)
		}
	}
	if got, ok := ParseFixtureColour("GREEN"); got != FixtureColourUnknown || ok {
		t.Errorf("an unknown symbol is parsed as %s, %v", got, ok)
	}
	if got := FixtureColour(9).String(); got != "FixtureColour(9)" {
		t.Errorf("9 prints as %s", got)
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 3, 29, 1, 30, 0, 123456789, time.FixedZone("", 7200))
	if got := MicrosOf(at).Time(); !got.Equal(at.Truncate(time.Microsecond)) || got.Location() != time.UTC {
		t.Errorf("%v came back as %v", at, got)
	}
	if got := DaysOf(at).Time().Format(time.DateOnly); got != "2026-03-29" {
		t.Errorf("date %s", got)
	}
	if got := DaysOf(time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)); got != -1 {
		t.Errorf("the day before the epoch is %d", got)
	}
	if Micros(0).Time() != time.Unix(0, 0).UTC() {
		t.Error("zero is not the epoch")
	}
}

// Decode keeps what it read when the buffer is used again; DecodeAlias does not, and that is its contract.
func TestAliasing(t *testing.T) {
	leaf := FixtureLeaf{Name: "abc"}
	buf := leaf.Append(nil)
	var safe, alias FixtureLeaf
	if err := errors.Join(safe.Decode(buf), alias.DecodeAlias(buf)); err != nil {
		t.Fatal(err)
	}
	clone := alias.Clone()
	copy(buf[1:], "xyz")
	if safe.Name != "abc" || alias.Name != "xyz" || clone.Name != "abc" {
		t.Errorf("safe %q, alias %q, clone %q", safe.Name, alias.Name, clone.Name)
	}
}

// Bytes that alias the input end with it: an append must not write over what follows.
func TestBytesDoNotGrowIntoTheInput(t *testing.T) {
	in := Fixture{Raw: []byte("raw"), Text: "text"}
	buf := in.Append(nil)
	var out Fixture
	if err := out.DecodeAlias(buf); err != nil {
		t.Fatal(err)
	}
	_ = append(out.Raw, "overwritten"...)
	if out.Text != "text" {
		t.Errorf("text is now %q", out.Text)
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for _, r := range []Record{benchPosition(), benchFact()} {
		in := r.Append(nil)
		out, _ := New(r.AvroName())
		buf := make([]byte, 0, len(in))
		allocs := testing.AllocsPerRun(100, func() {
			if err := out.DecodeAlias(in); err != nil {
				t.Fatal(err)
			}
			buf = out.Append(buf[:0])
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", r.AvroName(), allocs)
		}
	}
}

// A hostile count must not make memory: the bytes left bound it.
func TestCountsDoNotAmplify(t *testing.T) {
	var r Fixture
	in := Fixture{}
	b := in.Append(nil)
	bomb := append(b[:len(b)-18:len(b)-18], appendLong(nil, 1<<40)...)
	allocated := testing.AllocsPerRun(10, func() {
		if err := r.DecodeAlias(bomb); err == nil {
			t.Fatal("accepted")
		}
	})
	if allocated > 2 { // the error
		t.Errorf("%v allocations", allocated)
	}
}

func TestSchemasAreSelfContained(t *testing.T) {
	for _, name := range Names() {
		r, _ := New(name)
		if s := r.AvroSchema(); !strings.HasPrefix(s, `{"type":"record","name":`) || strings.Contains(s, "\n") {
			t.Errorf("%s: %s", name, s)
		}
	}
}
