package runtime

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func TestProtocolIsAgreed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		brokers *kversion.Versions
		asked   Protocol
		static  bool
		refused bool // the brokers do not grant the session timeout
		want    Protocol
		says    string
	}{
		{"new brokers", kversion.V4_3_0(), AutoProtocol, false, false, ConsumerProtocol, "consumer"},
		{"old brokers", kversion.V4_2_0(), AutoProtocol, false, false, ClassicProtocol, "broker 0 is"},
		{"old brokers, insisted", kversion.V4_2_0(), ConsumerProtocol, false, false, "", ": set runtime.group_protocol to auto or classic"},
		{"long sessions", kversion.V4_3_0(), AutoProtocol, false, true, ClassicProtocol, "do not grant a session timeout of 1s"},
		{"long sessions, insisted", kversion.V4_3_0(), ConsumerProtocol, false, true, ConsumerProtocol, "keeps the brokers' session timeout"},
		{"static members", kversion.V4_3_0(), AutoProtocol, true, false, ClassicProtocol, "static"},
		{"classic asked", kversion.V4_3_0(), ClassicProtocol, false, false, ClassicProtocol, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.MaxVersions(c.brokers))
			if err != nil {
				t.Fatal(err)
			}
			defer broker.Close()
			if c.refused {
				broker.ControlKey(int16(kmsg.IncrementalAlterConfigs), refuse)
			}
			cfg := testConfig(&cluster{addrs: broker.ListenAddrs()}, "a", t.TempDir())
			cfg.GroupProtocol, cfg.StaticMembership, cfg.SessionTimeout = c.asked, c.static, time.Second
			var said strings.Builder
			s := &stage{cfg: cfg, spec: counting(), log: slog.New(slog.NewTextHandler(&said, nil))}
			got, err := s.agree(t.Context())
			if err != nil {
				said.WriteString(err.Error())
			}
			if got != c.want || !strings.Contains(said.String(), c.says) {
				t.Errorf("agreed on %q, want %q; said %q, want %q in it", got, c.want, said.String(), c.says)
			}
		})
	}
}

// refuse answers as Apache Kafka does where a session is shorter than group.consumer.min.session.timeout.ms.
func refuse(req kmsg.Request) (kmsg.Response, error, bool) {
	res := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	for _, r := range req.(*kmsg.IncrementalAlterConfigsRequest).Resources {
		a := kmsg.NewIncrementalAlterConfigsResponseResource()
		a.ResourceType, a.ResourceName = r.ResourceType, r.ResourceName
		a.ErrorCode, a.ErrorMessage = kerr.InvalidConfig.Code, kmsg.StringPtr("too short")
		res.Resources = append(res.Resources, a)
	}
	return res, nil, true
}

// kfake does not convert groups as Apache Kafka does.
func TestOtherProtocolIsExplained(t *testing.T) {
	t.Parallel()
	k := newCluster(t, counting())
	first := start(t, testConfig(k, "a", t.TempDir()), nil, counting())
	k.send(t, 20, 3)
	k.check(t)
	cfg := testConfig(k, "b", t.TempDir())
	cfg.GroupProtocol = ConsumerProtocol
	l := &lane{stage: &stage{cfg: cfg, spec: counting(), log: slog.New(slog.DiscardHandler), changelog: "test.counting.changelog"}, tasks: map[place]*task{}}
	if err := l.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	fetches := l.sess.PollRecords(t.Context(), 1)
	err := l.fetchFault(fetches)
	if err == nil || !strings.Contains(err.Error(), "be a member of group test.counting") || !strings.Contains(err.Error(), "one runtime.group_protocol") {
		t.Errorf("got %v, want what to do", err)
	}
	_ = l.close(fmt.Errorf("the test is over"))
	first.halt(t)
}
