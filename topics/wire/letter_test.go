package wire_test

import (
	"strings"
	"testing"

	"waybill/avro"
	"waybill/topics/wire"
)

// The longest letter that there can be is no longer than is asked of configurations.
func TestLongestLetter(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	l := &avro.DeadLetter{
		Topic: strings.Repeat("t", 249), Stage: strings.Repeat("s", 200), Reason: strings.Repeat("R", 100), Partition: 1 << 30, Offset: 1 << 62, Attempt: 1 << 30,
		Key: avro.Some([]byte(long)), Value: avro.Some([]byte(long)), SchemaID: avro.Some(int32(1 << 30)), Headers: []avro.Header{{Key: long, Value: []byte(long)}},
	}
	for range 500 {
		l.Causes = append(l.Causes, long)
	}
	wire.FitLetter(l, 1)
	if n := len(l.Append(nil)) + len(wire.LetterKey([]byte(long))); n > wire.LongestLetter {
		t.Errorf("a letter of %d bytes, and the longest is to be %d", n, wire.LongestLetter)
	}
	if !l.Truncated || l.Value.Ok {
		t.Errorf("the value is in it still: %+v", l.Truncated)
	}
}
