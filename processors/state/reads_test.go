package state

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"waybill/processors/stream"
)

// lowest gives a store whose state lies in the lowest level: keys k0, k2, k4 …, three entries each.
func lowest(t *testing.T, keys int) *Store {
	t.Helper()
	s := open(t, newDisk(t, t.TempDir()), someID)
	t.Cleanup(func() { s.Close() })
	var changes []stream.Change
	for i := range keys {
		for entry := range 3 {
			key := stream.StateKey{Store: "s", Scope: fmt.Sprintf("k%05d", 2*i), Entry: fmt.Sprint(entry)}.Bytes()
			changes = append(changes, stream.Change{Key: key, Value: bytes.Repeat([]byte{byte(i)}, 100)})
		}
	}
	if err := s.Apply(changes, Checkpoint{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{255}, false); err != nil {
		t.Fatal(err)
	}
	return s
}

// Most of what a new key asks for is not there. A filter says so, of the lowest level too, and no block is read.
func TestWhatIsNotThereCostsNoBlock(t *testing.T) {
	s := lowest(t, 5000)
	before := s.db.Metrics().Filter.Hits
	for i := range 1000 {
		scope := fmt.Sprintf("k%05d", 2*i+1)
		if v, err := s.Get(stream.StateKey{Store: "s", Scope: scope, Entry: "1"}.Bytes()); v != nil || err != nil {
			t.Fatalf("got %q, %v", v, err)
		}
		err := s.Scan([]byte(scope+"\x00"), nil, func(k, _ []byte) error { return fmt.Errorf("%q is there", k) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if told := s.db.Metrics().Filter.Hits - before; told < 1900 {
		t.Errorf("filters told of %d reads in 2000 that nothing is there", told)
	}
}

// Who reads while a scan is under way does not move it.
func TestAReadWithinAScan(t *testing.T) {
	s := lowest(t, 10)
	elsewhere := stream.StateKey{Store: "s", Scope: "k00016", Entry: "2"}.Bytes()
	var found []byte
	err := s.Scan([]byte("k00004\x00"), nil, func(k, v []byte) error {
		found = append(found, v[0], k[len(k)-1])
		if other, err := s.Get(elsewhere); err != nil || len(other) != 100 || other[0] != 8 {
			return fmt.Errorf("read %d bytes elsewhere, %v", len(other), err)
		}
		return nil
	})
	if want := []byte{2, '0', 2, '1', 2, '2'}; err != nil || !bytes.Equal(found, want) {
		t.Errorf("found %v, %v, want %v", found, err, want)
	}
}

// All of a key lies together, values beside their keys: Pebble would take entries of one key for versions of one value.
func TestValuesStayBesideTheirKeys(t *testing.T) {
	s := lowest(t, 100)
	levels, err := s.db.SSTables(pebble.WithProperties())
	if err != nil {
		t.Fatal(err)
	}
	for _, tables := range levels {
		for _, table := range tables {
			if n := table.Properties.NumValuesInValueBlocks; n > 0 {
				t.Errorf("%d values of %d lie away from their keys", n, table.Properties.NumEntries)
			}
		}
	}
}

// What is written is seen by the next read, whatever was read before.
func TestReadsSeeWhatWasWritten(t *testing.T) {
	s := lowest(t, 10)
	key := stream.StateKey{Store: "s", Scope: "k00000", Entry: "1"}.Bytes()
	for _, value := range []string{"new", "newer"} {
		if _, err := s.Get(key); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply([]stream.Change{{Key: key, Value: []byte(value)}}, Checkpoint{}); err != nil {
			t.Fatal(err)
		}
		if v, err := s.Get(key); string(v) != value || err != nil {
			t.Errorf("got %q, %v, want %q", v, err, value)
		}
	}
}
