package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// mutation is one mechanism switched off.
type mutation struct {
	name string
	what string // is switched off
	pkg  string // whose tests are to notice
	run  string // the tests, as go test's -run takes them
	most int    // how often they run before the mutation counts as not noticed
	edit []edit
}

// edit replaces the one place in a file where old stands.
type edit struct{ file, old, new string }

// Lines that part the text of an edit.
const (
	from  = "<<<<"
	to    = "===="
	ended = ">>>>"
)

// parse reads a mutation: lines of `name: value`, and edits, each behind the `file:` that it is of.
func parse(name, text string) (mutation, error) {
	m := mutation{name: name, most: 3}
	file := ""
	for lines := strings.Split(text, "\n"); len(lines) > 0; lines = lines[1:] {
		key, value, _ := strings.Cut(lines[0], ": ")
		switch {
		case lines[0] == "":
		case lines[0] == from:
			e, rest, err := parseEdit(file, lines[1:])
			if err != nil {
				return m, err
			}
			m.edit, lines = append(m.edit, e), rest
		case key == "what":
			m.what = value
		case key == "package":
			m.pkg = value
		case key == "run":
			m.run = value
		case key == "attempts":
			m.most, _ = strconv.Atoi(value)
		case key == "file":
			file = value
		default:
			return m, fmt.Errorf("there is no meaning in the line %q", lines[0])
		}
	}
	if cmp.Or(m.what, m.pkg, m.run) == "" || m.what == "" || m.pkg == "" || m.run == "" || len(m.edit) == 0 || m.most < 1 {
		return m, errors.New("want what, package and run, attempts of 1 or more if any, and an edit")
	}
	return m, nil
}

// parseEdit reads an edit, and gives what is left from its last line on.
func parseEdit(file string, lines []string) (edit, []string, error) {
	text := strings.Join(lines, "\n")
	before, rest, ok := strings.Cut(text, "\n"+to+"\n")
	after, rest, whole := strings.Cut(rest, ended+"\n")
	if file == "" || !ok || !whole {
		return edit{}, nil, fmt.Errorf("an edit wants its file before it, and %s and %s", to, ended)
	}
	return edit{file, before, strings.TrimSuffix(after, "\n")}, strings.Split("\n"+rest, "\n"), nil
}

// apply gives the files as they are with the mutation.
func (m mutation) apply() (map[string]string, error) {
	files := map[string]string{}
	for _, e := range m.edit {
		text, ok := files[e.file]
		if !ok {
			b, err := os.ReadFile(e.file)
			if err != nil {
				return nil, fmt.Errorf("read what is to be changed: %w", err)
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("what is to be changed stands in %s %d times, not once: bring the mutation up to date:\n%s", e.file, n, e.old)
		}
		files[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return files, nil
}

// verdict is what became of a mutation.
type verdict struct {
	killer   string // the test that failed; "" where none did
	said     string // the first that it said
	attempts int
}

// try builds the tests with the mutation and runs them until they fail.
func (m mutation) try() (verdict, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return verdict{}, err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(dir)
	if err != nil {
		return verdict{}, err
	}
	binary := filepath.Join(dir, "mutant.test")
	if said, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", binary, m.pkg).CombinedOutput(); err != nil {
		return verdict{}, fmt.Errorf("build: %w: %s", err, said)
	}
	return m.until(binary)
}

// until runs the tests until they fail, or as often as the mutation says.
func (m mutation) until(binary string) (verdict, error) {
	for attempts := 1; ; attempts++ {
		test := exec.Command(binary, "-test.run", m.run, "-test.v", "-test.timeout", "5m", "-test.failfast")
		test.Dir = m.pkg
		out, err := test.CombinedOutput()
		if !strings.Contains(string(out), "--- PASS") && !strings.Contains(string(out), "--- FAIL") {
			return verdict{}, fmt.Errorf("no test runs for %s: %s", m.run, out)
		}
		if err != nil {
			killer, said := first(string(out))
			return verdict{killer, said, attempts}, nil
		}
		if attempts == m.most {
			return verdict{attempts: attempts}, nil
		}
	}
}

// overlay writes the changed files into dir, and the list of them that the go command takes.
func (m mutation) overlay(dir string) (string, error) {
	files, err := m.apply()
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range files {
		path, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		replace[path] = filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// first is the most exact name of a test that failed, and the first thing it said.
func first(out string) (killer, said string) {
	killer = "a crash"
	for line := range strings.Lines(out) {
		if _, name, ok := strings.Cut(line, "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " (")
			if killer == "a crash" || strings.HasPrefix(name, killer+"/") {
				killer = name
			}
		}
	}
	speaking := ""
	for line := range strings.Lines(out) {
		if _, name, ok := strings.Cut(line, "=== "); ok && strings.HasPrefix(line, "===") {
			speaking = name
			continue
		}
		_, name, _ := strings.Cut(speaking, " ")
		if _, said, ok := strings.Cut(line, "_test.go:"); ok && strings.TrimSpace(name) == killer {
			_, said, _ = strings.Cut(said, ": ")
			return killer, strings.TrimSpace(said)
		}
	}
	return killer, ""
}
