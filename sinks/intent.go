package sinks

import (
	"encoding/json"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// intent rides in the metadata of a committed offset: records from that offset up to Next were about to be written.
type intent struct {
	Next int64 `json:"next"`
}

func (i intent) encode() string {
	b, _ := json.Marshal(i) // an int64 always encodes
	return string(b)
}

// promised reads an intent. Metadata that is none (empty, or another program's) promises nothing.
func promised(metadata *string, committed int64) (next int64, ok bool) {
	if metadata == nil {
		return 0, false
	}
	var i intent
	if err := json.Unmarshal([]byte(*metadata), &i); err != nil || i.Next <= committed {
		return 0, false
	}
	return i.Next, true
}

// fetchedPartition is the part of an OffsetFetch response that both of its layouts share.
type fetchedPartition struct {
	topic     string
	id        [16]byte
	partition int32
	offset    int64
	metadata  *string
}

// fetched flattens an OffsetFetch response: before version 8 it has topics, from then on groups of topics, from 10 on by id.
func fetched(resp *kmsg.OffsetFetchResponse) []fetchedPartition {
	var out []fetchedPartition
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			out = append(out, fetchedPartition{t.Topic, [16]byte{}, p.Partition, p.Offset, p.Metadata})
		}
	}
	for _, g := range resp.Groups {
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				out = append(out, fetchedPartition{t.Topic, t.TopicID, p.Partition, p.Offset, p.Metadata})
			}
		}
	}
	return out
}
