package adapter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"waybill/avro"
)

// Codes reads a code table: a JSON object of the partner's code to the milestone it means. Tables are data, so that a new
// code is a line in a file.
func Codes(raw []byte) (map[string]avro.MilestoneCode, error) {
	var table map[string]string
	if err := json.Unmarshal(raw, &table); err != nil {
		return nil, err
	}
	out := map[string]avro.MilestoneCode{}
	for _, code := range slices.Sorted(maps.Keys(table)) {
		m, ok := avro.ParseMilestoneCode(table[code])
		if !ok {
			return nil, fmt.Errorf("code %q means %q, which is no milestone", code, table[code])
		}
		out[code] = m
	}
	return out, nil
}

// Meaning is what a code means, or otherwise where the table does not say.
func Meaning(codes map[string]avro.MilestoneCode, code string, otherwise avro.MilestoneCode) avro.MilestoneCode {
	if m, ok := codes[code]; ok {
		return m
	}
	return otherwise
}

// Flatten gives a decoded JSON value as attributes: objects by "key.field", lists by "key.0". Null says nothing and is left
// out. Numbers must have been decoded as json.Number; they stay as written.
func Flatten(key string, v any) []avro.KV {
	var out []avro.KV
	flatten(&out, key, v)
	return out
}

// A list or object that is nested too deeply, too long, or under too long a name is given whole, as JSON: a name is repeated
// for each of its leaves, and a payload must not grow by the square of its size.
const (
	deepest     = 200 // bytes of name
	longestList = 64
)

func flatten(out *[]avro.KV, key string, v any) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		if len(key) > deepest {
			whole(out, key, v)
			return
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			flatten(out, key+"."+k, v[k])
		}
	case []any:
		if len(key) > deepest || len(v) > longestList {
			whole(out, key, v)
			return
		}
		for i, e := range v {
			flatten(out, key+"."+strconv.Itoa(i), e)
		}
	case json.Number:
		*out = append(*out, avro.KV{K: key, V: v.String()})
	default:
		*out = append(*out, avro.KV{K: key, V: fmt.Sprint(v)})
	}
}

func whole(out *[]avro.KV, key string, v any) {
	text, err := json.Marshal(v)
	if err != nil { // cannot be: it was decoded from JSON
		text = []byte(err.Error())
	}
	*out = append(*out, avro.KV{K: key, V: string(text)})
}
