// Package avro holds Waybill's records: the schemas by domain (*.avsc) and the Go types and codecs generated from them.
//
// The schemas are the source of truth. After a change to one, run `go generate ./avro`; a test fails while generated
// code and schemas differ.
//
// How Avro becomes Go:
//
//	string, uuid                 string
//	bytes                        []byte
//	int, long, float, double     int32, int64, float32, float64
//	boolean                      bool
//	long, timestamp-micros       Micros    microseconds since 1970-01-01T00:00:00Z
//	int, date                    Days      days since 1970-01-01
//	bytes, decimal               Unscaled  value times 10^scale; the scale is a generated constant
//	["null", T]                  Opt[T]
//	array of T                   []T
//	map of string                []KV, written in the order given
//	enum X                       type X int32, constants XSymbol, ParseX
//	fixed X                      type X [size]byte
//	record X                     type X struct
//
// A record decodes itself in two forms. Decode makes one copy of the input that all its strings share. DecodeAlias
// copies nothing: strings and byte slices point into the input and live no longer than it does; what is to be kept is
// cloned. Both reuse the capacity of the slices they find in the receiver, both overwrite every field, and both leave the
// receiver in an unspecified state when they return an error.
//
// Decoding is safe on hostile bytes. Every length and count is held against the bytes that are left, an item of a
// collection takes at least one byte (the generator refuses others), a record is at most MaxBytes long, and types do not
// recurse; so memory is bounded by a small multiple of the input.
package avro

//go:generate go run ./avrogen
//go:generate go run ./avrogen -src testdata -test
