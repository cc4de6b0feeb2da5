package main

import (
	"context"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// relay is a stage that does for each record what most stages do: it changes its key's state and says one record.
func relay(name string, from topics.Topic, to topics.Name) stream.Spec {
	type state = *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	onMessage := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], last state) (out stream.Emits, err error) {
		v := last.Edit()
		v.Line++
		v.ReceivedAt = ev.Value.ReceivedAt
		v.Payload = append(v.Payload[:0], ev.Value.Payload...)
		out.To(to, key, ev.Value)
		return out, nil
	}
	return stream.Define(stream.Processor[state]{
		Name: name, Inbox: from, Outputs: []topics.Name{to}, Reuse: true,
		State:  func(b *stream.Binder) state { return stream.ValueOf[avro.PartnerMessage](b, "last") },
		Inputs: []stream.Input[state]{stream.On[avro.PartnerMessage](onMessage)},
	})
}

// hop is a topic between relays.
func hop(name topics.Name) topics.Topic {
	return topics.Topic{
		Name: name, Records: []string{(*avro.PartnerMessage)(nil).AvroName()}, Partitions: partitions,
		Cleanup: topics.Delete, Retention: topics.Forever, Inbox: true,
	}
}
