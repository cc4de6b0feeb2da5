package rig_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/bench/rig"
)

func startKafka(t *testing.T, o rig.KafkaOptions) *rig.Kafka {
	t.Helper()
	k, err := rig.StartKafka(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	return k
}

func client(t *testing.T, k *rig.Kafka, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(k.Brokers()...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t *testing.T, k *rig.Kafka, name string, config map[string]*string) {
	t.Helper()
	if _, err := kadm.NewClient(client(t, k)).CreateTopic(t.Context(), 1, 1, config, name); err != nil {
		t.Fatal(err)
	}
}

// read returns the first n records of topic.
func read(t *testing.T, k *rig.Kafka, topic string, n int) []*kgo.Record {
	t.Helper()
	cl := client(t, k, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %v, with %d of %d records read", topic, err, len(records), n)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func TestKafkaStampsAppendTime(t *testing.T) {
	long := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	appendTime := map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")}
	tests := []struct {
		name     string
		config   map[string]*string
		codec    kgo.CompressionCodec
		txn      bool
		byBroker bool
	}{
		{name: "create-time", config: nil, codec: kgo.NoCompression(), byBroker: false},
		{name: "append-time", config: appendTime, codec: kgo.NoCompression(), byBroker: true},
		{name: "append-time-lz4", config: appendTime, codec: kgo.Lz4Compression(), byBroker: true},
		{name: "append-time-gzip", config: appendTime, codec: kgo.GzipCompression(), byBroker: true},
		{name: "append-time-snappy", config: appendTime, codec: kgo.SnappyCompression(), byBroker: true},
		{name: "append-time-zstd", config: appendTime, codec: kgo.ZstdCompression(), byBroker: true},
		{name: "append-time-transaction", config: appendTime, codec: kgo.NoCompression(), txn: true, byBroker: true},
	}
	k := startKafka(t, rig.KafkaOptions{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			createTopic(t, k, tt.name, tt.config)
			began := time.Now().Truncate(time.Millisecond)
			records := []*kgo.Record{
				{Topic: tt.name, Value: []byte("a"), Timestamp: long},
				{Topic: tt.name, Value: bytes.Repeat([]byte("b"), 3000), Timestamp: long.Add(time.Hour)},
				{Topic: tt.name, Key: []byte("k"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}, Timestamp: long.Add(-time.Hour)},
			}
			want := slices.Clone(records)
			opts := []kgo.Opt{kgo.ProducerBatchCompression(tt.codec)}
			if tt.txn {
				opts = append(opts, kgo.TransactionalID(tt.name))
			}
			produce(t, client(t, k, opts...), tt.txn, records)
			for i, r := range read(t, k, tt.name, len(want)) {
				if !bytes.Equal(r.Value, want[i].Value) || !bytes.Equal(r.Key, want[i].Key) || len(r.Headers) != len(want[i].Headers) {
					t.Errorf("record %d reads as key %q value %.20q headers %v", i, r.Key, r.Value, r.Headers)
				}
				if stamped := !r.Timestamp.Before(began); stamped != tt.byBroker {
					t.Errorf("timestamp %s, produced at %s with %s: stamped by the broker %v, want %v", r.Timestamp, began, long, stamped, tt.byBroker)
				}
			}
		})
	}
}

func produce(t *testing.T, cl *kgo.Client, txn bool, records []*kgo.Record) {
	t.Helper()
	if txn {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if txn {
		if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKafkaHidesAbortedRecords(t *testing.T) {
	k := startKafka(t, rig.KafkaOptions{})
	createTopic(t, k, "out", nil)
	cl := client(t, k, kgo.TransactionalID("x"), kgo.DefaultProduceTopic("out"))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("aborted")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, true, []*kgo.Record{kgo.StringRecord("committed")})
	if got := string(read(t, k, "out", 1)[0].Value); got != "committed" {
		t.Errorf("read %q first", got)
	}
}

func TestKafkaKeepsDataDir(t *testing.T) {
	dir := t.TempDir()
	k := startKafka(t, rig.KafkaOptions{DataDir: dir})
	createTopic(t, k, "kept", map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")})
	cl := client(t, k, kgo.TransactionalID("keeper"))
	produce(t, cl, true, []*kgo.Record{{Topic: "kept", Value: []byte("before")}})
	adm := kadm.NewClient(cl)
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "kept", Partition: 0, At: 1, LeaderEpoch: -1, Metadata: "a note"})
	if err := adm.CommitAllOffsets(t.Context(), "group", offsets); err != nil {
		t.Fatal(err)
	}
	cl.Close()
	k.Stop()

	k = startKafka(t, rig.KafkaOptions{DataDir: dir})
	cl = client(t, k, kgo.TransactionalID("keeper"))
	produce(t, cl, true, []*kgo.Record{{Topic: "kept", Value: []byte("after"), Timestamp: time.Unix(0, 0)}})
	records := read(t, k, "kept", 2)
	if string(records[0].Value) != "before" || string(records[1].Value) != "after" {
		t.Errorf("read %q, %q", records[0].Value, records[1].Value)
	}
	if records[1].Timestamp.Year() < 2000 {
		t.Errorf("the topic's LogAppendTime was lost over the restart: %s", records[1].Timestamp)
	}
	kept, err := kadm.NewClient(cl).FetchOffsets(t.Context(), "group")
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := kept.Lookup("kept", 0); o.At != 1 || o.Metadata != "a note" {
		t.Errorf("committed offset %d %q, want 1 with its note", o.At, o.Metadata)
	}
}

func TestKafkaDataDirSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	child, err := rig.StartKafkaProcess(rig.KafkaOptions{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(child.Brokers()...), kgo.TransactionalID("x"))
	if err != nil {
		t.Fatal(err)
	}
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, true, []*kgo.Record{{Topic: "kept", Value: []byte("committed")}})
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "kept", At: 1, LeaderEpoch: -1, Metadata: "a note"})
	if err := adm.CommitAllOffsets(t.Context(), "group", offsets); err != nil {
		t.Fatal(err)
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	cl.Close()

	k := startKafka(t, rig.KafkaOptions{DataDir: dir})
	cl = client(t, k, kgo.TransactionalID("x"))
	produce(t, cl, true, []*kgo.Record{{Topic: "kept", Value: []byte("after")}})
	records := read(t, k, "kept", 2)
	if string(records[0].Value) != "committed" || string(records[1].Value) != "after" {
		t.Errorf("read %q, %q; want committed, after", records[0].Value, records[1].Value)
	}
	kept, err := kadm.NewClient(cl).FetchOffsets(t.Context(), "group")
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := kept.Lookup("kept", 0); o.At != 1 || o.Metadata != "a note" {
		t.Errorf("committed offset %d %q, want 1 with its note", o.At, o.Metadata)
	}
}

// Stopped in the middle of a transaction and started again, it is where it was, at the same addresses, and obeys.
func TestKafkaProcessStopsAndStarts(t *testing.T) {
	k, err := rig.StartKafkaProcess(rig.KafkaOptions{Ports: []int{0, 0, 0}, DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...), kgo.TransactionalID("x"), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i, do := range []func() error{
		func() error { return errors.Join(k.Stop(), k.Start(t.Context())) },
		func() error { return k.MoveLeaders(t.Context()) },
		func() error { return k.MoveCoordinators(t.Context()) },
	} {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "kept", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(i, err)
		}
		if err := do(); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	records, partitions := int64(0), 0
	ends.Each(func(o kadm.ListedOffset) { records += o.Offset; partitions++ })
	if records < 4 || partitions != 3 { // three and a marker at least
		t.Errorf("%d offsets in %d partitions are committed", records, partitions)
	}
	if err := k.Stop(); err != nil {
		t.Error(err)
	}
}

func TestKafkaMakesNoTopicByItself(t *testing.T) {
	k := startKafka(t, rig.KafkaOptions{})
	cl := client(t, k, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "absent", Value: []byte("x")}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("producing to an absent topic gave %v", err)
	}
}
