package avro

import (
	"bytes"
	"fmt"
	"unsafe"
)

// Record is what every generated record type does, on its pointer.
type Record interface {
	// Decode reads the bytes of one record, all of them, from one safe copy. Errors are *DecodeError.
	Decode(b []byte) error
	// DecodeAlias is Decode without the copy: strings and byte slices alias b and are valid as long as b is unchanged.
	DecodeAlias(b []byte) error
	// DecodePlan is Decode for bytes written with another schema, by a plan made for the pair of schemas.
	DecodePlan(b []byte, p *Plan) error
	// DecodePlanAlias is DecodePlan without the copy.
	DecodePlanAlias(b []byte, p *Plan) error
	// Append appends the record's Avro encoding to b. An enum outside its symbols encodes to bytes no decoder accepts.
	Append(b []byte) []byte
	// AvroName is the record's full name, such as waybill.telematics.Position.
	AvroName() string
	// AvroSchema is the record's schema as self-contained JSON: types of other files are defined where first used.
	AvroSchema() string
}

// MaxBytes is the longest record that is decoded. Kafka's default limit is 1 MiB; the rest is room for generous topics.
const MaxBytes = 16 << 20

// Reason says what is wrong with the bytes.
type Reason int

// The reasons, in no particular order.
const (
	Truncated     Reason = iota // the bytes end before the record does
	Trailing                    // bytes are left after the record
	TooLarge                    // the record is longer than MaxBytes
	BadVarint                   // a number does not fit its 32 or 64 bits
	BadLength                   // a string's length is negative or beyond the end
	BadCount                    // a collection's count is larger than the bytes left allow
	BadBoolean                  // a boolean is neither 0 nor 1
	BadBranch                   // a union's branch does not exist
	BadSymbol                   // an enum's index has no symbol
	BadDecimal                  // a decimal does not fit 64 bits
	UnknownSymbol               // the writer's symbol is not the reader's, and there is no default
)

var reasons = [...]string{
	"the bytes end too early", "bytes are left over", "longer than the limit of 16 MiB", "a number does not fit its type",
	"a length is negative or beyond the end", "a count is larger than the bytes left allow", "a boolean is neither 0 nor 1",
	"a union has no such branch", "an enum has no such symbol", "a decimal does not fit 64 bits",
	"an enum symbol is unknown here and the enum has no default",
}

func (r Reason) String() string { return reasons[r] }

// DecodeError says where and why the bytes are no such record.
type DecodeError struct {
	Record string // full name of the record being decoded
	Offset int    // byte at which reading stopped
	Why    Reason
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode %s at byte %d: %s", e.Record, e.Offset, e.Why)
}

// A position in the input is an int that stays in a register. A negative one is an error that passes through all
// readers unchanged: the ones' complement of offset and reason.
const reasonBits = 4

func fail(offset int, why Reason) int { return ^(offset<<reasonBits | int(why)) }

// view is b as a string without a copy, and the position to start from.
func view(b []byte) (string, int) {
	if len(b) > MaxBytes {
		return "", fail(MaxBytes, TooLarge)
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), 0
}

// viewCopy is view of a copy of b.
func viewCopy(b []byte) (string, int) {
	if len(b) > MaxBytes {
		return "", fail(MaxBytes, TooLarge)
	}
	return view(bytes.Clone(b))
}

// done turns the last position into the decoder's result.
func done(record, s string, i int) error {
	if i == len(s) {
		return nil
	}
	return notDone(record, i)
}

func notDone(record string, i int) error {
	if i >= 0 {
		i = fail(i, Trailing)
	}
	code := ^i
	return &DecodeError{Record: record, Offset: code >> reasonBits, Why: Reason(code & (1<<reasonBits - 1))}
}
