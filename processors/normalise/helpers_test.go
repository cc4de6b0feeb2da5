package normalise_test

import (
	"strings"
	"testing"

	"waybill/processors/normalise/ocel"
)

// mappingOf finds a log's mapping by its columns.
func mappingOf(t *testing.T, header string) string {
	t.Helper()
	a, err := ocel.New()
	if err != nil {
		t.Fatal(err)
	}
	name, err := a.Match(strings.Split(header, ","))
	if err != nil {
		t.Fatal(err)
	}
	return name
}
