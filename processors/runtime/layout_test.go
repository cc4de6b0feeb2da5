package runtime

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
)

// grow gives a topic more partitions, as somebody with an admin's tool would.
func (k *cluster) grow(t *testing.T, topic string, to int) {
	t.Helper()
	res, err := k.adm.UpdatePartitions(t.Context(), to, topic)
	if err == nil {
		err = res.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new partitions are there", func() bool {
		ends, err := k.adm.ListEndOffsets(t.Context(), topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == to
	})
}

// attentive is an instance that hears of new partitions soon, not within five minutes.
func attentive(t *testing.T, k *cluster, id string, line []stream.Spec, run ...stream.Spec) *instance {
	t.Helper()
	deps := Deps{Decoder: codec{}, Encoder: codec{}, Line: line, Kafka: []kgo.Opt{kgo.MetadataMaxAge(250 * time.Millisecond)}}
	return startWith(t, testConfig(k, id, t.TempDir()), deps, run...)
}

// refused waits until the instance ends and says that the inbox grew from 4 partitions.
func (in *instance) refused(t *testing.T, is string) {
	t.Helper()
	select {
	case <-in.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the instance goes on with an inbox that grew")
	}
	want := "inbox test.inbox had 4 partitions and has " + is
	if in.err == nil || !strings.Contains(in.err.Error(), want) || !strings.Contains(in.err.Error(), "make the topic anew with 4") || strings.Contains(in.err.Error(), "\n") {
		t.Errorf("ended with %v, want one sentence about: %s", in.err, want)
	}
}

func TestGrownInboxIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		grow []string
	}{
		{"at the next start", []string{string(inbox.Name)}},
		{"at the next start, changelog and all", []string{string(inbox.Name), "test.counting.changelog"}},
	} {
		for _, warm := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				k := newCluster(t, counting())
				cfg := testConfig(k, "a", t.TempDir())
				first := start(t, cfg, nil, counting())
				k.send(t, 100, 7)
				k.check(t)
				first.halt(t)
				for _, topic := range c.grow {
					k.grow(t, topic, 6)
				}
				if !warm {
					cfg.StateDir = t.TempDir()
				}
				start(t, cfg, nil, counting()).refused(t, "6")
			})
		}
	}
}

func TestInboxThatGrowsIsRefused(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	in := attentive(t, k, "a", nil, counting())
	k.send(t, 100, 7)
	k.check(t)
	k.grow(t, string(inbox.Name), 6)
	in.refused(t, "6")
}

// The stage that writes to it stops too, before anything lies where its key's state is not.
func TestOutputThatGrowsIsRefused(t *testing.T) {
	t.Parallel()
	line := []stream.Spec{renaming(), counting()}
	k := newCluster(t, counting())
	for _, topic := range []string{"test.left", "test.right"} {
		if _, err := k.adm.CreateTopic(t.Context(), 2, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	in := attentive(t, k, "a", line, renaming())
	say := func(n int) {
		for range n {
			k.produce(t, &kgo.Record{Topic: "test.left", Partition: byKey, Key: []byte("key"), Value: encoded(&avro.PartnerMessage{Name: "x"})})
		}
	}
	say(10)
	eventually(t, "all is handed on", func() bool { return in.Stats()[0].Out == 10 })
	k.grow(t, string(inbox.Name), 6)
	eventually(t, "it has ended", func() bool { // as long as its client knows the old number it goes on, rightly
		say(1)
		select {
		case <-in.done:
			return true
		default:
			return false
		}
	})
	in.refused(t, "6")
	if n := len(k.read(t, string(inbox.Name))); n != 1 {
		t.Errorf("the records of one key lie in %d partitions", n)
	}
	attentive(t, k, "a", line, renaming()).refused(t, "6")
}
