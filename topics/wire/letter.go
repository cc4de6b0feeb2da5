package wire

import (
	"fmt"
	"strings"

	"waybill/avro"
)

// maxLetterKey is how many bytes of a key a dead letter is sent under, maxCause how many of a cause survive where letters
// are too long.
const (
	maxLetterKey = 1 << 10
	maxCause     = 1 << 10
	maxCauses    = 50
)

// LongestLetter is the most bytes that a dead letter and its key need when FitLetter has left out what it may: what a producer of letters must be
// let write.
const LongestLetter = maxLetterKey + maxCauses*(maxCause+3) + 4<<10

// LetterKey is the key that a record's dead letter is sent under: the record's own, the beginning of one that is long. The
// letter itself says the whole key where it fits.
func LetterKey(key []byte) []byte { return append([]byte{}, key[:min(len(key), maxLetterKey)]...) }

// FitLetter leaves out of a dead letter what makes it longer than limit bytes: value and headers, then the key, then the
// length of causes. A letter that no broker takes would hold up its partition for ever. The raw record stays where it was
// read; the letter says where.
func FitLetter(l *avro.DeadLetter, limit int) {
	limit -= maxLetterKey
	fits := func() bool { return len(l.Append(nil)) <= limit }
	leave := func(what string) {
		l.Causes = append(l.Causes, fmt.Sprintf("left out, for it does not fit a dead letter: %s; read it at %s/%d@%d", what, l.Topic, l.Partition, l.Offset))
	}
	if fits() {
		return
	}
	l.Truncated = true
	leave(fmt.Sprintf("the value of %d bytes, and the headers", len(l.Value.V)))
	l.Value, l.Headers = avro.Opt[[]byte]{}, nil
	if fits() {
		return
	}
	leave(fmt.Sprintf("the key of %d bytes", len(l.Key.V)))
	l.Key = avro.Opt[[]byte]{}
	if fits() {
		return
	}
	l.Causes = l.Causes[:min(len(l.Causes), maxCauses)]
	for i, c := range l.Causes {
		l.Causes[i] = strings.ToValidUTF8(c[:min(len(c), maxCause)], "")
	}
}
