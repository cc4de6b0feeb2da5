package wire_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"waybill/avro"
	"waybill/topics"
	"waybill/topics/wire"
)

func TestOwnSchemasPassTheGate(t *testing.T) {
	for _, name := range avro.Names() {
		r, _ := avro.New(name)
		for _, err := range wire.Check([]string{r.AvroSchema()}, r.AvroSchema()) {
			t.Error(err)
		}
	}
}

// TestGate holds edited schemas against testdata/gate/base.avsc. Each row but the last ones is a breaking change; a row
// whose fault goes unseen means that the gate is open.
func TestGate(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "gate", "base.avsc"))
	if err != nil {
		t.Fatal(err)
	}
	base := string(text)
	for _, c := range []struct{ name, old, new, want string }{
		{"field removed that old readers need", `{"name": "charge_id", "type": "string", "doc": "Id."},`, "", "it cannot read what is written now"},
		{"field added without default", `"fields": [`, `"fields": [{"name": "extra", "type": "string", "doc": "New."},`, "cannot read what it wrote"},
		{"type changed", `"charge_id", "type": "string"`, `"charge_id", "type": "long"`, "cannot read what it wrote"},
		{"widened one way", `"stop", "type": "int"`, `"stop", "type": "long"`, "it cannot read what is written now"},
		{"micros to millis", `"timestamp-micros"`, `"timestamp-millis"`, "meaning changes from timestamp-micros to timestamp-millis"},
		{"instant to plain number", `{"type": "long", "logicalType": "timestamp-micros"}`, `"long"`, "meaning changes from timestamp-micros to plain long"},
		{"within an optional", `["null", {"type": "int", "logicalType": "date"}]`, `["null", "int"]`, "due: meaning changes from date to plain int"},
		{"within an array", `"items": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}`, `"items": "bytes"`, "rates[]: meaning changes"},
		{"scale changed", `"scale": 4`, `"scale": 2`, "decimal(18, 4) to decimal(18, 2)"},
		{"precision changed", `"precision": 18`, `"precision": 16`, "decimal(18, 4) to decimal(16, 4)"},
		{"precision beyond 64 bits", `"precision": 18`, `"precision": 19`, "decimal of 19 digits does not fit"},
		{"enum loses its default", `, "default": "OTHER"}`, `}`, "has no default"},
		{"field loses its doc", `, "doc": "Id."`, ``, "charge_id: field has no doc"},
		{"record loses its doc", `"doc": "A charge.",`, ``, "record Charge has no doc"},
		{"enum loses its doc", `"doc": "What for.",`, ``, "enum Kind has no doc"},
		{"record renamed", `"name": "Charge"`, `"name": "Cost"`, "renamed"},
		{"not a schema", `"type": "record"`, `"type": "rekord"`, "only record"},

		{"nothing changed", `"doc": "Id."`, `"doc": "Id."`, ""},
		{"doc reworded", `"doc": "Id."`, `"doc": "The id."`, ""},
		{"field added with default", `"fields": [`, `"fields": [{"name": "extra", "type": ["null", "string"], "default": null, "doc": "New."},`, ""},
		{"symbol added", `"FUEL", `, `"FUEL", "TOLL", `, ""},
		{"uuid said of a string", `"charge_id", "type": "string"`, `"charge_id", "type": {"type": "string", "logicalType": "uuid"}`, ""},
	} {
		edited := strings.Replace(base, c.old, c.new, 1)
		if edited == base && c.old != c.new {
			t.Errorf("%s: the fixture does not contain %s", c.name, c.old)
		}
		got := errors.Join(wire.Check([]string{base}, edited)...)
		if (got == nil) != (c.want == "") || got != nil && !strings.Contains(got.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, got, c.want)
		}
	}
}

// Compatible with the last version is not enough: the first one counts too.
func TestGateIsTransitive(t *testing.T) {
	v := func(fields string) string {
		return `{"type":"record","name":"R","doc":"R.","fields":[{"name":"a","type":"string","doc":"A."}` + fields + `]}`
	}
	first := v(`,{"name":"b","type":"string","default":"","doc":"B."}`)
	last := v("")
	next := v(`,{"name":"b","type":"long","default":0,"doc":"B."}`)
	if err := errors.Join(wire.Check([]string{last}, next)...); err != nil {
		t.Fatalf("the last step alone should pass: %v", err)
	}
	if len(wire.Check([]string{first, last}, next)) == 0 {
		t.Error("the first version was not looked at")
	}
}

func TestCheckAllAndRegisterAll(t *testing.T) {
	r := newRegistry(t)
	subjects := wire.Subjects(topics.All()...)
	assertStates(t, r, subjects, wire.StateNew)
	done, err := wire.RegisterAll(t.Context(), r.client, subjects)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range done {
		if f.State != wire.StateRegistered || f.ID == 0 || f.Versions != 1 {
			t.Errorf("%+v", f)
		}
	}
	assertStates(t, r, subjects, wire.StateRegistered)
	if _, err := wire.RegisterAll(t.Context(), r.client, subjects); err != nil {
		t.Errorf("registering again: %v", err)
	}
	level := r.client.Compatibility(t.Context(), subjects[0].Name)[0]
	if level.Err != nil || level.Level != sr.CompatFullTransitive {
		t.Errorf("level %v, %v", level.Level, level.Err)
	}
}

func assertStates(t *testing.T, r *registry, subjects []wire.Subject, want wire.State) {
	t.Helper()
	findings, err := wire.CheckAll(t.Context(), r.client, subjects)
	if err != nil || len(findings) != len(subjects) {
		t.Fatalf("%d findings for %d subjects: %v", len(findings), len(subjects), err)
	}
	for _, f := range findings {
		if f.State != want || f.Faults != nil {
			t.Errorf("%s: %s %v, want %s", f.Name, f.State, f.Faults, want)
		}
	}
}

func TestRegisterAllRefusesWhatBreaks(t *testing.T) {
	r := newRegistry(t)
	subjects := wire.Subjects(topics.Orders, topics.Positions)
	broken := strings.ReplaceAll(position().AvroSchema(), "timestamp-micros", "timestamp-millis")
	if _, _, err := r.RegisterSchema(subjects[1].Name, sr.Schema{Schema: broken}); err != nil {
		t.Fatal(err)
	}
	_, err := wire.RegisterAll(t.Context(), r.client, subjects)
	var breaks *wire.BreaksError
	if !errors.As(err, &breaks) || len(breaks.Findings) != 1 || breaks.Findings[0].Subject != subjects[1] {
		t.Fatalf("got %v", err)
	}
	if r.SubjectExists(subjects[0].Name) {
		t.Error("registered one subject although another breaks")
	}
}

func TestCheckAllWithoutRegistry(t *testing.T) {
	r := newRegistry(t)
	r.Close()
	if _, err := wire.CheckAll(t.Context(), r.client, wire.Subjects(topics.Orders)); err == nil {
		t.Error("no error without a registry")
	}
}
