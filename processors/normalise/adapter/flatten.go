package adapter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"waybill/avro"
)

// Flatten gives a decoded JSON value as attributes: objects by "key.field", lists by "key.0". Null says nothing and is left
// out. Numbers must have been decoded as json.Number; they stay as written.
//
// A key is repeated for each leaf below it. Where that would make much more of a value than it was, it is given whole, as
// JSON under its key: a payload must not grow by the square of its size.
func Flatten(key string, v any) []avro.KV {
	f := flattener{left: 4*size(v) + 1024}
	f.add(key, v)
	if f.left < 0 {
		return whole(key, v)
	}
	return f.out
}

type flattener struct {
	out  []avro.KV
	left int // bytes it may still write
}

func (f *flattener) add(key string, v any) {
	if f.left -= len(key); f.left < 0 {
		return
	}
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if f.left >= 0 {
				f.add(key+"."+k, v[k])
			}
		}
	case []any:
		for i, e := range v {
			if f.left >= 0 {
				f.add(key+"."+strconv.Itoa(i), e)
			}
		}
	case json.Number:
		f.out = append(f.out, avro.KV{K: key, V: v.String()})
	case string:
		f.out = append(f.out, avro.KV{K: key, V: v})
	default:
		f.out = append(f.out, avro.KV{K: key, V: fmt.Sprint(v)})
	}
}

// size is about how many bytes a value was as JSON.
func size(v any) int {
	n := 4
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			n += len(k) + size(e)
		}
	case []any:
		for _, e := range v {
			n += size(e)
		}
	case json.Number:
		n += len(v)
	case string:
		n += len(v)
	}
	return n
}

func whole(key string, v any) []avro.KV {
	text, err := json.Marshal(v)
	if err != nil { // cannot be: it was decoded from JSON
		text = []byte(err.Error())
	}
	return []avro.KV{{K: key, V: string(text)}}
}
