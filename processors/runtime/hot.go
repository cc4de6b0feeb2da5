package runtime

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"waybill/processors/stream"
)

// HotKey is a key that takes much of a partition. Its shares, from 0 to 1, are of about the last 10,000 records, ticks left out. They
// come from a sample and say the least that it shows; chance makes them wrong by a few hundredths.
type HotKey struct {
	Key     string  // the first 128 bytes of a longer one
	Records float64 // of the partition's records
	Work    float64 // of the time that its records take in handlers; timers are not in it
}

// share is the larger of the two.
func (k HotKey) share() float64 { return max(k.Records, k.Work) }

func (k HotKey) compare(o HotKey) int {
	return cmp.Or(cmp.Compare(o.share(), k.share()), cmp.Compare(k.Key, o.Key))
}

// hot estimates which keys take much of a partition. About one record in 128 is weighed, and of a smaller batch one: what it costs
// does not grow with the number of keys. What is undone and done again is weighed again; it is work all the same.
type hot struct {
	records, work heavy

	since time.Time // of the window
	told  uint64    // the key that was told of last; 0: none

	top    []HotKey // when it was last looked at
	looked time.Time
}

const (
	sampleEvery = 128
	// hotWindow: behind twice as many records, what is known of them counts half.
	hotWindow = 8192
	// hotEnough is how many records must be seen before a share means anything.
	hotEnough = 1024
	// hotShare makes a key worth a line in the log; it is worth another one after it fell below half of that.
	hotShare = 0.25
	// hotWithin is how fast a window must be full for that. Where little goes on, a key that has much of it hurts nobody.
	hotWithin = time.Minute
	// hotEvery is how often the list of the heaviest keys is made anew.
	hotEvery = time.Second
	// hotShown is how many keys of a partition are listed.
	hotShown = 5
)

// Which records are weighed follows from offsets, by a hash: at a fixed stride devices that report in turn would look like one.

// sampled gives which record of a batch is weighed first, and for how many each one stands.
func sampled(records []*kgo.Record) (first, each int) {
	each = min(len(records), sampleEvery)
	return int(mix(records[0].Offset) % uint64(each)), each
}

// stride is how far it is from a record that is weighed to the next one: sampleEvery on average.
func stride(r *kgo.Record) int { return 1 + int(mix(r.Offset)%(2*sampleEvery-1)) }

// mix is the last step of splitmix64 (Steele, Lea and Flood, 2014).
func mix(offset int64) uint64 {
	x := uint64(offset) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// weighed is handle for a record that stands for so many.
func (w *work) weighed(ctx context.Context, r *kgo.Record, emit stream.EmitFunc, records int) error {
	begun, ticks := time.Now(), w.ticks
	err := w.handle(ctx, r, emit)
	if w.ticks == ticks {
		w.task.hot.weigh(r.Key, time.Since(begun), records)
	}
	return err
}

func (h *hot) weigh(key []byte, took time.Duration, records int) {
	id := identity(key)
	h.records.add(id, key, int64(records))
	h.work.add(id, key, max(int64(took), 1)*int64(records))
}

// turn ends the window when it is full, and gives a key that takes an outsized share of a partition where much goes on, once. It is
// the lane's, between cycles.
func (h *hot) turn(now time.Time) (is HotKey, news bool) {
	if h.since.IsZero() {
		h.since = now
	}
	if h.records.sum < 2*hotWindow {
		return is, false
	}
	h.records.halve()
	h.work.halve()
	busy := now.Sub(h.since) <= hotWithin
	h.since = now
	e := h.worst()
	if e == nil {
		return is, false
	}
	is = h.key(e)
	switch {
	case is.share() < hotShare/2:
		h.told = 0
	case is.share() >= hotShare && busy && h.told != e.id:
		h.told = e.id
		return is, true
	}
	return is, false
}

// worst is the key with the largest share of either.
func (h *hot) worst() *weight {
	r, w := h.records.first(), h.work.first()
	if r == nil || w != nil && h.key(w).compare(h.key(r)) < 0 {
		return w
	}
	return r
}

func (h *hot) key(e *weight) HotKey {
	return HotKey{Key: strings.ToValidUTF8(string(e.key), "\uFFFD"), Records: h.records.share(e.id), Work: h.work.share(e.id)}
}

// heaviest lists the keys with the largest shares, heaviest first; none before enough was seen. The list is never changed.
func (h *hot) heaviest(now time.Time) []HotKey {
	if h.records.sum < hotEnough || now.Sub(h.looked) < hotEvery {
		return h.top
	}
	var all []HotKey
	seen := map[uint64]bool{0: true}
	for _, of := range []*heavy{&h.records, &h.work} {
		for i := range of.used {
			if e := &of.of[i]; !seen[e.id] {
				seen[e.id] = true
				all = append(all, h.key(e))
			}
		}
	}
	slices.SortFunc(all, HotKey.compare)
	h.top, h.looked = slices.Clone(all[:min(len(all), hotShown)]), now
	return h.top
}

// tellHot says once of a key that it takes much of a partition.
func (l *lane) tellHot(t *task, now time.Time) {
	if is, news := t.hot.turn(now); news {
		l.log.Warn("one key takes much of a partition, and neither more partitions nor more instances would help: the records of a key are worked on one after the other",
			"topic", t.topic, "partition", t.partition, "key", is.Key, "records", fmt.Sprintf("%.0f%%", 100*is.Records), "work", fmt.Sprintf("%.0f%%", 100*is.Work))
	}
}
