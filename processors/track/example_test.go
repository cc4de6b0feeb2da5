package track_test

import (
	"fmt"

	"waybill/avro"
	"waybill/processors/sim"
	"waybill/processors/track"
	"waybill/topics"
)

func ExampleNew() {
	s := sim.New(sim.Options{}, track.New(track.DefaultConfig()))
	for _, p := range drive(leg{600, 10, 0, 0}, leg{660, 10, 15, 15}) { // ten minutes at the dock, then off
		s.Send(topics.Positions.Name, key(&p), &p)
	}
	if err := s.Run(); err != nil {
		fmt.Println(err)
	}
	for _, f := range sim.Out[avro.Fact](s, topics.ResolveInbox.Name) {
		stay := f.Stay.V
		fmt.Print(stay.ArrivedAt.Time().Format("15:04:05"), " ")
		if stay.DepartedAt.Ok {
			fmt.Print(stay.DepartedAt.V.Time().Format("15:04:05"), " ")
		}
		fmt.Println(stay.Fixes, "fixes")
	}
	// Output:
	// 06:00:00 7 fixes
	// 06:00:00 06:09:50 60 fixes
}
