package avro

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Opt is a value that may be absent: ["null", T]. The zero value is absent, and an absent V is zero.
type Opt[T any] struct {
	V  T
	Ok bool
}

// Some is a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{V: v, Ok: true} }

// Or is the value, or otherwise where it is absent.
func (o Opt[T]) Or(otherwise T) T {
	if o.Ok {
		return o.V
	}
	return otherwise
}

// KV is one entry of a map of string. A list of them keeps its order, so that equal values have equal bytes.
type KV struct{ K, V string }

// Micros is an instant: microseconds since 1970-01-01T00:00:00Z. The zero value is that instant.
type Micros int64

// MicrosOf is t, cut to whole microseconds.
func MicrosOf(t time.Time) Micros { return Micros(t.UnixMicro()) }

// Time is the instant in UTC.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// Days is a calendar date without a zone: days since 1970-01-01.
type Days int32

// DaysOf is the date t shows in its own location.
func DaysOf(t time.Time) Days {
	y, m, d := t.Date()
	return Days(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Time is the date's midnight in UTC.
func (d Days) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Unscaled is an exact decimal as an integer: the value times 10^scale, where the scale is the schema's and stands beside
// the field as a constant. 12.30 at scale 2 is 1230.
type Unscaled int64

func symbolOf(enum string, symbols []string, v int32) string {
	if uint(v) < uint(len(symbols)) {
		return symbols[v]
	}
	return fmt.Sprintf("%s(%d)", enum, v)
}

func parseSymbol[E ~int32](symbols []string, s string, otherwise E) (E, bool) {
	for i := range symbols {
		if symbols[i] == s {
			return E(i), true
		}
	}
	return otherwise, false
}

func cloneMap(m []KV) []KV {
	m = slices.Clone(m)
	for i := range m {
		m[i] = KV{strings.Clone(m[i].K), strings.Clone(m[i].V)}
	}
	return m
}
