package processors_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/loads"
	"waybill/processors/orders"
	"waybill/processors/resolve"
	"waybill/processors/shipments"
	"waybill/processors/sim"
	"waybill/processors/state"
	"waybill/processors/stream"
)

// works is the line behind normalise as the engine runs it, a partition a stage, over state on disk: what is said is encoded and decoded again,
// what changed is written at commits, and budget bytes stay decoded.
type works struct {
	tb     testing.TB
	dir    string
	disk   *state.Disk
	stages []*station
	budget int
	facts  int // distinct ones that came in

	written int // bytes of state
	said    int // bytes of what was told, to stages and to the world
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
	dir, err := os.MkdirTemp(tb.TempDir(), "works") // its own, to be removed before the benchmark's end
	if err != nil {
		tb.Fatal(err)
	}
	disk, err := state.NewDisk(dir, 64<<20, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		tb.Fatal(err)
	}
	w := &works{tb: tb, dir: dir, disk: disk, budget: budget, now: day}
	tb.Cleanup(w.close)
	for _, spec := range []stream.Spec{resolve.New(resolve.DefaultConfig()), loads.New(loads.DefaultConfig()), shipments.New(shipments.DefaultConfig()), orders.New()} {
		st := &station{spec: spec}
		w.stages = append(w.stages, st)
		if st.store, err = disk.Open(state.ID{App: "bench", Stage: spec.Name, Topic: string(spec.Inboxes[0].Name)}); err != nil {
			tb.Fatal(err)
		}
		st.kv = &reads{KV: st.store}
		if st.task, err = spec.NewTask(st.kv); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

// close ends it; again does nothing.
func (w *works) close() {
	if w.disk == nil {
		return
	}
	for _, st := range w.stages {
		if st.store != nil {
			st.store.Close()
		}
	}
	w.disk.Close()
	w.disk, w.stages = nil, nil
	if err := os.RemoveAll(w.dir); err != nil {
		w.tb.Error(err)
	}
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
			w.said += len(e.Value.Append(nil))
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
