package sim

import (
	"context"
	"errors"
	"fmt"
	"math"

	"waybill/avro"
	"waybill/processors/stream"
	"waybill/topics"
	"waybill/topics/fault"
)

// input is one partition as one stage reads it, with the stage's task over it.
type input struct {
	spec      stream.Spec
	topic     topics.Name
	partition int32
	next      int64 // committed offset
	kv        *kv
	task      *stream.Task // nil after a crash
	waits     bool         // its stage had no room for what comes next
}

// output is a record of a transaction that is not committed yet.
type output struct {
	topic     topics.Name
	partition int32
	entry     entry
}

// outcome is how a cycle ends.
type outcome int

const (
	commit      outcome = iota
	abort               // transaction aborted, the task lives on
	crashBefore         // process lost before the commit
	crashAfter          // process lost between the commit and what follows it
)

// Run lets the stages work until nothing is left to read, but for partitions whose stage has no room: see Unread. The error is a
// handler's that is not poison: the stage stopped.
func (s *Sim) Run() error {
	for _, in := range s.inputs {
		in.waits = false
	}
	for {
		in := s.choose()
		if in == nil {
			return nil
		}
		if err := s.cycle(in); err != nil {
			return fmt.Errorf("stage %s, %s/%d from %d: %w", in.spec.Name, in.topic, in.partition, in.next, err)
		}
	}
}

// choose gives an input that has something to read, or nil.
func (s *Sim) choose() *input {
	var busy []*input
	for _, in := range s.inputs {
		if !in.waits && in.next < int64(len(s.log(in.topic).partitions[in.partition])) {
			busy = append(busy, in)
		}
	}
	switch {
	case len(busy) == 0:
		return nil
	case s.opt.Seed == 0:
		return busy[0]
	}
	return busy[s.rng.IntN(len(busy))]
}

// Unread is how many records a stage has left to read.
func (s *Sim) Unread(stage string) (n int) {
	for _, in := range s.inputs {
		if in.spec.Name == stage {
			n += len(s.log(in.topic).partitions[in.partition]) - int(in.next)
		}
	}
	return n
}

func (s *Sim) batch(in *input) []entry {
	waiting := s.log(in.topic).partitions[in.partition][in.next:]
	n := min(len(waiting), s.opt.Batch)
	if s.opt.Seed != 0 {
		n = 1 + s.rng.IntN(n)
	}
	return waiting[:n]
}

func (s *Sim) fate() outcome {
	if s.opt.Seed == 0 || s.rng.Float64() >= s.opt.Faults {
		return commit
	}
	return abort + outcome(s.rng.IntN(3))
}

// keep is how many values a task keeps decoded: with a seed sometimes none, so that what was changed without Edit shows.
func (s *Sim) keep() int {
	if s.opt.Seed != 0 && s.rng.IntN(2) == 0 {
		return 0
	}
	return s.opt.Keep
}

// cycle is one transaction: read, handle, write outputs and state, move the offset on; all of it or nothing.
func (s *Sim) cycle(in *input) error {
	s.Stats.Cycles++
	batch, fate := s.batch(in), s.fate()
	out, err := s.process(in, batch)
	if full, ok := errors.AsType[*noRoom](err); ok { // as the engine does: what came before goes on, the rest comes again
		in.task.Aborted()
		in.waits = full.before == 0
		batch = batch[:full.before]
		if in.waits {
			return nil
		}
		out, err = s.process(in, batch)
	}
	if err != nil {
		return err
	}
	changes, err := in.task.Flush()
	if err != nil {
		return err
	}
	switch fate {
	case abort:
		s.Stats.Aborts++
		in.task.Aborted()
		return nil
	case crashBefore:
		s.Stats.Crashes++
		in.task = nil
		return nil
	}
	for _, o := range out {
		s.store(o.topic, o.partition, o.entry)
	}
	in.kv.apply(changes)
	in.next += int64(len(batch))
	in.task.Committed(s.keep())
	if fate == crashAfter {
		s.Stats.Crashes++
		in.task = nil
	}
	return nil
}

// noRoom says that a stage had no room for a record, and how many came before it in the batch.
type noRoom struct {
	before int
	error
}

// process runs the batch. Where a poisonous record left traces, all of it runs again, carefully.
func (s *Sim) process(in *input, batch []entry) ([]output, error) {
	if err := in.open(); err != nil {
		return nil, err
	}
	out, err := s.attempt(in, batch)
	if in.task.Tainted() {
		s.Stats.Reruns++
		in.task.Aborted()
		in.task.Careful(math.MaxInt)
		out, err = s.attempt(in, batch)
		in.task.Careful(0)
	}
	return out, err
}

func (s *Sim) attempt(in *input, batch []entry) (out []output, err error) {
	dead := map[int]error{}
	emit := func(es []stream.Emit) error {
		for _, e := range es {
			out = append(out, s.emitted(in, e)...)
		}
		return nil
	}
	for i, e := range batch {
		src := stream.Source{Topic: in.topic, Partition: in.partition, Offset: in.next + int64(i)}
		v, err := e.decode()
		if err != nil {
			dead[i] = fault.Poisoned("DECODE", err)
			continue
		}
		err = in.task.Process(context.Background(), stream.Record{Key: []byte(e.key), Value: v, Time: e.at, Source: src}, emit)
		if err == nil {
			continue
		}
		err = fmt.Errorf("handle %s@%d: %w", e.record, src.Offset, err)
		if fault.Of(err) == fault.Wait {
			return nil, &noRoom{i, err}
		}
		if fault.Of(err) != fault.Poison || in.task.Tainted() {
			return nil, err
		}
		dead[i] = err
	}
	return append(out, s.letters(in, batch, dead)...), nil
}

// emitted encodes at once: the handler may change the value afterwards.
func (s *Sim) emitted(in *input, e stream.Emit) []output {
	if letter, ok := e.Value.(*avro.DeadLetter); ok && e.Of != nil {
		letter.Value = avro.Some(e.Of.Append(nil))
	}
	enc := entry{key: e.Key, record: e.Value.AvroName(), value: e.Value.Append(nil), at: s.now}
	if e.Here {
		return []output{{e.Topic, in.partition, enc}}
	}
	if !e.Broadcast {
		return []output{{e.Topic, s.partition(e.Key), enc}}
	}
	var out []output
	for p := range s.opt.Partitions {
		out = append(out, output{e.Topic, p, enc})
	}
	return out
}

func (s *Sim) letters(in *input, batch []entry, dead map[int]error) []output {
	var out []output
	for i, e := range batch {
		if err := dead[i]; err != nil {
			letter := &avro.DeadLetter{
				Topic: string(in.topic), Partition: in.partition, Offset: in.next + int64(i), Stage: in.spec.Name,
				Reason: fault.Reason(err), Causes: fault.Causes(err), Attempt: 1, Key: avro.Some([]byte(e.key)), Value: avro.Some(e.value), RecordAt: avro.MicrosOf(e.at),
			}
			out = append(out, s.emitted(in, stream.Emit{Topic: topics.DeadLetters.Name, Key: e.key, Value: letter})...)
		}
	}
	return out
}

// open gives the input a task, bound to committed state as after a restart.
func (in *input) open() error {
	if in.task != nil {
		return nil
	}
	t, err := in.spec.NewTask(in.kv)
	in.task = t
	return err
}
