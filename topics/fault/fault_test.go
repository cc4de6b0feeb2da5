package fault_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"waybill/topics/fault"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want fault.Class
	}{
		{"unmarked is fatal", io.ErrUnexpectedEOF, fault.Fatal},
		{"poison", fault.Poisonf("BAD_MAGIC", "magic byte %d", 7), fault.Poison},
		{"retryable through wrapping", fmt.Errorf("fetch schema: %w", fault.Retry(io.EOF)), fault.Retryable},
		{"outermost mark decides", fault.Retry(fault.Poisoned("X", io.EOF)), fault.Retryable},
	} {
		if got := fault.Of(c.err); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCauses(t *testing.T) {
	err := fmt.Errorf("decode a/0@7: %w", fault.Poisoned("SHORT", errors.Join(io.EOF, io.ErrClosedPipe)))
	want := []string{"decode a/0@7: EOF\nio: read/write on closed pipe", "EOF\nio: read/write on closed pipe", "EOF", "io: read/write on closed pipe"}
	if got := fault.Causes(err); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func ExamplePoisonf() {
	err := fault.Poisonf("BAD_MAGIC", "record starts with byte %d, want 0: is it Confluent-framed Avro?", 7)
	fmt.Println(fault.Of(err), fault.Reason(err), err)
	// Output: poison BAD_MAGIC record starts with byte 7, want 0: is it Confluent-framed Avro?
}
