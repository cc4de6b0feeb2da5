// Command mutants switches off one mechanism of the code at a time and sees whether the tests that cover it fail. A mutation is a
// file that says what is switched off, where, and which tests are to notice; the code itself is not touched. It ends with a
// line a mutation, and with exit code 1 where one was not noticed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	dir := flag.String("dir", "processors/runtime/testdata/mutations", "folder of the mutations")
	only := flag.String("only", "", "mutations whose file names hold this alone")
	flag.Parse()
	if err := run(os.Stdout, *dir, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, dir, only string) error {
	all, err := load(dir)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(m mutation) bool { return !strings.Contains(m.name, only) })
	var survived []string
	for _, m := range all {
		v, err := m.try()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if v.killer == "" {
			survived = append(survived, m.name)
			fmt.Fprintf(out, "NOT NOTICED  %s, in %d runs of %s\n", m.what, v.attempts, m.run)
			continue
		}
		fmt.Fprintf(out, "noticed      %s: by %s, in run %d: %s\n", m.what, v.killer, v.attempts, v.said)
	}
	if len(survived) > 0 {
		return fmt.Errorf("not noticed: %s: no test holds what they switch off", strings.Join(survived, ", "))
	}
	return nil
}

// load reads every mutation of a folder.
func load(dir string) ([]mutation, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("look for mutations in %s: there are none (%w)", dir, err)
	}
	var all []mutation
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a mutation: %w", err)
		}
		m, err := parse(strings.TrimSuffix(filepath.Base(file), ".txt"), string(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, m)
	}
	return all, nil
}
