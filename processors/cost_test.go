package processors_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/sim"
	"waybill/processors/state"
	"waybill/processors/stream"
)

var scale = flag.String("loads", "1000", "how many loads the state of BenchmarkCorrelation holds: numbers, by commas; with a d behind it a number's state is brought to disk before it is measured")

// suffix tells the identifiers of a load's story from those of others. Numbers that follow each other lie far apart in the order of keys, as
// identifiers of many companies do. All are equally long.
func suffix(n int) string { return fmt.Sprintf("-%07d", n*7919993%10_000_000) }

// numbered is the one truck's story of another load, with identifiers of its own.
func numbered(script []sim.Message, n int) (out []sim.Message, distinct int) {
	known := map[string]bool{}
	as := suffix(n)
	for _, m := range script {
		f, ok := m.Value.(*avro.Fact)
		if !ok {
			continue
		}
		g := f.Clone()
		rename := func(i *avro.Identifier) { i.Value += as }
		for i := range g.Identifiers {
			rename(&g.Identifiers[i])
		}
		for i := range g.Links {
			rename(&g.Links[i].From)
			rename(&g.Links[i].To)
		}
		if g.Load.Ok {
			g.Load.V.LoadID += as
			for i := range g.Load.V.Shipments {
				g.Load.V.Shipments[i].ShipmentID += as
				g.Load.V.Shipments[i].OrderIDs = []string{"O1" + as}
			}
		}
		if g.Order.Ok {
			g.Order.V.OrderID += as
		}
		if g.Series != "" {
			g.Series += as
		}
		known[f.FactID+strconv.FormatInt(f.Revision, 10)] = true
		g.FactID = g.FactID[:32-len(as)] + as
		out = append(out, sim.Message{Topic: m.Topic, Key: m.Key + as, Value: &g})
	}
	return out, len(known)
}

// fill lets the stages know loads from one number up to another.
func (w *works) fill(script []sim.Message, from, to int) {
	for n := from; n < to; n++ {
		messages, distinct := numbered(script, n)
		w.facts += distinct
		w.take(messages)
		if n%50 == 49 {
			w.now = w.now.Add(time.Second)
			w.commit()
		}
	}
	w.commit()
}

// told is how many loads at most are told fact by fact. The others are copies of one load's state under other identifiers, which takes a
// hundredth of the time: hashes in it are not those of the copy, so no fact of a copy is told.
const told = 2000

// know lets the stages know so many loads. Most copies come first and in order, as a restore brings them, and lie in the lowest level; then
// comes what is told, and then a tenth of the copies in commits as they come when a stage works, so that levels above are filled too.
// It gives what is kept of a load.
func (w *works) know(script []sim.Message, n int) (state int, text string) {
	reals := min(n, told)
	late := reals + (n-reals)/10
	of := newWorks(w.tb, 0)
	defer of.close()
	of.fill(script, 0, min(n, 50))
	state, text = of.perLoad(min(n, 50))
	if n > reals {
		of := newWorks(w.tb, 0)
		defer of.close()
		of.fill(script, 0, 1)
		sorted := make([]string, 0, n-late)
		for i := late; i < n; i++ {
			sorted = append(sorted, suffix(i))
		}
		slices.Sort(sorted)
		for i, st := range w.stages {
			w.restore(st, of.stages[i].pattern(w.tb), sorted)
		}
		w.fill(script, 0, reals)
		for i, st := range w.stages {
			w.copy(st, of.stages[i].pattern(w.tb), reals, late)
		}
		return state, text
	}
	w.fill(script, 0, reals)
	return state, text
}

// entry is one of the state of a load, with a place for the load's suffix in key and value.
type entry struct{ key, value [][]byte }

// pattern is the state of the first load by what keys begin with, in order of keys, without what belongs to the task.
func (st *station) pattern(tb testing.TB) (all [][]entry) {
	mark, last := []byte(suffix(0)), []byte("?")
	err := st.store.Scan(nil, nil, func(key, value []byte) error {
		e := entry{bytes.Split(bytes.Clone(key), mark), bytes.Split(bytes.Clone(value), mark)}
		switch {
		case len(e.key) == 1:
			return nil
		case bytes.Equal(e.key[0], last):
			all[len(all)-1] = append(all[len(all)-1], e)
		default:
			all, last = append(all, []entry{e}), e.key[0]
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func (e entry) of(as string) stream.Change {
	value := append([]byte{}, bytes.Join(e.value, []byte(as))...) // present and empty is not absent
	return stream.Change{Key: bytes.Join(e.key, []byte(as)), Value: value}
}

// restore writes copies in order of keys.
func (w *works) restore(st *station, pattern [][]entry, suffixes []string) {
	loading, err := st.store.Load(0)
	at := state.Checkpoint{At: w.now}
	for _, alike := range pattern {
		for _, as := range suffixes {
			for _, e := range alike {
				loading.Add(e.of(as))
			}
			if err == nil && loading.Full() {
				err = loading.Write(at)
			}
		}
	}
	if err == nil {
		err = loading.Write(at)
	}
	if err != nil {
		w.tb.Fatal(err)
	}
}

// copy writes copies as commits do.
func (w *works) copy(st *station, pattern [][]entry, from, to int) {
	var changes []stream.Change
	for n := from; n < to; n++ {
		for _, alike := range pattern {
			for _, e := range alike {
				changes = append(changes, e.of(suffix(n)))
			}
		}
		if n%50 == 49 || n+1 == to {
			slices.SortFunc(changes, func(a, b stream.Change) int { return bytes.Compare(a.Key, b.Key) })
			if err := st.store.Apply(changes, state.Checkpoint{Next: st.next, At: w.now}); err != nil {
				w.tb.Fatal(err)
			}
			changes = changes[:0]
		}
	}
}

// settle waits until nothing is left to be done in the background.
func settle() {
	for before := cpu(); ; before = cpu() {
		time.Sleep(300 * time.Millisecond) // of a benchmark, not of a test
		if cpu()-before < 15*time.Millisecond {
			return
		}
	}
}

// One more load, and one late fact of a load that is only on disk, behind so many loads that are known already: what a fact costs is not to
// depend on how many there are. go test ./processors -run - -bench Correlation -benchtime 500x -loads 1000,1000d,100000
func BenchmarkCorrelation(b *testing.B) {
	script := oneTruck()
	for size := range strings.SplitSeq(*scale, ",") {
		number, flushed := strings.CutSuffix(size, "d")
		n, err := strconv.Atoi(number)
		if err != nil || n < 50 || n > 5_000_000 {
			b.Fatalf("-loads %s: want numbers from 50 to 5,000,000", *scale)
		}
		w := newWorks(b, 64<<20)
		began := time.Now()
		state, text := w.know(script, n)
		if flushed {
			w.flush()
		}
		runtime.GC()
		settle()
		b.Logf("%s loads known after %.0f s: %s", size, time.Since(began).Seconds(), text)
		b.Run("hot/loads="+size, func(b *testing.B) { w.fresh(b, script, n, state) })
		settle()
		b.Run("cold/loads="+size, func(b *testing.B) { w.late(b, min(n, told), state) })
		w.close()
	}
}

func (w *works) flush() {
	for _, st := range w.stages {
		if err := st.store.Flush(); err != nil {
			w.tb.Fatal(err)
		}
	}
}

// perLoad says how many bytes of state there are for a load, by stage and store, where so many are known.
func (w *works) perLoad(of int) (bytes int, text string) {
	kept := w.bytes()
	for _, st := range w.stages {
		bytes += kept[st.spec.Name] / of
	}
	text = fmt.Sprint(bytes, " B a load")
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		text += fmt.Sprint(" ", name, " ", kept[name]/of)
	}
	return bytes, text
}

// fresh tells loads that nobody knew.
func (w *works) fresh(b *testing.B, script []sim.Message, n, state int) {
	before, worked := w.facts, w.spent()
	for b.Loop() {
		w.fill(script, n, n+10)
		n += 10
	}
	w.each(b, w.facts-before, worked)
	b.ReportMetric(float64(state), "state-B/load")
}

// late tells one more scan of a carton each, of loads that lie far apart, and keeps nothing decoded behind a commit.
func (w *works) late(b *testing.B, n, state int) {
	w.budget = 0
	w.commit()
	i, worked := 0, w.spent()
	for b.Loop() {
		box := sscc
		box.Value += suffix(i * 7919 % n)
		w.take(file(milestone(avro.MilestoneCodeStaged, wms, clock(7, 0)+avro.Micros(i), box)))
		if i++; i%50 == 0 {
			w.commit()
		}
	}
	w.each(b, i, worked)
	b.ReportMetric(float64(state), "state-B/load")
}

// each reports what a fact took, also of the processor: the machine may have other work.
func (w *works) each(b *testing.B, facts int, before spent) {
	now := w.spent()
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(facts), "µs/fact")
	b.ReportMetric(float64((now.cpu-before.cpu).Microseconds())/float64(facts), "cpu-µs/fact")
	b.ReportMetric(float64(now.reads-before.reads)/float64(facts), "reads/fact")
	b.ReportMetric(float64(now.written-before.written)/float64(facts), "written-B/fact")
}

// spent is what was used so far.
type spent struct {
	cpu     time.Duration
	reads   int // of state: gets and scans
	written int // bytes of state
}

func (w *works) spent() spent {
	s := spent{cpu: cpu(), written: w.written}
	for _, st := range w.stages {
		s.reads += st.kv.gets + st.kv.scans
	}
	return s
}

func cpu() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // cannot fail for ourselves
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
