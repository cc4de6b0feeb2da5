// Package arch holds the map of packages as data, and the test that keeps the code to it: who may import whom.
package arch

import (
	"slices"
	"strings"
)

// module is the path every package of ours begins with.
const module = "waybill"

// Shorthands of the map. A path that ends in "/..." stands for everything below it too.
const (
	kgo      = "github.com/twmb/franz-go/pkg/kgo"
	kafka    = "github.com/twmb/franz-go/..."
	registry = "github.com/twmb/franz-go/pkg/sr"
	viper    = "github.com/spf13/viper"
	avroLib  = "github.com/twmb/avro/..."
	decimals = "github.com/cockroachdb/apd/v3"
	geometry = "github.com/paulmach/orb/..."
	sphere   = "github.com/golang/geo/..."
	yaml     = "go.yaml.in/yaml/v3"
	schemas  = "github.com/santhosh-tekuri/jsonschema/v6/..."
	retries  = "github.com/cenkalti/backoff/v5"
	anything = "..."

	// clickhouse-go takes decimals as this type; nothing is reckoned in it.
	clickhouseTypes = "github.com/shopspring/decimal"
)

// rule is one row of the map.
type rule struct {
	pkg   string   // relative to the module; "*" stands for one element, "/..." at the end for the rest
	may   []string // what it may import, beside the standard library: ours relative to the module, others whole
	never []string // what it must not reach, not even through others
	loose []string // what it must not import itself
}

// randomness and the wall clock's sources: a handler that used them would not be a pure function of its inbox.
var randomness = []string{"math/rand", "math/rand/v2", "crypto/rand"}

var logging = []string{"log", "log/slog"}

// rules is the map, most specific rows first: the first that fits a package is its row.
var rules = []rule{
	{pkg: "avro/avrogen", may: []string{avroLib}},
	{pkg: "avro", never: []string{module + "/topics/...", module + "/processors/..."}},

	{pkg: "topics/fault"},
	{pkg: "topics/meter"},
	{pkg: "topics/wire", may: []string{"topics", "topics/fault", "avro", registry, avroLib, "golang.org/x/sync/..."}, never: []string{module + "/processors/..."}},
	{pkg: "topics", may: []string{"avro"}, never: []string{kgo, module + "/processors/...", module + "/sinks/..."}},

	{pkg: "processors/stream", may: []string{"topics", "topics/fault", "avro"}, never: []string{kgo, viper}, loose: append(randomness, logging...)},
	// The model reaches the contract because sets of facts and hops are kept in its stores.
	// Contracts are written by people, in YAML, and read where they are checked: never by a stage.
	{pkg: "processors/model/contracts/written", may: []string{"processors/model/...", "avro", yaml}, never: []string{kgo, module + "/processors/runtime"}, loose: append(randomness, logging...)},
	{pkg: "processors/model/...", may: []string{"processors/model/...", "processors/stream", "topics", "topics/fault", "avro", decimals, geometry, sphere}, never: []string{kgo, module + "/processors/runtime"}, loose: randomness},
	{pkg: "processors/state", may: []string{"processors/stream", "avro", "topics", "topics/fault", "github.com/cockroachdb/pebble/v2/..."}, never: []string{kgo}},
	{pkg: "processors/runtime", may: []string{"processors/stream", "processors/state", "topics", "topics/fault", "topics/meter", "topics/wire", "avro", kafka, retries, "golang.org/x/sync/..."},
		never: []string{viper, module + "/processors/normalise", module + "/processors/track", module + "/processors/resolve", module + "/processors/loads", module + "/processors/shipments", module + "/processors/orders"}},
	{pkg: "processors/sim", may: []string{"processors/stream", "topics", "topics/fault", "avro"}, never: []string{kgo}},
	{pkg: "processors", may: []string{"processors/*", "processors/stream", "topics", "topics/fault", "avro"}, never: []string{module + "/processors/runtime", kgo}},
	// normalise has a package per partner format below it.
	{pkg: "processors/normalise/...", may: []string{"processors/normalise/...", "processors/stream", "processors/model/...", "topics", "topics/fault", "avro", decimals, yaml, schemas, "golang.org/x/text/..."},
		never: []string{kgo, viper, module + "/processors/runtime"}, loose: append(randomness, logging...)},
	{pkg: "processors/*/...", may: []string{"processors/stream", "processors/model/...", "topics", "topics/fault", "avro", decimals, geometry, yaml},
		never: []string{kgo, viper, module + "/processors/runtime"}, loose: append(randomness, logging...)},

	{pkg: "sinks/...", may: []string{"sinks/...", "topics", "topics/fault", "topics/meter", "topics/wire", "avro", kafka, "github.com/ClickHouse/...", "github.com/pressly/goose/v3/...", retries, "golang.org/x/sync/...", clickhouseTypes, "github.com/google/uuid"},
		never: []string{module + "/processors/...", viper}},

	{pkg: "cmd/internal/arch"},
	{pkg: "cmd/internal/rungs"},
	{pkg: "cmd/internal/config", may: []string{"processors/...", "sinks/...", "topics/...", viper, "github.com/go-viper/mapstructure/v2"}, loose: []string{kgo}},
	{pkg: "cmd/...", may: []string{anything}, loose: []string{viper}},

	{pkg: "bench/world", may: []string{"topics", "avro", decimals, geometry}, never: []string{module + "/processors/..."}},
	{pkg: "bench/rig", may: []string{kafka, registry, avroLib, "github.com/ClickHouse/...", "github.com/ebitengine/purego", "golang.org/x/sys/...", "golang.org/x/sync/..."}, never: []string{module + "/processors/..."}},
	{pkg: "bench/...", may: []string{anything}},
}

// Parts that only cmd, bench and tests may import.
var onlyForCommands = []string{"bench/world", "bench/rig"}

// ruleOf finds a package's row.
func ruleOf(pkg string) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return fits(r.pkg, pkg) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// fits says whether path is what pattern stands for.
func fits(pattern, path string) bool {
	if pattern == anything {
		return true
	}
	if whole, ok := strings.CutSuffix(pattern, "/..."); ok {
		depth := strings.Count(whole, "/") + 1
		elements := strings.SplitN(path, "/", depth+1)
		return len(elements) >= depth && fits(whole, strings.Join(elements[:depth], "/"))
	}
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == "*" || w == h })
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Standard   bool
	Imports    []string // its own, tests left out
	Deps       []string // those and all theirs
	GoFiles    []string
}

// faults lists what the map forbids in p, as sentences. standard says whether an import is the standard library's.
func faults(p pkg, standard func(string) bool) []string {
	name := relative(p.ImportPath)
	r, ok := ruleOf(name)
	if !ok {
		return []string{name + " is not in the map: give it a row in cmd/internal/arch, or a place that has one"}
	}
	var out []string
	for _, imp := range p.Imports {
		if !standard(imp) && !slices.ContainsFunc(r.may, func(m string) bool { return fits(m, relative(imp)) }) {
			out = append(out, name+" may not import "+imp)
		}
		if slices.Contains(r.loose, imp) {
			out = append(out, name+" must not import "+imp)
		}
	}
	for _, dep := range p.Deps {
		if slices.ContainsFunc(r.never, func(n string) bool { return fits(n, dep) }) {
			out = append(out, name+" must never reach "+dep)
		}
	}
	return out
}

// relative is an import path of ours without the module, another's as it is.
func relative(path string) string {
	return strings.TrimPrefix(path, module+"/")
}
