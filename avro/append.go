package avro

import (
	"encoding/binary"
	"math"
	"math/bits"
)

func appendLong(b []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63)
	if u < 0x80 {
		return append(b, byte(u))
	}
	return appendLongSlow(b, u)
}

// appendLongSlow writes the common sizes at once: short lengths and counts, and instants, which take eight bytes.
func appendLongSlow(b []byte, u uint64) []byte {
	switch (bits.Len64(u) + 6) / 7 {
	case 2:
		return append(b, byte(u)|0x80, byte(u>>7))
	case 3:
		return append(b, byte(u)|0x80, byte(u>>7)|0x80, byte(u>>14))
	case 8:
		return append(b, byte(u)|0x80, byte(u>>7)|0x80, byte(u>>14)|0x80, byte(u>>21)|0x80,
			byte(u>>28)|0x80, byte(u>>35)|0x80, byte(u>>42)|0x80, byte(u>>49))
	}
	return binary.AppendUvarint(b, u)
}

func appendString(b []byte, s string) []byte { return append(appendLong(b, int64(len(s))), s...) }

func appendBytes(b, v []byte) []byte { return append(appendLong(b, int64(len(v))), v...) }

func appendDouble(b []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
}

func appendFloat(b []byte, f float32) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendDecimal writes the shortest two's complement.
func appendDecimal(b []byte, d Unscaled) []byte {
	v := int64(d)
	n := bits.Len64(uint64(v^v>>63))/8 + 1
	b = append(b, byte(n<<1))
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], uint64(v)<<(64-8*n))
	return append(b, t[:n]...)
}

func appendMap(b []byte, m []KV) []byte {
	if len(m) > 0 {
		b = appendLong(b, int64(len(m)))
	}
	for i := range m {
		b = appendString(appendString(b, m[i].K), m[i].V)
	}
	return append(b, 0)
}
