package runtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// venue is the Kafka that runs take place on, and what can be done to it.
type venue struct {
	brokers  []string
	replicas int16
	tested   *faultCount

	offsetsLog bool // what groups committed is read from the brokers' own log of it: there is one

	// backAtOnce is restart with a broker that is back before the others have forgotten it. nil: there is one broker.
	backAtOnce func(ctx context.Context, down func()) error

	calm sync.Locker // keeps other runs from doing anything to the brokers; nil: there are none

	moveLeaders      func(ctx context.Context, topics ...string) error // nil: there is one broker
	moveCoordinators func(ctx context.Context) error                   // nil: there is one broker
	restart          func(ctx context.Context, down func()) error      // ends a broker as hard as it can bear, and starts it again after down
	compact          func(ctx context.Context, r *run) error           // compacts the changelog; nobody writes meanwhile
}

// run is one stage, on topics of its own, and what happens to its instances.
type run struct {
	*cluster
	t       *testing.T
	venue   venue
	subject subject
	topics  runTopics
	rng     *rand.Rand
	folder  string

	mu        sync.Mutex
	kids      []*kid
	dirs      []string // of state, each once
	nowhere   int      // partitions that are on no disk in the end
	clock     time.Time
	line      int64
	tomorrow  bool // some writers use tomorrow's schema
	compacted bool // the changelog lost what was overwritten, or may have
	offsets   *offsetWatch
}

// keepEnv names a folder in which instances leave their logs and disks; the topics of a run that failed are kept, then.
const keepEnv = "RUNTIME_TEST_KEEP"

var runs struct {
	sync.Mutex
	n int
}

// newRun makes a run's topics. A changelog that is to be compacted is cut into small segments: a real broker leaves the last
// one alone.
func newRun(t *testing.T, v venue, p Protocol, s subject, seed uint64, compacting bool) *run {
	t.Helper()
	runs.Lock()
	runs.n++
	app := fmt.Sprint("run", runs.n)
	runs.Unlock()
	r := &run{
		cluster: connect(t, v.brokers), t: t, venue: v, subject: s, topics: runTopics{app}, rng: rand.New(rand.NewPCG(seed, 1)), folder: t.TempDir(),
		// Kafka refuses a time more than an hour ahead of its own; the runs' clock goes minutes in seconds.
		clock: time.Now().Add(-48 * time.Hour).Truncate(time.Second), compacted: compacting,
	}
	r.protocol = p
	if v.calm != nil {
		v.calm.Lock()
		defer v.calm.Unlock()
	}
	ctx := t.Context()
	for _, topic := range r.all() {
		config := map[string]*string{}
		if topic.Cleanup == topics.Compact {
			config["cleanup.policy"] = kadm.StringPtr("compact")
			if compacting {
				config["segment.ms"], config["min.cleanable.dirty.ratio"] = kadm.StringPtr("100"), kadm.StringPtr("0.01")
			}
		}
		// It is there already where a broker died before it had said so, and was asked again.
		if _, err := r.adm.CreateTopic(ctx, topic.Partitions, v.replicas, config, string(topic.Name)); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			t.Fatal(err)
		}
	}
	// All runs on a cluster share this one.
	if _, err := r.adm.CreateTopic(ctx, topics.DeadLetters.Partitions, v.replicas, nil, string(topics.DeadLetters.Name)); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatal(err)
	}
	names := r.names()
	known := append(slices.Clone(names), string(topics.DeadLetters.Name))
	eventually(t, "the new topics are known", func() bool {
		ends, err := r.adm.ListEndOffsets(ctx, known...)
		return err == nil && ends.Error() == nil && len(ends) == len(known)
	})
	if keep := os.Getenv(keepEnv); keep != "" {
		r.folder = filepath.Join(keep, app)
		if err := os.MkdirAll(r.folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // a broker with thousands of partitions is slow
		if os.Getenv(keepEnv) != "" && t.Failed() {
			t.Logf("%s is kept", app)
			return
		}
		_, _ = r.adm.DeleteTopics(context.Background(), names...)
	})
	if !v.offsetsLog {
		r.offsets = watchOffsets(t, r.adm, r.group())
	}
	return r
}

func (r *run) spec() stream.Spec { return r.subject.spec(r.topics) }
func (r *run) group() string     { return r.topics.app + "." + r.spec().Name }
func (r *run) changelog() string { return r.group() + ".changelog" }

// all are the topics of the run alone.
func (r *run) all() []topics.Topic {
	own := []topics.Topic{r.topics.inbox(), {Name: r.topics.numbered(), Partitions: 4}, {Name: r.topics.totals(), Partitions: 3}}
	return append(own, Changelogs(r.topics.app, r.spec())...)
}

func (r *run) names() []string {
	var all []string
	for _, t := range r.all() {
		all = append(all, string(t.Name))
	}
	return all
}

// offsetWatch looks at a group's committed offsets while a run goes on: they never go back.
type offsetWatch struct {
	stop context.CancelFunc
	done chan struct{}
}

func watchOffsets(t *testing.T, adm *kadm.Client, group string) *offsetWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &offsetWatch{stop: cancel, done: make(chan struct{})}
	go func() { // waited for by end
		defer close(w.done)
		last := map[place]int64{}
		for ctx.Err() == nil {
			committed, err := adm.FetchOffsets(ctx, group)
			if err == nil { // else a broker is down, or the group not there yet
				committed.Each(func(o kadm.OffsetResponse) {
					at := place{o.Topic, o.Partition}
					if o.Err == nil && o.At < last[at] {
						t.Errorf("the committed offset of %s/%d went back from %d to %d", o.Topic, o.Partition, last[at], o.At)
					}
					last[at] = max(last[at], o.At)
				})
			}
			sleep(ctx, 30*time.Millisecond)
		}
	}()
	t.Cleanup(w.end)
	return w
}

func (w *offsetWatch) end() {
	w.stop()
	<-w.done
}

// load appends n records, keys in any order, some of them deadly, with ticks between; now and then a minute passes.
func (r *run) load(n int) {
	r.t.Helper()
	var rs []*kgo.Record
	for range n {
		r.clock = r.clock.Add(100 * time.Millisecond)
		rs = append(rs, r.message())
		switch r.rng.IntN(150) {
		case 5, 6:
			rs = append(rs, r.price()...)
		case 0:
			r.clock = r.clock.Add(70 * time.Second)
			rs = append(rs, r.ticks()...)
		case 1, 2, 3, 4:
			rs = append(rs, r.ticks()...)
		}
	}
	r.produce(r.t, rs...)
}

func (r *run) message() *kgo.Record {
	r.line++
	m := avro.PartnerMessage{Name: fmt.Sprint(r.line), Line: r.line}
	key := []byte(fmt.Sprint("key-", r.rng.IntN(40)))
	var value []byte
	switch r.rng.IntN(200 * max(r.subject.rare, 1)) {
	case 0, 1:
		m.Format = toPoison
	case 2:
		m.Format = toPanic
	case 3:
		m.Format = toOversize
	case 4, 5, 6:
		m.Format = toEveryone
	case 7:
		value = []byte("rubbish")
	case 8:
		key = nil
	}
	switch {
	case value == nil && r.tomorrow && r.rng.IntN(2) == 0:
		value = encodedTomorrow(&m)
	case value == nil:
		value = encoded(&m)
	}
	at := &kgo.Record{Topic: string(r.topics.inbox().Name), Partition: byKey, Key: key, Value: value, Timestamp: r.clock}
	if key == nil {
		at.Partition = int32(r.rng.IntN(4))
	}
	return at
}

// price tells every partition a new price, of a stage that has any.
func (r *run) price() (rs []*kgo.Record) {
	if !r.subject.prices {
		return nil
	}
	r.line++
	value := encoded(&avro.PartnerMessage{Name: fmt.Sprint(r.line), Line: r.line, Format: toPrice})
	for p := range r.topics.inbox().Partitions {
		rs = append(rs, &kgo.Record{Topic: string(r.topics.inbox().Name), Partition: p, Key: []byte("price"), Value: value, Timestamp: r.clock})
	}
	return rs
}

func (r *run) ticks() (rs []*kgo.Record) {
	for p := range r.topics.inbox().Partitions {
		rs = append(rs, &kgo.Record{Topic: string(r.topics.inbox().Name), Partition: p, Value: encoded(&avro.Tick{}), Timestamp: r.clock})
	}
	return rs
}

// start starts an instance, on the directory it had before unless the order says another.
func (r *run) start(o order) *kid {
	r.t.Helper()
	return r.startIn(o, diesWithUs())
}

func (r *run) startIn(o order, where *syscall.SysProcAttr) *kid {
	r.t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(r.folder, o.Instance)
	}
	o.Subject, o.App, o.Brokers, o.Protocol = r.subject.name, r.topics.app, r.venue.brokers, r.protocol
	k := launch(r.t, o, where, filepath.Join(r.folder, o.Instance+".log"))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kids = append(r.kids, k)
	if !slices.Contains(r.dirs, o.Dir) {
		r.dirs = append(r.dirs, o.Dir)
	}
	return k
}

// members are the instances that the group believes to be alive, in order of their names, once all of the inbox is shared out
// among them; else nil.
func (r *run) members() []string {
	names, assigned := r.described()
	if len(names) > 0 && assigned != int(r.topics.inbox().Partitions) {
		return nil
	}
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], r.topics.app+"-")
	}
	slices.Sort(names)
	return names
}

// described gives the client ids of the group's members, whatever its protocol, and how many partitions they have.
func (r *run) described() (clients []string, assigned int) {
	clients = []string{}
	if r.protocol == ConsumerProtocol {
		groups, err := r.adm.DescribeConsumerGroups(r.t.Context(), r.group())
		if err != nil {
			return nil, 0
		}
		for _, m := range groups[r.group()].Members {
			clients = append(clients, m.ClientID)
			for _, partitions := range m.Assignment { // kfake leaves the topic's name out
				assigned += len(partitions)
			}
		}
		return clients, assigned
	}
	groups, err := r.adm.DescribeGroups(r.t.Context(), r.group())
	if err != nil {
		return nil, 0
	}
	for _, m := range groups[r.group()].Members {
		clients = append(clients, m.ClientID)
		if a, ok := m.Assigned.AsConsumer(); ok && groups[r.group()].State == "Stable" {
			for _, t := range a.Topics {
				assigned += len(t.Partitions)
			}
		}
	}
	return clients, assigned
}

// until waits for a condition.
func (r *run) until(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	r.t.Fatalf("not within %s: %s", patience, what)
}

// untilMembers waits until these alone make up the group.
func (r *run) untilMembers(names ...string) {
	r.t.Helper()
	r.until(fmt.Sprint("the group is ", names), func() bool { return slices.Equal(r.members(), names) })
}

// quiet waits until everything in the inbox is worked on.
func (r *run) quiet() {
	r.t.Helper()
	r.until("nothing is left to do", r.idle)
}

// idle says whether nothing is left to do; not so while a broker is down.
func (r *run) idle() bool {
	cfg := Config{App: r.topics.app}
	p, err := NewProbe([]kgo.Opt{kgo.SeedBrokers(r.venue.brokers...)}, cfg.Readers(r.spec())...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	quiet, err := p.Quiet(ctx)
	return quiet && err == nil
}

// finish sends what is left, lets every timer come due, waits until all of it is done, ends the instances one after the other
// and holds what there is against the truth.
func (r *run) finish() {
	r.t.Helper()
	r.load(150)
	r.clock = r.clock.Add(time.Hour)
	r.produce(r.t, r.ticks()...)
	r.end()
	if r.offsets != nil {
		r.offsets.end()
	} else {
		r.neverBack()
	}
	if !r.t.Failed() {
		r.check()
	}
}

// end ends the instances when all is done, with state and timers to be found on the disks. No broker is lost meanwhile: an
// instance that is stopped while it finds its way back leaves on its disk what was flushed before.
func (r *run) end() {
	r.t.Helper()
	if r.venue.calm != nil {
		r.venue.calm.Lock()
		defer r.venue.calm.Unlock()
	}
	r.load(30)
	r.produce(r.t, r.ticks()...) // each partition has something to do
	r.quiet()
	for _, k := range r.kids {
		if k.alive {
			k.stop()
		}
	}
}
