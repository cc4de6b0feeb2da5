package cluster_test

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"waybill/bench/rig"
	"waybill/cmd/internal/cluster"
	"waybill/cmd/internal/config"
	"waybill/topics"
)

func start(t *testing.T) (*kgo.Client, *kadm.Client) {
	t.Helper()
	k, err := rig.StartKafka(rig.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	return connect(t, k)
}

func connect(t *testing.T, k *rig.Kafka) (*kgo.Client, *kadm.Client) {
	t.Helper()
	cfg := config.Default().Kafka
	cfg.Brokers = k.Brokers()
	client, err := cluster.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, kadm.NewClient(client)
}

func states(t *testing.T, adm *kadm.Client, wanted []topics.Topic) map[cluster.State]int {
	t.Helper()
	all, err := cluster.Compare(t.Context(), adm, wanted)
	if err != nil {
		t.Fatal(err)
	}
	n := map[cluster.State]int{}
	for _, s := range all {
		n[s.State]++
	}
	return n
}

func TestApplyMakesTheCatalogueAndThenNothing(t *testing.T) {
	client, adm := start(t)
	all := append(topics.All(), topics.Changelog("waybill", "track", 6))
	if n := states(t, adm, all); n[cluster.Missing] != len(all) {
		t.Fatalf("before: %v", n)
	}
	deeds, err := cluster.Apply(t.Context(), client, all, -1)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(deeds, func(d cluster.Deed) bool { return d.Did != "created" }); i >= 0 {
		t.Errorf("on an empty cluster: %v", deeds[i])
	}
	if n := states(t, adm, all); n[cluster.Same] != len(all) {
		t.Errorf("after: %v", n)
	}
	deeds, err = cluster.Apply(t.Context(), client, all, -1)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(deeds, func(d cluster.Deed) bool { return d.Did != "unchanged" }); i >= 0 {
		t.Errorf("the second time: %v", deeds[i])
	}
}

func TestApplyMendsConfigurationAndLeavesPartitionsAndStrangers(t *testing.T) {
	client, adm := start(t)
	inbox := topics.ResolveInbox
	if _, err := adm.CreateTopic(t.Context(), inbox.Partitions, -1, map[string]*string{"retention.ms": kadm.StringPtr("1000")}, string(inbox.Name)); err != nil {
		t.Fatal(err)
	}
	fewer := topics.Orders
	config := map[string]*string{}
	for k, v := range fewer.Config() {
		config[k] = kadm.StringPtr(v)
	}
	for _, name := range []string{string(fewer.Name), "stranger"} {
		if _, err := adm.CreateTopic(t.Context(), 1, -1, config, name); err != nil {
			t.Fatal(err)
		}
	}
	deeds, err := cluster.Apply(t.Context(), client, []topics.Topic{inbox, fewer}, -1)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"message.timestamp.type", "left with 1 partitions"} {
		if !strings.Contains(deeds[i].Did, want) {
			t.Errorf("%s: %q does not tell of %q", deeds[i].Topic, deeds[i].Did, want)
		}
	}
	if n := states(t, adm, []topics.Topic{inbox}); n[cluster.Same] != 1 {
		t.Errorf("the inbox was not mended: %v", n)
	}
	there, err := adm.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !there.Has("stranger") {
		t.Error("a topic that is not ours was deleted")
	}
}

// A real broker says that a topic is made before it knows it itself: Apply comes back when it does.
func TestApplyWaitsUntilTheBrokersKnow(t *testing.T) {
	k, err := rig.StartKafka(rig.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	client, _ := connect(t, k)
	var ignorance atomic.Int32 // answers for which the broker knows no topic
	ignorance.Store(4)
	k.Cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.MetadataRequest)
		k.Cluster.KeepControl()
		if len(req.Topics) == 0 || ignorance.Load() == 0 {
			return nil, nil, false
		}
		ignorance.Add(-1)
		return ignorant(t, req, k.Brokers()[0]), nil, true
	})
	if _, err := cluster.Apply(t.Context(), client, []topics.Topic{topics.Orders}, -1); err != nil {
		t.Fatal(err)
	}
	if left := ignorance.Load(); left != 0 {
		t.Errorf("Apply came back while the broker would still deny the topic %d times", left)
	}
}

// ignorant is the answer of a broker that knows itself and no topic.
func ignorant(t *testing.T, req *kmsg.MetadataRequest, broker string) kmsg.Response {
	host, port, err := net.SplitHostPort(broker)
	if err != nil {
		t.Error(err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Error(err)
	}
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	b := kmsg.NewMetadataResponseBroker()
	b.Host, b.Port = host, int32(number)
	resp.Brokers = append(resp.Brokers, b)
	for _, wanted := range req.Topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = wanted.Topic, kerr.UnknownTopicOrPartition.Code
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

func TestConnectSaysWhatToDo(t *testing.T) {
	cfg := config.Default().Kafka
	cfg.Brokers = []string{"127.0.0.1:1"}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := cluster.Connect(ctx, cfg)
	if err == nil || !strings.Contains(err.Error(), "--brokers") {
		t.Errorf("got %v", err)
	}
}
