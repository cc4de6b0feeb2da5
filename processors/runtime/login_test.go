package runtime

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func loginAs(user string) kgo.Opt {
	return kgo.SASL(scram.Auth{User: user, Pass: "secret"}.AsSha256Mechanism())
}

// guarded is a cluster that wants a login, and what says whether it refuses the stage's. It does so as Apache Kafka does: kfake closes the connection
// and leaves the cause to be guessed.
func guarded(t *testing.T) (*cluster, *atomic.Bool) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(200*time.Millisecond), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-256", "test", "secret"), kfake.Superuser("SCRAM-SHA-256", "stage", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	refused := &atomic.Bool{}
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !refused.Load() || !strings.Contains(string(req.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes), "n=stage,") {
			return nil, nil, false
		}
		res := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		res.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return res, nil, true
	})
	k := connect(t, c.ListenAddrs(), loginAs("test"))
	k.Cluster, k.login = c, []kgo.Opt{loginAs("test")}
	k.create(t, counting())
	return k, refused
}

// A password that is changed at the brokers first is waited for, and nothing is lost.
func TestAChangedPasswordIsWaitedFor(t *testing.T) {
	t.Parallel()
	k, refused := guarded(t)
	net, said := &network{}, &journal{}
	deps := Deps{Kafka: []kgo.Opt{loginAs("stage"), kgo.Dialer(net.dial)}, Log: slog.New(slog.NewTextHandler(said, nil))}
	in := startWith(t, testConfig(k, "a", t.TempDir()), deps, counting())
	k.send(t, 20, 5)
	k.check(t)
	refused.Store(true)
	net.cut(0)
	k.send(t, 20, 5)
	eventually(t, "the refusal is said again and again", func() bool { return said.count("Kafka refuses what it let pass before") >= 3 })
	if in.Stats()[0].Joined {
		t.Error("the stage is ready while it cannot log in")
	}
	refused.Store(false)
	k.check(t)
	in.halt(t)
}

// A password that nobody sets right ends the process with a sentence: at once where it never was, else after a while.
func TestAWrongPasswordEndsInASentence(t *testing.T) {
	const sentence = "the brokers refuse kafka.sasl.user with this password or token"
	k, refused := guarded(t)
	ends := func(in *instance) {
		t.Helper()
		in.ended(t)
		if in.err == nil || !strings.Contains(in.err.Error(), sentence) || strings.Contains(in.err.Error(), "\n") {
			t.Errorf("ended with %v, want one sentence: %s", in.err, sentence)
		}
	}
	said := &journal{}
	refused.Store(true)
	ends(startWith(t, testConfig(k, "a", t.TempDir()), Deps{Kafka: []kgo.Opt{loginAs("stage")}, Log: slog.New(slog.NewTextHandler(said, nil))}, counting()))
	if n := said.count("refuses what it let pass"); n != 0 {
		t.Errorf("tried %d times more what never was right", n)
	}
	refused.Store(false)
	net := &network{}
	in := startWith(t, testConfig(k, "a", t.TempDir()), Deps{Kafka: []kgo.Opt{loginAs("stage"), kgo.Dialer(net.dial)}, mendWithin: time.Second}, counting())
	k.send(t, 20, 5)
	k.check(t)
	refused.Store(true)
	net.cut(0)
	ends(in)
}
