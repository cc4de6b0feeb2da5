package processors_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors"
	"waybill/processors/sim"
	"waybill/topics"
)

// The container logistics logs of OCEL, with the links taken out of the events that need them: an event keeps the one id
// its own system would know. What the join restores is held against what the full log says.

// logFile is one log: its header, its rows by column.
type logFile struct {
	path   string
	header []string
	rows   []map[string]string
}

// ocelLogs reads whatever event logs lie in the data that have the columns.
func ocelLogs(t *testing.T, columns ...string) []logFile {
	t.Helper()
	var out []logFile
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".csv" {
			return err
		}
		l := readLog(t, path)
		has := func(c string) bool { return slices.Contains(l.header, c) }
		if !slices.ContainsFunc(append([]string{"id", "type", "time"}, columns...), func(c string) bool { return !has(c) }) {
			out = append(out, l)
		}
		return nil
	}
	dir := filepath.Join(dataDir(), "ocel")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no OCEL logs under %s: set WAYBILL_DATA to the data sets", dir)
	}
	if err := filepath.WalkDir(dir, walk); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Skipf("no OCEL log with columns %v", columns)
	}
	return out
}

// dataDir is $WAYBILL_DATA, or the data beside the project.
func dataDir() string {
	if dir := os.Getenv("WAYBILL_DATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "shared", "data")
}

func readLog(t *testing.T, path string) logFile {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatalf("read %s: %v", path, err)
	}
	l := logFile{path: path, header: all[0]}
	for _, row := range all[1:] {
		r := map[string]string{}
		for i, c := range l.header {
			r[c] = row[i]
		}
		l.rows = append(l.rows, r)
	}
	return l
}

func many(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return r == ',' })
}

// knows says which object columns an event keeps. An event type that is not here keeps what it has.
var knows = map[string][]string{
	"Depart":               {"Vehicle"},
	"Load_to_Vehicle":      {"Vehicle", "Container"},
	"Load_Truck":           {"Handling_Unit", "Container"},
	"Reschedule_Container": {"Container", "Vehicle"},
	"Drive_to_Terminal":    {"Container"},
	"Weigh":                {"Container"},
	"Place_in_Stock":       {"Container"},
	"Bring_to_Loading_Bay": {"Container"},
}

// messages strips links, makes event ids opaque and packs the rows as a partner would send them.
func messages(t *testing.T, l logFile, rows []map[string]string) []sim.Message {
	t.Helper()
	var out []sim.Message
	for i, row := range rows {
		var cells []string
		for k, c := range l.header {
			v := row[c]
			if keep, ok := knows[row["type"]]; ok && k >= 3 && !slices.Contains(keep, c) {
				v = ""
			}
			if c == "id" {
				v = fmt.Sprintf("e%d", i)
			}
			cells = append(cells, v)
		}
		out = append(out, sim.Message{Topic: topics.PartnerMessages.Name, Key: tenant, Value: &avro.PartnerMessage{
			Tenant: tenant, Format: "ocel", Mapping: "ocel-logistics", Partner: "log", Name: filepath.Base(l.path), Line: int64(i + 2), Header: csvLine(t, l.header), Payload: []byte(csvLine(t, cells)),
		}})
	}
	return out
}

func csvLine(t *testing.T, cells []string) string {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.Write(cells); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// pairs is a relation: a set of pairs of ids.
type pairs map[[2]string]bool

func (p pairs) add(as, bs []string) {
	for _, a := range as {
		for _, b := range bs {
			p[[2]string{a, b}] = true
		}
	}
}

// join composes two relations.
func (p pairs) join(q pairs) pairs {
	out := pairs{}
	byFirst := map[string][]string{}
	for k := range q {
		byFirst[k[0]] = append(byFirst[k[0]], k[1])
	}
	for k := range p {
		out.add([]string{k[0]}, byFirst[k[1]])
	}
	return out
}

func (p pairs) diff(q pairs) []string {
	var out []string
	for k := range p {
		if !q[k] {
			out = append(out, k[0]+"–"+k[1])
		}
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, got, want pairs) {
	t.Helper()
	if len(want) == 0 {
		t.Errorf("%s: the log has none: nothing was compared", what)
	}
	missing, extra := want.diff(got), got.diff(want)
	if len(missing)+len(extra) > 0 {
		t.Errorf("%s: %d missing %.300v, %d extra %.300v", what, len(missing), missing, len(extra), extra)
	}
	t.Logf("%s: %d pairs equal", what, len(want)-len(missing))
}

// relation reads a relation off the full log. Rows that name several of both sides do not say which belongs to which.
func (l logFile) relation(a, b string, types ...string) pairs {
	out := pairs{}
	for _, row := range l.rows {
		as, bs := many(row[a]), many(row[b])
		if (len(types) == 0 || slices.Contains(types, row["type"])) && (len(as) <= 1 || len(bs) <= 1) {
			out.add(as, bs)
		}
	}
	return out
}

func simulate(t *testing.T, seed uint64, script []sim.Message) *sim.Sim {
	t.Helper()
	cfg := processors.DefaultConfig()
	cfg.Resolve.Horizon, cfg.Resolve.Keep = 10*365*24*time.Hour, 10*365*24*time.Hour // feed lets years pass before the last of a log comes
	s := sim.New(sim.Options{Seed: seed, Partitions: 4, Batch: 1000}, processors.All(cfg)...)
	feed(t, s, script)
	return s
}

func feed(t *testing.T, s *sim.Sim, script []sim.Message) {
	t.Helper()
	s.Play(script)
	for range 3 {
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		s.Tick(s.Now().AddDate(1, 0, 0))
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	for _, d := range sim.Out[avro.DeadLetter](s, topics.DeadLetters.Name) {
		t.Fatalf("dead letter from %s: %s %.300v", d.Stage, d.Reason, d.Causes)
	}
}

func orderTimelines(s *sim.Sim) map[string]*avro.OrderTimeline {
	out := map[string]*avro.OrderTimeline{}
	for _, tl := range sim.Out[avro.OrderTimeline](s, topics.OrderTimelines.Name) {
		out[tl.OrderID] = tl
	}
	return out
}

func ofKind(list []avro.Identifier, kind avro.IdentifierKind) []string {
	var out []string
	for _, id := range list {
		if id.Kind == kind {
			out = append(out, id.Value)
		}
	}
	return out
}

func TestOutsideOCELRelations(t *testing.T) {
	for _, l := range ocelLogs(t, "Customer_Order", "Transport_Document", "Vehicle", "Container") {
		t.Run(filepath.Base(l.path), func(t *testing.T) {
			const seed = 7
			script := sim.Duplicated(seed, 0.1, sim.Shuffled(seed, messages(t, l, l.rows)))
			s := simulate(t, seed, script)
			orderDoc, docBox, docTravelled, docBooked := pairs{}, pairs{}, pairs{}, pairs{}
			orderBox, orderVehicle, docGoods := pairs{}, pairs{}, pairs{}
			for doc, tl := range timelines(s) {
				orderDoc.add(tl.OrderIDs, []string{doc})
				docBox.add([]string{doc}, ofKind(tl.Equipment, avro.IdentifierKindContainer))
				docTravelled.add([]string{doc}, tl.LoadIDs)
				docGoods.add([]string{doc}, ofKind(tl.Equipment, avro.IdentifierKindSSCC))
			}
			for _, v := range sim.Out[avro.LoadView](s, topics.ShipmentsInbox.Name) {
				docBooked.add([]string{v.ShipmentID}, []string{v.LoadID})
			}
			for order, tl := range orderTimelines(s) {
				orderBox.add([]string{order}, ofKind(tl.Equipment, avro.IdentifierKindContainer))
				orderVehicle.add([]string{order}, tl.LoadIDs)
			}
			fullOrderDoc := l.relation("Customer_Order", "Transport_Document")
			fullDocBox := l.relation("Transport_Document", "Container", "Order_Empty_Containers", "Reschedule_Container")
			fullTravelled := l.relation("Transport_Document", "Vehicle", "Depart")
			same(t, "order ⇄ document", orderDoc, fullOrderDoc)
			same(t, "document ⇄ container", docBox, fullDocBox)
			same(t, "document ⇄ vehicle, travelled", docTravelled, fullTravelled)
			same(t, "document ⇄ vehicle, travelled or booked", docBooked, l.relation("Transport_Document", "Vehicle"))
			same(t, "order ⇄ container", orderBox, fullOrderDoc.join(fullDocBox))
			same(t, "order ⇄ vehicle", orderVehicle, fullOrderDoc.join(fullTravelled))
			same(t, "document ⇄ goods", docGoods, fullDocBox.join(l.relation("Container", "Handling_Unit")))
		})
	}
}

func TestOutsideOCELDepartures(t *testing.T) {
	for _, l := range ocelLogs(t, "Customer_Order", "Transport_Document", "Vehicle", "Container") {
		t.Run(filepath.Base(l.path), func(t *testing.T) {
			const seed = 11
			kept, removed, missing := withoutDepartures(l, seed)
			s := simulate(t, seed, sim.Duplicated(seed, 0.1, sim.Shuffled(seed, messages(t, l, kept))))
			same(t, "documents without departure", openDepartures(s), missing)
			feed(t, s, messages(t, l, removed))
			if still := openDepartures(s); len(still) > 0 {
				t.Errorf("%d gaps stay open after the departures came: %.300v", len(still), still.diff(pairs{}))
			}
		})
	}
}

// withoutDepartures takes out departures of seeded vehicles until a tenth of the documents lack one, and says which.
func withoutDepartures(l logFile, seed uint64) (kept, removed []map[string]string, missing pairs) {
	var departures []map[string]string
	docs, without := map[string]bool{}, map[string]bool{}
	for _, row := range l.rows {
		if row["type"] == "Depart" {
			departures = append(departures, row)
			continue
		}
		kept = append(kept, row)
		for _, d := range many(row["Transport_Document"]) {
			docs[d] = true
		}
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	rng.Shuffle(len(departures), func(i, j int) { departures[i], departures[j] = departures[j], departures[i] })
	missing = pairs{}
	for _, row := range departures {
		if len(without)*10 >= len(docs) {
			kept = append(kept, row)
			continue
		}
		removed = append(removed, row)
		missing.add(many(row["Transport_Document"]), many(row["Vehicle"]))
		for _, d := range many(row["Transport_Document"]) {
			without[d] = true
		}
	}
	return kept, removed, missing
}

func openDepartures(s *sim.Sim) pairs {
	open := pairs{}
	for _, g := range sim.Out[avro.Gap](s, topics.Gaps.Name) {
		if g.ShipmentID == "" { // what waits for a link
			continue
		}
		k := [2]string{g.ShipmentID, g.LoadID}
		delete(open, k)
		if g.Status == avro.GapStatusOpen {
			open[k] = true
		}
	}
	return open
}

func TestOutsideOCELPackages(t *testing.T) {
	for _, l := range ocelLogs(t, "orders", "items", "packages") {
		t.Run(filepath.Base(l.path), func(t *testing.T) {
			const seed = 5
			script := messages(t, l, stripPackages(l.rows))
			for _, m := range script {
				m.Value.(*avro.PartnerMessage).Mapping = "ocel-order-management"
			}
			s := simulate(t, seed, sim.Duplicated(seed, 0.1, sim.Shuffled(seed, script)))
			got := pairs{}
			for order, tl := range orderTimelines(s) {
				got.add([]string{order}, tl.ShipmentIDs)
			}
			same(t, "order ⇄ package", got, l.relation("orders", "items", "place_order").join(l.relation("items", "packages")))
		})
	}
}

// stripPackages leaves each event what its system knows: the ERP its orders and their items, the packing table package and
// items, the picker the item, the carrier the package.
func stripPackages(rows []map[string]string) []map[string]string {
	keep := map[string][]string{"confirm_order": {"orders"}, "pay_order": {"orders"}, "payment_reminder": {"orders"}, "pick_item": {"items"}, "send_package": {"packages"}, "package_delivered": {"packages"}, "failed_delivery": {"packages"}}
	var out []map[string]string
	for _, row := range rows {
		r := map[string]string{}
		for c, v := range row {
			if k, ok := keep[row["type"]]; !ok || slices.Contains(append(k, "id", "type", "time"), c) {
				r[c] = v
			}
		}
		out = append(out, r)
	}
	return out
}
