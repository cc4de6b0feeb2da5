package world_test

import (
	"fmt"

	"waybill/avro"
	"waybill/bench/world"
	"waybill/topics"
)

// A small world tells its story; a ledger without any line is held against its truth.
func Example() {
	c := world.DefaultConfig()
	c.Vehicles, c.Loads = 1, 2
	w, err := world.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	for d := range w.Deliveries() {
		if load, ok := d.Record.(*avro.Load); ok && load.Event == avro.LoadEventTendered && !d.Duplicate {
			fmt.Println(d.Topic == topics.Loads.Name, load.LoadID, load.Event, len(load.Stops), "stops")
		}
	}
	truth := w.Truth()
	due := 0
	for _, s := range truth.Shipments {
		due += len(s.Charges)
	}
	fmt.Println(len(world.CompareCharges(truth, nil)) == due)
	// Output:
	// true LD100001 TENDERED 4 stops
	// true LD100002 TENDERED 3 stops
	// true
}
