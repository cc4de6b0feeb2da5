package avro

// Skip passes over a value of the writer that the reader has no field for.
type Skip struct {
	Kind Wire
	Size int     // of WireFixed, in bytes
	Kids []*Skip // fields of a record, branches of a union, the one item of an array or map
}

// Wire is how a value lies in the bytes.
type Wire int

// The forms. A float is WireFixed of 4 bytes, a double of 8, a boolean of 1, null of 0.
const (
	WireVarint Wire = iota
	WireFixed
	WireString
	WireRecord
	WireUnion
	WireArray
	WireMap
)

func (k *Skip) over(s string, i int) int {
	switch k.Kind {
	case WireVarint:
		_, i = readLong(s, i)
	case WireFixed:
		if i < 0 || len(s)-i < k.Size {
			return short(i)
		}
		i += k.Size
	case WireString:
		_, i = readString(s, i)
	case WireRecord:
		for _, kid := range k.Kids {
			i = kid.over(s, i)
		}
	case WireUnion:
		var b int
		if b, i = readIndex(s, i, len(k.Kids), BadBranch); i >= 0 {
			return k.Kids[b].over(s, i)
		}
	case WireArray, WireMap:
		return k.overItems(s, i)
	}
	return i
}

// overItems holds each count against the bytes left, as readBlock does: a plan has no items of zero bytes.
func (k *Skip) overItems(s string, i int) int {
	for {
		var n int
		if n, i = readBlock(s, i, 1); n == 0 {
			return i
		}
		for ; n > 0 && i >= 0; n-- {
			if k.Kind == WireMap {
				_, i = readString(s, i)
			}
			i = k.Kids[0].over(s, i)
		}
	}
}
