package shipments

import (
	"strings"
	"testing"

	"waybill/avro"
	"waybill/processors/model/contracts"
)

// What a clause asks for and is not posted yet holds the charge: the amount alone would be wrong.
func TestWhatIsNotPostedYetIsHeld(t *testing.T) {
	for _, c := range []struct {
		name   string
		clause avro.Clause
		stop   avro.Stop
		parts  []contracts.Portion
		want   string // empty: due
	}{
		{"plain", avro.Clause{}, avro.Stop{ShipmentIDs: []string{"S"}}, nil, ""},
		{"shared", avro.Clause{}, avro.Stop{ShipmentIDs: []string{"S", "T"}}, nil, "shipments S, T share the stop"},
		{"payors", avro.Clause{}, avro.Stop{}, []contracts.Portion{{ID: "A", Minor: 5}}, "splits it over payors"},
		{"a maximum", avro.Clause{MaximumShipmentMinor: avro.Some[int64](1)}, avro.Stop{}, nil, "a maximum for the shipment"},
		{"fault", avro.Clause{Fault: avro.Some(avro.Faults{})}, avro.Stop{}, nil, "whose fault"},
	} {
		k := &avro.Contract{Clauses: []avro.Clause{{Clause: "other"}, c.clause}}
		k.Clauses[1].Clause = "1"
		line := due(&avro.Charge{}, k, &contracts.Line{Clause: "1", Minor: 5, Currency: "USD", Portions: c.parts}, &c.stop)
		if (line.Kind == avro.LineKindHeld) != (c.want != "") || !strings.Contains(line.Reason, c.want) || (line.AmountMinor == 0) != (c.want != "") {
			t.Errorf("%s: got %+v", c.name, line)
		}
	}
}
