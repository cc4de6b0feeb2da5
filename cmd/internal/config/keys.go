package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// leaf is one key and the field it sets.
type leaf struct {
	key    string // such as kafka.tls.ca_file
	field  reflect.Value
	secret string // the field's tag: "true", or "url" for an address that may hold a password; empty: none
}

// env is the variable that sets the key.
func (l leaf) env() string { return EnvPrefix + strings.ToUpper(strings.ReplaceAll(l.key, ".", "_")) }

// leaves lists the keys of c in the order of its fields; setting a leaf's field sets c.
func leaves(c *Config) []leaf {
	return below("", reflect.ValueOf(c).Elem(), nil)
}

func below(prefix string, v reflect.Value, out []leaf) []leaf {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := keyOf(f)
		if !f.IsExported() || name == "-" || !settable(f.Type) {
			continue
		}
		key := prefix + name
		if slices.Contains(derived, key) {
			continue
		}
		if isBranch(f.Type) {
			out = below(key+".", v.Field(i), out)
			continue
		}
		out = append(out, leaf{key: key, field: v.Field(i), secret: f.Tag.Get("secret")})
	}
	return out
}

// settable leaves out what no text can say, such as a logger that a Config carries.
func settable(t reflect.Type) bool {
	return t.Kind() != reflect.Func && t.Kind() != reflect.Interface && t.Kind() != reflect.Chan && t.Kind() != reflect.Pointer
}

func isBranch(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func keyOf(f reflect.StructField) string {
	if tag, _, _ := strings.Cut(f.Tag.Get("mapstructure"), ","); tag != "" {
		return tag
	}
	return snake(f.Name)
}

// snake is a Go name in snake case: MaxBytes is max_bytes, CAFile is ca_file, ClickHouse is clickhouse.
func snake(name string) string {
	if name == "ClickHouse" { // one word, to everybody but its own spelling
		return "clickhouse"
	}
	runes := []rune(name)
	var b strings.Builder
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
