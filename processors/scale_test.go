package processors_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/loads"
	"waybill/processors/model/ids"
	"waybill/processors/orders"
	"waybill/processors/resolve"
	"waybill/processors/shipments"
	"waybill/processors/sim"
	"waybill/processors/state"
	"waybill/processors/stream"
)

var scale = flag.String("loads", "1000", "how many loads the state of BenchmarkCorrelation holds: numbers, by commas")

// works is the line behind normalise as the engine runs it, a partition a stage, over state on disk: what is said is encoded and decoded again,
// what changed is written at commits, and budget bytes stay decoded.
type works struct {
	tb     testing.TB
	disk   *state.Disk
	stages []*station
	budget int
	facts  int // distinct ones that came in

	written int // bytes of state
	now     time.Time
}

type station struct {
	spec  stream.Spec
	store *state.Store
	kv    *reads
	task  *stream.Task
	queue []sim.Message
	next  int64
}

// reads counts what is asked of a store.
type reads struct {
	stream.KV
	gets, scans, scanned int
}

func (r *reads) Get(key []byte) ([]byte, error) { r.gets++; return r.KV.Get(key) }

func (r *reads) Scan(prefix, after []byte, fn func(key, value []byte) error) error {
	r.scans++
	return r.KV.Scan(prefix, after, func(k, v []byte) error { r.scanned++; return fn(k, v) })
}

func newWorks(tb testing.TB, budget int) *works {
	disk, err := state.NewDisk(tb.TempDir(), 64<<20, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		tb.Fatal(err)
	}
	w := &works{tb: tb, disk: disk, budget: budget, now: day}
	tb.Cleanup(disk.Close)
	for _, spec := range []stream.Spec{resolve.New(resolve.DefaultConfig()), loads.New(loads.DefaultConfig()), shipments.New(shipments.DefaultConfig()), orders.New()} {
		st := &station{spec: spec}
		if st.store, err = disk.Open(state.ID{App: "bench", Stage: spec.Name, Topic: string(spec.Inboxes[0].Name)}); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { st.store.Close() })
		st.kv = &reads{KV: st.store}
		if st.task, err = spec.NewTask(st.kv); err != nil {
			tb.Fatal(err)
		}
		w.stages = append(w.stages, st)
	}
	return w
}

// take works on messages and all that follows from them.
func (w *works) take(script []sim.Message) {
	for _, m := range script {
		w.send(stream.Emit{Topic: m.Topic, Key: m.Key, Value: m.Value})
	}
	for busy := true; busy; {
		busy = false
		for _, st := range w.stages {
			for len(st.queue) > 0 {
				busy = true
				m := st.queue[0]
				st.queue = st.queue[1:]
				w.process(st, m)
			}
		}
	}
}

func (w *works) send(e stream.Emit) {
	for _, st := range w.stages {
		if st.spec.Inboxes[0].Name == e.Topic {
			v, _ := avro.New(e.Value.AvroName())
			if err := v.Decode(e.Value.Append(nil)); err != nil {
				w.tb.Fatal(err)
			}
			st.queue = append(st.queue, sim.Message{Key: e.Key, Value: v})
		}
	}
}

func (w *works) process(st *station, m sim.Message) {
	st.next++
	r := stream.Record{Key: []byte(m.Key), Value: m.Value, Time: w.now, Source: stream.Source{Topic: st.spec.Inboxes[0].Name, Offset: st.next}}
	err := st.task.Process(context.Background(), r, func(es []stream.Emit) error {
		for _, e := range es {
			w.send(e)
		}
		return nil
	})
	if err != nil {
		w.tb.Fatal(err)
	}
}

func (w *works) commit() {
	for _, st := range w.stages {
		changes, err := st.task.Flush()
		for _, c := range changes {
			w.written += len(c.Key) + len(c.Value)
		}
		if err == nil {
			err = st.store.Apply(changes, state.Checkpoint{Next: st.next, At: w.now})
		}
		if err != nil {
			w.tb.Fatal(err)
		}
		st.task.Committed(w.budget)
	}
}

// bytes is what the stages keep, by store: keys and values, as they are written.
func (w *works) bytes() map[string]int {
	sum := map[string]int{}
	for _, st := range w.stages {
		if err := st.store.Scan(nil, nil, func(k, v []byte) error {
			store := "due"
			if at, err := stream.ParseKey(k); err == nil {
				store = at.Store
			}
			sum[st.spec.Name+"/"+store] += len(k) + len(v)
			sum[st.spec.Name] += len(k) + len(v)
			return nil
		}); err != nil {
			w.tb.Fatal(err)
		}
	}
	return sum
}

// numbered is the one truck's story of another load, with identifiers of its own.
func numbered(script []sim.Message, n int) (out []sim.Message, distinct int) {
	known := map[string]bool{}
	for _, m := range script {
		f, ok := m.Value.(*avro.Fact)
		if !ok {
			continue
		}
		g := f.Clone()
		rename := func(i *avro.Identifier) { i.Value = i.Value + "-" + strconv.Itoa(n) }
		for i := range g.Identifiers {
			rename(&g.Identifiers[i])
		}
		for i := range g.Links {
			rename(&g.Links[i].From)
			rename(&g.Links[i].To)
		}
		if g.Load.Ok {
			g.Load.V.LoadID += "-" + strconv.Itoa(n)
			for i := range g.Load.V.Shipments {
				g.Load.V.Shipments[i].ShipmentID += "-" + strconv.Itoa(n)
				g.Load.V.Shipments[i].OrderIDs = []string{fmt.Sprint("O1-", n)}
			}
		}
		if g.Order.Ok {
			g.Order.V.OrderID += "-" + strconv.Itoa(n)
		}
		if g.Series != "" {
			g.Series += "-" + strconv.Itoa(n)
		}
		known[f.FactID+strconv.FormatInt(f.Revision, 10)] = true
		g.FactID = g.FactID[:16] + fmt.Sprintf("%016x", n)
		out = append(out, sim.Message{Topic: m.Topic, Key: m.Key + "-" + strconv.Itoa(n), Value: &g})
	}
	return out, len(known)
}

// fill lets the stages know so many loads.
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

// One more load, and one late fact of a load that is only on disk, behind so many loads that are known already: what a fact costs is not to
// depend on how many there are. go test ./processors -run - -bench Correlation -loads 1000,100000
func BenchmarkCorrelation(b *testing.B) {
	script := oneTruck()
	for size := range strings.SplitSeq(*scale, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 50 {
			b.Fatalf("-loads %s: want numbers of 50 or more", *scale)
		}
		b.Run(fmt.Sprintf("loads=%d", n), func(b *testing.B) {
			w := newWorks(b, 64<<20)
			w.fill(script, 0, n)
			kept := w.bytes()
			total := 0
			for _, st := range w.stages {
				total += kept[st.spec.Name]
			}
			for of := range kept {
				kept[of] /= n
			}
			b.Run("hot", func(b *testing.B) { w.fresh(b, script, n) })
			b.Run("cold", func(b *testing.B) { w.late(b, n) })
			b.Logf("%d loads: %d bytes of state a load: %v", n, total/n, kept)
		})
	}
}

var freshFrom int // loads told so far by fresh: the framework runs it several times

func (w *works) fresh(b *testing.B, script []sim.Message, n int) {
	freshFrom = max(freshFrom, n)
	before, worked := w.facts, w.spent()
	for b.Loop() {
		w.fill(script, freshFrom, freshFrom+10)
		freshFrom += 10
	}
	w.each(b, w.facts-before, worked)
}

// each reports what a fact took, also of the processor: the machine may have other work.
func (w *works) each(b *testing.B, facts int, before spent) {
	now := w.spent()
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(facts), "µs/fact")
	b.ReportMetric(float64((now.cpu-before.cpu).Microseconds())/float64(facts), "cpu-µs/fact")
	b.ReportMetric(float64(now.reads-before.reads)/float64(facts), "reads/fact")
	b.ReportMetric(float64(now.written-before.written)/float64(facts), "B/fact")
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

// late tells one more scan of a carton each, of loads that lie far apart, and keeps nothing decoded behind a commit.
func (w *works) late(b *testing.B, n int) {
	w.budget = 0
	w.commit()
	i, worked := 0, w.spent()
	for b.Loop() {
		load := i * 7919 % n
		suffix := "-" + strconv.Itoa(load)
		box := sscc
		box.Value += suffix
		w.take(file(milestone(avro.MilestoneCodeStaged, wms, clock(7, 0)+avro.Micros(i), box)))
		if i++; i%50 == 0 {
			w.commit()
		}
	}
	w.each(b, i, worked)
	w.budget = 64 << 20
}

// A link costs what it may concern, however much is known under its identifier.
func TestALinkCostsWhatItConcerns(t *testing.T) {
	cost := func(days int) int {
		w := newWorks(t, 0)
		w.take(joins(device, vehicle))
		for h := range 24 * days {
			from := clock(h, 0)
			w.take(file(stay(1, from, avro.Some(from+avro.Micros(1800*1e6)), atA)))
		}
		w.commit()
		before := w.stages[0].kv.gets + w.stages[0].kv.scanned
		assign := milestone(avro.MilestoneCodeAssigned, tms, clock(40, 0), load, vehicle)
		held := link(vehicle, load, avro.ClassifierActual)
		held.ValidFrom, held.ValidTo = avro.Some(clock(24, 0)), avro.Some(clock(32, 0))
		assign.Links = []avro.Link{held}
		w.take(file(assign))
		facts := 0
		w.commit()
		prefix := append([]byte(ids.Key(tenant, load)), "\x00fact\x00"...)
		if err := w.stages[1].store.Scan(prefix, nil, func([]byte, []byte) error { facts++; return nil }); err != nil {
			t.Fatal(err)
		}
		if facts != 9 {
			t.Errorf("%d days: the load got %d facts, want the assignment and 8 stays", days, facts)
		}
		return w.stages[0].kv.gets + w.stages[0].kv.scanned - before
	}
	few, most := cost(4), cost(50)
	t.Logf("%d reads where 100 stays are known, %d where 1,200 are", few, most)
	if most > 2*few {
		t.Errorf("%d reads where 100 stays are known, %d where 1,200 are", few, most)
	}
}

// An order of thousands of lines: one more shipment is told what is said of the whole order, without a look at the lines.
func TestALinkOfALongOrderDoesNotWalkItsLines(t *testing.T) {
	w := newWorks(t, 0)
	w.stages = w.stages[:1]
	const many = 3000
	w.take(file(milestone(avro.MilestoneCodeOrderReleased, avro.Source{System: avro.SourceSystemERP}, clock(0, 1), order)))
	w.take(joins(order, shipment))
	for i := range many {
		w.take(file(milestone(avro.MilestoneCodePicked, wms, clock(1, 0)+avro.Micros(i), id(avro.IdentifierKindOrderLine, fmt.Sprint("O1/", i)), order))[1:])
		if i%100 == 0 {
			w.commit()
		}
	}
	w.commit()
	another := func(n string) int {
		before := w.stages[0].kv.gets + w.stages[0].kv.scanned
		w.take(joins(order, id(avro.IdentifierKindShipment, n)))
		w.commit()
		return w.stages[0].kv.gets + w.stages[0].kv.scanned - before
	}
	first, then := another("S2"), another("S3")
	t.Logf("%d reads for the link that finds many facts, %d for the next", first, then)
	if then > 200 { // some are read ahead, whatever is asked for
		t.Errorf("%d reads for one more link of an order of %d lines", then, many)
	}
}
