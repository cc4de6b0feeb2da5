// Package adapter holds what the partner adapters share: what they are, and how they report what is wrong with a payload.
package adapter

import (
	"fmt"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/topics/fault"
)

// Adapter turns one partner payload into what it says: facts (unsealed, without tenant, partner, origin and reception,
// which normalise adds), positions, or canonical records, which go the way of their own feeds. Its error is poison, and
// names every field at fault. An Adapter is safe for concurrent use and never changes the message.
type Adapter interface {
	Adapt(msg *avro.PartnerMessage) ([]avro.Record, error)
}

// Parted is an Adapter of payloads that hold parts which stand for themselves, such as the transaction sets of an interchange:
// one that is refused does not hold up the others.
type Parted interface {
	Adapter
	// AdaptParts gives take what each part says, in order. Where take's error is poison the part is refused as if it could not
	// be read; any other error ends the work and is returned. What AdaptParts returns is what is to be told of the payload as
	// a whole: acknowledgements, and each refused part as a PartnerMessage of its own, to be refused again alone.
	AdaptParts(msg *avro.PartnerMessage, take func([]avro.Record) error) ([]avro.Record, error)
}

// Whole adapts a payload of parts where none is taken in: what the parts say, and then what is told of the payload.
func Whole(a Parted, msg *avro.PartnerMessage) ([]avro.Record, error) {
	var out []avro.Record
	rest, err := a.AdaptParts(msg, func(said []avro.Record) error {
		out = append(out, said...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return append(out, rest...), nil
}

// MaxPayload is the largest payload in bytes that an adapter takes apart: what fits a Kafka record.
const MaxPayload = 1 << 20

// MaxNames is how many identifiers one fact may name. It is filed under each of them.
const MaxNames = 5000

// Oversize is the format of a message whose payload was too large to send: it holds its beginning, and its header says so.
const Oversize = "oversize"

// Report gathers what is wrong with a payload, field by field. The zero value is ready.
type Report struct {
	faults []FieldFault
	more   int
}

// FieldFault is what is wrong with one field or column.
type FieldFault struct{ Field, Text string }

// FieldFaults is the error of a payload whose fields are at fault.
type FieldFaults struct {
	Where string // the payload, for people
	List  []FieldFault
	More  int // that the list leaves out
}

func (e *FieldFaults) Error() string {
	var list []string
	for _, f := range e.List {
		list = append(list, f.Field+": "+f.Text)
	}
	if e.More > 0 {
		list = append(list, fmt.Sprintf("and %d more", e.More))
	}
	return e.Where + ": " + strings.Join(list, "; ")
}

// most faults that a report spells out; a payload of a million wrong fields must not make an error of a million lines.
const most = 20

// Addf reports a fault of a field or column.
func (r *Report) Addf(field, format string, args ...any) {
	if len(r.faults) == most {
		r.more++
		return
	}
	r.faults = append(r.faults, FieldFault{clip(field), fmt.Sprintf(format, args...)})
}

// Full says that no more faults will be spelt out.
func (r *Report) Full() bool { return len(r.faults) == most }

// OK says that nothing was wrong so far.
func (r *Report) OK() bool { return len(r.faults) == 0 }

// Err is nil, or one poison error that lists all faults. msg says where the payload came from.
func (r *Report) Err(msg *avro.PartnerMessage) error {
	if r.OK() {
		return nil
	}
	return fault.Poisoned("BAD_FIELDS", &FieldFaults{Where: Where(msg), List: slices.Clone(r.faults), More: r.more})
}

// Where names a payload for people.
func Where(msg *avro.PartnerMessage) string {
	return fmt.Sprintf("%s message %s:%d", msg.Format, clip(msg.Name), msg.Line)
}

// Quote quotes what a source wrote, cut to a length that an error can hold.
func Quote(s string) string { return fmt.Sprintf("%q", clip(s)) }

func clip(s string) string {
	const longest = 80
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}
