package runtime

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// guarded is an embedded Kafka that wants a login, which it refuses while refuses is set. By itself it cuts the connection instead.
func guarded(t *testing.T, refuses *atomic.Bool) (*cluster, kgo.Opt) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(200*time.Millisecond), kfake.EnableSASL(), kfake.Superuser("PLAIN", "waybill", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	login := kgo.SASL(plain.Auth{User: "waybill", Pass: "secret"}.AsMechanism())
	k := connect(t, c.ListenAddrs(), login)
	k.Cluster = c
	k.create(t, counting())
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !refuses.Load() {
			return nil, nil, false
		}
		res := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		res.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return res, nil, true
	})
	return k, login
}

// cables are connections that a test can cut.
type cables struct {
	mu  sync.Mutex
	all []net.Conn
}

func (l *cables) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.all = append(l.all, c)
	}
	return c, err
}

func (l *cables) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.all {
		_ = c.Close()
	}
	l.all = nil
}

// While a secret is renewed, by the brokers already and not yet in its file, an instance waits for it. At the start it is wrong.
func TestSecretIsRenewed(t *testing.T) {
	t.Parallel()
	var refuses atomic.Bool
	var wires cables
	k, login := guarded(t, &refuses)
	deps := Deps{Kafka: []kgo.Opt{login, kgo.Dialer(wires.dial)}}
	in := startWith(t, testConfig(k, "a", t.TempDir()), deps, counting())
	worked := func(n int64) func() bool {
		return func() bool {
			select {
			case <-in.done:
				t.Fatalf("ended with %v", in.err)
			default:
			}
			return in.Stats()[0].In >= n
		}
	}
	k.send(t, 50, 7)
	eventually(t, "all is worked on", worked(50))
	refuses.Store(true)
	wires.cut()
	k.send(t, 50, 7)
	eventually(t, "the login is refused", func() bool { return worked(0)() && in.Stats()[0].Rebuilds > 0 })
	startWith(t, testConfig(k, "b", t.TempDir()), deps, counting()).ended(t, "SASL_AUTHENTICATION_FAILED")
	refuses.Store(false)
	eventually(t, "all is worked on once more", worked(100))
}
