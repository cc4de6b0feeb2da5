package avro_test

import (
	"fmt"
	"time"

	"waybill/avro"
)

func ExampleRecord() {
	in := avro.Position{Tenant: "acme", DeviceID: "86105304001", DeviceAt: avro.MicrosOf(time.Date(2026, 3, 11, 8, 0, 0, 0, time.UTC)), SpeedMmS: avro.Some[int32](13_900)}
	b := in.Append(nil)
	var out avro.Position
	fmt.Println(out.Decode(b), out.DeviceID, out.DeviceAt.Time(), out.SpeedMmS.Or(-1), out.HeadingDeg.Or(-1))
	fmt.Println(out.Decode(b[:20]))
	// Output:
	// <nil> 86105304001 2026-03-11 08:00:00 +0000 UTC 13900 -1
	// decode waybill.telematics.Position at byte 18: the bytes end too early
}

func ExampleNew() {
	r, ok := avro.New("waybill.telematics.Position")
	fmt.Printf("%T %v\n", r, ok)
	// Output: *avro.Position true
}
