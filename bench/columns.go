package main

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"

	"waybill/avro"
)

// columns are those of table positions, filled as plainly as ch-go allows. They are not the sink's: what is measured
// against must not slow down with it.
type columns struct {
	tenant, issuer, device, topic  *proto.ColLowCardinality[string]
	deviceAt, receivedAt, appended proto.ColDateTime64
	lat, lon, part                 proto.ColInt32
	speed, heading, accuracy       *proto.ColNullable[int32]
	odometer                       *proto.ColNullable[int64]
	ignition, door                 *proto.ColNullable[bool]
	valid                          proto.ColBool
	topicID                        proto.ColUUID
	offset                         proto.ColInt64
	input                          proto.Input
}

func newColumns() *columns {
	text := func() *proto.ColLowCardinality[string] { return new(proto.ColStr).LowCardinality() }
	c := &columns{
		tenant: text(), issuer: text(), device: text(), topic: text(),
		speed: new(proto.ColInt32).Nullable(), heading: new(proto.ColInt32).Nullable(), accuracy: new(proto.ColInt32).Nullable(),
		odometer: new(proto.ColInt64).Nullable(), ignition: new(proto.ColBool).Nullable(), door: new(proto.ColBool).Nullable(),
	}
	for _, instant := range []*proto.ColDateTime64{&c.deviceAt, &c.receivedAt} {
		instant.WithPrecision(proto.PrecisionMicro).WithLocation(time.UTC)
	}
	c.appended.WithPrecision(proto.PrecisionMilli).WithLocation(time.UTC)
	c.input = proto.Input{
		{Name: "tenant", Data: c.tenant}, {Name: "issuer", Data: c.issuer}, {Name: "device_id", Data: c.device},
		{Name: "device_at", Data: &c.deviceAt}, {Name: "received_at", Data: &c.receivedAt}, {Name: "lat_e6", Data: &c.lat}, {Name: "lon_e6", Data: &c.lon},
		{Name: "speed_mm_s", Data: c.speed}, {Name: "heading_deg", Data: c.heading}, {Name: "accuracy_mm", Data: c.accuracy},
		{Name: "odometer_m", Data: c.odometer}, {Name: "ignition", Data: c.ignition}, {Name: "door_open", Data: c.door}, {Name: "valid", Data: &c.valid},
		{Name: "appended_at", Data: &c.appended}, {Name: "k_topic", Data: c.topic}, {Name: "k_topic_id", Data: &c.topicID},
		{Name: "k_part", Data: &c.part}, {Name: "k_off", Data: &c.offset},
	}
	return c
}

func (c *columns) fill(rows []stored) {
	c.input.Reset()
	for _, r := range rows {
		c.tenant.Append(r.Tenant)
		c.issuer.Append(r.Issuer)
		c.device.Append(r.DeviceID)
		c.deviceAt.AppendRaw(proto.DateTime64(r.DeviceAt))
		c.receivedAt.AppendRaw(proto.DateTime64(r.ReceivedAt))
		c.lat.Append(r.LatE6)
		c.lon.Append(r.LonE6)
		c.speed.Append(nullable(r.SpeedMmS))
		c.heading.Append(nullable(r.HeadingDeg))
		c.accuracy.Append(nullable(r.AccuracyMm))
		c.odometer.Append(nullable(r.OdometerM))
		c.ignition.Append(nullable(r.Ignition))
		c.door.Append(nullable(r.DoorOpen))
		c.valid.Append(r.Valid)
		c.appended.AppendRaw(proto.DateTime64(r.at.UnixMilli()))
		c.topic.Append("positions")
		c.topicID.Append(uuid.UUID{})
		c.part.Append(r.part)
		c.offset.Append(r.offset)
	}
}

func nullable[T any](o avro.Opt[T]) proto.Nullable[T] {
	return proto.Nullable[T]{Set: o.Ok, Value: o.V}
}
