package show

import (
	"fmt"
	"math/big"
	"time"

	twmb "github.com/twmb/avro"

	"waybill/avro"
)

// Record is a record for JSON: fields by the names of its schema, enums as symbols, instants in RFC 3339, decimals as exact
// text, what is absent as null.
func Record(r avro.Record) (any, error) {
	schema, err := twmb.Parse(r.AvroSchema())
	if err != nil {
		return nil, fmt.Errorf("parse the schema of %s: %w", r.AvroName(), err)
	}
	var v any
	if _, err := schema.Decode(r.Append(nil), &v); err != nil {
		return nil, fmt.Errorf("show %s: %w", r.AvroName(), err)
	}
	return Plain(v), nil
}

// Records is Record of each.
func Records[R any, P interface {
	*R
	avro.Record
}](list []R) ([]any, error) {
	out := make([]any, len(list))
	for i := range list {
		v, err := Record(P(&list[i]))
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// decimals is the scale of the decimals that records show: that of every decimal in the schemas of today.
const decimals = 4

// Plain makes of what a schema decoded to what JSON can say: instants in RFC 3339, decimals as exact text.
func Plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = Plain(v[k])
		}
	case []any:
		for i := range v {
			v[i] = Plain(v[i])
		}
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case *big.Rat:
		return v.FloatString(decimals)
	case big.Rat:
		return v.FloatString(decimals)
	}
	return v
}
