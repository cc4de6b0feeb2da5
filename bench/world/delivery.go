package world

import (
	"cmp"
	"slices"
	"time"

	"waybill/avro"
	"waybill/topics"
)

// Delivery is one record on its way to a topic. The record is the receiver's to keep.
type Delivery struct {
	Topic      topics.Name
	Key        string // as the catalogue says for the topic
	Record     avro.Record
	OccurredAt time.Time // when what it tells happened
	DeliverAt  time.Time // when it reaches the topic
	Duplicate  bool      // the same content was sent before, be it under another envelope

	lost   bool        // never delivered; taken out once all damage is done
	unsaid bool        // likewise, since nobody ever said it
	says   avro.Record // what it means, where it is written in another way
}

// canonical is what the record says as the catalogue has it.
func (d Delivery) canonical() avro.Record {
	if d.says != nil {
		return d.says
	}
	return d.Record
}

// received is a copy of the record as it arrived at the given instant. Reference data do not say when they came.
func received(rec avro.Record, at avro.Micros) avro.Record {
	switch rec := rec.(type) {
	case *avro.Order:
		c := *rec
		c.ReceivedAt = at
		return &c
	case *avro.WarehouseEvent:
		c := *rec
		c.ReceivedAt = at
		return &c
	case *avro.Load:
		c := *rec
		c.ReceivedAt = at
		return &c
	case *avro.Assignment:
		c := *rec
		c.ReceivedAt = at
		return &c
	case *avro.CarrierStatus:
		c := *rec
		c.ReceivedAt = at
		return &c
	case *avro.ProofOfDelivery:
		c := *rec
		c.ReceivedAt = at
		return &c
	case *avro.DeviceInstallation:
		c := *rec
		c.ReceivedAt = at
		return &c
	case *avro.PartnerMessage:
		c := *rec
		c.ReceivedAt = at
		return &c
	}
	return rec
}

// enveloped is a copy of the record under another event id. Installations and reference data have none.
func enveloped(rec avro.Record, id string) avro.Record {
	switch rec := rec.(type) {
	case *avro.Order:
		c := *rec
		c.EventID = id
		return &c
	case *avro.WarehouseEvent:
		c := *rec
		c.EventID = id
		return &c
	case *avro.Load:
		c := *rec
		c.EventID = id
		return &c
	case *avro.Assignment:
		c := *rec
		c.EventID = id
		return &c
	case *avro.CarrierStatus:
		c := *rec
		c.EventID = id
		return &c
	case *avro.ProofOfDelivery:
		c := *rec
		c.EventID = id
		return &c
	}
	return rec
}

func sortDeliveries(d []Delivery) {
	slices.SortStableFunc(d, func(a, b Delivery) int { return cmp.Compare(a.DeliverAt.UnixNano(), b.DeliverAt.UnixNano()) })
}
