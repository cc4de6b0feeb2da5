package audit

import (
	"testing"

	"waybill/avro"
	"waybill/topics"
)

func order(offset int64) Place { return Place{topics.Orders.Name, 0, offset} }

func filed(id string, from Place) *avro.Fact {
	return &avro.Fact{FactID: id, HasMilestone: true, Origin: avro.Origin{Topic: string(from.Topic), Partition: from.Partition, Offset: from.Offset}}
}

var nowhere = Place{topics.ResolveInbox.Name, 0, 0}

// Every fate, and a record and a fact that have none.
func TestFates(t *testing.T) {
	var a Audit
	for offset := range int64(4) {
		a.Take(order(offset), &avro.Order{OrderID: "o", EventID: string(rune('a' + offset))}, nil)
	}
	a.Take(nowhere, filed("seen", order(0)), nil)
	a.Take(nowhere, filed("seen", order(1)), nil) // a duplicate
	a.Take(nowhere, filed("parked", order(0)), nil)
	a.Take(nowhere, filed("released", order(0)), nil) // waited, went on, and reached nothing: lost
	links := filed("links", order(0))
	links.HasMilestone, links.Links = false, []avro.Link{{}}
	a.Take(nowhere, links, nil)
	a.Take(nowhere, filed("buried", order(0)), nil)
	a.Bury("buried")
	a.Take(Place{topics.OrdersInbox.Name, 0, 0}, filed("seen", order(0)), nil)
	for offset, p := range []avro.Parked{{FactID: "parked"}, {FactID: "released"}, {FactID: "released", Released: true}} {
		a.Take(Place{topics.Parked.Name, 0, int64(offset)}, &p, nil)
	}
	a.Take(Place{topics.DeadLetters.Name, 0, 0}, &avro.DeadLetter{Topic: string(topics.Orders.Name), Offset: 2, Stage: "normalise", Reason: "BAD"}, nil)

	records := a.RecordFates()
	if records.Total != 4 || records.New != 1 || records.Duplicate != 1 || records.Dead != 1 || records.Holds() || len(records.Lost) != 1 || records.Lost[0] != order(3).String() {
		t.Errorf("records: %+v", records)
	}
	facts := a.FactFates()
	if facts.Total != 5 || facts.Resolved != 1 || facts.Links != 1 || facts.Parked != 1 || facts.Dead != 1 || facts.Holds() || len(facts.Lost) != 1 || facts.Lost[0] != "fact released" {
		t.Errorf("facts: %+v", facts)
	}
}

// A sink that refuses a record keeps no stage from it.
func TestASinksLetterIsNoStages(t *testing.T) {
	var a Audit
	at := Place{topics.Positions.Name, 0, 0}
	a.Take(at, &avro.Position{DeviceID: "d"}, nil)
	a.Take(Place{topics.Positions.Name, 0, 1}, &avro.Tick{}, nil)
	a.Take(Place{topics.DeadLetters.Name, 0, 0}, &avro.DeadLetter{Topic: string(at.Topic), Stage: "sink.clickhouse"}, nil)
	if got := a.RecordFates(); got.Total != 1 || got.New != 1 || a.Ticks != 1 {
		t.Errorf("got %+v and %d ticks", got, a.Ticks)
	}
}

func TestPositionsAreTheSameByDeviceAndInstant(t *testing.T) {
	var a Audit
	for i, p := range []avro.Position{{DeviceID: "d", DeviceAt: 1, LatE6: 5}, {DeviceID: "d", DeviceAt: 1, LatE6: 5, ReceivedAt: 9}, {DeviceID: "d", DeviceAt: 2}} {
		a.Take(Place{topics.Positions.Name, 0, int64(i)}, &p, nil)
	}
	if got := a.RecordFates(); got.New != 2 || got.Duplicate != 1 {
		t.Errorf("got %+v", got)
	}
}

// A device's stay told as its vehicle's is one stay, and what was taken back is none.
func TestStays(t *testing.T) {
	var a Audit
	stay := func(series, id string, revision int64, void bool, from ...string) *avro.Fact {
		return &avro.Fact{FactID: id, Series: series, Revision: revision, Void: void, Stay: avro.Some(avro.Stay{}), DerivedFrom: from}
	}
	for _, f := range []*avro.Fact{
		stay("device", "d1", 1, false), stay("device", "d2", 2, false), stay("vehicle", "v1", 2, false, "d2"),
		stay("taken back", "t1", 1, false), stay("taken back", "t2", 2, true),
		stay("alone", "a1", 1, false),
	} {
		a.Take(nowhere, f, nil)
	}
	a.Take(Place{topics.LoadsInbox.Name, 0, 0}, stay("vehicle", "v1", 2, false, "d2"), nil)
	a.Take(Place{topics.Parked.Name, 0, 0}, &avro.Parked{FactID: "alone"}, nil)
	if got := a.StayFates(); got.Total != 2 || got.Resolved != 1 || got.Parked != 1 || !got.Holds() {
		t.Errorf("got %+v", got)
	}
}

func TestLatest(t *testing.T) {
	got := Current([]avro.Timeline{{ShipmentID: "b", Revision: 1}, {ShipmentID: "a", Revision: 2}, {ShipmentID: "a", Revision: 1}})
	if len(got) != 2 || got[0].Revision != 2 || got[1].ShipmentID != "b" {
		t.Errorf("got %+v", got)
	}
	lines := Ledger([]avro.Charge{{LineID: "2", EmittedAt: 2}, {LineID: "1", EmittedAt: 1}, {LineID: "2", EmittedAt: 2}})
	if len(lines) != 2 || lines[0].LineID != "1" {
		t.Errorf("got %+v", lines)
	}
}
