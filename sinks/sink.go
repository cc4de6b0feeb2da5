// Package sinks lands topics in other systems, each record once, whatever crashes.
//
// How: before a block of records is written, its end is committed to Kafka as an intent, in the metadata of the unchanged
// offset. The block is written in one piece under a token made of its offsets. Then its end is committed as the offset. After a
// crash at any point the next owner of the partition reads the intent and writes exactly that block again, under the same token,
// before anything else; so the destination can tell a repetition from news. See [Consumer].
package sinks

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"waybill/avro"
	"waybill/topics"
)

// Sink is something that runs until its context ends or it meets an error that no retry cures.
type Sink interface {
	Run(ctx context.Context) error
}

// Block is every record of one partition with From <= offset < Next: what is written in one piece, and again in the same
// piece after a crash.
type Block struct {
	Topic     topics.Name
	TopicID   [16]byte // a topic deleted and made anew has another one, so that its first records are not taken for old ones
	Partition int32
	From      int64 // the committed offset; the first row may lie behind it (transaction markers, dead letters)
	Next      int64
	Rows      []Row // those that decode, by offset
	Replay    bool  // an earlier life announced this block and may have written it

	stored []func() // ends the hops of its records' traces
}

// Row is one decoded record. Value may alias memory that lives as long as the block.
type Row struct {
	Offset int64
	At     time.Time // the record's Kafka timestamp
	Value  avro.Record
}

// Token names the block for ever: topic id, partition, offsets.
func (b *Block) Token() string {
	return fmt.Sprintf("%s/%d/%d-%d", hex.EncodeToString(b.TopicID[:]), b.Partition, b.From, b.Next)
}

func (b *Block) String() string {
	return fmt.Sprintf("%s/%d@%d-%d", b.Topic, b.Partition, b.From, b.Next)
}

// Writer is what a destination implements. Write stores every row of the block. A second Write of a block with the same
// token must change nothing; part of a block may be there already after a crash. Errors are marked by package fault:
// retryable is tried again with the same block, anything else ends the sink. Write is called from several goroutines, with
// blocks of different partitions.
type Writer interface {
	Write(ctx context.Context, b *Block) error
}

// Decoder reads a framed Kafka value; *wire.Codec is one. Poison goes to the dead letters, retryable is tried again.
type Decoder interface {
	DecodeAlias(ctx context.Context, b []byte) (avro.Record, error)
}

// Encoder frames a record for a topic; *wire.Codec is one.
type Encoder interface {
	Append(ctx context.Context, dst []byte, topic topics.Name, r avro.Record) ([]byte, error)
}
