package runtime

import (
	"cmp"
	"hash/maphash"
)

// heavy estimates which keys weigh most, in memory that does not grow: the space-saving sketch of Metwally, Agrawal and El Abbadi
// (Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005). A key without a place takes that of the
// lightest, and its weight as an error. Whoever has more than a 32nd of the sum is in it.
type heavy struct {
	of   [32]weight
	used int
	sum  int64 // of all weights
}

// weight is what a key weighs, at most.
type weight struct {
	id    uint64 // of the key, see identity
	key   []byte // its first keyShown bytes
	most  int64
	err   int64 // so much of it may be another's
	heavy int64 // the largest part that was added at once
}

// keyShown is how much of a key is kept.
const keyShown = 128

var seed = maphash.MakeSeed()

// identity tells keys apart; 0 is no key.
func identity(key []byte) uint64 {
	if len(key) == 0 {
		return 0
	}
	return max(maphash.Bytes(seed, key), 1)
}

// add adds a part of a key's weight.
func (h *heavy) add(id uint64, key []byte, part int64) {
	h.sum += part
	least := 0
	for i := range h.used {
		e := &h.of[i]
		if e.id == id {
			e.most += part
			e.heavy = max(e.heavy, part)
			return
		}
		if e.most < h.of[least].most {
			least = i
		}
	}
	if h.used < len(h.of) {
		least = h.used
		h.used++
	}
	e := &h.of[least]
	*e = weight{id: id, key: append(e.key[:0], key[:min(len(key), keyShown)]...), most: e.most + part, err: e.most, heavy: part}
}

// halve makes what was added so far count half.
func (h *heavy) halve() {
	h.sum /= 2
	for i := range h.used {
		e := &h.of[i]
		e.most, e.err, e.heavy = e.most/2, e.err/2, e.heavy/2
	}
}

// share is what a key weighs at least, without its largest part, by the sum: a record during which the garbage collector had the
// processor must not make its key look heavy.
func (h *heavy) share(id uint64) float64 {
	for i := range h.used {
		if e := &h.of[i]; e.id == id && h.sum > 0 {
			return float64(max(e.most-e.err-e.heavy, 0)) / float64(h.sum)
		}
	}
	return 0
}

// first gives the key with the largest share, nil where there is none.
func (h *heavy) first() (first *weight) {
	for i := range h.used {
		e := &h.of[i]
		if e.id != 0 && (first == nil || cmp.Compare(e.most-e.err-e.heavy, first.most-first.err-first.heavy) > 0) {
			first = e
		}
	}
	return first
}
