package runtime

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/avro"
	"waybill/topics"
)

// alter sets a topic's max.message.bytes.
func (k *cluster) alter(t *testing.T, topic topics.Name, longest int) {
	t.Helper()
	set := kadm.AlterConfig{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr(fmt.Sprint(longest))}
	if res, err := k.adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{set}, string(topic)); err != nil || res[0].Err != nil {
		t.Fatal(err, res)
	}
}

// refuseLong refuses writes as brokers do; kfake takes any.
func (k *cluster) refuseLong(longest int) {
	k.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		asked := req.(*kmsg.ProduceRequest)
		for _, topic := range asked.Topics {
			for _, p := range topic.Partitions {
				if len(p.Records) > longest {
					return refused(asked, kerr.MessageTooLarge.Code), nil, true
				}
			}
		}
		return nil, nil, false
	})
}

// What one output does not take, though another would, is a dead letter: written, it would be refused for ever. It makes no difference whether
// the topic's limit was so when the stage began, or was lowered since.
func TestWhatATopicDoesNotTakeDies(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprint("running=", running), func(t *testing.T) {
			t.Parallel()
			k := newCluster(t, counting())
			if !running {
				k.alter(t, numbered, largeBytes/2)
			}
			in := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
			k.send(t, 50, 7)
			k.check(t)
			if running {
				k.alter(t, numbered, largeBytes/2)
				k.refuseLong(largeBytes / 2)
			}
			large := encoded(&avro.PartnerMessage{Name: "large", Format: "large"})
			k.produce(t, &kgo.Record{Topic: string(inbox.Name), Partition: byKey, Key: []byte("key-0"), Value: large})
			k.send(t, 50, 7)
			k.check(t)
			in.halt(t)
			if got := in.Stats()[0].Reasons; got["OVERSIZE"] != 1 || len(got) != 1 {
				t.Errorf("dead letters %v, want one of OVERSIZE", got)
			}
		})
	}
}

// A dead letter must be taken whatever died.
func TestDeadLettersTopicThatTakesTooLittleIsRefused(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	k.alter(t, topics.DeadLetters.Name, 10_000)
	start(t, testConfig(k, "a", t.TempDir()), nil, counting()).ended(t, "takes records of 10000 bytes", "waybill topics apply")
}

func TestALimitBelowADeadLetterIsRefused(t *testing.T) {
	c := DefaultConfig()
	c.MaxMessageBytes = leastMessage - 1
	if err := c.Validate(); err == nil {
		t.Error("accepted")
	}
	c.MaxMessageBytes = leastMessage
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}
