package avro

import (
	"testing"

	twmb "github.com/twmb/avro"
)

func benchPosition() Record {
	return &Position{
		Tenant: "acme", Issuer: "traccar", DeviceID: "86105304001", DeviceAt: 1_790_000_000_000_000, ReceivedAt: 1_790_000_001_500_000,
		LatE6: 60_169_856, LonE6: 24_938_379, SpeedMmS: Some[int32](13_900), HeadingDeg: Some[int32](271), AccuracyMm: Some[int32](4_000),
		OdometerM: Some[int64](184_332_110), Ignition: Some(true), Valid: true,
	}
}

func benchFact() Record {
	return &Fact{
		FactID: "9f86d081884c7d659a2feaa0c55ad015", Tenant: "acme", Milestone: MilestoneCodeArrivedDelivery, HasMilestone: true, Classifier: ClassifierActual,
		Identifiers: []Identifier{{Kind: IdentifierKindVehicle, Issuer: "acme", Value: "TRK-17"}, {Kind: IdentifierKindLoad, Value: "L-20260311-004"}},
		Links: []Link{{
			From: Identifier{Kind: IdentifierKindVehicle, Issuer: "acme", Value: "TRK-17"}, To: Identifier{Kind: IdentifierKindLoad, Value: "L-20260311-004"},
			Classifier: ClassifierActual, ValidFrom: Some(Micros(1_790_000_000_000_000)),
		}},
		OccurredAt: 1_790_000_000_000_000, ReceivedAt: 1_790_000_001_000_000, Source: Source{System: SourceSystemTelematics, Partner: "traccar"},
		PlaceID: "DC-HEL-1", Location: Some(GeoPoint{LatE6: 60_169_856, LonE6: 24_938_379}), Attributes: []KV{{"dock", "7"}, {"gate", "north"}},
	}
}

func benchRecords() map[string]Record {
	return map[string]Record{"Position": benchPosition(), "Fact": benchFact()}
}

// The codecs, each from bytes to what its users work with: a struct, or goavro's and twmb's maps.
func BenchmarkDecode(b *testing.B) {
	for name, r := range benchRecords() {
		in := r.Append(nil)
		o := newOracles(b, r)
		out, _ := New(r.AvroName())
		plan := o.identity()
		run := func(codec string, decode func() error) {
			b.Run(name+"/"+codec, func(b *testing.B) { benchmark(b, len(in), decode) })
		}
		run("generated-alias", func() error { return out.DecodeAlias(in) })
		run("generated-copy", func() error { return out.Decode(in) })
		run("generated-plan", func() error { return out.DecodePlanAlias(in, plan) })
		run("twmb-map", func() error { var v any; _, err := o.twmb.Decode(in, &v); return err })
		run("goavro-map", func() error { _, _, err := o.goavro.NativeFromBinary(in); return err })
	}
	position := benchPosition()
	in, schema := position.Append(nil), twmb.MustParse(position.AvroSchema())
	b.Run("Position/twmb-struct", func(b *testing.B) {
		var out reflectedPosition
		benchmark(b, len(in), func() error { _, err := schema.Decode(in, &out); return err })
	})
}

func BenchmarkEncode(b *testing.B) {
	for name, r := range benchRecords() {
		in := r.Append(nil)
		o := newOracles(b, r)
		buf := make([]byte, 0, 2*len(in))
		run := func(codec string, encode func() error) {
			b.Run(name+"/"+codec, func(b *testing.B) { benchmark(b, len(in), encode) })
		}
		byTwmb, err := o.byTwmb(in)
		if err != nil {
			b.Fatal(err)
		}
		byGoavro, _, err := o.goavro.NativeFromBinary(in)
		if err != nil {
			b.Fatal(err)
		}
		run("generated", func() error { buf = r.Append(buf[:0]); return nil })
		run("twmb-map", func() error { _, err := o.twmb.AppendEncode(buf[:0], byTwmb); return err })
		run("goavro-map", func() error { _, err := o.goavro.BinaryFromNative(buf[:0], byGoavro); return err })
	}
	position := benchPosition()
	in, schema := position.Append(nil), twmb.MustParse(position.AvroSchema())
	b.Run("Position/twmb-struct", func(b *testing.B) {
		var v reflectedPosition
		if _, err := schema.Decode(in, &v); err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 0, 2*len(in))
		benchmark(b, len(in), func() error { _, err := schema.AppendEncode(buf[:0], &v); return err })
	})
}

func benchmark(b *testing.B, size int, f func() error) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
}

// reflectedPosition is Position as a reflective codec wants it.
type reflectedPosition struct {
	Tenant     string `avro:"tenant"`
	Issuer     string `avro:"issuer"`
	DeviceID   string `avro:"device_id"`
	DeviceAt   int64  `avro:"device_at"`
	ReceivedAt int64  `avro:"received_at"`
	LatE6      int32  `avro:"lat_e6"`
	LonE6      int32  `avro:"lon_e6"`
	SpeedMmS   *int32 `avro:"speed_mm_s"`
	HeadingDeg *int32 `avro:"heading_deg"`
	AccuracyMm *int32 `avro:"accuracy_mm"`
	OdometerM  *int64 `avro:"odometer_m"`
	Ignition   *bool  `avro:"ignition"`
	DoorOpen   *bool  `avro:"door_open"`
	Valid      bool   `avro:"valid"`
}
