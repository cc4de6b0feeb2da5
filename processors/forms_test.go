package processors_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"waybill/processors"
	"waybill/processors/stream"
)

var rewrite = flag.Bool("rewrite", false, "accept what is new; a form that changed only with a version that rose")

// form is a store of a stage as testdata/forms.txt lists it: what the values are that states and changelogs out there hold.
type form struct {
	stage, store, kind, record string
	version                    int
	schema                     string // SHA-256 of what Schema says, but for what changes no value
}

const formsFile = "testdata/forms.txt"

const formsHead = `# What each stage keeps: stage, store, kind, record, version, fingerprint of its schema. State directories and changelogs hold values
# of these forms, so a form changes only together with its version, by stream.Migrated. Stores that are no more stay listed: one that
# comes back under an old name meets old values. Of an enum a value holds the symbol's place: symbols are added at the end. go test ./processors -run Forms -rewrite accepts what is allowed.
`

// The schema of a state record never changes without its store's version: what lies in state directories would be read wrongly.
func TestFormsOfStateChangeWithTheirVersionAlone(t *testing.T) {
	old, oldEnums, err := readForms()
	if err != nil {
		t.Fatal(err)
	}
	specs := processors.All(processors.DefaultConfig())
	nowEnums, err := enums(specs)
	if err != nil {
		t.Fatal(err)
	}
	list, faults := compareForms(old, formsOf(t, specs))
	faults = append(faults, compareEnums(oldEnums, nowEnums)...)
	for _, f := range faults {
		t.Error(f)
	}
	switch {
	case len(faults) > 0 || slices.Equal(list, old) && maps.Equal(oldEnums, nowEnums):
	case *rewrite:
		writeForms(t, list, nowEnums)
	default:
		t.Errorf("%s is out of date: run go test ./processors -run Forms -rewrite, and commit it", formsFile)
	}
}

// compareForms gives what the file should list, and what must not be.
func compareForms(old, now []form) (list []form, faults []string) {
	list = slices.Clone(old)
	for _, f := range now {
		i := slices.IndexFunc(list, func(o form) bool { return o.stage == f.stage && o.store == f.store })
		if i < 0 {
			list = append(list, f)
			continue
		}
		was := list[i]
		same := f
		same.version = was.version
		switch {
		case f.version < was.version:
			faults = append(faults, fmt.Sprintf("store %s of stage %s is of version %d and was of version %d", f.store, f.stage, f.version, was.version))
		case same != was && f.version == was.version:
			faults = append(faults, fmt.Sprintf("store %s of stage %s holds another form (%s of %s, schema %.8s; was %s of %s, schema %.8s) under the same version %d: raise it with stream.Migrated and say how old values are read",
				f.store, f.stage, f.kind, f.record, f.schema, was.kind, was.record, was.schema, f.version))
		}
		list[i] = f
	}
	slices.SortFunc(list, func(a, b form) int { return strings.Compare(a.stage+"\x00"+a.store, b.stage+"\x00"+b.store) })
	return list, faults
}

func formsOf(t *testing.T, specs []stream.Spec) (list []form) {
	t.Helper()
	for _, spec := range specs {
		for _, s := range spec.Stores() {
			schema, err := fingerprint(s.Schema)
			if err != nil {
				t.Fatalf("schema of %s: %v", s.Record, err)
			}
			list = append(list, form{spec.Name, s.Name, string(s.Kind), s.Record, int(s.Version), schema})
		}
	}
	return list
}

// enums gives the symbols of the enums that stored values hold. A value holds a symbol's place, so that one that comes to
// the end of the list changes no value that is kept.
func enums(specs []stream.Spec) (map[string]string, error) {
	out := map[string]string{}
	var find func(v any)
	find = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["type"] == "enum" {
				out[fmt.Sprint(v["namespace"], ".", v["name"])] = strings.Trim(strings.ReplaceAll(fmt.Sprint(v["symbols"]), " ", ","), "[]")
			}
			for _, x := range v {
				find(x)
			}
		case []any:
			for _, x := range v {
				find(x)
			}
		}
	}
	for _, spec := range specs {
		for _, s := range spec.Stores() {
			var v any
			if err := json.Unmarshal([]byte(s.Schema), &v); err != nil {
				return nil, err
			}
			find(v)
		}
	}
	return out, nil
}

// compareEnums gives a fault for each enum whose list does not begin as it was.
func compareEnums(old, now map[string]string) (faults []string) {
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if is, ok := now[name]; ok && is != old[name] && !strings.HasPrefix(is, old[name]+",") {
			faults = append(faults, fmt.Sprintf("enum %s has symbols %s, which do not begin as they were, %s: add symbols at the end alone", name, is, old[name]))
		}
	}
	return faults
}

// meaningless are the attributes of a schema that change no value and no meaning of one that is kept.
// The symbols of enums are compared by themselves.
var meaningless = []string{"doc", "aliases", "default", "order", "symbols"}

func fingerprint(schema string) (string, error) {
	var v any
	if err := json.Unmarshal([]byte(schema), &v); err != nil {
		return "", err
	}
	b, err := json.Marshal(bare(v)) // names of attributes in order
	return fmt.Sprintf("%x", sha256.Sum256(b)), err
}

func bare(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range meaningless {
			delete(v, name)
		}
		for name := range v {
			v[name] = bare(v[name])
		}
	case []any:
		for i := range v {
			v[i] = bare(v[i])
		}
	}
	return v
}

func readForms() ([]form, map[string]string, error) {
	b, err := os.ReadFile(formsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	var list []form
	enums := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "enum "); ok {
			name, symbols, _ := strings.Cut(strings.TrimSpace(rest), " ")
			enums[name] = symbols
			continue
		}
		var f form
		if _, err := fmt.Sscan(line, &f.stage, &f.store, &f.kind, &f.record, &f.version, &f.schema); err != nil {
			return nil, nil, fmt.Errorf("%s: line %q: %w", formsFile, line, err)
		}
		list = append(list, f)
	}
	return list, enums, err
}

func writeForms(t *testing.T, list []form, enums map[string]string) {
	t.Helper()
	b := bytes.NewBufferString(formsHead)
	for _, f := range list {
		fmt.Fprintln(b, f.stage, f.store, f.kind, f.record, f.version, f.schema)
	}
	for _, name := range slices.Sorted(maps.Keys(enums)) {
		fmt.Fprintln(b, "enum", name, enums[name])
	}
	if err := os.WriteFile(formsFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFormsAreCompared(t *testing.T) {
	a := form{"stage", "a", "value", "R", 1, "x"}
	raised, other, lower, kind := a, a, a, a
	raised.version, raised.schema = 2, "y"
	other.schema = "y"
	lower.version = 0
	kind.kind = "map"
	b := form{"stage", "b", "value", "R", 1, "x"}
	for _, c := range []struct {
		name     string
		old, now []form
		want     []form
		fault    bool
	}{
		{"same", []form{a}, []form{a}, []form{a}, false},
		{"new", []form{b}, []form{a, b}, []form{a, b}, false},
		{"gone, and remembered", []form{a, b}, []form{b}, []form{a, b}, false},
		{"raised", []form{a}, []form{raised}, []form{raised}, false},
		{"changed", []form{a}, []form{other}, nil, true},
		{"of another kind", []form{a}, []form{kind}, nil, true},
		{"lowered", []form{a}, []form{lower}, nil, true},
	} {
		list, faults := compareForms(c.old, c.now)
		if (len(faults) > 0) != c.fault || !c.fault && !slices.Equal(list, c.want) {
			t.Errorf("%s: %v, faults %q", c.name, list, faults)
		}
	}
	was := map[string]string{"E": "A,B"}
	for symbols, fault := range map[string]bool{"A,B": false, "A,B,C": false, "B,A": true, "A": true, "A,BC": true, "A,X,B": true} {
		if faults := compareEnums(was, map[string]string{"E": symbols}); (len(faults) > 0) != fault {
			t.Errorf("symbols %s after A,B: faults %q", symbols, faults)
		}
	}
	same, _ := fingerprint(`{"type":"record","name":"R","doc":"x","fields":[{"name":"f","type":"long","default":0}]}`)
	for schema, equal := range map[string]bool{
		`{"name":"R","type":"record","fields":[{"doc":"y","name":"f","type":"long"}]}`:                                 true,
		`{"name":"R","type":"record","fields":[{"name":"f","type":{"type":"long","logicalType":"timestamp-micros"}}]}`: false,
		`{"name":"R","type":"record","fields":[{"name":"f","type":"long"},{"name":"g","type":"long"}]}`:                false,
		`{"name":"R","type":"record","fields":[{"name":"f","type":"int"}]}`:                                            false,
	} {
		if got, err := fingerprint(schema); err != nil || (got == same) != equal {
			t.Errorf("%s: %v, want that it equals: %v", schema, err, equal)
		}
	}
}
