package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"waybill/avro"
)

// bulk writes positions through ch-go, the protocol layer below clickhouse-go, straight from columns: a third of the CPU a
// row (1.8 against 5.4 s a million). It has one connection; blocks wait for each other.
type bulk struct {
	options ch.Options
	ping    func(context.Context) error // through clickhouse-go, which hears why a server refuses us where ch-go hears a closed connection

	mu     sync.Mutex
	client *ch.Client // nil: not connected
	cols   positionColumns
}

func newBulk(o *clickhouse.Options, ping func(context.Context) error) *bulk {
	b := &bulk{ping: ping, options: ch.Options{
		Address: o.Addr[0], Database: o.Auth.Database, User: o.Auth.Username, Password: o.Auth.Password,
		TLS: o.TLS, DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, ClientName: "waybill",
	}}
	if o.Compression != nil {
		b.options.Compression = ch.CompressionLZ4
	}
	b.cols = newPositionColumns()
	return b
}

// insert sends the part as one block. After an error the connection is given up: what it still carries is unknown.
func (b *bulk) insert(ctx context.Context, p *part, settings map[string]string) (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == nil {
		if err := b.ping(ctx); err != nil {
			return err
		}
		if b.client, err = ch.Dial(ctx, b.options); err != nil {
			b.client = nil
			return fmt.Errorf("connect to %s: %w", b.options.Address, err)
		}
	}
	b.cols.fill(p)
	err = b.client.Do(ctx, ch.Query{Body: "INSERT INTO " + p.table + " " + b.cols.input.Columns() + " VALUES", Input: b.cols.input, Settings: chSettings(settings)})
	if err != nil {
		_ = b.client.Close()
		b.client = nil
	}
	return err
}

func chSettings(of map[string]string) []ch.Setting {
	var out []ch.Setting
	for k, v := range of {
		out = append(out, ch.Setting{Key: k, Value: v, Important: true})
	}
	slices.SortFunc(out, func(a, b ch.Setting) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return out
}

func (b *bulk) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == nil {
		return nil
	}
	err := b.client.Close()
	b.client = nil
	if errors.Is(err, ch.ErrClosed) {
		return nil
	}
	return err
}

// positionColumns are the columns of table positions; they keep their memory from block to block.
type positionColumns struct {
	tenant, issuer, device, topic  *proto.ColLowCardinality[string]
	deviceAt, receivedAt, appended *proto.ColDateTime64
	lat, lon, part                 *proto.ColInt32
	speed, heading, accuracy       *proto.ColNullable[int32]
	odometer                       *proto.ColNullable[int64]
	ignition, door                 *proto.ColNullable[bool]
	valid                          *proto.ColBool
	topicID                        *proto.ColUUID
	offset                         *proto.ColInt64
	input                          proto.Input
}

func newPositionColumns() positionColumns {
	text := func() *proto.ColLowCardinality[string] { return new(proto.ColStr).LowCardinality() }
	instant := func(p proto.Precision) *proto.ColDateTime64 {
		return new(proto.ColDateTime64).WithPrecision(p).WithLocation(time.UTC)
	}
	c := positionColumns{
		tenant: text(), issuer: text(), device: text(), topic: text(),
		deviceAt: instant(proto.PrecisionMicro), receivedAt: instant(proto.PrecisionMicro), appended: instant(proto.PrecisionMilli),
		lat: new(proto.ColInt32), lon: new(proto.ColInt32), part: new(proto.ColInt32),
		speed: new(proto.ColInt32).Nullable(), heading: new(proto.ColInt32).Nullable(), accuracy: new(proto.ColInt32).Nullable(),
		odometer: new(proto.ColInt64).Nullable(), ignition: new(proto.ColBool).Nullable(), door: new(proto.ColBool).Nullable(),
		valid: new(proto.ColBool), topicID: new(proto.ColUUID), offset: new(proto.ColInt64),
	}
	c.input = proto.Input{
		{Name: "tenant", Data: c.tenant}, {Name: "issuer", Data: c.issuer}, {Name: "device_id", Data: c.device},
		{Name: "device_at", Data: c.deviceAt}, {Name: "received_at", Data: c.receivedAt}, {Name: "lat_e6", Data: c.lat}, {Name: "lon_e6", Data: c.lon},
		{Name: "speed_mm_s", Data: c.speed}, {Name: "heading_deg", Data: c.heading}, {Name: "accuracy_mm", Data: c.accuracy},
		{Name: "odometer_m", Data: c.odometer}, {Name: "ignition", Data: c.ignition}, {Name: "door_open", Data: c.door}, {Name: "valid", Data: c.valid},
		{Name: "appended_at", Data: c.appended}, {Name: "k_topic", Data: c.topic}, {Name: "k_topic_id", Data: c.topicID},
		{Name: "k_part", Data: c.part}, {Name: "k_off", Data: c.offset},
	}
	return c
}

func (c *positionColumns) fill(p *part) {
	c.input.Reset()
	topic, id := string(p.block.Topic), uuid.UUID(p.block.TopicID)
	for _, r := range p.rows {
		v := r.Value.(*avro.Position)
		c.tenant.Append(v.Tenant)
		c.issuer.Append(v.Issuer)
		c.device.Append(v.DeviceID)
		c.deviceAt.AppendRaw(micros(v.DeviceAt))
		c.receivedAt.AppendRaw(micros(v.ReceivedAt))
		c.lat.Append(v.LatE6)
		c.lon.Append(v.LonE6)
		c.speed.Append(nullable(v.SpeedMmS))
		c.heading.Append(nullable(v.HeadingDeg))
		c.accuracy.Append(nullable(v.AccuracyMm))
		c.odometer.Append(nullable(v.OdometerM))
		c.ignition.Append(nullable(v.Ignition))
		c.door.Append(nullable(v.DoorOpen))
		c.valid.Append(v.Valid)
		c.appended.AppendRaw(proto.DateTime64(r.At.UnixMilli()))
		c.topic.Append(topic)
		c.topicID.Append(id)
		c.part.Append(p.block.Partition)
		c.offset.Append(r.Offset)
	}
}

func micros(m avro.Micros) proto.DateTime64 { return proto.DateTime64(min(max(m, earliest), latest)) }

func nullable[T any](o avro.Opt[T]) proto.Nullable[T] {
	if !o.Ok {
		return proto.Null[T]()
	}
	return proto.NewNullable(o.V)
}
