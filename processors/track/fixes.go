package track

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"time"

	"waybill/avro"
)

// blockSpan is how much of a device's clock one block holds. The block under way is written with every commit, so a longer
// span costs the changelog, and a shorter one costs a start state per block.
const blockSpan = 5 * time.Minute

func blockOf(at avro.Micros) int64 { return int64(at) / blockSpan.Microseconds() }

// Fixes are packed as differences to the one before: about 9 bytes each.
const (
	hasSpeed = 1 << iota
	hasOdometer
	doorOpen
)

// pack appends a fix to a block's fixes; last is the fix packed before it, zero for the first.
func pack(b []byte, last, f *avro.TrackFix) []byte {
	b = append(b, flags(f))
	b = binary.AppendVarint(b, int64(f.At-last.At))
	b = binary.AppendVarint(b, int64(f.LatE6)-int64(last.LatE6))
	b = binary.AppendVarint(b, int64(f.LonE6)-int64(last.LonE6))
	if f.SpeedMmS.Ok {
		b = binary.AppendVarint(b, int64(f.SpeedMmS.V))
	}
	if f.OdometerM.Ok {
		b = binary.AppendVarint(b, f.OdometerM.V-last.OdometerM.V)
	}
	return b
}

func flags(f *avro.TrackFix) (b byte) {
	if f.SpeedMmS.Ok {
		b |= hasSpeed
	}
	if f.OdometerM.Ok {
		b |= hasOdometer
	}
	if f.DoorOpen {
		b |= doorOpen
	}
	return b
}

func packAll(b []byte, fixes []avro.TrackFix) []byte {
	var last avro.TrackFix
	for i := range fixes {
		b = pack(b, &last, &fixes[i])
		last = fixes[i]
	}
	return b
}

// unpack appends a block's fixes to dst. Bytes that pack did not write are an error: the state is damaged.
func unpack(dst []avro.TrackFix, b []byte) ([]avro.TrackFix, error) {
	r := reader{b: b}
	var last avro.TrackFix
	for len(r.b) > 0 && !r.bad {
		has := r.b[0]
		r.b = r.b[1:]
		f := avro.TrackFix{
			At: last.At + avro.Micros(r.varint()), LatE6: last.LatE6 + int32(r.varint()), LonE6: last.LonE6 + int32(r.varint()), DoorOpen: has&doorOpen != 0,
		}
		if has&hasSpeed != 0 {
			f.SpeedMmS = avro.Some(int32(r.varint()))
		}
		if has&hasOdometer != 0 {
			f.OdometerM = avro.Some(last.OdometerM.V + r.varint())
		}
		dst, last = append(dst, f), f
	}
	if r.bad {
		return nil, fmt.Errorf("unpack fixes: the state holds %d bytes that are no fixes; delete the state directory to restore it", len(b))
	}
	return dst, nil
}

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// merge is the one fix that stands for two of one slice of the clock: the first, and a door that either saw open. It is
// commutative, associative and idempotent, so the fixes kept do not depend on the order in which positions came.
func merge(a, b avro.TrackFix) avro.TrackFix {
	door := a.DoorOpen || b.DoorOpen
	if compareFixes(&b, &a) < 0 {
		a = b
	}
	a.DoorOpen = door
	return a
}

func compareFixes(a, b *avro.TrackFix) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.LatE6, b.LatE6), cmp.Compare(a.LonE6, b.LonE6),
		compareOpt(a.SpeedMmS, b.SpeedMmS), compareOpt(a.OdometerM, b.OdometerM))
}

// compareOpt orders a value before none: where one clock time has both, the fix that says more stands.
func compareOpt[T cmp.Ordered](a, b avro.Opt[T]) int {
	if a.Ok != b.Ok {
		if a.Ok {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.V, b.V)
}
