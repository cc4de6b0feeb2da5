package avro

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// Readers take the input and a position and return a value and the next position. Given a negative position they return
// it unchanged, so that generated code checks for errors once, at the end.

func zigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func readLong(s string, i int) (int64, int) {
	if uint(i) < uint(len(s)) && s[i] < 0x80 {
		return zigzag(uint64(s[i])), i + 1
	}
	return readLongSlow(s, i)
}

// readLongSlow reads a varint of up to ten bytes. Numbers that need many bytes, such as instants, start here.
func readLongSlow(s string, i int) (int64, int) {
	if i < 0 {
		return 0, i
	}
	if len(s)-i >= binary.MaxVarintLen64 {
		return readLongUnrolled(s, i)
	}
	var u uint64
	for n := range len(s) - i {
		c := s[i+n]
		u |= uint64(c&0x7f) << (7 * n)
		if c < 0x80 {
			return zigzag(u), i + n + 1
		}
	}
	return 0, fail(i, Truncated)
}

// readLongUnrolled needs at least ten bytes of input. Instants take eight; without branches on a loop counter this is
// twice as fast as the loop.
func readLongUnrolled(s string, i int) (int64, int) {
	b := s[i : i+10]
	u := uint64(b[0]&0x7f) | uint64(b[1]&0x7f)<<7
	switch {
	case b[0] < 0x80:
		return zigzag(uint64(b[0])), i + 1
	case b[1] < 0x80:
		return zigzag(u), i + 2
	}
	u |= uint64(b[2]&0x7f) << 14
	if b[2] < 0x80 {
		return zigzag(u), i + 3
	}
	u |= uint64(b[3]&0x7f) << 21
	if b[3] < 0x80 {
		return zigzag(u), i + 4
	}
	u |= uint64(b[4]&0x7f) << 28
	if b[4] < 0x80 {
		return zigzag(u), i + 5
	}
	u |= uint64(b[5]&0x7f) << 35
	if b[5] < 0x80 {
		return zigzag(u), i + 6
	}
	u |= uint64(b[6]&0x7f) << 42
	if b[6] < 0x80 {
		return zigzag(u), i + 7
	}
	u |= uint64(b[7]&0x7f) << 49
	if b[7] < 0x80 {
		return zigzag(u), i + 8
	}
	u |= uint64(b[8]&0x7f) << 56
	if b[8] < 0x80 {
		return zigzag(u), i + 9
	}
	if b[9] > 1 {
		return 0, fail(i, BadVarint)
	}
	return zigzag(u | uint64(b[9])<<63), i + 10
}

func readInt(s string, i int) (int32, int) {
	v, j := readLong(s, i)
	if int64(int32(v)) != v {
		return 0, fail(i, BadVarint)
	}
	return int32(v), j
}

func readMicros(s string, i int) (Micros, int) {
	v, i := readLongSlow(s, i)
	return Micros(v), i
}

func readDays(s string, i int) (Days, int) {
	v, i := readInt(s, i)
	return Days(v), i
}

func readString(s string, i int) (string, int) {
	n, j := readLong(s, i)
	if j < 0 {
		return "", j
	}
	if uint64(n) > uint64(len(s)-j) {
		return "", fail(i, BadLength)
	}
	return s[j : j+int(n)], j + int(n)
}

// readBytes aliases the input; its capacity ends with it, so that an append moves away instead of writing over the rest.
func readBytes(s string, i int) ([]byte, int) {
	v, i := readString(s, i)
	return unsafe.Slice(unsafe.StringData(v), len(v)), i
}

func readDouble(s string, i int) (float64, int) {
	if i < 0 || len(s)-i < 8 {
		return 0, short(i)
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(s[i:]), 8))), i + 8
}

func readFloat(s string, i int) (float32, int) {
	if i < 0 || len(s)-i < 4 {
		return 0, short(i)
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(unsafe.Slice(unsafe.StringData(s[i:]), 4))), i + 4
}

func readBool(s string, i int) (bool, int) {
	if uint(i) >= uint(len(s)) {
		return false, short(i)
	}
	if s[i] > 1 {
		return false, fail(i, BadBoolean)
	}
	return s[i] == 1, i + 1
}

func short(i int) int {
	if i < 0 {
		return i
	}
	return fail(i, Truncated)
}

// readFixed fills dst.
func readFixed(dst []byte, s string, i int) int {
	if i < 0 || len(s)-i < len(dst) {
		return short(i)
	}
	return i + copy(dst, s[i:])
}

// readIndex reads a union's branch or an enum's symbol: a number below n.
func readIndex(s string, i, n int, why Reason) (int, int) {
	v, j := readLong(s, i)
	if j < 0 {
		return 0, j
	}
	if uint64(v) >= uint64(n) {
		return 0, fail(i, why)
	}
	return int(v), j
}

func readEnum[E ~int32](s string, i, n int) (E, int) {
	v, i := readIndex(s, i, n, BadSymbol)
	return E(v), i
}

// readPresent reads the branch of ["null", T].
func readPresent(s string, i int) (bool, int) {
	v, i := readIndex(s, i, 2, BadBranch)
	return v == 1, i
}

// readDecimal reads big-endian two's complement of any length whose value fits 64 bits. No bytes at all are zero.
func readDecimal(s string, i int) (Unscaled, int) {
	b, j := readString(s, i)
	if j < 0 || b == "" {
		return 0, j
	}
	sign := int64(int8(b[0])) >> 63
	for len(b) > 8 && b[0] == byte(sign) {
		b = b[1:]
	}
	v := int64(int8(b[0]))
	if len(b) > 8 || v>>63 != sign {
		return 0, fail(i, BadDecimal)
	}
	for k := 1; k < len(b); k++ {
		v = v<<8 | int64(b[k])
	}
	return Unscaled(v), j
}

// readBlock reads the head of a block of an array or map whose items take at least size bytes, which is at least one. It
// returns zero items at the end, and after an error.
func readBlock(s string, i, size int) (int, int) {
	n, j := readLong(s, i)
	if n < 0 {
		n, j = readSizedBlock(s, j, n)
	}
	if j < 0 {
		return 0, j
	}
	if uint64(n) > uint64((len(s)-j)/size) {
		return 0, fail(i, BadCount)
	}
	return int(n), j
}

// readSizedBlock reads the byte size that follows a negative count. The size must be possible, but the items decide.
func readSizedBlock(s string, i int, n int64) (int64, int) {
	size, j := readLong(s, i)
	if j < 0 {
		return 0, j
	}
	if uint64(size) > uint64(len(s)-j) {
		return 0, fail(i, BadLength)
	}
	return -n, j
}

func readMap(dst []KV, s string, i int) ([]KV, int) {
	dst = dst[:0]
	for {
		var n int
		if n, i = readBlock(s, i, 2); n == 0 {
			return dst, i
		}
		for range n {
			var e KV
			e.K, i = readString(s, i)
			if e.V, i = readString(s, i); i < 0 {
				return dst, i
			}
			dst = append(dst, e)
		}
	}
}
