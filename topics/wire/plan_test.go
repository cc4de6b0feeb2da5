package wire_test

import (
	"reflect"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"

	"waybill/avro"
	"waybill/topics/wire"
)

func record(fields string) *twmb.Schema {
	return twmb.MustParse(`{"type":"record","name":"R","fields":[` + fields + `]}`)
}

func TestCompile(t *testing.T) {
	reader := record(`{"name":"x","type":"double","aliases":["old_x"]},{"name":"s","type":["null","string"],"default":null}`)
	same := avro.Op{Field: 1}
	for _, c := range []struct {
		name, writer string
		want         *avro.Plan
	}{
		{"the same", `{"name":"x","type":"double"},{"name":"s","type":["null","string"]}`, nil},
		{"long to double", `{"name":"x","type":"long"},{"name":"s","type":["null","string"]}`,
			&avro.Plan{Ops: []avro.Op{{Field: 0, Read: &avro.Read{Number: avro.FromLong}}, same}}},
		{"float to double under an old name", `{"name":"old_x","type":"float"},{"name":"s","type":["null","string"]}`,
			&avro.Plan{Ops: []avro.Op{{Field: 0, Read: &avro.Read{Number: avro.FromFloat}}, same}}},
		{"other order, and bytes that are always there", `{"name":"s","type":"bytes"},{"name":"x","type":"double"}`,
			&avro.Plan{Ops: []avro.Op{{Field: 1, Read: &avro.Read{}}, {Field: 0}}}},
		{"a default, and a field to skip", `{"name":"gone","type":{"type":"map","values":"null"}},{"name":"x","type":"double"}`,
			&avro.Plan{Defaults: []int{1}, Ops: []avro.Op{
				{Field: -1, Skip: &avro.Skip{Kind: avro.WireMap, Kids: []*avro.Skip{{Kind: avro.WireFixed}}}}, {Field: 0},
			}}},
		{"a union of numbers", `{"name":"x","type":["int","float"]},{"name":"s","type":["null","string"]}`,
			&avro.Plan{Ops: []avro.Op{{Field: 0, Read: &avro.Read{Union: []*avro.Read{{Number: avro.FromLong}, {Number: avro.FromFloat}}}}, same}}},
	} {
		got, err := wire.Compile(record(c.writer), reader)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	reader := record(`{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}`)
	at := `{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}`
	for _, c := range []struct{ name, writer, want string }{
		{"a missing field", `{"name":"b","type":"int"}`, "at"},
		{"another unit", strings.ReplaceAll(at, "micros", "millis"), "meaning changes"},
		{"recursion in a field to skip", at + `,{"name":"next","type":["null","R"]}`, "recursive"},
		{"items without bytes", at + `,{"name":"z","type":{"type":"array","items":"null"}}`, "no bytes"},
		{"items of empty records", at + `,{"name":"z","type":{"type":"array","items":{"type":"record","name":"E","fields":[]}}}`, "no bytes"},
	} {
		if plan, err := wire.Compile(record(c.writer), reader); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got plan %+v, error %v", c.name, plan, err)
		}
	}
}
