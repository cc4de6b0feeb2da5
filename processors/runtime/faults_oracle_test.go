package runtime

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/avro"
	"waybill/topics"
)

// truth is what a run's inbox must have led to.
type truth struct {
	subject subject
	inbox   map[int32][]*kgo.Record
	said    [4][]said         // by inbox partition, in order
	dead    map[string][]byte // "partition@offset" of dead letters, and the bytes that died
	home    map[string]int32  // the inbox partition of each key
	inputs  int
}

// fold works out the truth from the inbox.
func fold(s subject, inbox map[int32][]*kgo.Record) *truth {
	w := &truth{subject: s, inbox: inbox, dead: map[string][]byte{}, home: map[string]int32{}}
	for p := range int32(len(w.said)) {
		m := s.model()
		for _, r := range inbox[p] {
			w.inputs++
			w.home[string(r.Key)] = p
			out, dead := put(m, r)
			w.said[p] = append(w.said[p], out...)
			if dead {
				w.dead[fmt.Sprintf("%d@%d", p, r.Offset)] = r.Value
			}
		}
	}
	return w
}

// put gives a record to the model.
func put(m model, r *kgo.Record) (out []said, dead bool) {
	switch message, tick := plainly(r.Value); {
	case tick:
		return m.tick(r.Timestamp), false
	case goesOn(r.Value) != nil:
		return m.sweep(goesOn(r.Value)), false
	case message == nil || len(r.Key) == 0:
		return nil, true
	default:
		return m.message(string(r.Key), r.Timestamp, message)
	}
}

// before is the state of a partition when everything before an inbox offset was worked on.
func (w *truth) before(p int32, offset int64) map[string]string {
	m := w.subject.model()
	for _, r := range w.inbox[p] {
		if r.Offset < offset {
			put(m, r)
		}
	}
	return m.state()
}

// framed is the type of a record that the tests' codec framed; "" where it did not.
func framed(value []byte) string {
	if len(value) < 5 || value[0] != 0 || value[4] == tomorrowID {
		return ""
	}
	return avro.Names()[binary.BigEndian.Uint32(value[1:])]
}

// plainly decodes what the tests' codec framed: a message, or a tick, or neither.
func plainly(value []byte) (m *avro.PartnerMessage, tick bool) {
	if len(value) >= 5 && value[4] == tomorrowID {
		return plainlyTomorrow(value[5:]), false
	}
	switch framed(value) {
	case (&avro.Tick{}).AvroName():
		return nil, true
	case (&avro.PartnerMessage{}).AvroName():
		m = &avro.PartnerMessage{}
		if m.Decode(value[5:]) == nil {
			return m, false
		}
	}
	return nil, false
}

// goesOn decodes what a sweep goes on with; nil where it is something else.
func goesOn(value []byte) *avro.Sweep {
	var s avro.Sweep
	if framed(value) != s.AvroName() || s.Decode(value[5:]) != nil {
		return nil
	}
	return &s
}

// sweeps holds what sweeps went on with against the truth: it stands in the inbox, each once and in order.
func (w *truth) sweeps(t testing.TB) {
	t.Helper()
	for p := range w.said {
		var have, want []string
		for _, r := range w.inbox[int32(p)] {
			if s := goesOn(r.Value); s != nil {
				have = append(have, fmt.Sprintf(": %x", encoded(s)))
			}
		}
		for _, s := range w.said[p] {
			if s.next != nil {
				want = append(want, fmt.Sprintf(": %x", encoded(s.next)))
			}
		}
		sameLines(t, fmt.Sprintf("sweeps of partition %d", p), have, want)
	}
}

// outputs holds a topic's committed records against the truth: of each inbox partition the same records in the same order.
func (w *truth) outputs(t testing.TB, totals bool, got map[int32][]*kgo.Record) {
	t.Helper()
	keyed := map[string]int32{} // the output partition of each key, as seen
	for q, rs := range got {
		for _, r := range rs {
			if m, _ := plainly(r.Value); m != nil && !isEveryone(totals, m) {
				if other, ok := keyed[string(r.Key)]; ok && other != q {
					t.Errorf("%s is said in partitions %d and %d", r.Key, other, q)
				}
				keyed[string(r.Key)] = q
			}
		}
	}
	for p := range w.said {
		want := map[int32][]string{}
		for _, s := range w.said[p] {
			if s.totals != totals || s.next != nil {
				continue
			}
			line := fmt.Sprintf("%s: %x", s.key, encoded(&s.value))
			if s.everyone {
				for q := range int32(len(got)) {
					want[q] = append(want[q], line)
				}
				continue
			}
			q, ok := keyed[s.key]
			if !ok {
				t.Errorf("nothing is said of %s, want %+v", s.key, s.value)
				continue
			}
			want[q] = append(want[q], line)
		}
		for q := range int32(len(got)) {
			var have []string
			for _, r := range got[q] {
				if w.home[string(r.Key)] == int32(p) {
					have = append(have, fmt.Sprintf("%s: %x", r.Key, r.Value))
				}
			}
			sameLines(t, fmt.Sprintf("said by partition %d in partition %d (totals %v)", p, q, totals), have, want[q])
		}
	}
}

// isEveryone says whether a record went to every partition: the others that go to totals have a due time.
func isEveryone(totals bool, m *avro.PartnerMessage) bool { return totals && m.Header == "" }

// sameLines says where two lists part.
func sameLines(t testing.TB, what string, have, want []string) {
	t.Helper()
	if slices.Equal(have, want) {
		return
	}
	for i := range max(len(have), len(want)) {
		var h, w string
		if i < len(have) {
			h = have[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if h != w {
			t.Errorf("%s: %d records, want %d; number %d is %s, want %s", what, len(have), len(want), i, readable(h), readable(w))
			return
		}
	}
}

func readable(line string) string {
	key, hex, ok := strings.Cut(line, ": ")
	var b []byte
	if _, err := fmt.Sscanf(hex, "%x", &b); !ok || err != nil {
		return "none"
	}
	if s := goesOn(b); s != nil {
		return fmt.Sprintf("%+v", s)
	}
	m, _ := plainly(b)
	return fmt.Sprintf("%s: %+v", key, m)
}

// letters holds the dead letters against the truth: each once, byte for byte.
func (w *truth) letters(t testing.TB, inbox string, got map[int32][]*kgo.Record) {
	t.Helper()
	seen := map[string]int{}
	for _, rs := range got {
		for _, r := range rs {
			var letter avro.DeadLetter
			if err := letter.Decode(r.Value[5:]); err != nil {
				t.Fatal(err)
			}
			if letter.Topic != inbox {
				continue // another run's
			}
			id := fmt.Sprintf("%d@%d", letter.Partition, letter.Offset)
			seen[id]++
			value, ok := w.dead[id]
			if !ok {
				t.Errorf("%s died of %s and should not have: %v", id, letter.Reason, letter.Causes)
			} else if !bytes.Equal(value, letter.Value.V) {
				t.Errorf("dead letter of %s holds %x, want %x", id, letter.Value.V, value)
			}
		}
	}
	for id := range w.dead {
		if seen[id] != 1 {
			t.Errorf("%d dead letters of %s, want one", seen[id], id)
		}
	}
}

// changelog is one committed changelog partition: what is in it, folded up to any offset.
type changelog struct {
	records []*kgo.Record
	end     int64
}

// upTo folds the changelog to what a store with that checkpoint must hold, byte for byte.
func (c changelog) upTo(next int64) map[string]string {
	all := map[string]string{}
	for _, r := range c.records {
		if k := string(r.Key); r.Offset >= next || k == fenceKey || k == snapshotKey || k == sealKey {
			continue
		}
		if delete(all, string(r.Key)); r.Value != nil {
			all[string(r.Key)] = string(r.Value)
		}
	}
	return all
}

// tenures gives the producers that fenced the partition, in order, and says which record was written by another producer than
// the last to fence: by one that was not owner yet, or no longer.
func (c changelog) tenures() (producers []int64, faults []string) {
	for _, r := range c.records {
		switch {
		case string(r.Key) == fenceKey:
			producers = append(producers, r.ProducerID)
		case len(producers) == 0:
			faults = append(faults, fmt.Sprintf("offset %d was written by producer %d before any fence", r.Offset, r.ProducerID))
		case producers[len(producers)-1] != r.ProducerID:
			faults = append(faults, fmt.Sprintf("offset %d was written by producer %d behind the fence of %d", r.Offset, r.ProducerID, producers[len(producers)-1]))
		}
	}
	return producers, faults
}

// inOrder says whether the producers of a partition's outputs follow each other as their fences do.
func inOrder(outputs, fences []int64) bool {
	for _, producer := range slices.Compact(outputs) {
		at := slices.Index(fences, producer)
		if at < 0 {
			return false
		}
		fences = fences[at:]
	}
	return true
}

// check holds everything that a run left against the truth. Its instances have ended, in order all but those killed.
func (r *run) check() {
	t := r.t
	t.Helper()
	if r.venue.offsetsLog && !r.whole() { // on Apache Kafka: kfake's transactions need not be of version 2
		return
	}
	inbox := string(r.topics.inbox().Name)
	w := fold(r.subject, r.read(t, inbox))
	numbered, totals := r.read(t, string(r.topics.numbered())), r.read(t, string(r.topics.totals()))
	w.sweeps(t)
	w.outputs(t, false, numbered)
	w.outputs(t, true, totals)
	w.letters(t, inbox, r.read(t, string(topics.DeadLetters.Name)))
	logs := r.changelogs()
	for p := range int32(len(w.said)) {
		fences, faults := logs[p].tenures()
		if !r.compacted && len(faults) > 0 {
			t.Errorf("changelog partition %d: %d records of strangers: %s", p, len(faults), faults[0])
		}
		for _, out := range []map[int32][]*kgo.Record{numbered, totals} {
			for q, rs := range out {
				if who := producers(rs, w.home, p); !r.compacted && !inOrder(who, fences) {
					t.Errorf("partition %d was owned by producers %v in this order, and spoke in partition %d as %v", p, fences, q, slices.Compact(who))
				}
			}
		}
		r.checkDisks(w, p, logs[p])
	}
	r.venue.tested.add(w)
}

// producers are who wrote the records of one inbox partition's keys.
func producers(rs []*kgo.Record, home map[string]int32, p int32) (ids []int64) {
	for _, r := range rs {
		if home[string(r.Key)] == p {
			ids = append(ids, r.ProducerID)
		}
	}
	return ids
}

// changelogs reads the committed changelog of every partition.
func (r *run) changelogs() map[int32]changelog {
	name := string(topics.Changelog(r.topics.app, r.spec().Name, 0).Name)
	ends := r.ends(r.t, name)
	logs := map[int32]changelog{}
	got := r.read(r.t, name)
	for p := range r.topics.inbox().Partitions {
		end, _ := ends.Lookup(name, p)
		logs[p] = changelog{got[p], end.Offset}
	}
	return logs
}

// checkDisks holds the local state of every instance that ever ran against the changelog and the truth: each is what the
// changelog was at its checkpoint, and the last owner's is all of it.
func (r *run) checkDisks(w *truth, p int32, log changelog) {
	t := r.t
	t.Helper()
	var last *store
	for _, dir := range r.dirs {
		s := openStore(t, dir, r.topics.app, r.spec().Name, string(r.topics.inbox().Name), p)
		if s == nil {
			continue
		}
		what := fmt.Sprintf("partition %d on disk %s", p, filepath.Base(dir))
		if s.checkpoint.Next > log.end {
			t.Errorf("%s has its checkpoint at %d, beyond the changelog's end %d", what, s.checkpoint.Next, log.end)
		}
		if !r.compacted {
			sameState(t, what+" against the changelog up to its checkpoint", s.raw, log.upTo(s.checkpoint.Next))
		}
		if !s.checkpoint.Partly {
			sameState(t, what+", its index against its timers", s.index, s.timers())
		}
		if last == nil || s.checkpoint.Next > last.checkpoint.Next {
			last = s
		}
	}
	if last == nil { // whoever had it last was stopped before it was restored: the changelog above is all there is to look at
		if r.nowhere++; r.nowhere == int(r.topics.inbox().Partitions) {
			t.Errorf("no partition is on any disk")
		}
		return
	}
	what, end := fmt.Sprintf("partition %d on disk %s", p, filepath.Base(last.dir)), int64(math.MaxInt64)
	if w.subject.snapshots {
		end = last.checkpoint.Input
	}
	sameState(t, what+" against the fold of its inbox", last.meaning, w.before(p, end))
	sameState(t, what+" against all of the changelog", last.raw, log.upTo(log.end))
}
