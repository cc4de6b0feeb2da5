package rig

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Record batch v2, by byte: baseOffset 0, length 8, leader epoch 12, magic 16, crc 17, attributes 21, firstTimestamp 27,
// maxTimestamp 35, producer 43, records 61. The checksum covers everything from the attributes on.
// Source: Kafka documentation, "Record Batch".
const (
	batchLength     = 8
	batchEpoch      = 12 // the length counts from here
	batchMagic      = 16
	batchCRC        = 17
	batchAttributes = 21
	batchFirstTime  = 27
	batchMaxTime    = 35
	batchRecords    = 61

	attributeCodec      = 0x0007
	attributeAppendTime = 0x0008
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errMalformedBatch = errors.New("malformed record batch")

// stampAppendTime makes kfake obey message.timestamp.type=LogAppendTime, which it keeps and reports but does not act on.
//
// A real broker sets the batch's timestamp-type bit and its maxTimestamp. kfake 2026-09-18 with that bit set writes its
// clock into the batch and leaves the old checksum, so that every reader refuses the batch: the bit must not be set.
// Instead each record is rewritten on the way in to the broker's clock. Readers see the right time, with type CreateTime.
//
// The topic's configuration is read on every produce request, a microsecond each, so that an alteration counts at once.
func stampAppendTime(c *kfake.Cluster) {
	stamp := newStamper()
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		now := time.Now().UnixMilli()
		for i := range req.(*kmsg.ProduceRequest).Topics {
			t := &req.(*kmsg.ProduceRequest).Topics[i]
			if !appendTimed(c, t) {
				continue
			}
			for j := range t.Partitions {
				// What cannot be rewritten is left as it is: kfake refuses it with the protocol's own error.
				if b, err := stamp.restamp(t.Partitions[j].Records, now); err == nil {
					t.Partitions[j].Records = b
				}
			}
		}
		return nil, nil, false // seen, not answered: kfake goes on with it
	})
}

func appendTimed(c *kfake.Cluster, t *kmsg.ProduceRequestTopic) bool {
	var info *kfake.TopicInfo
	if t.Topic != "" {
		info = c.TopicInfo(t.Topic)
	} else { // from version 13 on a request names topics by id alone
		info = c.TopicIDInfo(t.TopicID)
	}
	if info == nil {
		return false
	}
	kind := info.Configs["message.timestamp.type"]
	return kind != nil && *kind == "LogAppendTime"
}

// stamper rewrites batches; kfake runs control functions one at a time, so it may hold buffers.
type stamper struct {
	decompress kgo.Decompressor
	compress   map[uint16]kgo.Compressor
}

func newStamper() *stamper {
	s := &stamper{decompress: kgo.DefaultDecompressor(), compress: map[uint16]kgo.Compressor{}}
	codecs := map[uint16]kgo.CompressionCodec{
		1: kgo.GzipCompression(), 2: kgo.SnappyCompression(), 3: kgo.Lz4Compression(), 4: kgo.ZstdCompression(),
	}
	for id, codec := range codecs {
		c, err := kgo.DefaultCompressor(codec)
		if err != nil { // an invalid level alone gives one, and none is set
			panic(err)
		}
		s.compress[id] = c
	}
	return s
}

// restamp returns the batch with every record at now (milliseconds since 1970) and a checksum to match.
func (s *stamper) restamp(batch []byte, now int64) ([]byte, error) {
	if len(batch) < batchRecords || batch[batchMagic] != 2 {
		return nil, errMalformedBatch
	}
	if crc32.Checksum(batch[batchAttributes:], castagnoli) != binary.BigEndian.Uint32(batch[batchCRC:]) {
		return nil, errMalformedBatch
	}
	attributes := binary.BigEndian.Uint16(batch[batchAttributes:])
	codec := attributes & attributeCodec
	records, err := s.decompress.Decompress(batch[batchRecords:], kgo.CompressionCodecType(codec))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if records, err = zeroTimeDeltas(records); err != nil {
		return nil, err
	}
	if codec != 0 {
		if s.compress[codec] == nil {
			return nil, errMalformedBatch
		}
		records, _ = s.compress[codec].Compress(new(bytes.Buffer), records)
	}
	out := append(append(make([]byte, 0, batchRecords+len(records)), batch[:batchRecords]...), records...)
	binary.BigEndian.PutUint32(out[batchLength:], uint32(len(out)-batchEpoch))
	binary.BigEndian.PutUint16(out[batchAttributes:], attributes&^attributeAppendTime)
	binary.BigEndian.PutUint64(out[batchFirstTime:], uint64(now))
	binary.BigEndian.PutUint64(out[batchMaxTime:], uint64(now))
	binary.BigEndian.PutUint32(out[batchCRC:], crc32.Checksum(out[batchAttributes:], castagnoli))
	return out, nil
}

// zeroTimeDeltas copies records, each `length attributes timeDelta rest`, with every timeDelta 0.
func zeroTimeDeltas(records []byte) ([]byte, error) {
	out := make([]byte, 0, len(records))
	for len(records) > 0 {
		length, n := binary.Varint(records)
		if n <= 0 || length < 2 || int64(len(records)-n) < length {
			return nil, errMalformedBatch
		}
		record := records[n : n+int(length)]
		_, delta := binary.Varint(record[1:])
		if delta <= 0 {
			return nil, errMalformedBatch
		}
		rest := record[1+delta:]
		out = binary.AppendVarint(out, int64(2+len(rest)))
		out = append(out, record[0], 0)
		out = append(out, rest...)
		records = records[n+int(length):]
	}
	return out, nil
}
