package runtime

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics/fault"
	"waybill/topics/wire"
)

// explicit is what kgo.Record.Partition holds for "by the hash of the key".
const byKey = -1

// recordOverhead is room for what a batch and a record need beside key, value and headers.
const recordOverhead = 256

// leastMessage is what a record may be long at least: a dead letter that cannot be written would hold up its partition for ever.
const leastMessage = wire.LongestLetter + maxTrace + recordOverhead

// Partitioner sends a record where its Partition says, and by murmur2 of its key, as Kafka's own clients do, where that is
// negative. It is for clients that write changelogs, broadcasts and ticks.
func Partitioner() kgo.Partitioner { return partitioner{kgo.StickyKeyPartitioner(nil)} }

type partitioner struct{ keyed kgo.Partitioner }

func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return topicPartitioner{p.keyed.ForTopic(topic)}
}

type topicPartitioner struct{ keyed kgo.TopicPartitioner }

// RequiresConsistency implements kgo.TopicPartitioner: a record whose partition is down waits for it.
func (topicPartitioner) RequiresConsistency(*kgo.Record) bool { return true }

// Partition implements kgo.TopicPartitioner.
func (p topicPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.keyed.Partition(r, n)
}

// hopeless are the broker's answers that trying again does not change. FENCED_INSTANCE_ID: another process took our place.
var hopeless = []error{
	kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
	kerr.TransactionalIDAuthorizationFailed, kerr.SaslAuthenticationFailed, kerr.UnsupportedVersion,
	kerr.UnsupportedSaslMechanism, kerr.InvalidTransactionTimeout, kerr.InvalidSessionTimeout, kerr.FencedInstanceID,
}

// kafka marks an error of the client. All but the hopeless are retryable: a stale generation or a fenced epoch is what a
// rebalance or a slow broker leaves behind, and treating those as fatal makes restarts cascade.
func kafka(err error) error {
	for _, h := range hopeless {
		if errors.Is(err, h) {
			return err
		}
	}
	return fault.Retry(err)
}
