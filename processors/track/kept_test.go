package track

import (
	"math/rand/v2"
	"slices"
	"testing"

	"waybill/avro"
)

func keptNumbers(k *avro.TrackKept, from int64) (out []int64) {
	for n, ok := keptFrom(k, from); ok; n, ok = keptFrom(k, n+1) {
		out = append(out, n)
	}
	return out
}

// TestKeptIsASet of numbers that are added in any order, and dropped from the front.
func TestKeptIsASet(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 9))
	for range 300 {
		var k avro.TrackKept
		var want []int64
		low := rng.Int64N(6_000_000)
		for range 60 {
			if rng.IntN(8) == 0 {
				low += rng.Int64N(200)
				dropKept(&k, low)
				want = slices.DeleteFunc(want, func(n int64) bool { return n < low })
			} else {
				n := low + rng.Int64N(100)
				keep(&k, n)
				want = append(want, n)
				slices.Sort(want)
				want = slices.Compact(want)
			}
			from := low + rng.Int64N(100)
			i, _ := slices.BinarySearch(want, from)
			if got := keptNumbers(&k, from); !slices.Equal(got, want[i:]) {
				t.Fatalf("from %d: %v, want %v", from, got, want[i:])
			}
			if got := keptNumbers(&k, 0); !slices.Equal(got, want) {
				t.Fatalf("%v, want %v", got, want)
			}
		}
		if len(k.Bits) > 3+200/8 {
			t.Fatalf("%d bytes for a span of at most 200", len(k.Bits))
		}
	}
}
