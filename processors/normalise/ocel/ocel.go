// Package ocel turns rows of object-centric event logs (OCEL 2.0, CSV form) into facts.
//
// A row is id, type, time, then one column per object type with a list of ids separated by commas:
//
//	id,type,time,Customer_Order,Transport_Document
//	e17,Create_Transport_Document,2023-05-23T08:22:17,co2,td1
//
// What columns and event types mean is said by a mapping per log. Every row becomes exactly one fact; a type that the
// mapping does not know becomes UNMAPPED. Links come from the pairs that the mapping names, and from no others: that two
// ids stand in one row does not make them belong together.
package ocel

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/processors/model/hops"
	"waybill/processors/model/ids"
	"waybill/processors/normalise/adapter"
	"waybill/topics/fault"
)

// Format is the adapter's name in partner messages.
const Format = "ocel"

// Adapter adapts rows by the mapping that the message names.
type Adapter struct{ mappings map[string]*mapping }

// New reads the mappings that ship with the binary.
func New() (*Adapter, error) {
	m, err := load()
	if err != nil {
		return nil, err
	}
	return &Adapter{m}, nil
}

// Mappings lists the names of the mappings, sorted.
func (a *Adapter) Mappings() []string { return slices.Sorted(maps.Keys(a.mappings)) }

// fixed columns of every log.
var fixed = []string{"id", "type", "time"}

// IsLog says whether a header is that of an event log; the files of the objects' attributes beside it have another.
func IsLog(header []string) bool {
	return !slices.ContainsFunc(fixed, func(c string) bool { return !slices.Contains(header, c) })
}

// Match finds the mapping whose object columns a header consists of. Columns may be missing, since links may be stripped;
// none may be strange.
func (a *Adapter) Match(header []string) (string, error) {
	var fits []string
	for _, name := range a.Mappings() {
		if len(a.mappings[name].strange(header)) == 0 {
			fits = append(fits, name)
		}
	}
	switch {
	case !IsLog(header):
		return "", fmt.Errorf("the header %s lacks id, type or time: is it an event log?", adapter.Quote(strings.Join(header, ",")))
	case len(fits) == 0:
		return "", fmt.Errorf("no mapping knows all columns of the header %s; there are %s: name one or add one", adapter.Quote(strings.Join(header, ",")), strings.Join(a.Mappings(), ", "))
	case len(fits) > 1:
		return "", fmt.Errorf("the header %s fits the mappings %s: name the one that is meant", adapter.Quote(strings.Join(header, ",")), strings.Join(fits, ", "))
	}
	return fits[0], nil
}

// strange lists the columns that the mapping does not know.
func (m *mapping) strange(header []string) []string {
	var out []string
	for _, c := range header {
		if _, ok := m.Objects[c]; !ok && !slices.Contains(fixed, c) {
			out = append(out, c)
		}
	}
	return out
}

// Adapt implements adapter.Adapter: one fact per row.
func (a *Adapter) Adapt(msg *avro.PartnerMessage) ([]avro.Record, error) {
	m, ok := a.mappings[msg.Mapping]
	if !ok {
		return nil, fault.Poisonf("NO_MAPPING", "%s asks for mapping %s; there are %s", adapter.Where(msg), adapter.Quote(msg.Mapping), strings.Join(a.Mappings(), ", "))
	}
	if err := adapter.CheckSize(msg); err != nil {
		return nil, err
	}
	header, row, err := adapter.Row(msg)
	if err != nil {
		return nil, err
	}
	f, err := m.fact(msg, header, row)
	if err != nil {
		return nil, err
	}
	return []avro.Record{f}, nil
}

func (m *mapping) fact(msg *avro.PartnerMessage, header, row []string) (*avro.Fact, error) {
	var report adapter.Report
	cells := map[string]string{}
	for i, column := range header {
		if _, twice := cells[column]; twice {
			report.Addf(column, "stands in the header twice")
		}
		cells[column] = row[i]
	}
	for _, column := range m.strange(header) {
		report.Addf(column, "mapping %s does not know this column: add it under objects", m.Name)
	}
	at, err := adapter.Instant(strings.TrimSpace(cells["time"]), m.Layouts, m.zone)
	if err != nil {
		report.Addf("time", "%v", err)
	}
	if cells["type"] == "" {
		report.Addf("type", "is empty: it is the event's type")
	}
	if err := report.Err(msg); err != nil {
		return nil, err
	}
	if n := bytes.Count(msg.Payload, []byte{','}); n > adapter.MaxNames {
		report.Addf("ids", "there are about %d, the limit is %d: split the event", n, adapter.MaxNames)
		return nil, report.Err(msg)
	}
	f := &avro.Fact{EventID: cells["id"], Code: cells["type"], OccurredAt: at, HasMilestone: true, Classifier: avro.ClassifierActual}
	m.tell(f, header, cells)
	return f, nil
}

// tell adds what the event type means to the mapping, and what the columns hold.
func (m *mapping) tell(f *avro.Fact, header []string, cells map[string]string) {
	e := m.Events[cells["type"]] // an unknown type is the zero event: UNMAPPED, no links
	f.Milestone, f.Source.System = e.milestone, e.system
	objects := map[string][]avro.Identifier{}
	for _, column := range header {
		if kind, ok := m.kinds[column]; ok {
			objects[column] = list(kind, cells[column])
		}
	}
	f.Identifiers = append(f.Identifiers, objects[e.File]...)
	for _, column := range header {
		if column != e.File {
			f.Identifiers = append(f.Identifiers, objects[column]...)
		}
	}
	for _, p := range e.Links {
		f.Links = append(f.Links, p.links(objects)...)
	}
	if e.ServiceLevel != "" {
		f.Attributes = append(f.Attributes, avro.KV{K: "service_level", V: e.ServiceLevel})
	}
	if !slices.ContainsFunc(f.Identifiers, func(id avro.Identifier) bool { return hops.Routed(id.Kind) }) {
		// Nothing tells two such events apart but the log's own id for them, so here it is content.
		f.Attributes = append(f.Attributes, avro.KV{K: "source_event_id", V: f.EventID})
	}
}

// list splits a cell. Ids that stand in it twice count once.
func list(kind avro.IdentifierKind, cell string) []avro.Identifier {
	var out []avro.Identifier
	seen := map[string]bool{}
	for v := range strings.SplitSeq(cell, ",") {
		id := ids.Of(kind, "", v)
		if id.Value != "" && !seen[id.Value] {
			seen[id.Value] = true
			out = append(out, id)
		}
	}
	return out
}

// links gives those of a pair in one event. Several on both sides leave open which belongs to which: none are made.
func (p pair) links(objects map[string][]avro.Identifier) []avro.Link {
	from, to := objects[p.From], objects[p.To]
	if len(from) > 1 && len(to) > 1 {
		return nil
	}
	var out []avro.Link
	for _, a := range from {
		for _, b := range to {
			if l, ok := hops.Link(a, b, p.classifier); ok {
				out = append(out, l)
			}
		}
	}
	return out
}
