package world

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// source is the random source of one decision: a function of the world's seed and of what is decided, never of the order in
// which things are asked.
func (w *World) source(labels ...any) *rand.Rand {
	sum := sha256.Sum256(fmt.Append(nil, w.cfg.Seed, labels))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

// hit always draws, so that a rate of nought leaves the source where any other rate would.
func hit(r *rand.Rand, p float64) bool { return r.Float64() < p }

// between is a whole number of seconds in [from, to].
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Float64()*float64(to-from)).Truncate(time.Second)
}

// uniform is a number in [from, to).
func uniform(r *rand.Rand, from, to float64) float64 { return from + r.Float64()*(to-from) }

// whole is a whole number in [from, to].
func whole(r *rand.Rand, from, to int) int { return from + r.IntN(to-from+1) }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
