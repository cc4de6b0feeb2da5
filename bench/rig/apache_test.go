package rig_test

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/bench/rig"
)

// The real broker stamps append time itself, and says so in the record's attributes.
func TestApacheKafkaStampsAppendTime(t *testing.T) {
	k, err := rig.StartApacheKafka(t.Context(), t.TempDir())
	if errors.Is(err, rig.ErrNoApacheKafka) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer k.Stop()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.ConsumeTopics("stamped"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stamp := "LogAppendTime"
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, map[string]*string{"message.timestamp.type": &stamp}, "stamped"); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	old := &kgo.Record{Topic: "stamped", Value: []byte("x"), Timestamp: before.AddDate(-1, 0, 0)}
	if err := client.ProduceSync(t.Context(), old).FirstErr(); err != nil {
		t.Fatal(err)
	}
	got := client.PollFetches(t.Context()).Records()
	if len(got) != 1 || got[0].Timestamp.Before(before.Add(-time.Second)) || got[0].Attrs.TimestampType() != 1 {
		t.Errorf("got %+v, want one record stamped by the broker", got)
	}
}
