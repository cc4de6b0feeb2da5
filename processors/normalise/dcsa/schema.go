package dcsa

import (
	"bytes"
	"cmp"
	_ "embed"
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

func compile() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(eventSchema))
	if err != nil {
		return nil, fmt.Errorf("read dcsa/event.schema.json: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("event.schema.json", doc); err != nil {
		return nil, fmt.Errorf("add dcsa/event.schema.json: %w", err)
	}
	return c.Compile("event.schema.json")
}

// explain adds what a schema found wrong to a report: by JSON pointer (RFC 6901) into the payload, in the order of pointers. A
// field that is missing is named by the pointer it would have.
func explain(r *adapter.Report, at string, e *jsonschema.ValidationError) {
	found := causes(at, e)
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
