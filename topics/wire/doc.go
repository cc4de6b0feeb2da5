// Package wire puts Avro records on Kafka topics and takes them off again, in Confluent's wire format: a zero byte, the id
// of the writer's schema in four bytes big-endian, then the record in Avro.
//
// A Codec decodes with the schema the record was written with. The first record of an id fetches that schema, holds it
// against the generated type of the same full name, and compiles a plan; all further ones find it without a lock. Where
// the two are the same, the plan is nil and the generated straight-line code runs.
//
// Codec never registers schemas. `waybill schemas register` does, through RegisterAll, which refuses what CheckAll finds
// to break: compatibility both ways with every version there has been, and changes that resolve and yet change meaning.
//
// Errors carry their class (package fault): what is wrong with a record or with its schema is poison, a registry that
// does not answer is retryable, and a schema of our own that is not registered is fatal, because no record would pass.
package wire

import "errors"

// What can be wrong with a record. All of them, and *avro.DecodeError, come marked as poison.
var (
	ErrShort         = errors.New("shorter than the five bytes of a Confluent header")
	ErrMagic         = errors.New("does not start with the zero byte of a Confluent header")
	ErrUnknownSchema = errors.New("schema id is not in the registry")
	ErrUnknownRecord = errors.New("schema is of no record type known here")
	ErrIncompatible  = errors.New("schema cannot be read as the record type known here")
)

// Reason codes of poison errors: what dead letters are counted by.
const (
	ReasonShort         = "SHORT_RECORD"
	ReasonMagic         = "BAD_MAGIC"
	ReasonUnknownSchema = "UNKNOWN_SCHEMA"
	ReasonUnknownRecord = "UNKNOWN_RECORD"
	ReasonIncompatible  = "INCOMPATIBLE_SCHEMA"
	ReasonAvro          = "BAD_AVRO"
)
