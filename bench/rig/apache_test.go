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

// Three brokers do without one of them, and the one that was killed comes back at its address.
func TestApacheKafkaLosesABroker(t *testing.T) {
	k, err := rig.StartApacheCluster(t.Context(), t.TempDir(), rig.ApacheOptions{Brokers: 3, HeapMB: 256})
	if errors.Is(err, rig.ErrNoApacheKafka) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Stop() })
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.TransactionalID("x"), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	adm := kadm.NewClient(client)
	if _, err := adm.CreateTopic(t.Context(), 3, 3, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{
		func() error { return nil },
		func() error { k.Kill(1); return nil },
		func() error { return k.Start(t.Context(), 1) },
		func() error { return k.MoveLeaders(t.Context(), "kept") },
		func() error { return k.MoveCoordinators(t.Context()) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		var rs []*kgo.Record
		for range 6 {
			rs = append(rs, &kgo.Record{Topic: "kept", Value: []byte("x")})
		}
		if err := client.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
}
