package runtime

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// narrow is counting with room for so many records of a key, until there is room.
func narrow(most int64, room *atomic.Bool) stream.Spec {
	type values = *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	onMessage := func(_ context.Context, key string, ev stream.Event[avro.PartnerMessage], count values) (out stream.Emits, err error) {
		c := count.Edit()
		if c.Line++; c.Line > most && !room.Load() {
			return out, fault.Waitf("FULL", "%d of %s are enough", most, key)
		}
		out.To(numbered, key, &avro.PartnerMessage{Name: ev.Value.Name, Line: c.Line})
		return out, nil
	}
	return stream.Define(stream.Processor[values]{
		Name: "counting", Inbox: inbox, Outputs: []topics.Name{numbered},
		State:  func(b *stream.Binder) values { return stream.ValueOf[avro.PartnerMessage](b, "count") },
		Inputs: []stream.Input[values]{stream.On(onMessage)},
	})
}

func fullIn(in *instance) (partitions []int32) {
	for _, p := range in.Stats()[0].Partitions {
		if p.Full != "" {
			partitions = append(partitions, p.Partition)
		}
	}
	return partitions
}

// A stage without room for a record holds up that partition, from that record on, and no other. Once there is room all goes on, as if
// nothing had been: each record once, in order.
func TestAStageWithoutRoomHoldsUpItsPartitionAlone(t *testing.T) {
	t.Parallel()
	room := new(atomic.Bool)
	k := newCluster(t, narrow(50, room))
	k.onlyIn(t, 0, 80)
	for p := int32(1); p < inbox.Partitions; p++ {
		k.onlyIn(t, p, 40)
	}
	log := newDiary()
	cfg := testConfig(k, "a", t.TempDir())
	cfg.Poison = Poison{PauseFirst: 50 * time.Millisecond, PauseMost: 100 * time.Millisecond}
	in := startWith(t, cfg, Deps{Log: slog.New(log)}, narrow(50, room))
	eventually(t, "it has begun", func() bool { return in.Stats()[0].In > 0 })
	eventually(t, "partition 0 is full, what came before is committed, the others are done", func() bool {
		for p := int32(1); p < inbox.Partitions; p++ {
			if k.lag(t, p) != 0 {
				return false
			}
		}
		full := fullIn(in)
		return len(full) == 1 && full[0] == 0 && k.lag(t, 0) == 30
	})
	aborts := in.Stats()[0].Aborts
	eventually(t, "it is tried again and again", func() bool { return in.Stats()[0].Aborts > aborts+2 })
	for p := int32(1); p < inbox.Partitions; p++ {
		k.onlyIn(t, p, 5)
	}
	eventually(t, "the others go on meanwhile", func() bool { return k.lag(t, 1) == 0 && k.lag(t, inbox.Partitions-1) == 0 })
	if n := k.lag(t, 0); n != 30 || in.Stats()[0].Pauses != 1 {
		t.Errorf("%d records wait, want 30; paused %d times, want once", n, in.Stats()[0].Pauses)
	}
	room.Store(true)
	k.check(t)
	eventually(t, "nothing is full", func() bool { return len(fullIn(in)) == 0 })
	in.halt(t)
	if s := log.String(); strings.Count(s, "has no room for what comes next") != 1 || !strings.Contains(s, "reason=FULL") || !strings.Contains(s, "has room again") {
		t.Errorf("want it said once that there is no room, and that there is again:\n%s", s)
	}
	if s := in.Stats()[0]; s.DeadLetters != 0 {
		t.Errorf("%d dead letters", s.DeadLetters)
	}
}

// What a stage gives up is a dead letter with its bytes as they would lie in its inbox: to be replayed like any other.
func TestWhatAStageGivesUpIsALetterWithItsBytes(t *testing.T) {
	t.Parallel()
	type values = *stream.Value[avro.PartnerMessage, *avro.PartnerMessage]
	type kept struct {
		of     values
		timers *stream.Timers
	}
	spec := stream.Define(stream.Processor[kept]{
		Name: "counting", Inbox: inbox,
		State: func(b *stream.Binder) kept {
			return kept{stream.ValueOf[avro.PartnerMessage](b, "count"), b.Timers()}
		},
		Inputs: []stream.Input[kept]{stream.On(func(_ context.Context, _ string, ev stream.Event[avro.PartnerMessage], st kept) (stream.Emits, error) {
			*st.of.Edit() = ev.Value.Clone()
			st.timers.Set("up", ev.Time.Add(time.Minute))
			return stream.Emits{}, nil
		})},
		Timers: func(_ context.Context, _ string, _ stream.Firing, st kept) (out stream.Emits, err error) {
			v, _ := st.of.Get()
			given := v.Clone()
			out.Bury(&given, fault.Poisonf("TOO_LATE", "nobody came"))
			st.of.Delete()
			return out, nil
		},
	})
	k := newCluster(t, spec)
	in := start(t, testConfig(k, "a", t.TempDir()), nil, spec)
	k.produce(t, k.next("a", 0))
	eventually(t, "the record is worked on", func() bool { return in.Stats()[0].Commits > 0 && in.Stats()[0].In == 1 })
	k.clockByHand(t)
	k.tick(t, 0, time.Now().Add(time.Hour))
	eventually(t, "it is given up", func() bool { return in.Stats()[0].DeadLetters == 1 })
	in.halt(t)
	l := k.letters(t)[0]
	rec, err := codec{}.Decode(t.Context(), l.Value.V)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := rec.(*avro.PartnerMessage); !ok || m.Name != "0" || l.Reason != "TOO_LATE" || l.Topic != string(inbox.Name) || string(l.Key.V) != "a" || l.Partition != 0 {
		t.Errorf("letter %+v holds %+v", l, rec)
	}
}
