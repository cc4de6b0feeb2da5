package normalise_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/normalise"
	"waybill/processors/sim"
	"waybill/topics"
)

// outside gives the files of a data set that a pattern picks; the test is skipped where there are none.
func outside(t *testing.T, set string, pick func(path string) bool) []string {
	t.Helper()
	root := os.Getenv("WAYBILL_DATA")
	for dir := "."; root == ""; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared", "data")
		}
	}
	var files []string
	err := filepath.WalkDir(filepath.Join(root, set), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && pick(path) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED: no %s data under $WAYBILL_DATA (%s): %v", set, root, err)
	}
	return files
}

// said is what normalise made of partner messages.
type said struct {
	facts     map[string]*avro.Fact // by event id and code: what the test put there
	distinct  map[string]bool       // fact ids
	all       []*avro.Fact          // each once
	positions []*avro.Position
	letters   []*avro.DeadLetter
}

func adapt(t *testing.T, messages []*avro.PartnerMessage) said {
	t.Helper()
	s := sim.New(sim.Options{Batch: 4096}, normalise.New(normalise.DefaultConfig()))
	for _, m := range messages {
		s.Send(topics.PartnerMessages.Name, topics.Key(m.Tenant, m.Partner, m.Name), m)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	out := said{facts: map[string]*avro.Fact{}, distinct: map[string]bool{}, positions: sim.Out[avro.Position](s, topics.Positions.Name), letters: s.DeadLetters()}
	for _, f := range sim.Out[avro.Fact](s, topics.ResolveInbox.Name) {
		if !out.distinct[f.FactID] {
			out.all = append(out.all, f)
		}
		out.distinct[f.FactID] = true
		out.facts[fmt.Sprintf("%s#%d", f.EventID, f.Origin.Offset)] = f
	}
	return out
}

// row is an event of a log, read by the test itself.
type row struct {
	id, kind, at string
	ids          []string // over all object columns
	cells        []string
	raw          []byte
	content      string // all but the event's id; the id too where there is nothing else
}

func readLog(t *testing.T, file string) (header string, rows []row) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ = strings.Cut(string(raw), "\n")
	column := func(r []string, name string) string { return r[slices.Index(all[0], name)] }
	for _, r := range all[1:] {
		x := row{id: column(r, "id"), kind: column(r, "type"), at: column(r, "time"), cells: r, raw: line(r)}
		for i, cell := range r {
			if cell != "" && !slices.Contains([]string{"id", "type", "time"}, all[0][i]) {
				x.ids = append(x.ids, strings.Split(cell, ",")...)
			}
		}
		x.content = strings.Join([]string{x.kind, x.at, strings.Join(x.ids, ",")}, "|")
		if len(x.ids) == 0 {
			x.content += x.id
		}
		rows = append(rows, x)
	}
	return strings.TrimSpace(header), rows
}

func line(cells []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(cells)
	w.Flush()
	return bytes.TrimRight(b.Bytes(), "\n")
}

func isLog(path string) bool {
	return filepath.Ext(path) == ".csv" && filepath.Base(filepath.Dir(path)) != "entities"
}

// TestOutsideOCEL: every event of every log becomes exactly one fact that has a meaning, the ids of its row and its time;
// no two different events become one fact.
func TestOutsideOCEL(t *testing.T) {
	for _, file := range outside(t, "ocel", isLog) {
		header, rows := readLog(t, file)
		mapping := mappingOf(t, header)
		var messages []*avro.PartnerMessage
		for i, r := range rows {
			messages = append(messages, message("ocel", mapping, filepath.Base(file), header, i, r.raw))
		}
		got := adapt(t, messages)
		if len(got.letters) > 0 {
			t.Fatalf("%s: %d dead letters, the first: %q", file, len(got.letters), got.letters[0].Causes)
		}
		contents, idless := map[string]bool{}, 0
		for i, r := range rows {
			contents[r.content] = true
			f := got.facts[fmt.Sprintf("%s#%d", r.id, i)]
			if f == nil {
				t.Fatalf("%s: event %s became no fact", file, r.id)
			}
			checkFact(t, f, r)
			if len(r.ids) == 0 {
				idless++
			}
		}
		if len(got.distinct) != len(contents) {
			t.Errorf("%s: %d different events became %d facts", file, len(contents), len(got.distinct))
		}
		t.Logf("%s: %d events, %d without any id, %d facts", filepath.Base(file), len(rows), idless, len(got.distinct))
	}
}

func checkFact(t *testing.T, f *avro.Fact, r row) {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05", r.at)
	if err != nil {
		t.Fatal(err)
	}
	if f.Milestone == avro.MilestoneCodeUnmapped || !f.HasMilestone || f.Code != r.kind || f.OccurredAt != avro.MicrosOf(at) {
		t.Errorf("event %s %s %s became %v %q at %s", r.id, r.kind, r.at, f.Milestone, f.Code, f.OccurredAt.Time())
	}
	for _, id := range r.ids {
		if !slices.ContainsFunc(f.Identifiers, func(i avro.Identifier) bool { return i.Raw.Or(i.Value) == id }) {
			t.Errorf("event %s: its fact lacks id %s", r.id, id)
		}
	}
	for _, l := range f.Links {
		if !slices.Contains(r.ids, l.From.Raw.Or(l.From.Value)) || !slices.Contains(r.ids, l.To.Raw.Or(l.To.Value)) {
			t.Errorf("event %s links %v, which its row does not name", r.id, l)
		}
	}
}

// TestOutsideOCELOpaqueIds: the log's own event ids leak object ids, so nothing may rest on them: with other ids the same
// events are the same facts, but for those that have nothing else.
func TestOutsideOCELOpaqueIds(t *testing.T) {
	for _, file := range outside(t, "ocel", isLog) {
		header, rows := readLog(t, file)
		mapping := mappingOf(t, header)
		var plain, opaque []*avro.PartnerMessage
		bare := map[string]bool{}
		for i, r := range rows {
			hidden := slices.Clone(r.cells)
			hidden[slices.Index(strings.Split(header, ","), "id")] = fmt.Sprintf("opaque%d", i)
			plain = append(plain, message("ocel", mapping, "log", header, i, r.raw))
			opaque = append(opaque, message("ocel", mapping, "log", header, i, line(hidden)))
			if len(r.ids) == 0 {
				bare[fmt.Sprintf("opaque%d#%d", i, i)] = true
			}
		}
		was, is := adapt(t, plain), adapt(t, opaque)
		if len(is.facts) != len(rows) {
			t.Fatalf("%s: %d events with opaque ids became %d facts", file, len(rows), len(is.facts))
		}
		for name, f := range is.facts {
			if was.distinct[f.FactID] == bare[name] {
				t.Fatalf("%s: event %s with an opaque id: same fact %v, has no ids %v", file, name, was.distinct[f.FactID], bare[name])
			}
		}
	}
}

func message(format, mapping, name, header string, i int, payload []byte) *avro.PartnerMessage {
	return &avro.PartnerMessage{Tenant: "acme", Format: format, Mapping: mapping, Partner: "p", Name: name, Header: header, Line: int64(i + 1), Payload: payload}
}

// TestOutsideHSL: every line of every dump becomes a position or a fact; positions hold what the line says.
func TestOutsideHSL(t *testing.T) {
	for _, file := range outside(t, "hsl-hfp-apc", func(p string) bool { return filepath.Ext(p) == ".dump" }) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var messages []*avro.PartnerMessage
		var fixes []map[string]any
		want := map[string]int{}
		for l := range bytes.Lines(raw) {
			if l = bytes.TrimSpace(l); len(l) == 0 {
				continue
			}
			messages = append(messages, message("hsl", "", file, "", len(messages), l))
			event, fields := readLine(t, l)
			want[event]++
			if event == "VP" && fields["lat"] != nil {
				fixes = append(fixes, fields)
			}
		}
		got := adapt(t, messages)
		have := map[string]int{}
		for _, f := range got.facts {
			have[f.Code]++
		}
		for range got.positions {
			have["VP"]++
		}
		if fmt.Sprint(have) != fmt.Sprint(want) || len(got.letters) > 0 || len(got.facts)+len(got.positions) != len(messages) {
			t.Errorf("%s: have %v, want %v, %d dead letters", file, have, want, len(got.letters))
			continue
		}
		for i, p := range got.positions {
			checkFix(t, p, fixes[i])
		}
		t.Logf("%s: %d lines, %d positions, %d facts", filepath.Base(filepath.Dir(file)), len(messages), len(got.positions), len(got.facts))
	}
}

func readLine(t *testing.T, l []byte) (event string, fields map[string]any) {
	t.Helper()
	var body map[string]map[string]any
	if err := json.Unmarshal(l[bytes.IndexByte(l, '{'):], &body); err != nil {
		t.Fatal(err)
	}
	for event, fields = range body {
	}
	return event, fields
}

func checkFix(t *testing.T, p *avro.Position, fields map[string]any) {
	t.Helper()
	near := func(a int32, field string, scale float64) bool {
		v, ok := fields[field].(float64)
		return ok && math.Abs(float64(a)-v*scale) <= 0.51
	}
	at, err := time.Parse(time.RFC3339, fields["tst"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if !near(p.LatE6, "lat", 1e6) || !near(p.LonE6, "long", 1e6) || !near(p.SpeedMmS.V, "spd", 1e3) || p.DoorOpen.V != (fields["drst"] == 1.0) || p.DeviceAt != avro.MicrosOf(at) || p.DeviceID != fmt.Sprint(fields["veh"]) {
		t.Errorf("position %+v does not hold what the line says: %v", p, fields)
	}
}
