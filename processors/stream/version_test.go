package stream_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// grown is a stage whose stores held ticks at first, then sweeps, and hold messages since version 3.
func grown(version byte) stream.Spec {
	var opts []stream.Option
	if version > 1 {
		opts = append(opts, stream.Migrated(version, migrate))
	}
	return stream.Define(stream.Processor[stores]{
		Name: "grown", Inbox: topics.Topic{Name: "in"}, Outputs: []topics.Name{out}, Inputs: []stream.Input[stores]{stream.On(obey)}, Timers: ring, Sweep: swept,
		State: func(b *stream.Binder) stores {
			return stores{
				stream.ValueOf[avro.PartnerMessage](b, "last", opts...), stream.MapOf[avro.PartnerMessage](b, "notes", opts...),
				stream.TableOf[avro.PartnerMessage](b, "shared", opts...), stream.IndexOf(b, "users"), b.Timers(),
				stream.ListOf[avro.PartnerMessage](b, "lines", opts...),
			}
		},
	})
}

func migrate(from byte, old []byte, into avro.Record) error {
	m := into.(*avro.PartnerMessage)
	switch from {
	case 1:
		var t avro.Tick
		err := t.Decode(old)
		m.Line = int64(len(t.Producer))
		return err
	case 2:
		var s avro.Sweep
		err := s.Decode(old)
		m.Line = int64(len(s.Reference)) * 100
		return err
	}
	return fmt.Errorf("nobody knows version %d", from)
}

func kept(version byte, rec avro.Record) string { return string(rec.Append([]byte{version})) }

// Old forms are read wherever they are met, written anew when they change and not before, and survive undoing.
func TestOldFormsAreMigratedWhenTheyChange(t *testing.T) {
	r := newRunOf(t, grown(3))
	element := func(n byte) string { return "a\x00lines\x00" + strings.Repeat("\x00", 7) + string(n) }
	before := memory{
		"a\x00last\x00": kept(1, &avro.Tick{Producer: "1234567"}), "b\x00last\x00": kept(2, &avro.Sweep{Reference: "12"}),
		"a\x00notes\x00n": kept(1, &avro.Tick{Producer: "1"}), "a\x00notes\x00o": kept(3, &avro.PartnerMessage{Line: 5}),
		"\x00shared\x00p": kept(2, &avro.Sweep{Reference: "123"}), element(0): kept(1, &avro.Tick{Producer: "1"}),
	}
	maps.Copy(r.kv, before)
	r.must("a", "get", "", 0)
	r.must("b", "get", "", 0)
	r.must("a", "notes", "", 0)
	r.must("a", "append", "", 2)
	r.must("a", "lines", "", 0)
	r.must("a", "drop", "", 1)
	r.must("a", "use", "p", 0)
	r.task.Aborted()
	r.heard("a: 7 true", "b: 200 true", "a: n=1", "a: o=5", "a: [1 2] of 2")
	r.commit(0)
	if !maps.Equal(r.kv, before) {
		t.Errorf("what was read alone was written: %q", r.kv)
	}
	r.must("a", "note", "n", 9)
	r.must("a", "set", "", 10)
	r.commit(0)
	r.reopen()
	r.must("a", "get", "", 0)
	r.must("a", "notes", "", 0)
	r.heard("a: 10 true", "a: n=9", "a: o=5")
	before["a\x00notes\x00n"], before["a\x00last\x00"] = kept(3, &avro.PartnerMessage{Line: 9}), kept(3, &avro.PartnerMessage{Line: 10})
	if !maps.Equal(r.kv, before) {
		t.Errorf("state is %q, want %q", r.kv, before)
	}
}

// What a newer program wrote, or what cannot be migrated, stops the stage with a sentence: it is not the fault of the record that met it.
func TestUnknownFormsAreFatal(t *testing.T) {
	for _, c := range []struct {
		name          string
		version       byte // of the program
		key           string
		value         string
		do, arg, said string
	}{
		{"newer value", 3, "a\x00last\x00", kept(4, &avro.Tick{}), "get", "", `store last is of version 4, this program knows version 3: run the program that wrote it`},
		{"newer than the first", 1, "a\x00last\x00", kept(2, &avro.Tick{}), "get", "", "is of version 2, this program knows version 1"},
		{"newer entry", 3, "a\x00notes\x00n", kept(4, &avro.Tick{}), "notes", "", "store notes is of version 4"},
		{"newer entry to change", 3, "a\x00notes\x00n", kept(4, &avro.Tick{}), "note", "n", "store notes is of version 4"},
		{"newer element", 3, "a\x00lines\x00\x00\x00\x00\x00\x00\x00\x00\x00", kept(4, &avro.Tick{}), "lines", "", "store lines is of version 4"},
		{"newer timer to set", 3, "a\x00timer\x00x", "\x0412345678", "alarm", "x", "store timer is of version 4"},
		{"no migration", 3, "a\x00last\x00", kept(0, &avro.Tick{}), "get", "", "migrate value of store last from version 0 to 3: nobody knows version 0"},
		{"not of its version", 3, "a\x00last\x00", "\x01rubbish", "get", "", "migrate value of store last from version 1 to 3"},
		{"empty", 3, "a\x00last\x00", "", "get", "", "has no version"},
	} {
		r := newRunOf(t, grown(c.version))
		r.kv[c.key] = c.value
		err := r.do("a", c.do, c.arg, 1)
		if fault.Of(err) != fault.Fatal || !strings.Contains(fmt.Sprint(err), c.said) {
			t.Errorf("%s: got %v (%v), want it fatal and saying %q", c.name, err, fault.Of(err), c.said)
		}
		if _, err := r.task.Flush(); err == nil {
			t.Errorf("%s: what came of it could be committed", c.name)
		}
	}
}

// A timer that cannot be read must not be passed over, neither when it is due nor when its index is made anew.
func TestTimersOfAnUnknownFormAreFatal(t *testing.T) {
	r := newRunOf(t, grown(3))
	r.must("a", "alarm", "x", 5)
	r.commit(0)
	r.kv["a\x00timer\x00x"] = "\x02" + r.kv["a\x00timer\x00x"][1:]
	if err := r.do("", "tick", "", 9); fault.Of(err) != fault.Fatal || !strings.Contains(fmt.Sprint(err), "store timer is of version 2") {
		t.Errorf("the tick gave %v", err)
	}
	for _, value := range []string{r.kv["a\x00timer\x00x"], "\x02", "", "\x01short"} {
		if _, follows, err := stream.Derive([]byte("a\x00timer\x00x"), []byte(value)); err == nil || follows {
			t.Errorf("the index of %q: %v, %v", value, follows, err)
		}
	}
	if _, follows, err := stream.Derive([]byte("a\x00timers\x00x"), nil); err != nil || follows {
		t.Errorf("what is no timer: %v, %v", follows, err)
	}
}

func TestStoresTellOfThemselves(t *testing.T) {
	got := map[string]string{}
	for _, s := range grown(3).Stores() {
		got[s.Name] = fmt.Sprint(s.Kind, " ", s.Record, " ", s.Version)
	}
	want := map[string]string{
		"last": "value waybill.platform.PartnerMessage 3", "notes": "map waybill.platform.PartnerMessage 3", "shared": "table waybill.platform.PartnerMessage 3",
		"lines": "list waybill.platform.PartnerMessage 3", "users": "index waybill.stream.Presence 1", "timer": "timers waybill.stream.Due 1", "clock": "clock waybill.stream.Due 1",
	}
	if !maps.Equal(got, want) {
		t.Errorf("stores are %v, want %v", got, want)
	}
	for _, s := range grown(3).Stores() {
		if s.Name != "last" {
			continue
		}
		rec, version, err := s.Decode([]byte(kept(2, &avro.Sweep{Reference: "12"})))
		if m, ok := rec.(*avro.PartnerMessage); err != nil || version != 2 || !ok || m.Line != 200 {
			t.Errorf("decoded %v of version %d, %v", rec, version, err)
		}
	}
	for _, s := range fadingStage(true, stream.TTL(time.Hour)).Stores() {
		if s.Name == "last" && s.TTL != time.Hour {
			t.Errorf("a store says that its TTL is %v", s.TTL)
		}
	}
}

func TestFaultyOptionsPanic(t *testing.T) {
	for name, declare := range map[string]func(){
		"no time": func() { stream.TTL(0) }, "version 1": func() { stream.Migrated(1, migrate) }, "no migration": func() { stream.Migrated(2, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			declare()
		}()
	}
}
