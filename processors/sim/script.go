package sim

import (
	"math/rand/v2"
	"slices"

	"waybill/avro"
	"waybill/topics"
)

// Message is a record to send, for scripts that are permuted and duplicated before they run.
type Message struct {
	Topic     topics.Name
	Key       string
	Value     avro.Record
	Broadcast bool
}

// Play sends the messages in order.
func (s *Sim) Play(script []Message) {
	for _, m := range script {
		if m.Broadcast {
			s.Broadcast(m.Topic, m.Key, m.Value)
			continue
		}
		s.Send(m.Topic, m.Key, m.Value)
	}
}

// PlayInterleaved sends the messages in order, letting stages work for a seeded number of cycles in between.
func (s *Sim) PlayInterleaved(script []Message) error {
	for _, m := range script {
		s.Play([]Message{m})
		for range s.rng.IntN(3) {
			in := s.choose()
			if in == nil {
				break
			}
			if err := s.cycle(in); err != nil {
				return err
			}
		}
	}
	return s.Run()
}

// Shuffled gives the messages in an order chosen by the seed; 0 leaves them as they are.
func Shuffled(seed uint64, script []Message) []Message {
	out := slices.Clone(script)
	if seed != 0 {
		rand.New(rand.NewPCG(seed, 2)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	return out
}

// Duplicated gives the messages with a share of them, from 0 to 1, repeated somewhere later.
func Duplicated(seed uint64, share float64, script []Message) []Message {
	rng := rand.New(rand.NewPCG(seed, 3))
	out := slices.Clone(script)
	for i := len(script) - 1; i >= 0; i-- {
		if rng.Float64() < share {
			out = slices.Insert(out, i+1+rng.IntN(len(out)-i), script[i])
		}
	}
	return out
}
