package runtime

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/state"
	"waybill/processors/stream"
)

// The environment of `make chaos`: how long it is to last, and the seed of a run to repeat.
const (
	chaosSeconds = "WAYBILL_CHAOS_SECONDS"
	chaosSeed    = "WAYBILL_CHAOS_SEED"
)

// faultPoints are where it happens, in the order in which an instance comes by.
var faultPoints = []string{
	"assigned", "fencing", "fenced", "restored",
	"processed", "produced", "flushed", offsetsSent, offsetsAcked, endSent, endAcked, "committed", "applied", "all applied",
}

// faultCrosses are what it happens together with.
var faultCrosses = []string{
	"restart", "restart, disk complete", "empty disk", "stale disk", "future disk", "twice",
	"zombie wakes early", "zombie wakes late", "session expires", "evicted", "fenced by a twin",
	"lost reply, short", "lost reply, long", "coordinator moves", "leaders move", "broker restarts", "broker back at once",
	"scale out and in", "moved meanwhile", "compacted", "schema change",
}

// atRequests are the points at which a request of the client's waits.
var atRequests = []string{offsetsSent, offsetsAcked, endSent, endAcked}

// cell is one run of the matrix.
type cell struct {
	cross, point string
	nth          int64
	subject      string
	protocol     Protocol
}

func (c cell) String() string {
	return fmt.Sprintf("%s at %s %d, %s, %s", c.cross, c.point, c.nth, c.subject, c.protocol)
}

// fullMatrix is every cross at every point, with every subject, under either protocol of groups.
func fullMatrix() (cells []cell) {
	for i, cross := range faultCrosses {
		for j, point := range faultPoints {
			for k, s := range subjects {
				cells = append(cells, cell{cross, point, nthOf(point, i+j+k), s.name, protocols[(i+j+k)%len(protocols)]})
			}
		}
		cells = append(cells, cell{cross, sweeping, int64(1 + i%4), "prices", protocols[i%len(protocols)]})
	}
	return cells
}

// cells are those of this test run: so many of each cross, or all of them where chaos is asked for.
func cells(each int) []cell {
	if os.Getenv(chaosSeconds) != "" {
		return fullMatrix()
	}
	return covering(each)
}

// pinned are cells that found a fault, or that alone show a mechanism missing: they are always played.
var pinned = []cell{
	{"restart", offsetsSent, 2, "tally", ClassicProtocol},                  // waited for the transaction timeout
	{"restart", offsetsAcked, 3, "shelves", ConsumerProtocol},              //
	{"zombie wakes early", "fencing", 1, "tally", ClassicProtocol},         // a swallowed revoke let it fence what was another's
	{"zombie wakes late", "fenced", 1, "tally", ConsumerProtocol},          // its checkpoint spoke of what it had left out
	{"zombie wakes late", "fenced", 1, "shelves", ClassicProtocol},         //
	{"zombie wakes late", "assigned", 1, "tally", ClassicProtocol},         // without a gate its fence gets through
	{"restart, disk complete", "committed", 2, "shelves", ClassicProtocol}, // what is applied before the commit is counted twice
	{"restart, disk complete", "flushed", 3, "tally", ConsumerProtocol},    //
	{"twice", "flushed", 3, "tally", ClassicProtocol},                      // restored to the last stable offset it lacks what an open transaction hides
	{"empty disk", "flushed", 2, "tally", ClassicProtocol},                 // read uncommitted, what was aborted is restored
	{"empty disk", "committed", 3, "shelves", ConsumerProtocol},            // what is not in the changelog is not restored
	{"scale out and in", "flushed", 2, "shelves", ClassicProtocol},         //
	{"moved meanwhile", "flushed", 2, "tally", ClassicProtocol},            // what is not undone is counted twice
	{"moved meanwhile", "processed", 3, "prices", ConsumerProtocol},        //
	{"restart", sweeping, 2, "prices", ClassicProtocol},                    // between two transactions of one sweep
	{"empty disk", sweeping, 3, "prices", ConsumerProtocol},                //
	{"zombie wakes late", sweeping, 1, "prices", ClassicProtocol},          //
	{"schema change", "flushed", 3, "tally", ClassicProtocol},              // the state's form and the writers' schema change
	{"schema change", "committed", 4, "tally by snapshots", ConsumerProtocol},
}

// covering is a part of the matrix: the pinned cells, every cross at some points and every point with some crosses, as many of
// each as possible, the same each time.
func covering(each int) []cell {
	cells := slices.Clone(pinned)
	next := 0
	for i, cross := range faultCrosses {
		for range each {
			point := faultPoints[next%len(faultPoints)]
			next += 5 // has no divisor in common with the number of points
			n := len(cells)
			c := cell{cross, point, nthOf(point, i+next), subjects[n%len(subjects)].name, protocols[n/len(subjects)%len(protocols)]}
			if !slices.Contains(cells, c) {
				cells = append(cells, c)
			}
		}
		next++
	}
	return cells
}

// nthOf is the how-manieth time at a point: fences come once, and the first of the client's requests are the fence's.
func nthOf(point string, vary int) int64 {
	switch point {
	case "assigned", "fencing", "fenced":
		return 1
	case "restored":
		return 2
	}
	return int64(1 + vary%4)
}

// plays says whether the cell makes sense at the venue.
func (c cell) plays(v venue) bool {
	switch c.cross {
	case "restart, disk complete":
		return !slices.Contains(atRequests, c.point) && c.point != sweeping // the engine itself brings its stores to disk, and has no point there
	case "moved meanwhile":
		return !slices.Contains(atRequests, c.point) // a member whose request waits sends no heartbeat, and is put out
	case "schema change":
		return subjectOf(c.subject).newer != nil
	case "coordinator moves":
		return v.moveCoordinators != nil
	case "leaders move":
		return v.moveLeaders != nil
	case "broker restarts":
		return v.restart != nil
	case "broker back at once":
		return v.backAtOnce != nil
	}
	return true
}

// play runs the cell: load, an instance that comes to the point, what happens then, and the check.
func (c cell) play(t *testing.T, v venue) {
	r := newRun(t, v, c.protocol, subjectOf(c.subject), uint64(len(c.String())), c.cross == "compacted")
	if c.point == "restored" || slices.Contains([]string{"stale disk", "future disk", "compacted"}, c.cross) {
		// Somebody was here before: there is something to restore or to compact, or a disk that will have missed something.
		b := r.start(order{Instance: "b"})
		for range 3 { // the changelog of a stage with snapshots has several, then
			r.load(100)
			r.quiet()
		}
		b.stop()
	}
	r.load(600)
	r.happens(c)
	r.finish()
}

// happens is the cell's fault.
func (r *run) happens(c cell) {
	a := order{Instance: "a", Point: c.point, Nth: c.nth, SmallFetches: c.point == "restored"}
	r.venue.tested.fault(c.cross)
	switch c.cross {
	case "restart", "restart, disk complete", "compacted":
		// The new process ends the old one's transaction at once. Were it left to its timeout, the run would not end in time.
		a.Do, a.Disk, a.TransactionTimeout = killed, c.cross == "restart, disk complete", 4*patience
		r.killedThen(a, func() {
			if c.cross == "compacted" {
				r.compactChangelog()
			}
			r.start(order{Instance: "a", TransactionTimeout: 4 * patience})
		})
	case "schema change":
		a.Do, r.tomorrow = killed, true
		r.killedThen(a, func() { r.start(order{Instance: "a", Newer: true}) })
	case "empty disk":
		a.Do = killed
		r.killedThen(a, func() { r.start(order{Instance: "c"}) })
	case "stale disk", "future disk":
		a.Do = killed
		r.killedThen(a, func() {
			if c.cross == "future disk" {
				r.misdate("b", 1<<40)
			}
			r.start(order{Instance: "b"})
		})
	case "twice":
		a.Do = killed
		a.TransactionTimeout = 10 * time.Second // its transaction is still open when the second restores
		r.killedThen(a, func() {
			points := []string{"fencing", "fenced", "restored", "committed"}
			r.start(order{Instance: "c", Point: points[c.nth%4], Nth: 1, Do: killed}).killed()
			r.start(order{Instance: "d"})
		})
	default:
		r.goesOn(c, a)
	}
}

// killedThen kills the instance at its point and does what comes then.
func (r *run) killedThen(a order, then func()) {
	r.t.Helper()
	r.start(a).killed()
	r.load(100)
	then()
}

// goesOn is a fault that the instance lives through.
func (r *run) goesOn(c cell, a order) {
	ctx := r.t.Context()
	check := func(err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	a.Do = asks
	switch c.cross {
	case "zombie wakes early", "zombie wakes late", "session expires":
		a.Do = stopped
	case "lost reply, short":
		a.Do, a.Cut = cut, 200*time.Millisecond
	case "lost reply, long":
		a.Do, a.Cut = cut, 7*time.Second
	}
	k := r.start(a)
	k.at()
	r.load(100)
	switch c.cross {
	case "zombie wakes early":
		r.start(order{Instance: "c"})
		r.untilMembers("c")
		k.wake()
	case "zombie wakes late":
		r.start(order{Instance: "c"})
		r.untilMembers("c")
		r.quiet()
		k.wake()
		r.untilMembers("a", "c")
	case "session expires":
		r.untilMembers()
		k.wake()
	case "evicted":
		r.evict(r.t, r.group())
		k.tell("go")
	case "fenced by a twin":
		check(r.fence("a"))
		k.tell("go")
	case "coordinator moves":
		check(r.venue.moveCoordinators(ctx))
		k.tell("go")
	case "leaders move":
		check(r.venue.moveLeaders(ctx, r.names()...))
		k.tell("go")
	case "broker restarts":
		check(r.venue.restart(ctx, func() { k.tell("go") }))
	case "broker back at once":
		check(r.venue.backAtOnce(ctx, func() { k.tell("go") }))
	case "scale out and in", "moved meanwhile":
		other := r.start(order{Instance: "c"})
		if c.cross == "moved meanwhile" { // it is undone, for what moved and for what stays
			r.untilMembers("a", "c")
		}
		r.until("another wants to be in", func() bool { return r.joining("c") })
		k.tell("go")
		r.untilMembers("a", "c")
		r.load(100)
		r.quiet()
		other.stop()
	}
}

// joining says whether an instance is a member, or about to be.
func (r *run) joining(name string) bool {
	clients, _ := r.described()
	return slices.Contains(clients, r.topics.app+"-"+name)
}

// fence does to an instance what a twin of its name does: it takes its transactional id.
func (r *run) fence(instance string) error {
	cfg := Config{App: r.topics.app, Instance: instance}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.venue.brokers...), kgo.TransactionalID(cfg.transactionalID(r.spec().Name)))
	if err != nil {
		return err
	}
	defer client.Close()
	_, _, err = client.ProducerID(r.t.Context())
	return err
}

// compactChangelog waits until no transaction is open over it: kfake would lose what such a one hides.
func (r *run) compactChangelog() {
	r.t.Helper()
	r.endTransaction("a")
	r.until("no transaction is open over the changelog", func() bool {
		ends, err := r.adm.ListEndOffsets(r.t.Context(), r.changelog())
		stable, err2 := r.adm.ListCommittedOffsets(r.t.Context(), r.changelog())
		if errors.Join(err, err2, ends.Error(), stable.Error()) != nil {
			return false
		}
		open := false
		ends.Each(func(end kadm.ListedOffset) {
			lso, _ := stable.Lookup(end.Topic, end.Partition)
			open = open || lso.Offset < end.Offset
		})
		return !open
	})
	before := r.length(r.changelog())
	if err := r.venue.compact(r.t.Context(), r); err != nil {
		r.t.Fatal(err)
	}
	r.until("the changelog is shorter", func() bool { return r.length(r.changelog()) < before })
}

// length is how many committed records a topic has.
func (r *run) length(topic string) (n int) {
	for _, rs := range r.read(r.t, topic) {
		n += len(rs)
	}
	return n
}

// endTransaction ends what a dead instance left open, as its successor would.
func (r *run) endTransaction(instance string) {
	if err := r.fence(instance); err != nil {
		r.t.Fatal(err)
	}
}

// misdate puts a disk's checkpoint where the changelog has not been, over state that was never there.
func (r *run) misdate(instance string, next int64) {
	r.t.Helper()
	disk, err := state.NewDisk(filepath.Join(r.folder, instance), 1<<20, slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	defer disk.Close()
	for p := range r.topics.inbox().Partitions {
		s, err := disk.Open(state.ID{App: r.topics.app, Stage: r.spec().Name, Topic: string(r.topics.inbox().Name), Partition: p})
		if err != nil {
			r.t.Fatal(err)
		}
		c, _, err := s.Checkpoint()
		if err != nil {
			r.t.Fatal(err)
		}
		c.Next = next
		var wrong []stream.Change
		err = s.Scan(nil, nil, func(key, _ []byte) error {
			wrong = append(wrong, stream.Change{Key: slices.Clone(key)})
			return nil
		})
		if err := errors.Join(err, s.Apply(wrong, c), s.Flush(), s.Close()); err != nil {
			r.t.Fatal(err)
		}
	}
}
