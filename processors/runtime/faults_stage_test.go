package runtime

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// names are the topics of one run: runs share brokers, so each has its own.
type runTopics struct{ app string }

func (n runTopics) inbox() topics.Topic {
	return topics.Topic{Name: topics.Name(n.app + ".inbox"), Partitions: 4, Inbox: true}
}
func (n runTopics) numbered() topics.Name { return topics.Name(n.app + ".numbered") }
func (n runTopics) totals() topics.Name   { return topics.Name(n.app + ".totals") }

// subject is a stage under test, and the plain fold of its inbox that it is held against.
type subject struct {
	name  string
	spec  func(runTopics) stream.Spec
	model func() model // of one inbox partition

	// newer is the same stage in a program that keeps its state in another form and reads the one before too; nil: there is none.
	newer func(runTopics) stream.Spec

	snapshots bool // the changelog and the disk hold what the state was now and then, not every change

	prices bool // reference data changes now and then

	// rare is how many times rarer than with others deadly records are: those that changed state before they died take a stage
	// with snapshots back to the last of them.
	rare int
}

var subjects = []subject{
	{name: "tally", spec: func(n runTopics) stream.Spec { return tallying(n, false, 1) }, model: newTally, newer: func(n runTopics) stream.Spec { return tallying(n, false, 2) }},
	{name: "tally by snapshots", spec: func(n runTopics) stream.Spec { return tallying(n, true, 1) }, model: newTally, snapshots: true, rare: 10, newer: func(n runTopics) stream.Spec { return tallying(n, true, 2) }},
	{name: "shelves", spec: shelving, model: newShelves},
	{name: "prices", spec: pricing, model: newPrices, prices: true},
}

func subjectOf(name string) subject {
	for _, s := range subjects {
		if s.name == name {
			return s
		}
	}
	panic("no subject " + name)
}

// What the load tells a stage to do, in a message's Format.
const (
	toPoison   = "poison"   // die, having changed state
	toKill     = "kill"     // end the process without a word
	toPanic    = "panic"    // the same by panicking
	toOversize = "oversize" // say more than any broker takes
	toEveryone = "everyone" // tell every partition
)

// obey does what a message tells a stage to do after its own work.
func obey(out *stream.Emits, n runTopics, key string, m *avro.PartnerMessage) error {
	switch m.Format {
	case toKill:
		die()
	case toPoison:
		return fault.Poisonf("BAD", "told to")
	case toPanic:
		panic("told to")
	case toOversize:
		out.To(n.numbered(), key, &avro.PartnerMessage{Payload: make([]byte, 2*faultMessageBytes)})
	case toEveryone:
		out.Broadcast(n.totals(), key, &avro.PartnerMessage{Name: m.Name})
	}
	return nil
}

func micros(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

// tallying numbers the records of each key and tells the number a minute after the last; an odd one again half a minute
// later: a timer that sets a timer. Kept in form 2 numbers count downwards.
func tallying(n runTopics, snapshots bool, form byte) stream.Spec {
	var kept []stream.Option
	sign := int64(1)
	if form == 2 {
		kept, sign = []stream.Option{stream.Migrated(2, fromOldForm)}, -1
	}
	on := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st counted) (out stream.Emits, err error) {
		c := st.count.Edit()
		c.Line += sign
		c.Name = ev.Value.Name
		st.timers.Set("total", ev.Time.Add(time.Minute))
		out.To(n.numbered(), key, &avro.PartnerMessage{Name: ev.Value.Name, Line: sign * c.Line})
		return out, obey(&out, n, key, ev.Value)
	}
	onTimer := func(_ context.Context, key string, f stream.Firing, st counted) (out stream.Emits, err error) {
		c, _ := st.count.Get()
		out.To(n.totals(), key, &avro.PartnerMessage{Name: f.Name, Line: sign * c.Line, Header: micros(f.Due)})
		if f.Name == "total" && c.Line%2 != 0 {
			st.timers.Set("again", f.Due.Add(30*time.Second))
		}
		return out, nil
	}
	return stream.Define(stream.Processor[counted]{
		Name: "tally", Inbox: n.inbox(), Snapshots: snapshots, Outputs: []topics.Name{n.numbered(), n.totals()}, Timers: onTimer,
		State: func(b *stream.Binder) counted {
			return counted{stream.ValueOf[avro.PartnerMessage](b, "count", kept...), b.Timers()}
		},
		Inputs: []stream.Input[counted]{stream.On(on)},
	})
}

// shelved is the state of shelving.
type shelved struct {
	shelves *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	latest  *stream.List[avro.PartnerMessage, *avro.PartnerMessage]
	timers  *stream.Timers
}

// shelving keeps seven shelves a key, each with a timer that clears it, and the latest five messages, and lists them all at
// each record.
func shelving(n runTopics) stream.Spec {
	on := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st shelved) (out stream.Emits, err error) {
		line := ev.Value.Line
		shelf := shelfOf(line)
		s := st.shelves.Edit(shelf)
		s.Line++
		s.Name = ev.Value.Name
		st.timers.Set(shelf, ev.Time.Add(clearAfter(line)))
		if line%11 == 0 {
			st.shelves.Delete(shelf)
			st.timers.Cancel(shelf)
		}
		st.latest.Append().Name = ev.Value.Name
		st.latest.DropFirst(st.latest.Len() - 5)
		listing := ""
		for name, s := range st.shelves.All() {
			listing += fmt.Sprintf("%s=%d ", name, s.Line)
		}
		for m := range st.latest.All() {
			listing += m.Name + " "
		}
		out.To(n.numbered(), key, &avro.PartnerMessage{Name: ev.Value.Name, Header: listing})
		return out, obey(&out, n, key, ev.Value)
	}
	onTimer := func(_ context.Context, key string, f stream.Firing, st shelved) (out stream.Emits, err error) {
		s, _ := st.shelves.Get(f.Name)
		out.To(n.totals(), key, &avro.PartnerMessage{Name: f.Name, Line: s.Line, Header: micros(f.Due)})
		st.shelves.Delete(f.Name)
		return out, nil
	}
	return stream.Define(stream.Processor[shelved]{
		Name: "shelves", Inbox: n.inbox(), Outputs: []topics.Name{n.numbered(), n.totals()}, Timers: onTimer,
		State: func(b *stream.Binder) shelved {
			return shelved{stream.MapOf[avro.PartnerMessage](b, "shelf"), stream.ListOf[avro.PartnerMessage](b, "latest"), b.Timers()}
		},
		Inputs: []stream.Input[shelved]{stream.On(on)},
	})
}

func shelfOf(line int64) string { return fmt.Sprint("shelf-", line%7) }

func clearAfter(line int64) time.Duration { return time.Duration(1+line%3) * 20 * time.Second }
