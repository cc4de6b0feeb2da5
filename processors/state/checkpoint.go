package state

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Version is the version of the form state is written in. A change of it restores every store from its changelog.
const Version = 5

// Checkpoint ties a store to its changelog partition.
type Checkpoint struct {
	Topic  [16]byte  // the changelog's topic id: a topic made anew under the old name has another
	Next   int64     // offset from which the changelog is not contained yet
	Input  int64     // offset from which the inbox is not contained yet, for a stage that takes snapshots
	At     time.Time // when it was written
	Partly bool      // a restore is under way: derived entries are missing
	Of     int32     // how many partitions the changelog had: keys are laid out by that number
	format byte      // 0 stands for Version
}

const checkpointLength = 1 + 16 + 8 + 8 + 8 + 4 + 1

func (c Checkpoint) append(b []byte) []byte {
	if c.format == 0 {
		c.format = Version
	}
	b = append(b, c.format)
	b = append(b, c.Topic[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Next))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Input))
	b = binary.BigEndian.AppendUint64(b, uint64(c.At.UnixMicro()))
	b = binary.BigEndian.AppendUint32(b, uint32(c.Of))
	if c.Partly {
		return append(b, 1)
	}
	return append(b, 0)
}

// parseCheckpoint gives of a checkpoint in another form that form alone: it may be of another length too, and is stale.
func parseCheckpoint(b []byte) (Checkpoint, error) {
	if len(b) > 0 && b[0] != Version && b[0] != 0 {
		return Checkpoint{format: b[0]}, nil
	}
	if len(b) != checkpointLength {
		return Checkpoint{}, fmt.Errorf("checkpoint has %d bytes, want %d", len(b), checkpointLength)
	}
	return Checkpoint{
		Partly: b[45] != 0, Of: int32(binary.BigEndian.Uint32(b[41:])), format: b[0], Topic: [16]byte(b[1:17]), Next: int64(binary.BigEndian.Uint64(b[17:])),
		Input: int64(binary.BigEndian.Uint64(b[25:])), At: time.UnixMicro(int64(binary.BigEndian.Uint64(b[33:]))).UTC(),
	}, nil
}

// Changelog is a changelog partition as the broker describes it.
type Changelog struct {
	Topic      [16]byte
	Of         int32         // partitions of the topic
	Start, End int64         // first offset kept, next offset to be written (high-water mark)
	Tombstones time.Duration // delete.retention.ms: how long a deletion stays readable after compaction
}

// Stale says why state at the checkpoint cannot be brought up to date from the changelog, or nothing where it can.
func (c Checkpoint) Stale(log Changelog, now time.Time) string {
	switch {
	case c.format != 0 && c.format != Version:
		return fmt.Sprintf("it is written in form %d, this program writes form %d", c.format, Version)
	case c.Topic != log.Topic:
		return "the changelog is another topic of the same name"
	case c.Of != log.Of:
		return fmt.Sprintf("it is of %d partitions and the changelog has %d", c.Of, log.Of)
	case c.Next < log.Start:
		return fmt.Sprintf("it ends at offset %d and the changelog begins at %d", c.Next, log.Start)
	case c.Next > log.End:
		return fmt.Sprintf("it ends at offset %d and the changelog at %d: the changelog lost records", c.Next, log.End)
	case c.At.Sub(now) > log.Tombstones/2:
		return fmt.Sprintf("it is from %s, which is yet to come: a clock was wrong, and how old it is nobody knows", c.At.Format(time.RFC3339))
	case now.Sub(c.At) > log.Tombstones/2:
		// Deletions since then may be compacted away: replaying the rest would leave alive what is dead.
		return fmt.Sprintf("it is from %s, older than half of the changelog's delete.retention.ms of %s", c.At.Format(time.RFC3339), log.Tombstones)
	}
	return ""
}
