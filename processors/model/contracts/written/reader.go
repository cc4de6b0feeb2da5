package written

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader walks a document and gathers what is wrong with it, by path and line.
type reader struct {
	faults []Fault
	lines  map[string]int // by path
}

func (r *reader) addf(n *yaml.Node, path, format string, args ...any) {
	r.faults = append(r.faults, Fault{Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// set reads a node into something.
type set func(n *yaml.Node, path string)

// object reads a mapping, key by key in the order in which it is written. A key that is not in keys is a fault.
func (r *reader) object(n *yaml.Node, path string, keys map[string]set) {
	if !r.is(n, path, yaml.MappingNode, "keys and values") {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		at := join(path, k.Value)
		read, known := keys[k.Value]
		switch {
		case !known:
			r.addf(k, at, "unknown key; there are %s", strings.Join(slices.Sorted(maps.Keys(keys)), ", "))
		case seen[k.Value]:
			r.addf(k, at, "stands twice")
		case v.Kind == yaml.ScalarNode && v.Tag == "!!null":
			r.addf(v, at, "is empty: give a value, or leave the key out")
		default:
			r.lines[at] = k.Line
			read(v, at)
		}
		seen[k.Value] = true
	}
}

func (r *reader) is(n *yaml.Node, path string, kind yaml.Kind, what string) bool {
	r.lines[path] = n.Line
	switch {
	case n.Kind == yaml.AliasNode:
		r.addf(n, path, "refers to an anchor: write it out")
	case n.Kind != kind:
		r.addf(n, path, "want %s", what)
	}
	return n.Kind == kind
}

// each reads a list, item by item.
func (r *reader) each(n *yaml.Node, path string, item set) {
	if !r.is(n, path, yaml.SequenceNode, "a list") {
		return
	}
	for i, e := range n.Content {
		item(e, fmt.Sprintf("%s[%d]", path, i))
	}
}

// scalar is a value as written.
func (r *reader) scalar(n *yaml.Node, path string) (string, bool) {
	if !r.is(n, path, yaml.ScalarNode, "one value") {
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

// text reads a value as it is.
func (r *reader) text(to *string) set {
	return func(n *yaml.Node, path string) { *to, _ = r.scalar(n, path) }
}

// parsed reads a value by a function; its error says what is wanted.
func parsed[T any](r *reader, to *T, parse func(string) (T, error)) set {
	return func(n *yaml.Node, path string) {
		s, ok := r.scalar(n, path)
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			r.addf(n, path, "%q: %v", s, err)
			return
		}
		*to = v
	}
}

// listed reads a list of values.
func listed[T any](r *reader, to *[]T, parse func(string) (T, error)) set {
	return func(n *yaml.Node, path string) {
		r.each(n, path, func(n *yaml.Node, path string) {
			var v T
			parsed(r, &v, parse)(n, path)
			*to = append(*to, v)
		})
	}
}

// objects reads a list of mappings.
func objects[T any](r *reader, to *[]T, keys func(*T) map[string]set) set {
	return func(n *yaml.Node, path string) {
		r.each(n, path, func(n *yaml.Node, path string) {
			var v T
			r.object(n, path, keys(&v))
			*to = append(*to, v)
		})
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// line is where a path stands, or what of it is written.
func (r *reader) line(path string) int {
	for path != "" {
		if l, ok := r.lines[path]; ok {
			return l
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return r.lines[""]
}
