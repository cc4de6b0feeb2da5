package state

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"waybill/processors/stream"
)

func cpu() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkLoad(b *testing.B) {
	const n = 200_000
	keys, values := make([][]byte, n), make([][]byte, n)
	for i := range n {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		v := make([]byte, 200)
		for i := 0; i < len(v)/2; i += 8 {
			binary.LittleEndian.PutUint64(v[i:], rng.Uint64())
		}
		keys[i], values[i] = []byte(fmt.Sprintf("last\x00bench|%016x\x00", rng.Uint64())), v
	}
	fresh := func(b *testing.B) *Store {
		d, err := NewDisk(b.TempDir(), 8<<20, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		s, err := d.Open(ID{App: "a", Stage: "s", Topic: "t"})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close(); d.Close() })
		return s
	}
	b.Run("batches", func(b *testing.B) {
		before := cpu()
		for b.Loop() {
			s := fresh(b)
			var changes []stream.Change
			for i := range keys {
				changes = append(changes, stream.Change{Key: keys[i], Value: values[i]})
				if len(changes) == 4000 {
					if err := s.Apply(changes, Checkpoint{At: time.Now()}); err != nil {
						b.Fatal(err)
					}
					changes = changes[:0]
				}
			}
		}
		b.ReportMetric(float64(cpu()-before)/float64(b.N*n), "cpu-ns/record")
	})
	b.Run("load", func(b *testing.B) {
		before := cpu()
		for b.Loop() {
			s := fresh(b)
			l, err := s.Load()
			if err != nil {
				b.Fatal(err)
			}
			for i := range keys {
				l.Add(stream.Change{Key: keys[i], Value: values[i]})
			}
			if err := l.Write(Checkpoint{At: time.Now()}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpu()-before)/float64(b.N*n), "cpu-ns/record")
	})
}
