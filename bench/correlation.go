package main

import "fmt"

// Units of the benchmarks of stages and adapters.
const (
	cpuFact = "cpu-µs/fact"
	nsByte  = "ns/B"
)

// correlationContest: what a fact costs behind few loads and behind many. A run knows all its loads before it measures, so one run is a round.
var correlationContest = contest{
	name: "correlation", about: "a fact through resolve, loads, shipments and orders, behind few loads and many (-loads)",
	micro: []microPackage{{pkg: "./processors", pattern: "^BenchmarkCorrelation$", args: func(o options) []string {
		return []string{"-test.benchtime", "500x", "-test.count", "1", "-test.timeout", "2h", "-loads", o.loads}
	}}},
	tables: []layout{
		{held: "Correlation/hot", title: "A fact of a new load, behind so many loads (d: brought to disk before)", unit: cpuFact, base: "loads=1000", beside: factsBeside},
		{held: "Correlation/cold", title: "A late fact of a load that is on disk alone, behind so many loads", unit: cpuFact, base: "loads=1000", beside: factsBeside},
	},
}

var factsBeside = []string{"µs/fact", "reads/fact", "written-B/fact", "state-B/load"}

// adapterNames are the sub-benchmarks of BenchmarkAdapters.
var adapterNames = []string{"x12", "edifact", "epcis-json", "epcis-xml", "dcsa", "otm5", "traccar", "hsl", "ocel", "csv", "json"}

// adapterContest: each adapter against encoding/json over the same bytes.
func adapterContest() contest {
	c := contest{
		name: "adapters", about: "each partner adapter against encoding/json over the same bytes",
		micro: []microPackage{{pkg: "./processors/normalise", pattern: "^BenchmarkAdapters$"}},
	}
	for _, name := range adapterNames {
		c.tables = append(c.tables, layout{
			held: "Adapters/" + name, title: fmt.Sprintf("Adapter %s over 100 kB of its format", name), unit: nsByte, base: "encoding-json",
			beside: []string{"MB/s", "allocs/kB", "B-allocated/B"},
		})
	}
	return c
}
