package world

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/topics"
)

func small(seed uint64) Config {
	c := DefaultConfig()
	c.Seed, c.Vehicles, c.Loads, c.Days = seed, 8, 40, 2
	return c
}

func made(t testing.TB, c Config) *World {
	t.Helper()
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func digest(w *World) string {
	h := sha256.New()
	for d := range w.Deliveries() {
		fmt.Fprintf(h, "%s|%s|%d|%d|%v|", d.Topic, d.Key, d.OccurredAt.UnixNano(), d.DeliverAt.UnixNano(), d.Duplicate)
		h.Write(d.Record.Append(nil))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	w := made(t, small(3))
	first := digest(w)
	if again := digest(w); again != first {
		t.Error("the same world told another story the second time")
	}
	if other := digest(made(t, small(3))); other != first {
		t.Error("two worlds of one seed differ")
	}
	if other := digest(made(t, small(4))); other == first {
		t.Error("two seeds made one world")
	}
}

func TestDeliveryOrder(t *testing.T) {
	w := made(t, small(5))
	var last time.Time
	n, reference := 0, true
	for d := range w.Deliveries() {
		if d.DeliverAt.Before(last) {
			t.Fatalf("delivery %d to %s at %v comes after one at %v", n, d.Topic, d.DeliverAt, last)
		}
		if d.DeliverAt.Before(d.OccurredAt) {
			t.Fatalf("delivery %d to %s arrives at %v before it happened at %v", n, d.Topic, d.DeliverAt, d.OccurredAt)
		}
		isReference := slices.Contains([]topics.Name{topics.Places.Name, topics.ServiceLevels.Name, topics.Contracts.Name}, d.Topic)
		if isReference && !reference {
			t.Fatalf("reference data for %s come after other deliveries", d.Topic)
		}
		last, reference, n = d.DeliverAt, isReference, n+1
	}
}

func TestRecordsMatchTheCatalogue(t *testing.T) {
	for d := range made(t, small(6)).Deliveries() {
		topic, ok := topics.ByName(d.Topic)
		if !ok || !slices.Contains(topic.Records, d.Record.AvroName()) {
			t.Fatalf("topic %s does not carry %s", d.Topic, d.Record.AvroName())
		}
		parts := topics.SplitKey(d.Key)
		if parts[0] != "demo" || len(parts) != len(strings.Split(topic.Key, ",")) {
			t.Fatalf("topic %s: key %q is not of the form %q", d.Topic, d.Key, topic.Key)
		}
		if err := recoded(d.Record); err != nil {
			t.Fatalf("topic %s: %v", d.Topic, err)
		}
	}
}

func recoded(rec avro.Record) error {
	var back avro.Record
	switch rec.(type) {
	case *avro.Position:
		back = &avro.Position{}
	case *avro.Load:
		back = &avro.Load{}
	case *avro.Contract:
		back = &avro.Contract{}
	default:
		return nil
	}
	return back.Decode(rec.Append(nil))
}

func TestDefaultWorldCoversTheField(t *testing.T) {
	got := map[topics.Name]int{}
	for d := range made(t, DefaultConfig()).Deliveries() {
		got[d.Topic]++
	}
	t.Log(got)
	for _, name := range []topics.Topic{topics.Orders, topics.WarehouseEvents, topics.Loads, topics.Assignments, topics.CarrierStatuses, topics.Deliveries, topics.Installations, topics.Positions} {
		if got[name.Name] == 0 {
			t.Errorf("nothing was delivered to %s", name.Name)
		}
	}
	if got[topics.Loads.Name] < 4*200 || got[topics.Positions.Name] < 50*1000 {
		t.Errorf("%d load messages and %d positions are too few", got[topics.Loads.Name], got[topics.Positions.Name])
	}
}

// Ten thousand vehicles stream within a few hundred megabytes, however long they do.
func TestBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("streams a large world")
	}
	c := DefaultConfig()
	c.Vehicles, c.Loads, c.Days = 10_000, 10_000*4*365, 365
	w := made(t, c)
	n := 0
	started := time.Now()
	for range w.Deliveries() {
		if n++; n == 1_200_000 {
			break
		}
		if n%400_000 != 0 {
			continue
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		t.Logf("%d deliveries, %d MB in use, %v", n, m.HeapAlloc>>20, time.Since(started))
		if m.HeapAlloc > 600<<20 {
			t.Fatalf("%d MB in use after %d deliveries", m.HeapAlloc>>20, n)
		}
	}
}

func TestValidateNamesAllFaults(t *testing.T) {
	err := Config{PositionEvery: time.Second, Damage: Damage{Late: 2, Duplicated: -1}}.Validate()
	for _, want := range []string{"tenant", "start", "vehicles", "loads", "days", "position every", "late is 2", "duplicated is -1", "late by"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the fault in %q is not named in: %v", want, err)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}
