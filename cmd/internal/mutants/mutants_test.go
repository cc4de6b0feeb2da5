package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const example = `what: the answer is not computed
package: ./deep
run: ^TestAnswer$
attempts: 2

file: a.go
<<<<
	return 6 * 7
====
	return 41
>>>>
file: b.go
<<<<
x
====
>>>>
`

func TestParse(t *testing.T) {
	m, err := parse("answer", example)
	if err != nil {
		t.Fatal(err)
	}
	if m.what != "the answer is not computed" || m.pkg != "./deep" || m.run != "^TestAnswer$" || m.most != 2 || len(m.edit) != 2 {
		t.Errorf("%+v", m)
	}
	if m.edit[0] != (edit{"a.go", "\treturn 6 * 7", "\treturn 41"}) || m.edit[1] != (edit{"b.go", "x", ""}) {
		t.Errorf("edits %+v", m.edit)
	}
	for _, bad := range []string{"", "what: x\n", strings.Replace(example, "file: a.go\n", "", 1), strings.Replace(example, "====\n>>>>", "", 1), example + "nonsense\n"} {
		if m, err := parse("bad", bad); err == nil {
			t.Errorf("accepted %+v", m)
		}
	}
}

func TestEditsWantOnePlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.go")
	for text, ok := range map[string]bool{"a x b": true, "a b": false, "x x": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files, err := mutation{edit: []edit{{file, "x", "y"}}}.apply()
		if (err == nil) != ok || ok && files[file] != "a y b" {
			t.Errorf("%q: %v, %v", text, files, err)
		}
	}
}

// The project's mutations fit the code as it is.
func TestMutationsFit(t *testing.T) {
	t.Chdir("../../..")
	for _, dir := range []string{"processors/runtime/testdata/mutations", "processors/testdata/mutations"} {
		all, err := load(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if _, err := m.apply(); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
	}
}

func TestFirstIsTheMostExact(t *testing.T) {
	out := "=== RUN   TestA/b_c\n=== NAME  TestA/d\n    a_test.go:3: of d\n=== NAME  TestA/b_c\n    a_test.go:7: is: wrong\n    a_test.go:8: too\n" +
		"--- FAIL: TestA (1s)\n    --- FAIL: TestA/b_c (1s)\n    --- FAIL: TestA/d (1s)\n--- FAIL: TestE (1s)\n"
	if killer, said := first(out); killer != "TestA/b_c" || said != "is: wrong" {
		t.Errorf("got %q, %q", killer, said)
	}
}
