package adapt

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"waybill/avro"
)

// sample is a payload whose fields can be changed one at a time.
type sample interface {
	leaves() []Leaf
	// without gives the payload with the field changed, in ways that may still be read, and then without it.
	without(Leaf) []*avro.PartnerMessage
}

// sampleOf takes a payload apart: JSON, or CSV under a header. Nil: it is neither.
func sampleOf(msg *avro.PartnerMessage) sample {
	d := json.NewDecoder(bytes.NewReader(msg.Payload))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err == nil && isContainer(v) {
		o := &object{msg: msg, root: v, was: map[string]any{}, set: map[string]func(any, bool) func(){}}
		o.find("", v, nil)
		return o
	}
	if msg.Header == "" {
		return nil
	}
	header, errH := csv.NewReader(strings.NewReader(msg.Header)).Read()
	cells, errR := csv.NewReader(bytes.NewReader(msg.Payload)).Read()
	if errH != nil || errR != nil || len(header) != len(cells) {
		return nil
	}
	return &row{msg, header, cells}
}

func isContainer(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// changed gives other values that a field of the kind could have: another time, another last digit, more text.
func changed(v string) []string {
	var out []string
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700"} {
		if at, err := time.Parse(layout, v); err == nil {
			out = append(out, at.Add(time.Second).Format(layout))
		}
	}
	if n := len(v); n > 0 && v[n-1] >= '0' && v[n-1] <= '9' {
		out = append(out, v[:n-1]+string('0'+(v[n-1]-'0'+1)%10))
	}
	if i := strings.IndexAny(v, "0123456789"); i >= 0 {
		out = append(out, v[:i]+string('0'+(v[i]-'0'+1)%10)+v[i+1:])
	}
	return append(out, v+"x")
}

// row is a CSV payload.
type row struct {
	msg           *avro.PartnerMessage
	header, cells []string
}

func (r *row) leaves() []Leaf {
	var out []Leaf
	for i, c := range r.cells {
		if c != "" {
			out = append(out, Leaf{r.header[i], c})
		}
	}
	return out
}

func (r *row) without(l Leaf) []*avro.PartnerMessage {
	var out []*avro.PartnerMessage
	for _, v := range append(changed(l.Value), "") {
		cells := slices.Clone(r.cells)
		cells[slices.Index(r.header, l.Path)] = v
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.Write(cells) // a buffer takes all
		w.Flush()
		m := r.msg.Clone()
		m.Payload = bytes.TrimRight(b.Bytes(), "\n")
		out = append(out, &m)
	}
	return out
}

// object is a JSON payload. It is changed in place, and changed back.
type object struct {
	msg  *avro.PartnerMessage
	root any
	list []Leaf
	was  map[string]any                                    // leaves as they were decoded, by path
	set  map[string]func(v any, remove bool) (undo func()) // changes a leaf in what holds it
}

func (o *object) leaves() []Leaf { return o.list }

// find lists the leaves within a value; set changes the value in what holds it.
func (o *object) find(path string, value any, set func(v any, remove bool) func()) {
	switch v := value.(type) {
	case nil:
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			e := v[k]
			o.find(strings.TrimPrefix(path+"."+k, "."), e, func(x any, remove bool) func() {
				if v[k] = x; remove {
					delete(v, k)
				}
				return func() { v[k] = e }
			})
		}
	case []any:
		for i, e := range v {
			o.find(strings.TrimPrefix(path+"."+strconv.Itoa(i), "."), e, func(x any, remove bool) func() {
				if v[i] = x; remove {
					v[i] = nil
				}
				return func() { v[i] = e }
			})
		}
	default:
		text, ok := v.(string)
		if !ok {
			b, _ := json.Marshal(v) // a number or a truth value
			text = string(b)
		}
		o.list, o.was[path], o.set[path] = append(o.list, Leaf{path, text}), v, set
	}
}

func (o *object) without(l Leaf) []*avro.PartnerMessage {
	set := o.set[l.Path]
	if set == nil {
		return nil // the payload is one value
	}
	var out []*avro.PartnerMessage
	for _, v := range changed(l.Value) {
		set(like(o.was[l.Path], v), false)
		out = append(out, o.message())
	}
	undo := set(nil, true)
	defer undo()
	return append(out, o.message())
}

// like gives a value of the JSON type that a leaf has.
func like(was any, v string) any {
	switch was := was.(type) {
	case json.Number:
		if json.Valid([]byte(v)) {
			return json.Number(v)
		}
	case bool:
		return !was
	}
	return v
}

func (o *object) message() *avro.PartnerMessage {
	m := o.msg.Clone()
	m.Payload, _ = json.Marshal(o.root) // it was decoded from JSON
	return &m
}
