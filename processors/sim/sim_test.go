package sim_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/sim"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

const (
	inbox    topics.Name = "test.inbox"
	numbered topics.Name = "test.numbered"
	totals   topics.Name = "test.totals"
)

type counted struct {
	count  *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	timers *stream.Timers
}

func bind(b *stream.Binder) counted {
	return counted{count: stream.ValueOf[avro.PartnerMessage](b, "count"), timers: b.Timers()}
}

// counter numbers the records of each key and, an hour after the last one, says how many there were.
func counter(name string, from, to, summary topics.Name) stream.Spec {
	onMessage := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st counted) (out stream.Emits, err error) {
		c := st.count.Edit()
		c.Line++
		st.timers.Set("summary", ev.Time.Add(time.Hour))
		if ev.Value.Format == "poison" {
			return out, fault.Poisonf("BAD", "format %s", ev.Value.Format)
		}
		out.To(to, key, &avro.PartnerMessage{Name: ev.Value.Name, Line: c.Line})
		return out, nil
	}
	onTimer := func(_ context.Context, key string, f stream.Firing, st counted) (out stream.Emits, err error) {
		c, _ := st.count.Get()
		out.To(summary, key, &avro.PartnerMessage{Name: key, Line: c.Line})
		return out, nil
	}
	return stream.Define(stream.Processor[counted]{
		Name: name, Inbox: topics.Topic{Name: from}, State: bind, Timers: onTimer, Outputs: []topics.Name{to, summary},
		Inputs: []stream.Input[counted]{stream.On(onMessage)},
	})
}

func messages(n int) []sim.Message {
	var script []sim.Message
	for i := range n {
		script = append(script, sim.Message{Topic: inbox, Key: fmt.Sprint("key-", i%7), Value: &avro.PartnerMessage{Name: fmt.Sprint(i)}})
	}
	return script
}

// run drives two stages, the second counting what the first puts out, and gives the last count of every key.
func run(t *testing.T, opt sim.Options, script []sim.Message) (map[string]int64, *sim.Sim) {
	t.Helper()
	s := sim.New(opt, counter("first", inbox, numbered, totals), counter("second", numbered, "test.sink", "test.sums"))
	if err := s.PlayInterleaved(script); err != nil {
		t.Fatal(err)
	}
	s.Tick(s.Now().Add(2 * time.Hour))
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, r := range sim.Out[avro.PartnerMessage](s, "test.sums") {
		if _, twice := got[r.Name]; twice {
			t.Errorf("%s was summed twice", r.Name)
		}
		got[r.Name] = r.Line
	}
	return got, s
}

func TestAnySeedComesToTheSame(t *testing.T) {
	script := messages(100)
	want, _ := run(t, sim.Options{}, script)
	if len(want) != 7 || want["key-0"] != 15 || want["key-6"] != 14 {
		t.Fatalf("undisturbed run gave %v", want)
	}
	var stats sim.Stats
	for seed := uint64(1); seed <= 40; seed++ {
		opt := sim.Options{Partitions: 1 + int32(seed%4), Seed: seed, Faults: 0.3}
		got, s := run(t, opt, sim.Shuffled(seed, script))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: got %v, want %v", seed, got, want)
		}
		stats.Aborts += s.Stats.Aborts
		stats.Crashes += s.Stats.Crashes
	}
	if stats.Aborts == 0 || stats.Crashes == 0 {
		t.Fatalf("the faults did not happen: %+v", stats)
	}
}

func TestSameSeedSameRun(t *testing.T) {
	opt := sim.Options{Partitions: 3, Seed: 9, Faults: 0.3}
	script := sim.Duplicated(9, 0.5, messages(50))
	_, a := run(t, opt, script)
	_, b := run(t, opt, script)
	if x, y := a.Log("test.sink"), b.Log("test.sink"); !reflect.DeepEqual(x, y) || a.Stats != b.Stats {
		t.Errorf("two runs differ: %v %v", a.Stats, b.Stats)
	}
	if len(a.Log(inbox)) <= 50 {
		t.Errorf("nothing was duplicated")
	}
}

func TestPoisonLeavesNoTrace(t *testing.T) {
	for seed := range uint64(20) {
		bad := sim.Message{Topic: inbox, Key: "key-1", Value: &avro.PartnerMessage{Format: "poison"}}
		script := append(append(messages(10), bad), messages(10)...)
		got, s := run(t, sim.Options{Seed: seed, Faults: 0.2}, script)
		if got["key-1"] != 4 {
			t.Errorf("seed %d: poison counted: %v", seed, got)
		}
		letters := s.DeadLetters()
		if len(letters) != 1 || letters[0].Reason != "BAD" || letters[0].Stage != "first" || string(letters[0].Key.V) != "key-1" {
			t.Errorf("seed %d: dead letters %+v", seed, letters)
		}
		var back avro.PartnerMessage
		if err := back.Decode(letters[0].Value.V); err != nil || back.Format != "poison" {
			t.Errorf("seed %d: the letter's value came back as %+v, %v", seed, back, err)
		}
	}
}

func TestFatalStops(t *testing.T) {
	s := sim.New(sim.Options{}, stream.Define(stream.Processor[struct{}]{
		Name: "broken", Feeds: []topics.Topic{{Name: inbox}},
		Inputs: []stream.Input[struct{}]{stream.On(func(context.Context, string, stream.Event[avro.PartnerMessage], struct{}) (stream.Emits, error) {
			return stream.Emits{}, fmt.Errorf("unmarked")
		})},
	}))
	s.Play(messages(1))
	if err := s.Run(); fault.Of(err) != fault.Fatal || err == nil {
		t.Errorf("got %v, want a fatal error", err)
	}
}

func ExampleSim() {
	s := sim.New(sim.Options{Partitions: 3, Seed: 1}, counter("count", inbox, numbered, totals))
	s.Send(inbox, "acme", &avro.PartnerMessage{Name: "a"})
	s.Send(inbox, "acme", &avro.PartnerMessage{Name: "b"})
	if err := s.Run(); err != nil {
		fmt.Println(err)
	}
	for _, m := range sim.Out[avro.PartnerMessage](s, numbered) {
		fmt.Println(m.Name, m.Line)
	}
	// Output:
	// a 1
	// b 2
}
