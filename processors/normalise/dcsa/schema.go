package dcsa

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"waybill/processors/normalise/adapter"
)

//go:embed event.schema.json
var eventSchema []byte

// rules are what every event must be, and what one of a type must be besides: allOf of event.schema.json, taken apart, since the validator
// builds an error for each "if" that does not hold [measured: a third of the adapter's time].
type rules struct {
	any  *jsonschema.Schema
	kind map[string]*jsonschema.Schema // by eventType
}

func compile() (r rules, err error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(eventSchema))
	if err != nil {
		return r, fmt.Errorf("read dcsa/event.schema.json: %w", err)
	}
	whole, _ := doc.(object)
	branches, _ := whole["allOf"].([]any)
	delete(whole, "allOf")
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(schemaFile, doc); err != nil {
		return r, fmt.Errorf("add dcsa/event.schema.json: %w", err)
	}
	if r.any, err = c.Compile(schemaFile); err != nil {
		return r, err
	}
	r.kind = map[string]*jsonschema.Schema{}
	for _, b := range branches {
		kind, ref := branch(b)
		if r.kind[kind], err = c.Compile(schemaFile + ref); err != nil {
			return r, err
		}
	}
	return r, nil
}

const schemaFile = "event.schema.json"

// branch is for which eventType one element of allOf holds, and what then does.
func branch(b any) (kind, ref string) {
	at := func(v any, path ...string) string {
		for _, step := range path {
			o, _ := v.(object)
			v = o[step]
		}
		return text(v)
	}
	return at(b, "if", "properties", "eventType", "const"), at(b, "then", "$ref")
}

// validate gives what is wrong with an event, as explain tells it.
func (r rules) validate(e any) (faults []*jsonschema.ValidationError, err error) {
	o, _ := e.(object)
	for _, s := range []*jsonschema.Schema{r.any, r.kind[text(o["eventType"])]} {
		if s == nil {
			continue
		}
		var invalid *jsonschema.ValidationError
		switch err := s.Validate(e); {
		case errors.As(err, &invalid):
			faults = append(faults, invalid)
		case err != nil:
			return nil, err
		}
	}
	return faults, nil
}

// explain adds what a schema found wrong to a report: by JSON pointer (RFC 6901) into the payload, in the order of pointers. A
// field that is missing is named by the pointer it would have.
func explain(r *adapter.Report, at string, faults []*jsonschema.ValidationError) {
	var found [][2]string
	for _, e := range faults {
		found = append(found, causes(at, e)...)
	}
	slices.SortFunc(found, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) })
	for _, f := range found {
		r.Addf(f[0], "%s", f[1])
	}
}

// causes gives pairs of a pointer and what is wrong there.
func causes(at string, e *jsonschema.ValidationError) (out [][2]string) {
	for _, cause := range e.Causes {
		out = append(out, causes(at, cause)...)
	}
	if len(e.Causes) > 0 {
		return out
	}
	path := at
	for _, step := range e.InstanceLocation {
		path += "/" + escape(step)
	}
	missing, ok := e.ErrorKind.(*kind.Required)
	if !ok {
		return [][2]string{{path, cut(e.ErrorKind.LocalizedString(english))}}
	}
	for _, name := range missing.Missing {
		out = append(out, [2]string{path + "/" + name, "is missing"})
	}
	return out
}

// escape writes a name as a step of a JSON pointer.
var escape = strings.NewReplacer("~", "~0", "/", "~1").Replace

var english = message.NewPrinter(language.English)

// cut keeps an error at a length that people read: a schema's errors quote values and lists.
func cut(s string) string {
	const longest = 200
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}
