package state

import (
	"fmt"
	"testing"
	"time"

	"waybill/processors/stream"
)

func TestSizeIsAboutRight(t *testing.T) {
	s := open(t, newDisk(t, t.TempDir()), someID)
	defer s.Close()
	sized := func(what string, least, most int64) int64 {
		t.Helper()
		got, err := s.Size()
		if err != nil {
			t.Fatal(err)
		}
		if got.Keys < least || got.Keys > most {
			t.Errorf("%s: about %d keys, want %d to %d", what, got.Keys, least, most)
		}
		return got.DiskBytes
	}
	sized("new", 0, 2) // with the store's own
	empty := sized("looked at again", 0, 2)
	apply(t, s, 1, many("key", 1000)...)
	sized("in memory", 1000, 1010)
	flush(t, s)
	if full := sized("on disk", 1000, 1010); full <= empty {
		t.Errorf("takes %d bytes with 1000 keys, %d with none", full, empty)
	}
	apply(t, s, 2, many("more", 500)...)
	sized("on disk and in memory", 1500, 1510)
	var gone []stream.Change
	for i := range 400 {
		gone = append(gone, stream.Change{Key: fmt.Appendf(nil, "key-%d", i)})
	}
	if err := s.Apply(gone, Checkpoint{Next: 3, At: time.UnixMicro(1)}); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	sized("some deleted", 1100, 1120)
}

func many(name string, n int) (kv []string) {
	for i := range n {
		kv = append(kv, fmt.Sprintf("%s-%d", name, i), "value")
	}
	return kv
}

func flush(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
}
