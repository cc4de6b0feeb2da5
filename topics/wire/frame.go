package wire

import (
	"encoding/binary"
	"fmt"

	"waybill/topics/fault"
)

const (
	magic        = 0
	headerLength = 5
)

// Frame appends the header for a schema id.
func Frame(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, magic), uint32(id))
}

// Unframe splits a record into the id of its writer's schema and its Avro bytes, which alias b.
func Unframe(b []byte) (id int, payload []byte, err error) {
	if len(b) > 0 && b[0] != magic {
		return 0, nil, fault.Poisoned(ReasonMagic, fmt.Errorf("record starts with byte %#02x: %w; was it written without a schema registry?", b[0], ErrMagic))
	}
	if len(b) < headerLength {
		return 0, nil, fault.Poisoned(ReasonShort, fmt.Errorf("record of %d bytes: %w", len(b), ErrShort))
	}
	return int(binary.BigEndian.Uint32(b[1:])), b[headerLength:], nil
}
