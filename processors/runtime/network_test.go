package runtime

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// network is the way to the brokers, which can be cut.
type network struct {
	mu    sync.Mutex
	conns []net.Conn
	until time.Time // no connection before
}

func (n *network) dial(ctx context.Context, kind, host string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Now().Before(n.until) {
		return nil, errors.New("network is cut")
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, kind, host)
	if err == nil {
		n.conns = append(n.conns, c)
	}
	return c, err
}

func (n *network) cut(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.until = time.Now().Add(d)
	for _, c := range n.conns {
		c.Close()
	}
	n.conns = nil
}

// cutter cuts the network the nth time a request of a kind is sent, or answered.
type cutter struct {
	*network
	key    kmsg.Key
	answer bool
	n      int64
	d      time.Duration
	met    atomic.Int64
}

func (c *cutter) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	c.on(false, key, err)
}

func (c *cutter) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	c.on(true, key, err)
}

func (c *cutter) on(answer bool, key int16, err error) {
	if err == nil && answer == c.answer && key == int16(c.key) && c.met.Add(1) == c.n {
		c.cut(c.d)
	}
}

// A request whose answer is lost may have been obeyed or not. Short cuts are bridged by the client; long ones end the lane
// with an unknown outcome.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	short, long := 200*time.Millisecond, 5*time.Second
	for _, c := range []struct {
		key    kmsg.Key
		answer bool
		d      time.Duration
	}{
		{kmsg.Produce, false, short}, {kmsg.Produce, true, short}, {kmsg.TxnOffsetCommit, false, short}, {kmsg.TxnOffsetCommit, true, short},
		{kmsg.EndTxn, false, short}, {kmsg.EndTxn, true, short}, {kmsg.EndTxn, false, long}, {kmsg.EndTxn, true, long},
	} {
		t.Run(fmt.Sprintf("%s answer=%v %s", c.key.Name(), c.answer, c.d), func(t *testing.T) {
			t.Parallel()
			k := newCluster(t, counting())
			k.send(t, 700, 13)
			c := &cutter{network: &network{}, key: c.key, answer: c.answer, n: 4, d: c.d}
			e, err := New(testConfig(k, "a", t.TempDir()), Deps{Decoder: codec{}, Encoder: codec{}, Kafka: []kgo.Opt{kgo.Dialer(c.dial), kgo.WithHooks(c)}}, counting())
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- e.Run(ctx) }()
			k.check(t)
			k.send(t, 100, 13)
			k.check(t)
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if c.met.Load() < c.n {
				t.Error("the network was never cut")
			}
		})
	}
}
