package mapped

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// unknownKeys reports every key of a mapping file that the type does not have, by its path and line. The decoder's own
// check stops at the type's name, which means nothing to whoever writes the file.
func unknownKeys(n *yaml.Node, like any) error {
	var errs []error
	walk(n, reflect.TypeOf(like), "", &errs)
	return errors.Join(errs...)
}

func walk(n *yaml.Node, t reflect.Type, path string, errs *[]error) {
	switch {
	case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
		walk(n.Content[0], t, path, errs)
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		walkStruct(n, t, path, errs)
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 0; i+1 < len(n.Content); i += 2 {
			walk(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value), errs)
		}
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, e := range n.Content {
			walk(e, t.Elem(), fmt.Sprintf("%s[%d]", path, i), errs)
		}
	}
}

func walkStruct(n *yaml.Node, t reflect.Type, path string, errs *[]error) {
	known := keys(t)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if f, ok := known[k.Value]; ok {
			walk(v, f, join(path, k.Value), errs)
			continue
		}
		names := slices.Sorted(maps.Keys(known))
		*errs = append(*errs, fmt.Errorf("%s: unknown key (line %d); there are %s", join(path, k.Value), k.Line, strings.Join(names, ", ")))
	}
}

// keys are a struct's keys in a file, those of inlined structs among them.
func keys(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, tagged := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case tagged && strings.Contains(options, "inline"):
			maps.Copy(out, keys(f.Type))
		case name != "":
			out[name] = f.Type
		}
	}
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// values of a map, in order of its keys.
func values(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}
