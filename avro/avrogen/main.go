// Command avrogen generates package avro from its schemas: a Go type and a straight-line codec for each named type, one
// <file>_gen.go for each .avsc file, and lists of all records and of their fuzz targets.
//
//	go generate ./avro
//
// It refuses schemas that break the project's rules: records, fields and enums without a doc, enums without a default,
// decimals of more than 18 digits, recursion, and types that have no Go form here. Every fault is named with file and path.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.src, "src", ".", "folder of the .avsc files")
	flag.StringVar(&o.dst, "dst", ".", "folder of package avro")
	flag.BoolVar(&o.test, "test", false, "generate test fixtures: types within _test.go files, and no list of records")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "avrogen:", err)
		os.Exit(1)
	}
}

type options struct {
	src, dst string
	test     bool
}

func (o options) suffix() string {
	if o.test {
		return "_gen_test.go"
	}
	return "_gen.go"
}

func run(o options) error {
	out, err := generate(o)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		if err := writeIfChanged(filepath.Join(o.dst, name), out[name]); err != nil {
			return err
		}
	}
	return o.removeStale(out)
}

// removeStale deletes generated files whose schema is gone.
func (o options) removeStale(out map[string][]byte) error {
	if o.test {
		return nil
	}
	old, err := filepath.Glob(filepath.Join(o.dst, "*_gen.go"))
	for _, path := range old {
		if out[filepath.Base(path)] == nil && err == nil {
			err = os.Remove(path)
		}
	}
	return err
}

func writeIfChanged(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return os.WriteFile(path, text, 0o644)
}

// generate returns the generated files by name.
func generate(o options) (map[string][]byte, error) {
	files, err := load(o.src)
	if err != nil {
		return nil, err
	}
	if err := checkAll(files, o.dst); err != nil {
		return nil, err
	}
	emitted := map[string]*emitter{}
	for _, f := range files {
		emitted[f.base+o.suffix()] = emitFile(f)
	}
	index := "fixture_fuzz_gen_test.go"
	if !o.test {
		emitted["records_gen.go"] = emitIndex(files)
		index = "fuzz_gen_test.go"
	}
	emitted[index] = emitFuzz(files)
	out := map[string][]byte{}
	for name, e := range emitted {
		if out[name], err = e.formatted(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// load reads and resolves all schemas of a folder.
func load(dir string) ([]*file, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.avsc"))
	if err != nil || len(paths) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no .avsc files in %s", dir))
	}
	p := &loader{named: map[string]*schema{}}
	var files []*file
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f, err := p.parseFile(path, text)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	for _, t := range typesOf(files) {
		if _, err := p.resolve(t); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func typesOf(files []*file) (types []*schema) {
	for _, f := range files {
		types = append(types, f.types...)
	}
	return types
}

// checkAll holds all types against the rules, against the names in dst, and against the standard.
func checkAll(files []*file, dst string) error {
	ids, err := reserved(dst)
	if err != nil {
		return err
	}
	var faults []error
	for _, t := range typesOf(files) {
		faults = append(faults, check(t), ids.claimType(t))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, t := range typesOf(files) {
		if t.kind == "record" {
			faults = append(faults, checkJSON(t))
		}
	}
	return errors.Join(faults...)
}

// reserved are the names that the hand-written files in dst declare.
func reserved(dst string) (identifiers, error) {
	ids := identifiers{}
	paths, err := filepath.Glob(filepath.Join(dst, "*.go"))
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_gen.go") {
			continue
		}
		text, readErr := os.ReadFile(path)
		if err = errors.Join(err, readErr); err == nil {
			err = ids.claimDeclarations(name, text)
		}
	}
	return ids, err
}

func records(files []*file) []*schema {
	all := slices.DeleteFunc(typesOf(files), func(t *schema) bool { return t.kind != "record" })
	slices.SortFunc(all, func(a, b *schema) int { return strings.Compare(a.name, b.name) })
	return all
}

func emitIndex(files []*file) *emitter {
	var e emitter
	e.p(header, "all schemas")
	e.p("\n// Names lists the full names of all records, sorted.\nfunc Names() []string {\nreturn []string{")
	for _, t := range records(files) {
		e.p("%q,", t.name)
	}
	e.p("}\n}\n\n// New makes an empty record of the given full name; false if there is none.")
	e.p("func New(fullName string) (Record, bool) {\nswitch fullName {")
	for _, t := range records(files) {
		e.p("case %q:\nreturn new(%s), true", t.name, t.typeName())
	}
	e.p("}\nreturn nil, false\n}")
	return &e
}

func emitFuzz(files []*file) *emitter {
	var e emitter
	e.p(header, "all schemas")
	e.p("import \"testing\"")
	for _, t := range records(files) {
		e.p("\nfunc Fuzz%s(f *testing.F) { fuzzRecord(f, func() Record { return new(%s) }) }", t.typeName(), t.typeName())
	}
	return &e
}
