package state

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"waybill/processors/stream"
	"github.com/cockroachdb/pebble/v2"
)

var debugEvents = func(o *pebble.Options) {}

func TestTmp(t *testing.T) {
	const n = 200_000
	d, err := NewDisk(t.TempDir(), 8<<20, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Open(ID{App: "a", Stage: "s", Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	l, _ := s.Load()
	for i := range n {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		v := make([]byte, 200)
		for i := 0; i < len(v)/2; i += 8 {
			binary.LittleEndian.PutUint64(v[i:], rng.Uint64())
		}
		l.Add(stream.Change{Key: []byte(fmt.Sprintf("last\x00bench|%016x\x00", rng.Uint64())), Value: v})
	}
	if err := l.Write(Checkpoint{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	fmt.Println(s.db.Metrics())
	s.Rederive()
	s.Apply(nil, Checkpoint{At: time.Now()})
	time.Sleep(2*time.Second)
	fmt.Println(s.db.Metrics())
	s.Close()
	d.Close()
}
