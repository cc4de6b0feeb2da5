package runtime

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
)

// State that a newer program wrote stops this one with a sentence, whether a record meets it or a restore, and nothing of it
// is committed.
func TestStateOfANewerProgramIsFatal(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]*kgo.Record{
		"value": {Key: []byte("key-1\x00count\x00"), Value: (&avro.PartnerMessage{Line: 7}).Append([]byte{2})},
		"timer": {Key: []byte("key-1\x00timer\x00total"), Value: []byte("\x0212345678")},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCluster(t, counting())
			k.send(t, 50, 7)
			for p := range inbox.Partitions {
				r := *entry
				r.Topic, r.Partition = "test.counting.changelog", p
				k.produce(t, &r, &kgo.Record{Topic: r.Topic, Partition: p, Key: []byte(sealKey), Value: []byte{}})
			}
			in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
			in.ended(t)
			want := "is of version 2, this program knows version 1: run the program that wrote it"
			if in.err == nil || !strings.Contains(in.err.Error(), want) || strings.Contains(in.err.Error(), "\n") {
				t.Errorf("ended with %v, want one sentence that says %q", in.err, want)
			}
			for p, rs := range k.read(t, string(numbered)) {
				for _, r := range rs {
					if string(r.Key) == "key-1" {
						t.Errorf("partition %d: %s came out", p, r.Key)
					}
				}
			}
		})
	}
}
