package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneratedIsUpToDate fails while schemas and generated code differ. The remedy: go generate ./avro.
func TestGeneratedIsUpToDate(t *testing.T) {
	for _, o := range []options{
		{src: "..", dst: ".."},
		{src: filepath.Join("..", "testdata"), dst: "..", test: true},
	} {
		want, err := generate(o)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			got, err := os.ReadFile(filepath.Join(o.dst, name))
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s is out of date (%v): run `go generate ./avro`", name, err)
			}
		}
		if o.test {
			continue
		}
		onDisk, err := filepath.Glob(filepath.Join(o.dst, "*_gen.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range onDisk {
			if want[filepath.Base(path)] == nil {
				t.Errorf("%s is of no schema any more: run `go generate ./avro`", path)
			}
		}
	}
}

// oneField is a schema file of one record R of namespace n with one field.
func oneField(typ string) string { return oneFieldWith(typ, "") }

func oneFieldWith(typ, more string) string {
	return `[{"type":"record","name":"R","namespace":"n","doc":"R.","fields":[{"name":"f","doc":"F.","type":` + typ + more + `}]}]`
}

func TestRefuses(t *testing.T) {
	const colour = `{"type":"enum","name":"C","doc":"C.","symbols":["A","B"],"default":"A"}`
	for _, c := range []struct{ name, in, want string }{
		{"record without doc", `{"type":"record","name":"R","namespace":"n","fields":[]}`, "x.avsc: n.R: record has no doc"},
		{"field without doc", `{"type":"record","name":"R","namespace":"n","doc":"R.","fields":[{"name":"f","type":"int"}]}`, "x.avsc: n.R.f: field has no doc"},
		{"enum without doc", oneField(`{"type":"enum","name":"C","symbols":["A"],"default":"A"}`), "x.avsc: n.C: enum has no doc"},
		{"enum without default", oneField(`{"type":"enum","name":"C","doc":"C.","symbols":["A"]}`), "x.avsc: n.C: enum has no default"},
		{"enum whose default is no symbol", oneField(`{"type":"enum","name":"C","doc":"C.","symbols":["A"],"default":"Z"}`), "enum has no default"},
		{"decimal of 19 digits", oneField(`{"type":"bytes","logicalType":"decimal","precision":19,"scale":2}`), "n.R.f: decimal precision 19"},
		{"decimal within an array", oneField(`{"type":"array","items":{"type":"bytes","logicalType":"decimal","precision":38}}`), "n.R.f[]: decimal precision 38"},
		{"decimal within an optional", oneField(`["null",{"type":"bytes","logicalType":"decimal","precision":20}]`), "n.R.f: decimal precision 20"},
		{"scale beyond precision", oneField(`{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}`), "scale 3"},
		{"millis", oneField(`{"type":"long","logicalType":"timestamp-millis"}`), "timestamp-millis on long is not supported"},
		{"date on long", oneField(`{"type":"long","logicalType":"date"}`), "date on long is not supported"},
		{"union of three", oneField(`["null","int","string"]`), `only ["null", T]`},
		{"union without null first", oneField(`["int","null"]`), `only ["null", T]`},
		{"null alone", oneField(`"null"`), "null stands only in"},
		{"map of long", oneField(`{"type":"map","values":"long"}`), "map of long"},
		{"recursion", oneField(`["null","n.R"]`), "n.R: is recursive"},
		{"recursion through another", oneField(`{"type":"array","items":{"type":"record","name":"S","doc":"S.","fields":[{"name":"r","doc":"R.","type":"R"}]}}`), "is recursive through"},
		{"items without bytes", oneField(`{"type":"array","items":{"type":"record","name":"E","doc":"E.","fields":[]}}`), "no bytes at all"},
		{"unknown type", oneField(`"Nothing"`), "n.R.f: n.Nothing is not a primitive, and no file defines it"},
		{"unknown kind", oneField(`{"type":"strin"}`), `"strin" is not an Avro type`},
		{"misspelt attribute", oneFieldWith(`"int"`, `,"defualt":0`), `"defualt"`},
		{"default of another type", oneFieldWith(`"int"`, `,"default":"1"`), "n.R.f: default"},
		{"default beyond 32 bits", oneFieldWith(`"int"`, `,"default":2147483648`), "n.R.f: default"},
		{"default no symbol", oneFieldWith(colour, `,"default":"Z"`), "not a symbol of n.C"},
		{"default of a union not null", oneFieldWith(`["null","int"]`, `,"default":1`), "must be null"},
		{"default of a list not empty", oneFieldWith(`{"type":"array","items":"int"}`, `,"default":[1]`), "must be []"},
		{"type defined twice", `[` + strings.Trim(oneField(`"int"`), "[]") + `,` + strings.Trim(oneField(`"int"`), "[]") + `]`, "defined twice"},
		{"same Go name from two namespaces", `[` + strings.Trim(oneField(`"int"`), "[]") + `,{"type":"record","name":"R","namespace":"m","doc":"R.","fields":[]}]`, "Go name R is taken"},
		{"Go name of the package", `{"type":"record","name":"Plan","namespace":"n","doc":"P.","fields":[]}`, "Go name Plan is taken by plan.go"},
		{"field like a method", strings.Replace(oneField(`"int"`), `"f"`, `"append"`, 1), "Go name Append is taken by a method"},
		{"fields alike in Go", `{"type":"record","name":"R","namespace":"n","doc":"R.","fields":[{"name":"a_b","doc":"A.","type":"int"},{"name":"aB","doc":"A.","type":"int"}]}`, "Go name AB is taken"},
		{"not a definition", `["int"]`, "must define a record"},
		{"not JSON", `[{]`, "x.avsc"},
		{"no type", `{"type":"record","name":"R","namespace":"n","doc":"R.","fields":[{"name":"f","doc":"F."}]}`, "n.R.f: type is missing"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.avsc"), []byte(c.in), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := generate(options{src: dir, dst: ".."}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// All faults are told at once.
func TestRefusalsAreJoined(t *testing.T) {
	dir := t.TempDir()
	in := `{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}`
	if err := os.WriteFile(filepath.Join(dir, "x.avsc"), []byte(in), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := generate(options{src: dir, dst: ".."})
	if err == nil || strings.Count(err.Error(), "has no doc") != 3 {
		t.Errorf("got %v", err)
	}
}

func TestNoSchemas(t *testing.T) {
	if _, err := generate(options{src: t.TempDir(), dst: ".."}); err == nil || !strings.Contains(err.Error(), "no .avsc files") {
		t.Errorf("got %v", err)
	}
}

func TestGoName(t *testing.T) {
	for in, want := range map[string]string{
		"device_id": "DeviceID", "fact_ids": "FactIDs", "ARRIVED_PICKUP": "ArrivedPickup", "POD_RECEIVED": "PodReceived", "sscc": "SSCC",
		"speed_mm_s": "SpeedMmS", "ETA": "ETA", "un_number": "UNNumber", "lat_e6": "LatE6", "source_uri": "SourceURI", "geofenceEnter": "GeofenceEnter",
	} {
		if got := goName(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

// Types may be used before they are defined, across files, and by their short name within a namespace.
func TestReferencesAcrossFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.avsc": `{"type":"record","name":"A","namespace":"n","doc":"A.","fields":[{"name":"b","doc":"B.","type":"B"},{"name":"again","doc":"B.","type":["null","n.B"],"default":null}]}`,
		"b.avsc": `[{"type":"record","name":"B","namespace":"n","doc":"B.","fields":[{"name":"x","doc":"X.","type":"int","default":0}]}]`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"record","name":"A","namespace":"n","doc":"A.","fields":[{"name":"b","type":{"type":"record","name":"B","namespace":"n","doc":"B.",` +
		`"fields":[{"name":"x","type":"int","default":0,"doc":"X."}]},"doc":"B."},{"name":"again","type":["null","n.B"],"default":null,"doc":"B."}]}`
	if got := selfContained(files[0].types[0]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
