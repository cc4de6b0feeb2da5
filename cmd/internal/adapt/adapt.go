// Package adapt shows field by field what an adapter or a mapping makes of a sample, and what of the sample it leaves over.
//
// What a field of the output came from is found by trying: each field of the payload is changed, and then left out, and what
// differs in the output came from it. So it holds for every adapter alike, and is what the adapter does rather than what
// somebody wrote about it. A field is left over where neither makes a difference and neither makes a fault.
package adapt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/cmd/internal/show"
	"waybill/processors/normalise"
	"waybill/processors/normalise/adapter"
	"waybill/topics/fault"
)

// Message is what came of one payload of a sample.
type Message struct {
	Name    string   `json:"name"`
	Line    int64    `json:"line"`
	Records []Record `json:"records"`
	Left    []Leaf   `json:"left_over"`
	Checked []Leaf   `json:"checked"` // read, but each change tried was a fault: what came of them is not known
	Faults  []Fault  `json:"faults"`
	// Note says why it was not looked into where fields come from; empty where it was.
	Note string `json:"note,omitempty"`
}

// Record is one record that the payload became.
type Record struct {
	Type   string  `json:"type"`
	Fields []Field `json:"fields"`
}

// Field is a field of a record, by its path, and the fields of the payload that it came from.
type Field struct {
	Path  string   `json:"field"`
	Value string   `json:"value"`
	From  []string `json:"from"`
}

// Leaf is a field of a payload, by its path.
type Leaf struct {
	Path  string `json:"field"`
	Value string `json:"value"`
}

// Fault is what is wrong with a field of the payload; of the payload as a whole where Field is empty.
type Fault struct {
	Field string `json:"field"`
	Text  string `json:"fault"`
}

// most fields of a payload that are tried.
const most = 2000

// Try tries a payload.
func Try(ctx context.Context, t *normalise.Trial, msg *avro.PartnerMessage) (Message, error) {
	m := Message{Name: msg.Name, Line: msg.Line, Records: []Record{}, Left: []Leaf{}, Checked: []Leaf{}, Faults: []Fault{}}
	said, err := t.Adapt(ctx, msg)
	if err != nil {
		if fault.Of(err) != fault.Poison {
			return m, err
		}
		m.Faults = faults(err)
		return m, nil
	}
	if m.Records, err = records(said); err != nil {
		return m, err
	}
	s := sampleOf(msg)
	if s == nil {
		m.Note = "where fields come from is looked into for JSON and CSV alone"
		return m, nil
	}
	if len(s.leaves()) > most {
		m.Note = fmt.Sprintf("the payload has %d fields; where they go is looked into for up to %d", len(s.leaves()), most)
		return m, nil
	}
	return m, m.trace(ctx, t, msg, s)
}

func faults(err error) []Fault {
	var fields *adapter.FieldFaults
	if !errors.As(err, &fields) {
		return []Fault{{Text: fault.Reason(err) + ": " + err.Error()}}
	}
	var out []Fault
	for _, f := range fields.List {
		out = append(out, Fault{f.Field, f.Text})
	}
	if fields.More > 0 {
		out = append(out, Fault{Text: fmt.Sprintf("and %d more", fields.More)})
	}
	return out
}

// journey are the fields that tell of the telling, or that follow from all the others.
var journey = []string{"fact_id", "origin", "revision", "attributes.event_hash"}

// never is a time that nobody said: a trial has no clock.
const never = "1970-01-01T00:00:00Z"

// records shows records by their fields; what is empty says nothing.
func records(said []avro.Record) ([]Record, error) {
	out := []Record{}
	for _, r := range said {
		v, err := show.Record(r)
		if err != nil {
			return nil, err
		}
		x := Record{Type: r.AvroName()}
		x.add("", v)
		out = append(out, x)
	}
	return out, nil
}

func (r *Record) add(path string, v any) {
	switch v := v.(type) {
	case nil, bool:
		if v == true {
			r.Fields = append(r.Fields, Field{Path: path, Value: "true", From: []string{}})
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			r.add(strings.TrimPrefix(path+"."+k, "."), v[k])
		}
	case []any:
		for i, e := range v {
			r.add(fmt.Sprintf("%s[%d]", path, i), e)
		}
	default:
		if s := fmt.Sprint(v); s != "" && s != never && (!isJourney(path) || shown(path)) {
			r.Fields = append(r.Fields, Field{Path: path, Value: s, From: []string{}})
		}
	}
}

// trace finds where the fields come from, and what is left over.
func (m *Message) trace(ctx context.Context, t *normalise.Trial, msg *avro.PartnerMessage, s sample) error {
	base := values(m.Records)
	from := map[string][]string{}
	for _, leaf := range s.leaves() {
		used, traced := false, false
		for _, other := range s.without(leaf) {
			changed, ok, err := compare(ctx, t, other, base)
			if err != nil {
				return err
			}
			used = used || !ok || len(changed) > 0
			if ok && len(changed) > 0 {
				traced = true
				for _, path := range changed {
					from[path] = append(from[path], leaf.Path)
				}
				break
			}
		}
		switch {
		case !used:
			m.Left = append(m.Left, leaf)
		case !traced:
			m.Checked = append(m.Checked, leaf)
		}
	}
	for i := range m.Records {
		for j := range m.Records[i].Fields {
			f := &m.Records[i].Fields[j]
			if list := from[key(i, f.Path)]; list != nil && !isJourney(f.Path) {
				f.From = list
			}
		}
	}
	return nil
}

// shown are the fields of the journey that people look for.
func shown(path string) bool { return path == "fact_id" || path == "attributes.event_hash" }

func isJourney(path string) bool {
	return slices.ContainsFunc(journey, func(j string) bool { return path == j || strings.HasPrefix(path, j+".") })
}

// compare gives the fields that differ; false where the payload is at fault, so that the field changed is looked at.
func compare(ctx context.Context, t *normalise.Trial, msg *avro.PartnerMessage, base map[string]string) (changed []string, ok bool, err error) {
	said, err := t.Adapt(ctx, msg)
	if err != nil {
		if fault.Of(err) != fault.Poison {
			return nil, false, err
		}
		return nil, false, nil
	}
	list, err := records(said)
	if err != nil {
		return nil, false, err
	}
	now := values(list)
	for _, path := range slices.Sorted(maps.Keys(base)) {
		if now[path] != base[path] {
			changed = append(changed, path)
		}
	}
	for path := range now {
		if _, was := base[path]; !was {
			changed = append(changed, path)
		}
	}
	return changed, true, nil
}

// values gives the fields of records, but for those of the journey, by record and path.
func values(list []Record) map[string]string {
	out := map[string]string{}
	for i, r := range list {
		for _, f := range r.Fields {
			if !isJourney(f.Path) {
				out[key(i, f.Path)] = f.Value
			}
		}
	}
	return out
}

func key(i int, path string) string { return fmt.Sprintf("%d %s", i, path) }
