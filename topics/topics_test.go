package topics_test

import (
	"fmt"
	"slices"
	"testing"

	"waybill/topics"
)

func TestNamesAreUnique(t *testing.T) {
	seen := map[topics.Name]bool{}
	for _, c := range topics.All() {
		if seen[c.Name] {
			t.Errorf("%s stands twice in the catalogue", c.Name)
		}
		seen[c.Name] = true
	}
}

func TestKeySurvivesSeparators(t *testing.T) {
	for _, parts := range [][]string{{"acme", "VEHICLE", "", "6/18"}, {"a|b", "c%7C", "%25"}, {"a", "b|c"}, {"a|b", "c"}} {
		key := topics.Key(parts[0], parts[1:]...)
		if got := topics.SplitKey(key); !slices.Equal(got, parts) {
			t.Errorf("%q became %q and came back as %q", parts, key, got)
		}
	}
}

func ExampleSubject() {
	fmt.Println(topics.Subject(topics.Charges.Name, "waybill.billing.Charge"))
	fmt.Println(topics.Subject(topics.Positions.Name, "waybill.platform.Tick"))
	// Output:
	// billing.charges.v1-value
	// telematics.positions.v1-waybill.platform.Tick
}
