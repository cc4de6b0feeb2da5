package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// list asks the go command for every package of the module and everything below it.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Dir,Standard,Imports,Deps,GoFiles", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("read the output of go list: %v", err)
		}
		all = append(all, p)
	}
}

func ours(all []pkg) []pkg {
	return slices.DeleteFunc(slices.Clone(all), func(p pkg) bool { return !strings.HasPrefix(p.ImportPath, module+"/") })
}

func TestMap(t *testing.T) {
	all := list(t)
	standard := map[string]bool{"C": true}
	for _, p := range all {
		standard[p.ImportPath] = p.Standard
	}
	for _, p := range ours(all) {
		for _, f := range faults(p, func(imp string) bool { return standard[imp] }) {
			t.Error(f)
		}
	}
}

func TestRigAndWorldServeCommandsAndTestsAlone(t *testing.T) {
	for _, p := range ours(list(t)) {
		if name := relative(p.ImportPath); strings.HasPrefix(name, "cmd/") || fits("bench/...", name) {
			continue
		}
		for _, dep := range p.Deps {
			if slices.Contains(onlyForCommands, relative(dep)) {
				t.Errorf("%s reaches %s", p.ImportPath, dep)
			}
		}
	}
}

// clock is what tells the time or waits for it.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer"}

// drivers run processors and are no processors.
var drivers = []string{"processors/runtime", "processors/state", "processors/sim"}

func TestProcessorsSeeNoWallClock(t *testing.T) {
	for _, p := range ours(list(t)) {
		name := relative(p.ImportPath)
		if name != "processors" && !strings.HasPrefix(name, "processors/") || slices.Contains(drivers, name) {
			continue
		}
		eachNode(t, p, func(pos token.Position, n ast.Node) {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, sel.Sel.Name) {
				t.Errorf("%s: time.%s: a processor sees no wall clock; time comes with the event and the tick", pos, sel.Sel.Name)
			}
		})
	}
}

// topicName is how the catalogue names topics.
var topicName = regexp.MustCompile(`^[a-z]+(\.[a-z-]+)+\.v[0-9]+$`)

func TestTopicNamesStandInTheCatalogueAlone(t *testing.T) {
	found := 0
	for _, p := range ours(list(t)) {
		eachNode(t, p, func(pos token.Position, n ast.Node) {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return
			}
			s, err := strconv.Unquote(lit.Value)
			if err != nil || !topicName.MatchString(s) {
				return
			}
			found++
			if relative(p.ImportPath) != "topics" {
				t.Errorf("%s: %q: a topic's name stands in topics/ alone; use the catalogue", pos, s)
			}
		})
	}
	if found == 0 {
		t.Error("no topic name was found, not even in topics/: the pattern is wrong")
	}
}

func eachNode(t *testing.T, p pkg, visit func(token.Position, ast.Node)) {
	t.Helper()
	set := token.NewFileSet()
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if n != nil {
				visit(set.Position(n.Pos()), n)
			}
			return true
		})
	}
}

// The map must be able to say no.
func TestFaults(t *testing.T) {
	tests := []struct {
		name string
		in   pkg
		want string // empty: allowed
	}{
		{"avro stands alone", pkg{ImportPath: "waybill/avro", Imports: []string{"waybill/topics"}}, "avro may not import waybill/topics"},
		{"a processor imports another", pkg{ImportPath: "waybill/processors/track", Imports: []string{"waybill/processors/loads"}}, "processors/track may not import waybill/processors/loads"},
		{"a processor's own folder", pkg{ImportPath: "waybill/processors/normalise/ocel", Imports: []string{"waybill/processors/model/ids"}}, ""},
		{"a processor reaches kgo", pkg{ImportPath: "waybill/processors/track", Deps: []string{kgo}}, "processors/track must never reach " + kgo},
		{"a processor rolls dice", pkg{ImportPath: "waybill/processors/track", Imports: []string{"math/rand/v2"}}, "processors/track must not import math/rand/v2"},
		{"a processor logs", pkg{ImportPath: "waybill/processors/orders", Imports: []string{"log/slog"}}, "processors/orders must not import log/slog"},
		{"runtime knows a processor", pkg{ImportPath: "waybill/processors/runtime", Deps: []string{"waybill/processors/track"}}, "processors/runtime must never reach waybill/processors/track"},
		{"a sink knows a processor", pkg{ImportPath: "waybill/sinks/clickhouse", Deps: []string{"waybill/processors/stream"}}, "sinks/clickhouse must never reach waybill/processors/stream"},
		{"a command reads configuration past config", pkg{ImportPath: "waybill/cmd/waybill", Imports: []string{viper}}, "cmd/waybill must not import " + viper},
		{"config reads it", pkg{ImportPath: "waybill/cmd/internal/config", Imports: []string{viper}}, ""},
		{"a package without a row", pkg{ImportPath: "waybill/utils"}, "utils is not in the map: give it a row in cmd/internal/arch, or a place that has one"},
	}
	standard := func(imp string) bool { return !strings.Contains(imp, ".") && !strings.HasPrefix(imp, module) }
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := strings.Join(faults(tc.in, standard), "; "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func Example_fits() {
	fmt.Println(fits("processors/*/...", "processors/normalise/ocel"), fits("processors/*", "processors/model/ids"), fits("sinks/...", "sinks"))
	// Output: true false true
}
