package track

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"waybill/avro"
)

func randomFixes(rng *rand.Rand, n int) []avro.TrackFix {
	var out []avro.TrackFix
	at := avro.Micros(1_700_000_000_000_000)
	for range n {
		if step := avro.Micros(rng.Int64N(40_000_000)); rng.IntN(2) == 0 {
			at += step
		} else {
			at += step / 1e6 * 1e6
		}
		f := avro.TrackFix{At: at, LatE6: rng.Int32N(180_000_001) - 90_000_000, LonE6: rng.Int32N(360_000_001) - 180_000_000, DoorOpen: rng.IntN(2) == 0}
		if rng.IntN(2) == 0 {
			f.SpeedMmS = avro.Some(rng.Int32())
		}
		if rng.IntN(2) == 0 {
			f.OdometerM = avro.Some(rng.Int64())
		}
		out = append(out, f)
	}
	return out
}

func TestPackRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for n := range 200 {
		in := randomFixes(rng, n)
		got, err := unpack(nil, packAll(nil, in))
		if err != nil || !slices.Equal(got, in) {
			t.Fatalf("%d fixes: %v, got %v want %v", n, err, got, in)
		}
	}
}

// TestPackedSize: at 1 Hz in town a fix with a speed takes six bytes or less, a standing one four.
func TestPackedSize(t *testing.T) {
	for _, c := range []struct {
		name  string
		north int32 // micro-degrees a second
		want  int   // bytes a fix
	}{{"driving", 90, 6}, {"standing", 0, 4}} {
		var fixes []avro.TrackFix
		for i := range int32(300) {
			fixes = append(fixes, avro.TrackFix{At: 1_700_000_000_000_000 + avro.Micros(i)*1e6, LatE6: 48_000_000 + i*c.north, LonE6: 11_000_000 + i%3*20, SpeedMmS: avro.Some(c.north*111 + i%3*20)})
		}
		if n := len(packAll(nil, fixes)); n > c.want*len(fixes)+20 {
			t.Errorf("%s: %d bytes for %d fixes", c.name, n, len(fixes))
		}
	}
}

func TestMergeIsASet(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	for range 500 {
		f := randomFixes(rng, 3)
		for i := range f {
			f[i].At = avro.Micros(rng.IntN(2))
			f[i].LatE6, f[i].LonE6 = rng.Int32N(2), rng.Int32N(2)
		}
		a, b, c := f[0], f[1], f[2]
		if merge(a, b) != merge(b, a) || merge(a, merge(b, c)) != merge(merge(a, b), c) || merge(a, a) != a {
			t.Fatalf("%+v %+v %+v", a, b, c)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(packAll(nil, randomFixes(rand.New(rand.NewPCG(3, 9)), 3)))
	f.Add([]byte{1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		fixes, err := unpack(nil, b)
		if err != nil {
			return
		}
		again, err := unpack(nil, packAll(nil, fixes))
		if err != nil || !slices.Equal(fixes, again) {
			t.Fatalf("%x: %v", bytes.Clone(b), err)
		}
	})
}
