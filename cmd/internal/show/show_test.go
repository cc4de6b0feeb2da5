package show

import (
	"encoding/json"
	"strings"
	"testing"

	"waybill/avro"
)

func TestRecordUsesTheSchemasNamesAndExactDecimals(t *testing.T) {
	v, err := Record(&avro.Charge{
		ChargeID: "c", Type: avro.ChargeTypeDetention, Quantity: 25000, Rate: 750001, AmountMinor: -18750, ServiceAt: 1_700_000_000_000_001,
		StopSequence: avro.Some[int32](2), FactIDs: []string{"f"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"type":"DETENTION"`, `"quantity":"2.5000"`, `"rate":"75.0001"`, `"amount_minor":-18750`, `"service_at":"2023-11-14T22:13:20.000001Z"`, `"stop_sequence":2`, `"fact_ids":["f"]`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestPrint(t *testing.T) {
	r := Rows{Columns: []string{"a", "b"}, Rows: [][]any{{1, "x"}}, Value: []int{1}, Empty: "nothing"}
	tests := []struct {
		name   string
		in     Rows
		format Format
		want   string
	}{
		{"table", r, Table, "x"},
		{"json", r, JSON, "[\n  1\n]\n"},
		{"empty table", Rows{Empty: "nothing"}, Table, "nothing\n"},
		{"empty json", Rows{Value: []int{}, Empty: "nothing"}, JSON, "[]\n"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			if err := tc.in.Print(&out, tc.format); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), tc.want) {
				t.Errorf("got %q, want %q", out.String(), tc.want)
			}
		})
	}
}
