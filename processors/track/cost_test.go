package track

import (
	"bytes"
	"context"
	"testing"
	"time"
	"unsafe"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics/fault"
)

// one is the device of a fleet of one, and its head, at hand.
func one(t testing.TB) (*device, *fleet, *avro.TrackHead) {
	t.Helper()
	d, err := bound()
	if err != nil {
		t.Fatal(err)
	}
	return d, newFleet(1, time.Second), new(avro.TrackHead)
}

func take(t testing.TB, d *device, f *fleet, head *avro.TrackHead) {
	fix := fixOf(f.next().Value.(*avro.Position))
	d.news = d.news[:0]
	if err := d.next(head, &fix); err != nil {
		t.Fatal(err)
	}
}

// TestAFixInOrderAllocatesNothing once its device has filled a block and left a stay. Putting a block aside allocates the
// block, its names and the store's, once in 300 fixes.
func TestAFixInOrderAllocatesNothing(t *testing.T) {
	d, f, head := one(t)
	for range 1200 {
		take(t, d, f, head)
	}
	const hours = 2
	n := testing.AllocsPerRun(1, func() {
		for range hours * 3600 {
			take(t, d, f, head)
		}
	})
	t.Logf("%v allocations for %d fixes", n, hours*3600)
	if n > hours*12*7 {
		t.Errorf("%v allocations for %d fixes", n, hours*3600)
	}
}

// TestBytesOfADevice states what an hour at 1 Hz costs a device: in memory, in a snapshot, in the blocks put aside.
func TestBytesOfADevice(t *testing.T) {
	d, f, head := one(t)
	var most, aside, blocks, kept int
	for range 3600 {
		before := head.Clone()
		take(t, d, f, head)
		most = max(most, len(head.Append(nil)))
		if head.Block.Number != before.Block.Number && before.Newest.Ok {
			blocks++
			aside += len(before.Block.Append(nil))
			kept += int(unsafe.Sizeof(before.Block)) + len(before.Block.Fixes)
		}
	}
	fixed := int(unsafe.Sizeof(*head))
	buffers := cap(head.Block.Fixes) + cap(head.Kept.Bits) +
		(cap(head.Scan.Pending)+cap(head.Block.Start.Pending))*int(unsafe.Sizeof(avro.TrackFix{})) + cap(head.Block.Stays)*int(unsafe.Sizeof(avro.Stay{}))
	t.Logf("head: %d bytes, its buffers %d; in a snapshot at most %d; %d blocks put aside: %d bytes of state, %d decoded", fixed, buffers, most, blocks, aside, kept)
	if fixed > 536 || buffers > 6000 || most > 2500 || aside > 11*2500 {
		t.Error("a device costs more than DESIGN.md says")
	}
}

// TestKeepsNoStringOfARecord: the driver reads the next record into the same buffer.
func TestKeepsNoStringOfARecord(t *testing.T) {
	task, err := New(DefaultConfig()).NewTask(stream.Nothing{})
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(1, time.Second)
	buffer := bytes.Clone(f.keys[0])
	var facts []*avro.Fact
	for range 1000 {
		r := f.next()
		copy(buffer, f.keys[0])
		r.Key = buffer
		p, key := r.Value.(*avro.Position), unsafe.String(&buffer[0], len(buffer))
		p.Tenant, p.Issuer, p.DeviceID = key[:4], key[5:8], key[9:]
		emit := func(es []stream.Emit) error {
			for _, e := range es {
				facts = append(facts, e.Value.(*avro.Fact))
			}
			return nil
		}
		if err := task.Process(context.Background(), r, emit); err != nil {
			t.Fatal(err)
		}
		copy(buffer, bytes.Repeat([]byte("?"), len(buffer)))
	}
	if len(facts) == 0 {
		t.Fatal("nothing was told")
	}
	for _, fact := range facts {
		if bytes.ContainsRune(fact.Append(nil), '?') {
			t.Errorf("%+v", fact)
		}
	}
}

// TestABadKeyChangesNothing, so that a flood of them costs no cycle.
func TestABadKeyChangesNothing(t *testing.T) {
	task, err := New(DefaultConfig()).NewTask(stream.Nothing{})
	if err != nil {
		t.Fatal(err)
	}
	r := newFleet(1, time.Second).next()
	r.Key = []byte("acme")
	if err := task.Process(context.Background(), r, nil); fault.Of(err) != fault.Poison || task.Tainted() || task.Dirty() {
		t.Errorf("%v, tainted %v, dirty %v", err, task.Tainted(), task.Dirty())
	}
}

// TestBlocksLeaveMemory: what a device holds decoded does not grow with its history.
func TestBlocksLeaveMemory(t *testing.T) {
	task, err := New(DefaultConfig()).NewTask(stream.Nothing{})
	if err != nil {
		t.Fatal(err)
	}
	f, held := newFleet(1, time.Second), 0
	for i := range 8 * 3600 {
		if err := task.Process(context.Background(), f.next(), func([]stream.Emit) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if i%30 == 29 {
			if _, err := task.Flush(); err != nil {
				t.Fatal(err)
			}
			task.Committed(1 << 30)
			held = max(held, task.Held())
		}
	}
	if t.Logf("at most %d bytes", held); held > 8000 {
		t.Errorf("%d bytes held behind a snapshot", held)
	}
}
