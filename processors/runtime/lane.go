package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/topics/fault"
)

// lane is one group member with one transactional id. All of it but the callbacks belongs to one goroutine.
type lane struct {
	*stage
	sess *session
	adm  *kadm.Client
	topo topology
	// Every record said goes through it, so that a topic that grew is met by the first record that would go elsewhere.
	counts counts

	protocol Protocol // of the group
	tasks    map[place]*task
	wanted   []place         // assigned, waiting to be taken over
	fenced   map[place]fence // of those, the ones whose fence is committed
	pause    *backoff.ExponentialBackOff
	sources  *sources
	full     map[place]*full
	rest     time.Duration      // before the next cycle
	kill     context.CancelFunc // cuts the client off, as a crash would
	given    atomic.Bool        // the group has assigned something, if only nothing
	doubted  time.Time          // when it was last said that ticks moved no time

	perRecord int // bytes that a record of the last cycle led to, its own included

	mu    sync.Mutex
	moves []move // what the group did since the last cycle, in order
}

// place is a partition.
type place struct {
	topic     string
	partition int32
}

// move is a partition given or taken. One ordered list holds both: two lists would let one overwrite the other.
type move struct {
	place
	assigned bool
}

// lane runs a lane from joining the group to leaving it. It ends without error when ctx does.
func (s *stage) lane(ctx context.Context) (err error) {
	l := &lane{stage: s, counts: counts{Partitioner: Partitioner()}, tasks: map[place]*task{}, fenced: map[place]fence{}, pause: newBackoff(), sources: newSources(s.cfg.Poison), full: map[place]*full{}}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close(err)) }()
	for ctx.Err() == nil {
		if err := l.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// step is one cycle. What it does is visible when its transaction commits, and has not happened when it does not.
func (l *lane) step(ctx context.Context) error {
	l.stats.alive()
	l.sess.AllowRebalance()
	if l.rest > 0 {
		sleep(ctx, l.rest)
		l.rest = 0
		return nil
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	begun := time.Now()
	l.probe(begun)
	l.tryFull(begun)
	c, err := l.read(ctx) // poll, unframe, decode, fire due timers, handle, encode
	if err != nil || c.records == 0 {
		l.idles()
		return err
	}
	// From here on the end of ctx waits: the cycle is finished and committed.
	ctx, stop := l.finish(ctx)
	defer stop()
	if err := l.sess.Begin(); err != nil {
		return kafka(fmt.Errorf("begin transaction: %w", err))
	}
	err = l.write(ctx, c)
	if moved := l.counts.moved(); moved != nil {
		err = moved
	}
	err = l.end(ctx, c, err)
	l.stats.cycleTime.Observe(time.Since(begun), 1)
	return err
}

// write brings to the brokers what the cycle has to say.
func (l *lane) write(ctx context.Context, c *cycle) error {
	if l.crashes("processed") {
		return errCrashed
	}
	if c.cause != nil {
		return c.cause
	}
	if err := l.seal(ctx, c, time.Now()); err != nil {
		return err
	}
	return l.produce(ctx, c)
}

// finish gives what must not be cut short by a shutdown a context of its own: it ends when the brokers give up on it too.
func (l *lane) finish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), l.cfg.TransactionTimeout)
}

func (l *lane) open(ctx context.Context) error {
	if err := l.look(ctx); err != nil {
		return err
	}
	// The client outlives ctx: its cycle is to be finished and its group to be left.
	client, kill := context.WithCancel(context.WithoutCancel(ctx))
	l.kill = kill
	sess, err := l.member(ctx, kgo.WithContext(client))
	if err != nil {
		kill()
		return err
	}
	l.sess, l.adm = sess, kadm.NewClient(sess.Client())
	if err := l.succeed(ctx); err != nil {
		return errors.Join(err, l.close(err))
	}
	l.trouble.opened, l.trouble.amiss = true, time.Time{}
	l.counts.expect(l.topo)
	return nil
}

// look asks for the stage's topics, by a client of its own: the lane's has to know what they take.
func (l *lane) look(ctx context.Context) error {
	client, err := kgo.NewClient(l.clientOptions()...)
	if err != nil {
		return fmt.Errorf("make Kafka client: %w", err)
	}
	defer client.Close()
	if l.topo, err = l.topology(ctx, kadm.NewClient(client)); err != nil {
		return err
	}
	return l.sameTopics(l.topo)
}

// member makes the lane's client, which joins the group as soon as it knows the inboxes.
func (l *lane) member(ctx context.Context, opts ...kgo.Opt) (*session, error) {
	var err error
	if l.protocol, err = l.agree(ctx); err != nil {
		return nil, err
	}
	var inboxes []string
	for _, t := range l.spec.Inboxes {
		inboxes = append(inboxes, string(t.Name))
	}
	opts = append(opts, l.membership(l.protocol)...)
	if l.cfg.Mode == ExactlyOnce {
		opts = append(opts, kgo.TransactionalID(l.cfg.transactionalID(l.spec.Name)), kgo.TransactionTimeout(l.cfg.TransactionTimeout))
	}
	opts = append(opts,
		kgo.ConsumeTopics(inboxes...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // an inbox purged ahead of us is a loss to report, not to skip
		// A partition that is resumed waits for the fetch under way, which without this waits 5 s for records.
		kgo.FetchMaxWait(200*time.Millisecond),
		kgo.RecordPartitioner(&l.counts),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 { return int32(l.limit(&l.topo, topic)) }), // of a batch, too
		kgo.OnPartitionsAssigned(l.assigned),
		kgo.OnPartitionsRevoked(l.taken),
		kgo.OnPartitionsLost(l.taken),
	)
	sess, err := newSession(l.cfg.Mode, append(opts, l.clientOptions()...)...)
	if err != nil {
		return nil, fmt.Errorf("make Kafka client: %w", err)
	}
	return sess, nil
}

// succeed ends the transaction that a predecessor of this name left open. Left to the first transaction it would come too
// late: while the predecessor's offsets are pending nothing can be taken over, and so no transaction begun, until the brokers
// end it at its timeout.
func (l *lane) succeed(ctx context.Context) error {
	if l.cfg.Mode != ExactlyOnce {
		return nil
	}
	if _, _, err := l.sess.Client().ProducerID(ctx); err != nil {
		return kafka(fmt.Errorf("take the transactional id %s: %w", l.cfg.transactionalID(l.spec.Name), err))
	}
	return nil
}

// clientOptions are those of every client of the stage. MetadataMinAge: with the default of 5 s two NOT_LEADER answers in a
// row cost 10 s [measured].
func (s *stage) clientOptions() []kgo.Opt {
	return append([]kgo.Opt{kgo.SeedBrokers(s.cfg.Brokers...), kgo.ClientID(s.cfg.App + "-" + s.cfg.Instance), kgo.MetadataMinAge(250 * time.Millisecond), kgo.WithLogger(ClientLog(s.log))}, s.deps.Kafka...)
}

// close leaves the group and closes the tasks. cause is why.
func (l *lane) close(cause error) error {
	flush := cause == nil
	if errors.Is(cause, errCrashed) {
		l.kill() // nothing more reaches a broker
		flush = l.crashes("disk keeps everything")
	}
	l.sess.CloseAllowingRebalance()
	l.kill()
	var errs []error
	for _, t := range l.tasks {
		errs = append(errs, l.closeTask(t, flush))
	}
	clear(l.tasks)
	l.stats.left()
	return errors.Join(errs...)
}

// assigned runs in the client's goroutine. What is new is paused until there is a task for it, fenced and restored.
func (l *lane) assigned(_ context.Context, c *kgo.Client, given map[string][]int32) {
	c.PauseFetchPartitions(given)
	l.note(given, true)
	l.given.Store(true)
}

func (l *lane) taken(_ context.Context, _ *kgo.Client, gone map[string][]int32) { l.note(gone, false) }

func (l *lane) note(partitions map[string][]int32, assigned bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for topic, ps := range partitions {
		for _, p := range ps {
			l.moves = append(l.moves, move{place{topic, p}, assigned})
		}
	}
}

// settle makes the tasks follow what the group decided.
func (l *lane) settle(ctx context.Context) error {
	l.mu.Lock()
	moves := l.moves
	l.moves = nil
	l.mu.Unlock()
	for _, m := range moves {
		if err := l.follow(m); err != nil {
			return err
		}
	}
	if len(l.wanted) > 0 {
		if err := l.takeOver(ctx); err != nil {
			return err
		}
	}
	if l.protocol == ConsumerProtocol && len(l.tasks)+len(l.wanted) == 0 {
		l.sess.Nudge()
	}
	if err := l.admit(); err != nil {
		return err
	}
	return l.report()
}

// follow drops a task in both cases: the session swallows a revoke that follows another before the next transaction, so an
// assignment of what we believe to own means that somebody else may have had it meanwhile.
func (l *lane) follow(m move) error {
	if t := l.tasks[m.place]; t != nil {
		delete(l.tasks, m.place)
		if err := l.closeTask(t, true); err != nil {
			return err
		}
	}
	l.forget(m.place)
	l.sources.forget(m.place)
	delete(l.full, m.place)
	if !m.assigned {
		return nil
	}
	if l.spec.Keyed {
		l.wanted = append(l.wanted, m.place)
		return nil
	}
	t, err := l.stateless(m.place)
	l.tasks[m.place] = t
	l.resume(m.place)
	return err
}

// end commits where err is nil, else aborts. After an abort every task is where it was before the cycle.
func (l *lane) end(ctx context.Context, c *cycle, cause error) error {
	if errors.Is(cause, errCrashed) {
		return cause
	}
	begun := time.Now()
	committed, err := l.sess.End(ctx, cause == nil, nil)
	switch {
	case err != nil:
		// Committed or not: nobody here knows. The changelog does, so everything is rebuilt from it.
		return errors.Join(kafka(fmt.Errorf("end transaction: %w", l.rival(err))), fatal(cause))
	case committed:
		l.stats.commitTime.Observe(time.Since(begun), 1)
		return l.commit(c)
	}
	l.stats.aborts.Add(1)
	if err := l.undo(ctx, c); err != nil {
		return err
	}
	if c.noted && cause != nil && l.cfg.Mode == AtLeastOnce {
		// The changelog may have a part of the cycle, for which the next one's seal would stand: another lane puts a fence behind it.
		return cause
	}
	l.hold(c, time.Now())
	return l.again(cause)
}

// rival adds what fencing that never ends means. It is not fatal: after a stall or a slow rebalance it happens once, and heals.
func (l *lane) rival(err error) error {
	if errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) {
		return fmt.Errorf("%w: where this goes on, another process runs as instance %q of %s: give each its own runtime.instance", err, l.cfg.Instance, l.cfg.App)
	}
	return err
}

// fatal is err, if it is.
func fatal(err error) error {
	if fault.Of(err) == fault.Fatal {
		return err
	}
	return nil
}

// again lets the aborted cycle be tried again, after a wait; a rebalance needs none. The wait is the next step's: this one's
// context does not end when the process is to.
func (l *lane) again(cause error) error {
	switch {
	case cause == nil, fault.Of(cause) == fault.Wait:
		return nil
	case fault.Of(cause) != fault.Retryable:
		return cause
	case errors.Is(cause, kerr.UnknownTopicID), errors.Is(cause, kerr.UnknownTopicOrPartition):
		return cause // the client holds on to the topic that was: another one must look again
	case errors.Is(cause, kerr.MessageTooLarge):
		return cause // the topic's limit was lowered meanwhile: another lane asks for it
	}
	l.rest = l.pause.NextBackOff()
	l.failed("cycle undone, trying again", cause, l.rest)
	return nil
}

// commit makes local state follow the committed transaction, never earlier: a state ahead of its changelog counts twice what
// is then read again [measured: 400 of 400 keys wrong, with no record lost or doubled].
func (l *lane) commit(c *cycle) error {
	if l.crashes("committed") {
		return errCrashed
	}
	l.pause.Reset()
	l.works()
	l.stats.commits.Add(1)
	now := time.Now()
	for _, w := range c.works {
		if err := w.task.commit(w, now, l.topo.ids[l.changelog]); err != nil {
			return err
		}
		w.arrive(true)
		l.measure(w, now)
		if l.crashes("applied") {
			return errCrashed
		}
	}
	if l.crashes("all applied") {
		return errCrashed
	}
	return nil
}

// measure tells of a task's committed cycle: counts, histograms, what dies, which keys are hot. BenchmarkMetering holds what it costs.
func (l *lane) measure(w *work, now time.Time) {
	l.stats.count(w, now)
	l.watch(w, now)
	l.went(w, now)
	l.doubt(w, now)
	l.tellHot(w.task, now)
}

// doubt counts the ticks of a cycle that moved no time, and says so once a minute.
func (l *lane) doubt(w *work, now time.Time) {
	n := w.task.Doubtful()
	l.stats.doubtful.Add(n)
	if n > 0 && now.Sub(l.doubted) > time.Minute {
		l.doubted = now
		l.log.Error("ticks moved no time: the broker's clock and their sender's lie further apart than ticks.max_skew; set right the one that is wrong",
			"partition", w.task.partition, "ticks", n, "max_skew", l.cfg.MaxSkew)
	}
}

// undo takes every task back to where the cycle began.
func (l *lane) undo(ctx context.Context, c *cycle) error {
	for _, w := range c.works {
		w.arrive(false)
		if l.spec.Snapshots {
			l.rewind(ctx, w.task)
			continue
		}
		w.task.Aborted()
		w.task.Careful(0)
		w.task.careful = false
	}
	return nil
}

func (s *stage) crashes(point string) bool { return s.deps.crash != nil && s.deps.crash(point) }
