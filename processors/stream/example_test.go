package stream_test

import (
	"context"
	"fmt"
	"time"

	"waybill/avro"
	"waybill/processors/sim"
	"waybill/processors/stream"
	"waybill/topics"
)

// A stage that keeps the last hour's messages of each partner, and says how many there were.
func ExampleListOf() {
	type recent struct {
		messages *stream.List[avro.PartnerMessage, *avro.PartnerMessage]
	}
	count := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st recent) (out stream.Emits, err error) {
		*st.messages.Append() = *ev.Value
		out.To("counts", key, &avro.PartnerMessage{Name: ev.Value.Name, Line: int64(st.messages.Len())})
		return out, nil
	}
	stage := stream.Define(stream.Processor[recent]{
		Name: "recent", Inbox: topics.Topic{Name: "messages"}, Outputs: []topics.Name{"counts"}, Inputs: []stream.Input[recent]{stream.On(count)},
		State: func(b *stream.Binder) recent {
			return recent{stream.ListOf[avro.PartnerMessage](b, "message", stream.TTL(time.Hour))}
		},
	})

	s := sim.New(sim.Options{}, stage)
	for _, name := range []string{"a", "b", "c"} {
		s.Send("messages", "acme", &avro.PartnerMessage{Name: name})
		s.Advance(40 * time.Minute)
		s.Tick(s.Now())
	}
	if err := s.Run(); err != nil {
		fmt.Println(err)
	}
	for _, m := range sim.Out[avro.PartnerMessage](s, "counts") {
		fmt.Println(m.Name, m.Line)
	}
	// Output:
	// a 1
	// b 2
	// c 2
}
