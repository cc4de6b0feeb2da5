package wire_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"waybill/avro"
	"waybill/topics"
	"waybill/topics/fault"
	"waybill/topics/wire"
)

func ExampleCodec() {
	ctx := context.Background()
	registry := srfake.New()
	defer registry.Close()
	client, err := sr.NewClient(sr.URLs(registry.URL()))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := wire.RegisterAll(ctx, client, wire.Subjects(topics.Positions)); err != nil {
		fmt.Println(err)
		return
	}
	codec := wire.New(client, wire.Options{})
	b, err := codec.Append(ctx, nil, topics.Positions.Name, &avro.Position{Tenant: "acme", DeviceID: "7"})
	fmt.Printf("% x %v\n", b[:5], err)
	r, err := codec.Decode(ctx, b)
	fmt.Println(r.(*avro.Position).DeviceID, err)
	_, err = codec.Decode(ctx, []byte(`{"device":7}`))
	fmt.Println(fault.Of(err), fault.Reason(err))
	// Output:
	// 00 00 00 00 01 <nil>
	// 7 <nil>
	// poison BAD_MAGIC
}
