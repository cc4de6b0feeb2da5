package processors_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/sim"
)

// large are the shapes that grow: an order of many lines, a shipment of many reports, a load of many shipments. Each gives n facts.
var large = map[string]func(n int) []sim.Message{
	"order of lines": func(n int) (s []sim.Message) {
		for i := range n {
			line := id(avro.IdentifierKindOrderLine, fmt.Sprint("O1/", i))
			f := milestone(avro.MilestoneCodePicked, wms, clock(1, 0)+avro.Micros(i), line, order)
			s = append(s, file(f)...)
		}
		return s
	},
	"shipment of reports": func(n int) (s []sim.Message) {
		s = joins(order, shipment)
		for i := range n {
			s = append(s, file(milestone(avro.MilestoneCodeInTransit, tms, clock(1, 0)+avro.Micros(i*1e6), shipment))...)
		}
		return s
	},
	"load of shipments": func(n int) (s []sim.Message) {
		for i := range n {
			on := id(avro.IdentifierKindShipment, fmt.Sprint("S", i))
			f := milestone(avro.MilestoneCodeLoaded, wms, clock(1, 0)+avro.Micros(i), load, on)
			f.Links = []avro.Link{link(load, on, avro.ClassifierActual)}
			s = append(s, file(f)...)
		}
		return s
	},
}

// What is large is told as what is small: the same in any order of arrival, in any cycles, with crashes.
func TestLawLarge(t *testing.T) {
	for shape, of := range large {
		script := of(700)
		want := ""
		for seed := range seeds(t, 2) {
			opt := sim.Options{Seed: seed, Partitions: int32(1 + seed%3), Faults: 0.02, Batch: 50}
			got := content(run(t, opt, sim.Duplicated(seed, 0.05, sim.Shuffled(seed, script))))
			if want == "" {
				want = got
			}
			if got != want || !strings.Contains(got, "700") && strings.Count(got, "\n") < 700 {
				t.Errorf("%s, seed %d: got\n%.300s\nwant\n%.300s", shape, seed, got, want)
			}
		}
	}
}

// A fact costs about the same however many of its kind there are: views of many facts are not derived with each. The last tick tells all.
func TestManyFactsOfOneKeyCostLittleEach(t *testing.T) {
	for shape, of := range large {
		said := map[int]int{}
		for _, n := range []int{600, 3000} {
			w := newWorks(t, 64<<20)
			w.grow(of(n))
			said[n] = w.said
		}
		t.Logf("%s: %d bytes said for 600 facts, %d for 3,000", shape, said[600], said[3000])
		if said[3000] > 8*said[600] {
			t.Errorf("%s: %d bytes said for 600 facts, %d for 3,000", shape, said[600], said[3000])
		}
	}
}

// grow takes facts, a thousand a second, and lets all be told.
func (w *works) grow(script []sim.Message) {
	for i := range script {
		w.take(script[i : i+1])
		if i%1000 == 999 {
			w.now = w.now.Add(time.Second)
			w.commit()
			w.tick()
		}
	}
	for range 4 {
		w.now = w.now.Add(time.Hour)
		w.tick()
	}
	w.commit()
}

// tick lets time pass in every stage.
func (w *works) tick() {
	for _, st := range w.stages {
		st.queue = append(st.queue, sim.Message{Value: &avro.Tick{Producer: "bench"}})
		w.take(nil)
	}
}

// What a fact costs of an order, a shipment, a load that has so many: go test ./processors -run - -bench Large
func BenchmarkLarge(b *testing.B) {
	for shape, of := range large {
		for _, n := range []int{10, 100, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s/facts=%d", shape, n), func(b *testing.B) {
				script := of(n)
				for b.Loop() {
					w := newWorks(b, 64<<20)
					w.grow(script)
					b.ReportMetric(float64(w.said)/float64(n), "said-B/fact")
					w.close()
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/fact")
			})
		}
	}
}
