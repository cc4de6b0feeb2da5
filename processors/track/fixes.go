package track

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"waybill/avro"
)

// blockSpan is how much of a device's clock one block holds. The block under way is written with its device's head, so a
// longer span costs snapshots, and a shorter one costs a value, a start state and its allocations per block.
const blockSpan = 5 * time.Minute

func blockOf(at avro.Micros) int64 { return int64(at) / blockSpan.Microseconds() }

// Fixes are packed as differences to the one before: four to six bytes each at 1 Hz. The upper bits of the first byte are the
// step in time where it is 1 to 31 whole seconds; 0 says that it follows in microseconds.
const (
	hasSpeed = 1 << iota
	hasOdometer
	doorOpen
	stepShift = 3

	maxStep   = 31 // seconds
	maxPacked = 1 + 5*binary.MaxVarintLen64
)

// pack appends a fix to a block's fixes; last is the fix packed before it, zero for the first.
func pack(b []byte, last, f *avro.TrackFix) []byte {
	b = slices.Grow(b, maxPacked)
	to := b[len(b) : len(b)+maxPacked]
	n := 1
	step := int64(f.At - last.At)
	seconds := step / 1e6
	if uint64(seconds) > maxStep || seconds*1e6 != step {
		seconds = 0
	}
	if seconds == 0 {
		n += putVarint(to[n:], step)
	}
	n += putVarint(to[n:], int64(f.LatE6)-int64(last.LatE6))
	n += putVarint(to[n:], int64(f.LonE6)-int64(last.LonE6))
	if f.SpeedMmS.Ok {
		n += putVarint(to[n:], int64(f.SpeedMmS.V)-int64(last.SpeedMmS.V))
	}
	if f.OdometerM.Ok {
		n += putVarint(to[n:], f.OdometerM.V-last.OdometerM.V)
	}
	to[0] = flags(f) | byte(seconds)<<stepShift
	return b[:len(b)+n]
}

// putVarint is binary.PutVarint, inlined for differences of up to 63.
func putVarint(b []byte, v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	if u < 0x80 {
		b[0] = byte(u)
		return 1
	}
	return binary.PutUvarint(b, u)
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
	last := &nothing
	for i := range fixes {
		b = pack(b, last, &fixes[i])
		last = &fixes[i]
	}
	return b
}

// unpack appends a block's fixes to dst. Bytes that pack did not write are an error: the state is damaged.
func unpack(dst []avro.TrackFix, b []byte) ([]avro.TrackFix, error) {
	r := reader{b: b}
	var last avro.TrackFix
	for len(r.b) > 0 && !r.bad {
		last = r.fix(&last)
		dst = append(dst, last)
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

func (r *reader) fix(last *avro.TrackFix) avro.TrackFix {
	has := r.b[0]
	r.b = r.b[1:]
	step := int64(has>>stepShift) * 1e6
	if step == 0 {
		step = r.varint()
	}
	f := avro.TrackFix{
		At: last.At + avro.Micros(step), LatE6: last.LatE6 + int32(r.varint()), LonE6: last.LonE6 + int32(r.varint()), DoorOpen: has&doorOpen != 0,
	}
	if has&hasSpeed != 0 {
		f.SpeedMmS = avro.Some(last.SpeedMmS.V + int32(r.varint()))
	}
	if has&hasOdometer != 0 {
		f.OdometerM = avro.Some(last.OdometerM.V + r.varint())
	}
	return f
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
