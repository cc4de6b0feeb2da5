package traccar

import (
	"encoding/json"
	"strings"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
)

// device is Traccar's numeric id of the device.
func (r *reader) device(o object) string {
	id := text(o["deviceId"])
	if id == "" || id == "0" {
		r.Addf("deviceId", "is missing: it says whose message this is")
	}
	return id
}

// time is the first of the fields that holds a time.
func (r *reader) time(o object, fields ...string) avro.Micros {
	for _, field := range fields {
		if o[field] == nil {
			continue
		}
		at, err := adapter.Instant(text(o[field]), adapter.Zoned, nil)
		if err != nil {
			r.Addf(field, "%v", err)
		}
		return at
	}
	r.Addf(fields[0], "is missing: want a time such as 2026-01-01T00:00:00Z in one of %s", strings.Join(fields, ", "))
	return 0
}

// received is when Traccar's server had it, where it says so.
func (r *reader) received(o object) avro.Micros {
	if o["serverTime"] == nil {
		return 0
	}
	return r.time(o, "serverTime")
}

func (r *reader) number(o object, field string, scale float64, low, high int64) (int64, bool) {
	if o[field] == nil {
		return 0, false
	}
	n, err := adapter.Scaled(text(o[field]), scale, low, high)
	if err != nil {
		r.Addf(field, "%v", err)
	}
	return n, err == nil
}

func (r *reader) number32(o object, field string, scale float64, low, high int64) avro.Opt[int32] {
	n, ok := r.number(o, field, scale, low, high)
	return avro.Opt[int32]{V: int32(n), Ok: ok}
}

func (r *reader) flag(o object, field string) avro.Opt[bool] {
	if o[field] == nil {
		return avro.Opt[bool]{}
	}
	v, ok := o[field].(bool)
	if !ok {
		r.Addf(field, "want true or false")
	}
	return avro.Opt[bool]{V: v, Ok: ok}
}

// text is a string or number as written, or empty.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
