package dlq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/bench/rig"
	"waybill/processors/runtime"
	"waybill/topics"
)

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bury(t, d.letter(nil),
		d.letter(func(l *avro.DeadLetter) { l.Key = avro.Opt[[]byte]{} }),
		d.letter(func(l *avro.DeadLetter) { l.Key = avro.Some([]byte{}) }),
		d.letter(func(l *avro.DeadLetter) { l.Reason, l.Value = "TOMBSTONE", avro.Opt[[]byte]{} }),
		d.letter(func(l *avro.DeadLetter) { l.Value = avro.Some(bytes.Repeat([]byte{7}, 900_000)) }),
		d.letter(func(l *avro.DeadLetter) {
			l.Attempt = 2
			l.Headers = append([]avro.Header{{Key: runtime.HeaderAttempt, Value: []byte("1")}}, l.Headers...)
		}))
	if n, err := replay(t, d.box()); n != 6 || err != nil {
		t.Fatalf("%d sent, %v", n, err)
	}
	back := map[int64]*kgo.Record{}
	for _, r := range d.read(t, topics.Orders.Name) {
		back[r.Timestamp.UnixMilli()] = r
	}
	for i, l := range d.buried {
		r := back[l.RecordAt.Time().UnixMilli()]
		if r == nil {
			t.Errorf("letter %d did not come back with its own time", i)
			continue
		}
		if r.Partition != l.Partition || !bytes.Equal(r.Key, l.Key.V) || (r.Key != nil) != l.Key.Ok || !bytes.Equal(r.Value, l.Value.V) || (r.Value != nil) != l.Value.Ok {
			t.Errorf("letter %d of partition %d, key %q, %d bytes came back on %d, key %q, %d bytes", i, l.Partition, l.Key.V, len(l.Value.V), r.Partition, r.Key, len(r.Value))
		}
		want := fmt.Sprintf(`[{trace [1 0]} {trace []} {waybill-attempt %v}]`, []byte(fmt.Sprint(l.Attempt)))
		if got := fmt.Sprint(r.Headers); got != want {
			t.Errorf("letter %d has headers %s, want %s", i, got, want)
		}
	}
	again := runtime.LetterOf(back[d.buried[5].RecordAt.Time().UnixMilli()], "normalise", errors.New("x"))
	if again.Attempt != 3 {
		t.Errorf("dying again it would be at attempt %d, want 3", again.Attempt)
	}
	if n, err := replay(t, d.box()); n != 0 || err != nil {
		t.Errorf("asked once more, %d were sent, %v", n, err)
	}
	for _, l := range letters(t, d.box()) {
		if l.Sent == nil || l.Sent.By != "test" || time.Since(l.Sent.At) > time.Minute {
			t.Errorf("letter %s is marked %+v", l.ID, l.Sent)
		}
	}
}

// An inbox stamps what comes, as its timers need.
func TestInboxesStampWhatComesBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bury(t, d.letter(func(l *avro.DeadLetter) { l.Stage, l.Topic = "resolve", string(topics.ResolveInbox.Name) }))
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	d.check(t)
	if r := d.read(t, topics.ResolveInbox.Name)[0]; time.Since(r.Timestamp) > time.Minute {
		t.Errorf("stamped %s", r.Timestamp)
	}
}

// crashPoints are all there are, each with transactions before and behind it.
var crashPoints = []struct {
	point string
	nth   int64
}{
	{"fenced", 1}, {"marks read", 1}, {"begun", 1}, {"begun", 2}, {"produced", 1}, {"produced", 3}, {"flushed", 1}, {"flushed", 2}, {"committed", 1}, {"committed", 3},
}

func TestKilledAnywhereAndRepeatedEachIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, c := range crashPoints {
		t.Run(fmt.Sprint(c.point, c.nth), func(t *testing.T) {
			t.Parallel()
			newDesk(t).killedAndRepeated(t, once(c.point, c.nth))
		})
	}
}

func (d *desk) killedAndRepeated(t *testing.T, crash func(string) bool) {
	d.buryMany(t, 8)
	b := d.box()
	b.crash = crash
	if _, err := replay(t, b); !errors.Is(err, errCrashed) {
		t.Fatalf("ended with %v, want the crash", err)
	}
	d.buryMany(t, 2)
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	d.check(t)
}

// Killed again and again, nothing is lost and nothing doubled.
func TestKilledOverAndOver(t *testing.T) {
	t.Parallel()
	newDesk(t).killedOverAndOver(t)
}

func (d *desk) killedOverAndOver(t *testing.T) {
	d.buryMany(t, 20)
	for i := 0; ; i++ {
		b, c := d.box(), crashPoints[i%len(crashPoints)]
		if i < 2*len(crashPoints) {
			b.crash = once(c.point, 1+int64(i%2))
		}
		_, err := replay(t, b)
		if err == nil && i >= len(crashPoints) {
			break
		}
		if err != nil && !errors.Is(err, errCrashed) {
			t.Fatal(err)
		}
	}
	d.check(t)
}

const endTxn = 26 // the key of that request

// The commit is sent, its answer lost: who sent it cannot know, who comes next does.
func TestTheCommitsAnswerIsLost(t *testing.T) {
	t.Parallel()
	newDesk(t).answerLost(t)
}

func (d *desk) answerLost(t *testing.T) {
	d.buryMany(t, 8)
	way := &cut{key: endTxn}
	b := d.box(way.opt())
	b.Limits.Timeout = 2 * time.Second
	steps := plan(t, d.box(), Guard{MaxAttempts: 3})
	_, err := b.Send(t.Context(), steps, "test", func(int) {})
	wants(t, err, "is not known; run it again")
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	d.check(t)
}

// A second replay puts the first out, wherever that stands, and no letter is sent by both.
func TestASecondReplayEndsTheFirst(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"marks read", "begun", "produced", "flushed", "committed"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			newDesk(t).secondEndsFirst(t, point)
		})
	}
}

func (d *desk) secondEndsFirst(t *testing.T, point string) {
	d.buryMany(t, 8)
	first, reached, release := d.held(point)
	ended := make(chan error, 1)
	go func() {
		_, err := first.Send(context.Background(), mustPlan(first), "first", func(int) {})
		ended <- err
	}()
	<-reached
	if _, err := replay(t, d.box()); err != nil {
		t.Error(err)
	}
	close(release)
	wants(t, <-ended, "another `waybill dlq replay` began meanwhile")
	d.check(t)
}

// Two that read the marks at the same time: the later one's fence comes before its reading, so what the first sends after
// that cannot commit.
func TestAReplayHeldBehindItsMarksSendsNothingTwice(t *testing.T) {
	t.Parallel()
	newDesk(t).heldBehindMarks(t)
}

func (d *desk) heldBehindMarks(t *testing.T) {
	d.buryMany(t, 3)
	first, firstReached, releaseFirst := d.held("flushed")
	second, secondReached, releaseSecond := d.held("marks read")
	ends := [2]chan error{make(chan error, 1), make(chan error, 1)}
	for i, b := range []*Box{first, second} {
		steps := mustPlan(b)
		go func() {
			_, err := b.Send(context.Background(), steps, "test", func(int) {})
			ends[i] <- err
		}()
		<-[]chan struct{}{firstReached, secondReached}[i]
	}
	close(releaseFirst)
	wants(t, <-ends[0], "another `waybill dlq replay` began meanwhile")
	close(releaseSecond)
	if err := <-ends[1]; err != nil {
		t.Error(err)
	}
	d.check(t)
}

// held is a box whose replay stands still where it first reaches a point.
func (d *desk) held(point string) (b *Box, reached, release chan struct{}) {
	b, reached, release = d.box(), make(chan struct{}), make(chan struct{})
	first := once(point, 1)
	b.crash = func(at string) bool {
		if first(at) {
			close(reached)
			<-release
		}
		return false
	}
	return b, reached, release
}

// mustPlan is for goroutines, where no test may end.
func mustPlan(b *Box) []Step {
	ctx := context.Background()
	all, err := b.Letters(ctx, func(int64) func(int) { return func(int) {} })
	if err != nil {
		panic(err)
	}
	steps, err := b.Plan(ctx, all, Guard{MaxAttempts: 3})
	if err != nil {
		panic(err)
	}
	return steps
}

// What another replay sent between plan and fence is told as skipped.
func TestWhatWasSentMeanwhileIsSkipped(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.buryMany(t, 5)
	steps := plan(t, d.box(), Guard{MaxAttempts: 3})
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	n, err := d.box().Send(t.Context(), steps, "late", func(int) {})
	if n != 0 || err != nil || Count(steps, Skip) != 5 {
		t.Errorf("%d sent, %d skipped, %v", n, Count(steps, Skip), err)
	}
	d.check(t)
}

// Records of one key come back in the order in which they died, over transactions.
func TestOrderOfAKeyIsKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range 10 {
		d.buried = append(d.buried, buried{}, buried{}) // keeps to one partition of letters
		d.bury(t, d.letter(func(l *avro.DeadLetter) { l.Partition = 2 }))
	}
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	var got, want []int64
	for _, r := range d.read(t, topics.Orders.Name) {
		got = append(got, r.Timestamp.UnixMilli())
	}
	for _, l := range d.buried {
		if l.DeadLetter != nil {
			want = append(want, l.RecordAt.Time().UnixMilli())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("came back as %v, want %v", got, want)
	}
}

// A sink that crashed may have buried one record twice.
func TestCopiesAreOneLetter(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	l := d.letter(nil)
	d.bury(t, l)
	d.buried = d.buried[:1]
	d.put(t, must(d.codec.Append(t.Context(), nil, topics.DeadLetters.Name, l)))
	all := letters(t, d.box())
	if len(all) != 1 || all[0].Copies != 1 {
		t.Errorf("letters %+v", all)
	}
	if n, err := replay(t, d.box()); n != 1 || err != nil {
		t.Errorf("%d sent, %v", n, err)
	}
	d.check(t)
	for _, l := range letters(t, d.box()) {
		if l.Sent == nil {
			t.Errorf("letter %s is open", l.ID)
		}
	}
}

// Where topics were deleted and made again, places repeat. Marks of the earlier life say nothing about the later one.
func TestMarksOfAnEarlierLifeDoNotCount(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bury(t, d.letter(nil))
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	d.bury(t, d.letter(func(l *avro.DeadLetter) {
		was := d.buried[0]
		l.Partition, l.Offset = was.Partition, was.Offset
	}))
	if n, err := replay(t, d.box()); n != 1 || err != nil {
		t.Errorf("%d sent, %v", n, err)
	}
	d.check(t)
}

func TestLettersThatRetentionTookAreTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.buryMany(t, 9)
	steps := plan(t, d.box(), Guard{MaxAttempts: 3})
	if err := d.fake.Cluster.DeleteRecords(string(topics.DeadLetters.Name), 1, 2); err != nil {
		t.Fatal(err)
	}
	n, err := d.box().Send(t.Context(), steps, "test", func(int) {})
	wants(t, err, "2 letters are no longer there")
	if n != 7 {
		t.Errorf("%d sent, want the 7 that are there", n)
	}
}

// A record that the brokers refuse fails its transaction alone, and names its letter.
func TestARefusedRecordIsNamed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.buryMany(t, 3)
	big := d.letter(func(l *avro.DeadLetter) { l.Value = avro.Some(make([]byte, 5000)) })
	id := d.bury(t, big)[0]
	alter(t, d, topics.Orders.Name, "max.message.bytes", "3000")
	b := d.box(kgo.ProducerBatchCompression(kgo.NoCompression()))
	_, err := replay(t, b)
	wants(t, err, "letter "+id.String())
	alter(t, d, topics.Orders.Name, "max.message.bytes", "1000000")
	if _, err := replay(t, d.box()); err != nil {
		t.Fatal(err)
	}
	d.check(t)
}

func alter(t *testing.T, d *desk, topic topics.Name, key, value string) {
	t.Helper()
	got, err := kadm.NewClient(d.client).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, string(topic))
	if err != nil || got[0].Err != nil {
		t.Fatal(err, got)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// The same on Apache Kafka, where a transaction ends in steps and a fence takes its time. Letters of one test stay for the
// next.
func TestApacheKafkaSendsEachOnce(t *testing.T) {
	t.Parallel()
	k, err := rig.StartApacheKafka(t.Context(), t.TempDir())
	if errors.Is(err, rig.ErrNoApacheKafka) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Stop() })
	d := deskOn(t, k.Brokers())
	on := func(name string, test func(*testing.T)) { t.Run(name, test) }
	for _, c := range crashPoints {
		on(fmt.Sprint("killed at ", c.point, c.nth), func(t *testing.T) { d.killedAndRepeated(t, once(c.point, c.nth)) })
	}
	on("killed over and over", d.killedOverAndOver)
	on("the commit's answer is lost", d.answerLost)
	for _, point := range []string{"marks read", "produced", "flushed", "committed"} {
		on("ended by a second at "+point, func(t *testing.T) { d.secondEndsFirst(t, point) })
	}
	on("held behind its marks", d.heldBehindMarks)
}
