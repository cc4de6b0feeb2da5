package runtime

import (
	"fmt"
	"sync"

	twmb "github.com/twmb/avro"

	"waybill/avro"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

// A schema change: from some record on writers use tomorrow's schema, others still today's, and the program that takes over
// keeps its state in another form than the one before.

// tomorrow is a writer's schema of messages: fields in another order, one that nobody here knows, and some left to their defaults.
var tomorrow = sync.OnceValue(func() *twmb.Schema {
	return twmb.MustParse(`{"type": "record", "name": "PartnerMessage", "namespace": "waybill.platform", "fields": [
		{"name": "line", "type": "long"}, {"name": "urgency", "type": ["null", "string"], "default": null}, {"name": "name", "type": "string"},
		{"name": "format", "type": "string"}, {"name": "tenant", "type": "string"}, {"name": "payload", "type": "bytes"}]}`)
})

// tomorrowID is that schema's place in what the tests' codec frames, behind all record types.
const tomorrowID = 250

// encodedTomorrow is a message as tomorrow's writers frame it.
func encodedTomorrow(m *avro.PartnerMessage) []byte {
	b, err := tomorrow().AppendEncode([]byte{0, 0, 0, 0, tomorrowID}, map[string]any{
		"line": m.Line, "urgency": "high", "name": m.Name, "format": m.Format, "tenant": m.Tenant, "payload": m.Payload,
	})
	if err != nil {
		panic(err)
	}
	return b
}

var tomorrowPlan = sync.OnceValues(func() (*avro.Plan, error) {
	return wire.Compile(tomorrow(), twmb.MustParse((&avro.PartnerMessage{}).AvroSchema()))
})

// decodeTomorrow reads it as the engine does, by plan.
func decodeTomorrow(payload []byte) (avro.Record, error) {
	plan, err := tomorrowPlan()
	if err != nil {
		return nil, err
	}
	m := &avro.PartnerMessage{}
	if err := m.DecodePlan(payload, plan); err != nil {
		return nil, fault.Poisoned("AVRO", err)
	}
	return m, nil
}

// plainlyTomorrow reads it as the oracle does, by the other library's own means.
func plainlyTomorrow(payload []byte) *avro.PartnerMessage {
	var got map[string]any
	if rest, err := tomorrow().Decode(payload, &got); err != nil || len(rest) > 0 {
		return nil
	}
	return &avro.PartnerMessage{Line: got["line"].(int64), Name: got["name"].(string), Format: got["format"].(string)}
}

// fromOldForm reads a number of state that today's program wrote: tomorrow's counts downwards.
func fromOldForm(_ byte, old []byte, into avro.Record) error {
	m := into.(*avro.PartnerMessage)
	if err := m.Decode(old); err != nil {
		return fmt.Errorf("a number of version 1: %w", err)
	}
	m.Line = -m.Line
	return nil
}
