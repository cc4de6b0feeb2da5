// Package sim drives processors in memory: scripts instead of Kafka, a clock the script moves, and faults from a seed.
//
//	s := sim.New(sim.Options{Partitions: 3, Seed: 1}, specs...)
//	s.Send(topics.LoadsInbox.Name, key, fact)
//	err := s.Run()                  // until no stage has anything left to read
//	s.Tick(deadline.Add(time.Hour)) // time passes in every inbox
//	err = s.Run()
//	got := sim.Out[avro.Milestone](s, topics.Milestones.Name)
//
// The same specs, script and options lead to the same outputs. A seed other than zero chooses which stage runs next, where
// batches end, what stays decoded in memory, and with Options.Faults which cycles abort or crash; by the law of convergence
// none of that may change the content of what comes out.
package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
)

// Options of a simulation. The zero value is one partition, no randomness, no faults.
type Options struct {
	Partitions int32     // of every topic; at least 1
	Seed       uint64    // 0: stages in order, batches as large as Batch
	Batch      int       // most records of a cycle; 0 means 64
	Faults     float64   // share of cycles that abort or crash; needs a Seed
	Keep       int       // bytes a task keeps decoded, but for what a Seed decides; 0 means 1 MiB
	Start      time.Time // the broker's clock at first; zero means 2026-01-01 00:00 UTC
}

// Record is one record of a topic's log, decoded.
type Record struct {
	Topic     topics.Name
	Partition int32
	Offset    int64
	Key       string
	Value     avro.Record
	Time      time.Time
}

// Sim is one running simulation. It belongs to one goroutine.
type Sim struct {
	opt    Options
	rng    *rand.Rand
	now    time.Time
	specs  []stream.Spec
	inputs []*input // in order of stage, topic, partition
	logs   map[topics.Name]*log
	Stats  Stats
}

// Stats counts what the faults did, so that a test can see that they happened.
type Stats struct {
	Cycles, Aborts, Crashes, Reruns int
}

// log is one topic. Values are kept encoded: nothing but bytes crosses from one stage to another.
type log struct {
	partitions [][]entry
	order      []place // of all records, in order of appending
}

type entry struct {
	key, record string
	value       []byte
	at          time.Time
}

type place struct {
	partition int32
	offset    int64
}

// New makes a simulation of the stages, wired to each other by the topics they read and write.
func New(opt Options, specs ...stream.Spec) *Sim {
	opt.Partitions = max(opt.Partitions, 1)
	if opt.Batch == 0 {
		opt.Batch = 64
	}
	if opt.Keep == 0 {
		opt.Keep = 1 << 20
	}
	if opt.Start.IsZero() {
		opt.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	s := &Sim{opt: opt, rng: rand.New(rand.NewPCG(opt.Seed, 1)), now: opt.Start, specs: specs, logs: map[topics.Name]*log{}}
	for _, spec := range specs {
		for _, t := range spec.Inboxes {
			for p := range opt.Partitions {
				s.inputs = append(s.inputs, &input{spec: spec, topic: t.Name, partition: p, kv: &kv{}})
			}
		}
	}
	return s
}

// Now is the broker's clock.
func (s *Sim) Now() time.Time { return s.now }

// Advance lets the broker's clock move on.
func (s *Sim) Advance(d time.Duration) { s.now = s.now.Add(max(d, 0)) }

// Send appends a record to the partition of its key, stamped with the broker's clock.
func (s *Sim) Send(topic topics.Name, key string, value avro.Record) {
	s.append(topic, s.partition(key), key, value)
}

// Broadcast appends a record to every partition.
func (s *Sim) Broadcast(topic topics.Name, key string, value avro.Record) {
	for p := range s.opt.Partitions {
		s.append(topic, p, key, value)
	}
}

// Tick moves the broker's clock to an instant, unless it is there already, and appends a tick to every inbox partition of
// every keyed stage.
func (s *Sim) Tick(at time.Time) {
	if at.After(s.now) {
		s.now = at
	}
	for _, spec := range s.specs {
		if spec.Keyed {
			s.Broadcast(spec.Inboxes[0].Name, "", &avro.Tick{Producer: "sim"})
		}
	}
}

// Crash drops every task: what is not committed is lost, and the tasks start again from committed state.
func (s *Sim) Crash() {
	for _, spec := range s.specs {
		s.CrashStage(spec.Name)
	}
}

// CrashStage is Crash of one stage.
func (s *Sim) CrashStage(stage string) {
	s.Stats.Crashes++
	for _, in := range s.inputs {
		if in.spec.Name == stage {
			in.task = nil
		}
	}
}

// Redeploy starts a stage anew with another declaration, such as another configuration, over its committed state.
func (s *Sim) Redeploy(spec stream.Spec) {
	for _, in := range s.inputs {
		if in.spec.Name == spec.Name {
			in.spec, in.task = spec, nil
		}
	}
}

// Held is about how many bytes the tasks of a stage hold decoded.
func (s *Sim) Held(stage string) (n int) {
	for _, in := range s.inputs {
		if in.spec.Name == stage && in.task != nil {
			n += in.task.Held()
		}
	}
	return n
}

func (s *Sim) partition(key string) int32 {
	h := fnv.New32a()
	h.Write([]byte(key))
	return int32(h.Sum32() % uint32(s.opt.Partitions))
}

func (s *Sim) append(topic topics.Name, partition int32, key string, value avro.Record) {
	s.store(topic, partition, entry{key: key, record: value.AvroName(), value: value.Append(nil), at: s.now})
}

func (s *Sim) store(topic topics.Name, partition int32, e entry) {
	l := s.log(topic)
	l.order = append(l.order, place{partition, int64(len(l.partitions[partition]))})
	l.partitions[partition] = append(l.partitions[partition], e)
}

func (s *Sim) log(topic topics.Name) *log {
	l, ok := s.logs[topic]
	if !ok {
		l = &log{partitions: make([][]entry, s.opt.Partitions)}
		s.logs[topic] = l
	}
	return l
}

// Log gives all records of a topic in the order they were appended, each decoded anew.
func (s *Sim) Log(topic topics.Name) []Record {
	l := s.log(topic)
	out := make([]Record, 0, len(l.order))
	for _, at := range l.order {
		e := l.partitions[at.partition][at.offset]
		v, err := e.decode()
		if err != nil {
			panic(fmt.Sprintf("sim: %s/%d@%d: %v", topic, at.partition, at.offset, err)) // we encoded it ourselves
		}
		out = append(out, Record{topic, at.partition, at.offset, e.key, v, e.at})
	}
	return out
}

// Out gives the records of type V on a topic in the order they were appended.
func Out[V any, P interface {
	*V
	avro.Record
}](s *Sim, topic topics.Name) []*V {
	var out []*V
	for _, r := range s.Log(topic) {
		if v, ok := r.Value.(P); ok {
			out = append(out, (*V)(v))
		}
	}
	return out
}

// DeadLetters gives the records that handlers refused.
func (s *Sim) DeadLetters() []*avro.DeadLetter {
	return Out[avro.DeadLetter](s, topics.DeadLetters.Name)
}

// State gives a copy of a stage's committed state, all partitions joined: "partition/store key" to its value as it is kept.
func (s *Sim) State(stage string) map[string]string {
	out := map[string]string{}
	for _, in := range s.inputs {
		if in.spec.Name == stage {
			for k, v := range in.kv.values {
				out[fmt.Sprintf("%d/%s", in.partition, k)] = string(v)
			}
		}
	}
	return out
}

func (e entry) decode() (avro.Record, error) {
	v, ok := avro.New(e.record)
	if !ok {
		return nil, fmt.Errorf("no record type %s", e.record)
	}
	return v, v.Decode(e.value)
}
