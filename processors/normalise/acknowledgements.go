package normalise

import (
	"waybill/avro"
	"waybill/processors/normalise/edi/x12"
	"waybill/processors/stream"
	"waybill/topics"
)

// acknowledgements completes what an adapter says of an interchange and sends it to where the EDI gateway reads. Its number and
// time are those of the record that held the interchange, so that a record worked on twice is answered alike.
func acknowledgements(a *avro.Acknowledgement, r reception) (stream.Emits, error) {
	var out stream.Emits
	a.Origin, a.ToldAt = r.origin, r.appended
	a.Control = x12.Control(r.origin.Partition, r.origin.Offset)
	a.Payload = x12.Render(a)
	out.To(topics.Acknowledged.Name, topics.Key(a.Tenant, a.Partner), a)
	return out, nil
}

// again sends a part that was refused back as a message of its own, behind what its file or channel said.
func again(part *avro.PartnerMessage) (stream.Emits, error) {
	var out stream.Emits
	out.To(topics.PartnerMessages.Name, topics.Key(part.Tenant, part.Partner, part.Name), part)
	return out, nil
}
