package sim_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/sim"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

type fading struct {
	last  *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	notes *stream.Map[avro.PartnerMessage, *avro.PartnerMessage]
	lines *stream.List[avro.PartnerMessage, *avro.PartnerMessage]
}

// fade changes what a record names and tells all that the key still has.
func fade(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], st fading) (out stream.Emits, err error) {
	switch ev.Value.Format {
	case "set":
		st.last.Edit().Line = ev.Value.Line
	case "note":
		st.notes.Edit(ev.Value.Name).Line = ev.Value.Line
	case "append":
		st.lines.Append().Line = ev.Value.Line
	case "forget":
		st.last.Delete()
		st.notes.Delete(ev.Value.Name)
		st.lines.DropFirst(1)
	case "poison":
		st.last.Edit()
		st.lines.Append()
		return out, fault.Poisonf("BAD", "told to")
	}
	var there strings.Builder
	if v, ok := st.last.Get(); ok {
		fmt.Fprint(&there, v.Line)
	}
	for name, v := range st.notes.All() {
		fmt.Fprint(&there, " ", name, "=", v.Line)
	}
	for v := range st.lines.All() {
		fmt.Fprint(&there, " ", v.Line)
	}
	out.To(numbered, key, &avro.PartnerMessage{Name: there.String(), Line: ev.Value.Line})
	return out, nil
}

var fadingStage = stream.Define(stream.Processor[fading]{
	Name: "fading", Inbox: topics.Topic{Name: inbox}, Outputs: []topics.Name{numbered}, Inputs: []stream.Input[fading]{stream.On(fade)},
	State: func(b *stream.Binder) fading {
		return fading{
			stream.ValueOf[avro.PartnerMessage](b, "last", stream.TTL(time.Hour)), stream.MapOf[avro.PartnerMessage](b, "notes", stream.TTL(2*time.Hour)),
			stream.ListOf[avro.PartnerMessage](b, "lines", stream.TTL(30*time.Minute)),
		}
	},
})

// fadeAway plays some days of records and ticks, and gives what was said, in order by key, and the state at the end.
func fadeAway(t *testing.T, opt sim.Options) (said map[string][]string, state map[string]string, stats sim.Stats) {
	t.Helper()
	opt.Partitions = 2
	s := sim.New(opt, fadingStage)
	script := rand.New(rand.NewPCG(1, 1)) // the same for all
	for i := range int64(1500) {
		do := []string{"set", "note", "note", "append", "append", "forget", "see", "see", "poison"}[script.IntN(9)]
		s.Send(inbox, fmt.Sprint("key-", script.IntN(5)), &avro.PartnerMessage{Format: do, Name: fmt.Sprint("n", script.IntN(3)), Line: i})
		s.Advance(time.Duration(script.IntN(600)) * time.Second)
		if i%3 == 0 {
			s.Tick(s.Now())
		}
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	said = map[string][]string{}
	for _, r := range s.Log(numbered) {
		said[r.Key] = append(said[r.Key], r.Value.(*avro.PartnerMessage).Name)
	}
	state = s.State("fading")
	eachExpires(t, state)
	return said, state, s.Stats
}

// eachExpires: every entry has an expiry, and every expiry an entry.
func eachExpires(t *testing.T, state map[string]string) {
	t.Helper()
	entries, expiries := map[string]bool{}, map[string]bool{}
	for k := range state {
		partition, key, _ := strings.Cut(k, "/")
		at, err := stream.ParseKey([]byte(key))
		if at.Store == "clock" {
			continue
		}
		if of, ok := stream.ExpiryOf(at); err == nil && ok {
			expiries[partition+"/"+string(of.Bytes())] = true
		} else if err == nil {
			entries[k] = true
		}
	}
	if !maps.Equal(entries, expiries) {
		t.Fatalf("entries %v, expiries %v", entries, expiries)
	}
}

// What is forgotten, and when, follows from the inbox alone: batches, aborts, crashes and what is decoded change nothing.
func TestForgettingFollowsFromTheInboxAlone(t *testing.T) {
	said, state, _ := fadeAway(t, sim.Options{Batch: 1})
	if len(said) != 5 || len(state) == 0 {
		t.Fatalf("the undisturbed run said nothing of %d keys or kept nothing: %v", len(said), state)
	}
	var stats sim.Stats
	for seed := range uint64(30) {
		said2, state2, s := fadeAway(t, sim.Options{Seed: seed, Faults: 0.3})
		if !reflect.DeepEqual(said, said2) || !maps.Equal(state, state2) {
			t.Fatalf("seed %d: another end than undisturbed", seed)
		}
		stats.Aborts += s.Aborts
		stats.Crashes += s.Crashes
		stats.Reruns += s.Reruns
	}
	if stats.Aborts == 0 || stats.Crashes == 0 || stats.Reruns == 0 {
		t.Fatalf("the faults did not happen: %+v", stats)
	}
}
