package runtime

import (
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A changelog that was deleted and made again is not taken for the state of a stage that has worked, whether it stopped meanwhile or not.
func TestChangelogMadeAnewIsRefused(t *testing.T) {
	for _, mode := range []Mode{ExactlyOnce, AtLeastOnce} {
		for _, stopped := range []bool{true, false} {
			t.Run(string(mode)+" stopped="+strconv.FormatBool(stopped), func(t *testing.T) {
				t.Parallel()
				k := newCluster(t, counting())
				k.mode = mode
				k.send(t, 50, 7)
				cfg := testConfig(k, "a", t.TempDir())
				in := start(t, cfg, nil, counting())
				k.check(t)
				if stopped {
					in.halt(t)
				}
				k.anew(t, "test.counting.changelog", 4, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")})
				if stopped {
					in = start(t, cfg, nil, counting())
				}
				k.send(t, 50, 7)
				want := []string{"changelog test.counting.changelog was deleted and made anew"}
				if stopped {
					want = []string{"changelog test.counting.changelog/", "is empty", "the state is lost"}
				}
				in.ended(t, want...)
				if n := len(k.read(t, "test.counting.changelog")); n != 0 {
					t.Errorf("%d partitions of the changelog were written to: the next start would not see what is wrong", n)
				}
			})
		}
	}
}

func TestChangelogThatIsNotKeptIsRefused(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	set := kadm.AlterConfig{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact,delete")}
	if res, err := k.adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{set}, "test.counting.changelog"); err != nil || res[0].Err != nil {
		t.Fatal(err, res)
	}
	start(t, testConfig(k, "a", t.TempDir()), nil, counting()).ended(t, "of changelog test.counting.changelog the brokers delete what is old", "waybill topics apply")
}

// A topic without a leader is not missing: a broker that restarts while a lane is opened must not end the process.
func TestTopicWithoutLeaderIsWaitedFor(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	var told atomic.Bool
	k.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		asked := req.(*kmsg.MetadataRequest)
		if len(asked.Topics) == 0 || told.Swap(true) {
			return nil, nil, false
		}
		return k.leaderless(t, asked), nil, true
	})
	start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.send(t, 50, 7)
	k.check(t)
	if !told.Load() {
		t.Error("nobody asked")
	}
}

func (k *cluster) leaderless(t *testing.T, asked *kmsg.MetadataRequest) *kmsg.MetadataResponse {
	host, port, err := net.SplitHostPort(k.addrs[0])
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil {
		t.Error(err, err2)
	}
	res := asked.ResponseKind().(*kmsg.MetadataResponse)
	broker := kmsg.NewMetadataResponseBroker()
	broker.Host, broker.Port = host, int32(n)
	res.Brokers = append(res.Brokers, broker)
	for _, topic := range asked.Topics {
		of := kmsg.NewMetadataResponseTopic()
		of.Topic, of.ErrorCode = topic.Topic, kerr.LeaderNotAvailable.Code
		res.Topics = append(res.Topics, of)
	}
	return res
}
