package track

import (
	"math/bits"
	"slices"

	"waybill/avro"
)

// Which blocks are kept is a bit each: 48 hours are 72 bytes, where a list of numbers would be rewritten with every block.

// keep adds a block.
func keep(k *avro.TrackKept, number int64) {
	at := number &^ 7
	switch {
	case len(k.Bits) == 0:
		k.From = at
	case at < k.From:
		k.Bits = slices.Insert(k.Bits, 0, make([]byte, (k.From-at)/8)...)
		k.From = at
	}
	i := int(number-k.From) / 8
	for len(k.Bits) <= i {
		k.Bits = append(k.Bits, 0)
	}
	k.Bits[i] |= 1 << (number & 7)
}

// keptFrom gives the first block kept from a number on.
func keptFrom(k *avro.TrackKept, number int64) (int64, bool) {
	number = max(number, k.From)
	mask := byte(0xff) << (number & 7)
	for i := (number - k.From) / 8; i < int64(len(k.Bits)); i++ {
		if b := k.Bits[i] & mask; b != 0 {
			return k.From + i*8 + int64(bits.TrailingZeros8(b)), true
		}
		mask = 0xff
	}
	return 0, false
}

// dropKept removes the blocks before a number.
func dropKept(k *avro.TrackKept, number int64) {
	if number <= k.From {
		return
	}
	gone := min((number-k.From)/8, int64(len(k.Bits)))
	k.Bits = slices.Delete(k.Bits, 0, int(gone))
	k.From += gone * 8
	if len(k.Bits) > 0 {
		k.Bits[0] &= 0xff << (number & 7)
	}
}
