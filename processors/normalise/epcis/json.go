package epcis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// deepest is how many levels of nesting an event may have: the standard's own examples have nine.
const deepest = 32

// event is one event as it was sent.
type event struct {
	*node
	kind string
	path string // where it stands in the document
}

// document is what a payload holds: the events, and the fields that its sender says are not content.
type document struct {
	events []*event
	faults []fieldError
}

type fieldError struct{ path, text string }

func (d *document) faultf(path, format string, args ...any) {
	d.faults = append(d.faults, fieldError{path, fmt.Sprintf(format, args...)})
}

// readJSON reads an EPCIS document, a query document, a list of events or a single event.
func readJSON(payload []byte) (*document, error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	r := reader{doc: &document{}, ns: standard(), ignored: map[string]bool{}}
	switch v := v.(type) {
	case map[string]any:
		r.object(v)
	case []any:
		r.list("", v)
	default:
		return nil, errors.New("it is neither an object nor a list")
	}
	return r.doc, nil
}

// reader turns decoded JSON into events.
type reader struct {
	doc     *document
	ns      spaces
	ignored map[string]bool
}

func (r *reader) object(o map[string]any) {
	r.context(o["@context"])
	body, isDocument := o["epcisBody"].(map[string]any)
	if !isDocument && o["epcisBody"] != nil {
		r.doc.faultf("epcisBody", "want an object with eventList or queryResults")
		return
	}
	if !isDocument {
		if list, ok := o["eventList"].([]any); ok {
			r.list("eventList.", list)
			return
		}
		r.event("", o)
		return
	}
	r.ignore(o)
	r.ignore(body)
	path := "epcisBody."
	if results, ok := body["queryResults"].(map[string]any); ok {
		r.ignore(results)
		body, _ = results["resultsBody"].(map[string]any)
		path += "queryResults.resultsBody."
	}
	switch list := body["eventList"].(type) {
	case []any:
		r.list(path+"eventList.", list)
	case nil:
		if one, ok := body["event"].(map[string]any); ok {
			r.event(path+"event.", one)
			return
		}
		r.doc.faultf(path+"eventList", "is missing: it holds the events")
	default:
		r.doc.faultf(path+"eventList", "want a list of events")
	}
}

// context learns the prefixes of a JSON-LD context.
func (r *reader) context(c any) {
	switch c := c.(type) {
	case []any:
		for _, e := range c {
			r.context(e)
		}
	case map[string]any:
		for prefix, uri := range c {
			if uri, ok := uri.(string); ok && !strings.HasPrefix(prefix, "@") {
				r.ns[prefix] = uri
			}
		}
	}
}

// ignore learns the fields that a repository added and that are no content: it names them itself, as ignoreFields.
func (r *reader) ignore(o map[string]any) {
	for key, v := range o {
		list, ok := v.([]any)
		if !ok || !strings.HasSuffix(key, ":ignoreFields") {
			continue
		}
		for _, name := range list {
			if name, ok := name.(string); ok {
				r.ignored[r.ns.name(name)] = true
			}
		}
	}
}

func (r *reader) list(path string, list []any) {
	for i, e := range list {
		at := path + strconv.Itoa(i) + "."
		if o, ok := e.(map[string]any); ok {
			r.event(at, o)
		} else {
			r.doc.faultf(strings.TrimSuffix(at, "."), "want an event, which is an object")
		}
	}
}

func (r *reader) event(path string, o map[string]any) {
	own := *r
	if o["@context"] != nil {
		own.ns = maps.Clone(r.ns)
		own.context(o["@context"])
	}
	e := &event{node: &node{}, path: path}
	e.kind, _ = o["type"].(string)
	if e.kind == "" {
		e.kind, _ = o["isA"].(string) // drafts of EPCIS 2.0
	}
	own.fields(e.node, "event", path, o, 0)
	r.doc.events = append(r.doc.events, e)
}

// comments say nothing to machines.
var comments = []string{"@context", "rdfs:comment", "comment"}

// fields adds an object's fields to an element. Keys are taken in order, so that faults are told in the same order each
// time; the order of elements means nothing.
func (r *reader) fields(to *node, element, path string, o map[string]any, depth int) {
	for _, key := range slices.Sorted(maps.Keys(o)) {
		name := r.ns.name(key)
		if slices.Contains(comments, key) || depth == 0 && (key == "type" || key == "isA" || r.ignored[name]) {
			continue
		}
		if depth == 0 {
			if inner, ok := listed[key]; ok {
				r.elements(to.add(key, ""), inner, path+key, o[key], depth+1)
				continue
			}
		}
		r.field(to, element, name, path+key, o[key], depth)
	}
}

// listed are the lists that the XML form wraps, by what their elements are called there.
var listed = map[string]string{
	"epcList": "epc", "childEPCs": "epc", "inputEPCList": "epc", "outputEPCList": "epc",
	"quantityList": "quantityElement", "childQuantityList": "quantityElement", "inputQuantityList": "quantityElement", "outputQuantityList": "quantityElement",
	"bizTransactionList": "bizTransaction", "sourceList": "source", "destinationList": "destination", "sensorElementList": "sensorElement",
}

func (r *reader) elements(to *node, inner, path string, v any, depth int) {
	list, ok := v.([]any)
	if !ok {
		r.doc.faultf(path, "want a list")
		return
	}
	for i, e := range list {
		at := path + "." + strconv.Itoa(i)
		o, isObject := e.(map[string]any)
		switch _, isText := e.(string); {
		case inner == "epc" && !isText:
			r.doc.faultf(at, "want an EPC, which is text")
		case inner != "epc" && !isObject:
			r.doc.faultf(at, "want an object")
		case inner == "epc":
			r.field(to, "", inner, at, e, depth)
		default:
			k := to.add(inner, "")
			r.fields(k, inner, at+".", o, depth)
			k.unwrap()
		}
	}
}

// unwrap makes the field that is called as its element the element's text, as XML has it.
func (n *node) unwrap() {
	i := slices.IndexFunc(n.kids, func(k *node) bool { return k.name == n.name && len(k.kids) == 0 })
	if i >= 0 {
		n.text = n.kids[i].text
		n.kids = slices.Delete(n.kids, i, i+1)
	}
}

// field adds a value; a list adds an element for each.
func (r *reader) field(to *node, element, name, path string, v any, depth int) {
	if depth > deepest {
		r.doc.faultf(path, "is nested more than %d deep", deepest)
		return
	}
	switch v := v.(type) {
	case nil:
	case []any:
		for i, e := range v {
			r.field(to, element, name, path+"."+strconv.Itoa(i), e, depth+1)
		}
	case map[string]any:
		r.fields(to.add(name, ""), name, path+".", v, depth+1)
	case string:
		to.add(name, r.ns.value(element, name, v))
	default:
		to.add(name, r.ns.value(element, name, fmt.Sprint(v)))
	}
}
