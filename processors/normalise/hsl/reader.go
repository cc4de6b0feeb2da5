package hsl

import (
	"encoding/json"
	"math"

	"waybill/avro"
	"waybill/processors/normalise/adapter"
)

// reader reads a line's fields and gathers what is wrong with them.
type reader struct {
	line
	adapter.Report
}

// text is a field that is a string or number, or empty.
func (r *reader) text(field string) string {
	switch v := r.fields[field].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// time is when the vehicle's clock says it happened.
func (r *reader) time() avro.Micros {
	at, err := adapter.Instant(r.text("tst"), adapter.Zoned, nil)
	if err != nil {
		r.Addf("tst", "%v", err)
	}
	return at
}

// number reads a measurement scaled to a whole number; absent where it is null or missing.
func (r *reader) number(field string, scale float64, low, high int64) (int64, bool) {
	if r.fields[field] == nil {
		return 0, false
	}
	n, err := adapter.Scaled(r.text(field), scale, low, high)
	if err != nil {
		r.Addf(field, "%v", err)
	}
	return n, err == nil
}

func (r *reader) number32(field string, scale float64, low, high int64) avro.Opt[int32] {
	n, ok := r.number(field, scale, low, high)
	return avro.Opt[int32]{V: int32(n), Ok: ok}
}

func (r *reader) location() avro.Opt[avro.GeoPoint] {
	lat := r.number32("lat", 1e6, -90_000_000, 90_000_000)
	lon := r.number32("long", 1e6, -180_000_000, 180_000_000)
	return avro.Opt[avro.GeoPoint]{V: avro.GeoPoint{LatE6: lat.V, LonE6: lon.V}, Ok: lat.Ok && lon.Ok}
}

// position reads a VP. Speed is in m/s, the odometer in metres since the journey began; drst is 1 while any door is open.
// A fix that is reckoned from the odometer, or none (loc), is one that the vehicle itself distrusts.
func (r *reader) position(tenant string, at avro.Micros) *avro.Position {
	where := r.location()
	device := r.id(avro.IdentifierKindDevice)
	p := &avro.Position{
		Tenant: tenant, Issuer: device.Issuer, DeviceID: device.Value, DeviceAt: at, ReceivedAt: r.received,
		LatE6: where.V.LatE6, LonE6: where.V.LonE6, SpeedMmS: r.number32("spd", 1000, 0, math.MaxInt32),
		HeadingDeg: r.number32("hdg", 1, 0, 360), Valid: r.text("loc") == "" || r.text("loc") == "GPS",
	}
	if p.HeadingDeg.V == 360 {
		p.HeadingDeg.V = 0
	}
	odo, ok := r.number("odo", 1, 0, math.MaxInt32)
	p.OdometerM = avro.Opt[int64]{V: odo, Ok: ok}
	if door, ok := r.number("drst", 1, 0, 1); ok {
		p.DoorOpen = avro.Some(door == 1)
	}
	return p
}
