// Package show prints what commands found: a table for people or JSON for programs, and progress.
package show

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"

	"waybill/avro"
)

// Format is how results are printed.
type Format string

// The formats.
const (
	Table Format = "table"
	JSON  Format = "json"
)

// Formats lists them, for flags and completion.
func Formats() []string { return []string{string(Table), string(JSON)} }

// ParseFormat is the format of a flag's value.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); f == Table || f == JSON {
		return f, nil
	}
	return "", fmt.Errorf("-o %s: give table or json", s)
}

// Rows is a result as a table. A program reads Value instead, which holds the same.
type Rows struct {
	Columns []string
	Rows    [][]any
	Value   any
	Empty   string // what a person is told when there are no rows
}

// Print writes the result.
func (r Rows) Print(w io.Writer, f Format) error {
	if f == JSON {
		return printJSON(w, r.Value)
	}
	if len(r.Rows) == 0 && r.Empty != "" {
		_, err := fmt.Fprintln(w, r.Empty)
		return err
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.Options{SeparateColumns: false, SeparateHeader: true}
	t.AppendHeader(row(anys(r.Columns)))
	for _, cells := range r.Rows {
		t.AppendRow(row(cells))
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func row(cells []any) table.Row { return table.Row(cells) }

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// Line prints one sentence for people, or an object with one field for programs.
func Line(w io.Writer, f Format, key, text string) error {
	if f == JSON {
		return printJSON(w, map[string]string{key: text})
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// Instant is a time in a table, to the second.
func Instant(at avro.Micros) string {
	if at == 0 {
		return ""
	}
	return at.Time().Format("2006-01-02 15:04:05")
}

// Optional is a value in a table, empty where it is absent.
func Optional[T any](o avro.Opt[T]) string {
	if !o.Ok {
		return ""
	}
	return fmt.Sprint(o.V)
}
