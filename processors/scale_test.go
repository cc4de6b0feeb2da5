package processors_test

import (
	"fmt"
	"testing"

	"waybill/avro"
	"waybill/processors/model/ids"
)

// A link costs what it may concern, however much is known under its identifier.
func TestALinkCostsWhatItConcerns(t *testing.T) {
	cost := func(days int) int {
		w := newWorks(t, 0)
		w.take(joins(device, vehicle))
		for h := range 24 * days {
			from := clock(h, 0)
			w.take(file(stay(1, from, avro.Some(from+avro.Micros(1800*1e6)), atA)))
		}
		w.commit()
		before := w.stages[0].kv.gets + w.stages[0].kv.scanned
		assign := milestone(avro.MilestoneCodeAssigned, tms, clock(40, 0), load, vehicle)
		held := link(vehicle, load, avro.ClassifierActual)
		held.ValidFrom, held.ValidTo = avro.Some(clock(24, 0)), avro.Some(clock(32, 0))
		assign.Links = []avro.Link{held}
		w.take(file(assign))
		facts := 0
		w.commit()
		prefix := append([]byte(ids.Key(tenant, load)), "\x00fact\x00"...)
		if err := w.stages[1].store.Scan(prefix, nil, func([]byte, []byte) error { facts++; return nil }); err != nil {
			t.Fatal(err)
		}
		if facts != 9 {
			t.Errorf("%d days: the load got %d facts, want the assignment and 8 stays", days, facts)
		}
		return w.stages[0].kv.gets + w.stages[0].kv.scanned - before
	}
	few, most := cost(4), cost(50)
	t.Logf("%d reads where 100 stays are known, %d where 1,200 are", few, most)
	if most > 2*few {
		t.Errorf("%d reads where 100 stays are known, %d where 1,200 are", few, most)
	}
}

// An order of thousands of lines: one more shipment is told what is said of the whole order, without a look at the lines.
func TestALinkOfALongOrderDoesNotWalkItsLines(t *testing.T) {
	w := newWorks(t, 0)
	w.stages = w.stages[:1]
	const many = 3000
	w.take(file(milestone(avro.MilestoneCodeOrderReleased, avro.Source{System: avro.SourceSystemERP}, clock(0, 1), order)))
	w.take(joins(order, shipment))
	for i := range many {
		w.take(file(milestone(avro.MilestoneCodePicked, wms, clock(1, 0)+avro.Micros(i), id(avro.IdentifierKindOrderLine, fmt.Sprint("O1/", i)), order))[1:])
		if i%100 == 0 {
			w.commit()
		}
	}
	w.commit()
	another := func(n string) int {
		before := w.stages[0].kv.gets + w.stages[0].kv.scanned
		w.take(joins(order, id(avro.IdentifierKindShipment, n)))
		w.commit()
		return w.stages[0].kv.gets + w.stages[0].kv.scanned - before
	}
	first, then := another("S2"), another("S3")
	t.Logf("%d reads for the link that finds many facts, %d for the next", first, then)
	if then > 200 { // some are read ahead, whatever is asked for
		t.Errorf("%d reads for one more link of an order of %d lines", then, many)
	}
}
