// Package written reads contracts as people write them, in YAML, and reports everything that is wrong with one at once: by
// path and line, of tables and dates with the exact range.
//
// A file holds versions of contracts, a document each. Amounts and prices are decimals in major units of the contract's
// currency, times are durations (2h, 15m, 1d12h), days dates. Keys that are not known are faults. The keys of a clause are those
// of avro/billing.avsc's record Clause, where they are explained.
package written

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"waybill/avro"
	"waybill/processors/model/contracts"
)

// Document is one version of a contract, as read.
type Document struct {
	File     string
	Contract avro.Contract
	Replaces []int64 // versions whose dates this one takes over

	reader *reader
}

// Fault is what is wrong with a file, where.
type Fault struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Path string `json:"path"` // clauses[3].steps
	Text string `json:"text"`
}

func (f Fault) String() string {
	if f.Path == "" {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Path, f.Text)
}

// Parse reads a file of contracts and checks each by itself. file is its name, for faults. What has faults is given all the
// same, as far as it could be read.
func Parse(file string, raw []byte) ([]Document, []Fault) {
	var docs []Document
	var faults []Fault
	for dec := yaml.NewDecoder(bytes.NewReader(raw)); ; {
		var root yaml.Node
		err := dec.Decode(&root)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			faults = append(faults, Fault{File: file, Line: lineOf(err), Text: "it is no YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")})
			break
		}
		if len(root.Content) == 0 {
			continue
		}
		d, wrong := parse(file, root.Content[0])
		docs, faults = append(docs, d), append(faults, wrong...)
	}
	if len(docs) == 0 && len(faults) == 0 {
		faults = append(faults, Fault{File: file, Line: 1, Text: "it holds no contract"})
	}
	return docs, faults
}

// lineOf is the line that the library names in an error of syntax.
func lineOf(err error) int {
	_, rest, _ := strings.Cut(err.Error(), "line ")
	n, _, _ := strings.Cut(rest, ":")
	line, err := strconv.Atoi(n)
	if err != nil {
		return 1
	}
	return line
}

func parse(file string, n *yaml.Node) (Document, []Fault) {
	r := &reader{lines: map[string]int{}}
	d := Document{File: file, reader: r}
	d.Contract.Version, d.Contract.Zone = 1, "UTC"
	d.read(n)
	unread := r.faults // what could not be read is not blamed for what it says as well
	for _, f := range contracts.Check(&d.Contract) {
		if !slices.ContainsFunc(unread, func(o Fault) bool { return o.Path == f.Path }) {
			r.faults = append(r.faults, Fault{Line: r.line(f.Path), Path: f.Path, Text: f.Text})
		}
	}
	for i := range r.faults {
		r.faults[i].File = file
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int { return a.Line - b.Line })
	return d, r.faults
}

// Versions lists where the effective dates of versions of a contract overlap or leave a hole, over all files together. Versions
// that another replaces do not count.
func Versions(docs []Document) []Fault {
	var list []*avro.Contract
	of := map[*avro.Contract]*Document{}
	for i := range docs {
		d := &docs[i]
		if !d.replaced(docs) && d.Contract.ContractID != "" {
			list = append(list, &d.Contract)
			of[&d.Contract] = d
		}
	}
	var out []Fault
	for _, f := range contracts.CheckVersions(list) {
		d := of[f.Version]
		out = append(out, Fault{File: d.File, Line: d.reader.line(f.Path), Path: f.Path, Text: f.Text})
	}
	return out
}

func (d *Document) replaced(docs []Document) bool {
	return slices.ContainsFunc(docs, func(o Document) bool {
		same := o.Contract.ContractID == d.Contract.ContractID && o.Contract.Tenant == d.Contract.Tenant
		return same && o.Contract.Version > d.Contract.Version && slices.Contains(o.Replaces, d.Contract.Version)
	})
}

// read reads a contract.
func (d *Document) read(n *yaml.Node) {
	r, c := d.reader, &d.Contract
	c.Currency = peek(n, "currency")
	var from, through avro.Opt[avro.Days]
	r.object(n, "", map[string]set{
		"contract": parsed(r, &c.ContractID, plain), "version": parsed(r, &c.Version, whole), "replaces": listed(r, &d.Replaces, whole),
		"tenant": parsed(r, &c.Tenant, plain), "direction": parsed(r, &c.Direction, choice(avro.ParseDirection)),
		"party": parsed(r, &c.Party, plain), "currency": parsed(r, &c.Currency, plain), "zone": parsed(r, &c.Zone, plain),
		"from": parsed(r, &from, optional(day)), "through": parsed(r, &through, optional(day)), "settle": parsed(r, &c.SettleS, seconds),
		"rounding": r.precision(&c.Precision, c.Currency), "holidays": listed(r, &c.Holidays, day), "calendar": parsed(r, &c.Calendar, plain),
		"clauses": func(n *yaml.Node, path string) {
			r.each(n, path, func(n *yaml.Node, path string) {
				c.Clauses = append(c.Clauses, (&clauseReader{reader: r, currency: c.Currency}).read(n, path))
			})
		},
	})
	if n.Kind == yaml.MappingNode && !from.Ok && r.lines["from"] == 0 {
		r.addf(n, "from", "must be set: the first day on which it stands")
	}
	c.ValidFrom, c.ValidTo = instants(from, through, c.Zone)
}

// instants are a contract's days as instants: the first day's midnight, and that behind the last day.
func instants(from, through avro.Opt[avro.Days], zone string) (avro.Micros, avro.Opt[avro.Micros]) {
	z, err := time.LoadLocation(zone)
	if err != nil {
		z = time.UTC
	}
	midnight := func(d avro.Days) avro.Micros {
		y, m, day := d.Time().Date()
		return avro.MicrosOf(time.Date(y, m, day, 0, 0, 0, 0, z))
	}
	if !through.Ok {
		return midnight(from.V), avro.Opt[avro.Micros]{}
	}
	return midnight(from.V), avro.Some(midnight(through.V + 1))
}

// peek is the scalar at a key, read before its turn because others are read by it.
func peek(n *yaml.Node, key string) string {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i+1].Kind == yaml.ScalarNode {
			return strings.TrimSpace(n.Content[i+1].Value)
		}
	}
	return ""
}

// optional reads a value that may be absent.
func optional[T any](parse func(string) (T, error)) func(string) (avro.Opt[T], error) {
	return func(s string) (avro.Opt[T], error) {
		v, err := parse(s)
		return avro.Some(v), err
	}
}
