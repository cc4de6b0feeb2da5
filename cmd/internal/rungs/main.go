// Command rungs reads `go test -json` on standard input, prints it as people like to read it, and ends with the ladder
// of tests: one line for each rung, and why where it did not run. With CI=true a skipped rung is a failure.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	summary := flag.String("summary", "", "file that gets the test results alone")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *summary); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, summary string) error {
	w := bufio.NewWriter(out)
	defer w.Flush()
	r, err := read(in, w)
	if err != nil {
		return err
	}
	if summary != "" {
		if err := writeSummary(summary, r); err != nil {
			return err
		}
	}
	rungs := ladder(r)
	for _, g := range rungs {
		fmt.Fprintln(w, g)
	}
	return verdict(r, rungs, strictness{ci: os.Getenv("CI") == "true", data: hasData()})
}

func writeSummary(path string, r results) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the test results: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the test results: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	for _, line := range r.lines {
		fmt.Fprintln(f, line)
	}
	return nil
}

// hasData says whether the outside data is where the tests look for it.
func hasData() bool {
	dir := os.Getenv("WAYBILL_DATA")
	if dir == "" {
		dir = filepath.Join("..", "shared", "data")
	}
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}
