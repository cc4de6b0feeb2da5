package normalise_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"waybill/avro"
	"waybill/processors/normalise"
	"waybill/processors/normalise/codes"
	"waybill/processors/normalise/edi/edifact"
	"waybill/processors/normalise/edi/x12"
	"waybill/processors/sim"
	"waybill/topics"
)

const ediFolder = "x12-edi"

// isInterchange says whether a file holds EDI: by what it begins with, whatever it is called.
func isInterchange(path string) bool {
	raw, err := os.ReadFile(path)
	text := strings.TrimLeft(string(raw), "\ufeff \r\n")
	return err == nil && regexp.MustCompile(`^(ISA|GS|ST|UNA|UNB|UNH)[^A-Za-z0-9]`).MatchString(text)
}

func ediFormat(raw []byte) string {
	if strings.HasPrefix(strings.TrimLeft(string(raw), "\ufeff \r\n"), "UN") {
		return edifact.Format
	}
	return x12.Format
}

// ediSaid is what normalise made of one file.
type ediSaid struct {
	raw     string
	facts   []*avro.Fact
	acks    []*avro.Acknowledgement
	letters []*avro.DeadLetter
}

func adaptFile(t *testing.T, file string) ediSaid {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := &avro.PartnerMessage{Tenant: "acme", Format: ediFormat(raw), Partner: "p", Name: filepath.Base(file), Line: 1, Payload: raw}
	s := sim.New(sim.Options{}, normalise.New(normalise.DefaultConfig()))
	s.Send(topics.PartnerMessages.Name, topics.Key(m.Tenant, m.Partner, m.Name), m)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	out := ediSaid{raw: string(raw), acks: sim.Out[avro.Acknowledgement](s, topics.Acknowledged.Name), letters: s.DeadLetters()}
	seen := map[string]bool{}
	for _, f := range sim.Out[avro.Fact](s, topics.ResolveInbox.Name) {
		if !seen[f.FactID] {
			seen[f.FactID] = true
			out.facts = append(out.facts, f)
		}
	}
	return out
}

// beginnings are the transaction sets that a text begins, found without the adapter: ST or UNH where a segment may begin.
func beginnings(raw string) (sets []string) {
	for _, m := range regexp.MustCompile(`(?:^|[^A-Za-z0-9 ])\s*\x{FEFF}?(?:ST[*~|](\d{3})[*~|]|UNH\+[^+]*\+([A-Z]+))`).FindAllStringSubmatch(raw, -1) {
		sets = append(sets, m[1]+m[2])
	}
	return sets
}

var adapted = []string{"204", "210", "214", "856", "940", "945", "990", "IFTSTA"}

// Every file is taken apart into the sets that stand in it. Each set of a kind that an adapter reads leads to facts, or its refusal
// names a segment, element and value that is truly no date, time or number; each other set is a dead letter of its own that
// says so. What was taken and what was refused is what the 997 says.
func TestOutsideEDIEveryFile(t *testing.T) {
	for _, file := range outside(t, ediFolder, isInterchange) {
		said := adaptFile(t, file)
		sets := beginnings(said.raw)
		var dead []string
		for _, l := range said.letters {
			dead = append(dead, checkLetter(t, file, l))
		}
		refused := map[string]int{}
		for _, d := range dead {
			refused[d]++
		}
		taken := 0
		for _, s := range sets {
			if slices.Contains(adapted, s) {
				taken++
			}
		}
		taken -= refused["BAD_SEGMENTS"]
		if len(sets) == 0 || len(sets)-taken != len(said.letters) || taken > 0 && len(said.facts) < 1 {
			t.Errorf("%s: %d sets, %d taken, %d facts, refused %v", file, len(sets), taken, len(said.facts), refused)
		}
		t.Logf("%-45s %d× %s: %d facts %v, refused %v, 997 %s", filepath.Base(file), len(sets), sets[0], len(said.facts), milestonesOf(said.facts), refused, verdict(said.acks))
		checkAcknowledged(t, file, said, len(sets), taken)
	}
}

func milestonesOf(facts []*avro.Fact) []string {
	n := map[string]int{}
	for _, f := range facts {
		if f.HasMilestone {
			n[f.Milestone.String()]++
		}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%s %d", k, n[k]))
	}
	return out
}

func verdict(acks []*avro.Acknowledgement) string {
	var out []string
	for _, a := range acks {
		for _, g := range a.Groups {
			out = append(out, fmt.Sprintf("%s %d/%d %v", g.Status, g.Accepted, g.Received, g.Codes))
		}
	}
	return strings.Join(out, ", ")
}

// checkLetter holds a refusal against the bytes of the set it is about, and gives its reason.
func checkLetter(t *testing.T, file string, l *avro.DeadLetter) string {
	t.Helper()
	var m avro.PartnerMessage
	if err := m.Decode(l.Value.V); err != nil {
		t.Fatal(err)
	}
	why := l.Causes[len(l.Causes)-1]
	sets := beginnings(string(m.Payload))
	switch {
	case len(sets) != 1:
		t.Errorf("%s: a dead letter holds %d sets: %s", file, len(sets), why)
	case l.Reason == "UNKNOWN_SET" && slices.Contains(adapted, sets[0]), l.Reason != "UNKNOWN_SET" && l.Reason != "BAD_SEGMENTS":
		t.Errorf("%s: %s: %s", file, l.Reason, why)
	case l.Reason == "BAD_SEGMENTS":
		named := regexp.MustCompile(`[A-Z0-9]{2,3}\d\d "([^"]*)"`).FindStringSubmatch(why)
		if named == nil || regexp.MustCompile(`^(\d{4}|\d{6}|\d{8})$`).MatchString(named[1]) {
			t.Errorf("%s: a refusal that names nothing wrong: %s", file, why)
		}
		t.Logf("%s: %s", filepath.Base(file), why)
	}
	return l.Reason
}

func checkAcknowledged(t *testing.T, file string, said ediSaid, sets, taken int) {
	t.Helper()
	groups := regexp.MustCompile(`(?:^|[^A-Za-z0-9 ])\s*\x{FEFF}?GS[*~|]`).FindAllString(said.raw, -1)
	var received, accepted, told int
	for _, a := range said.acks {
		told += len(a.Groups)
		for _, g := range a.Groups {
			received, accepted = received+int(g.Received), accepted+int(g.Accepted)
		}
		if n := strings.Count(string(a.Payload), "\nAK5*"); n != sets {
			t.Errorf("%s: the 997 speaks of %d sets of %d:\n%s", file, n, sets, a.Payload)
		}
	}
	if told != len(groups) || len(groups) > 0 && (received != sets || accepted != taken) {
		t.Errorf("%s: %d groups, %d acknowledged with %d sets, %d accepted; want %d and %d", file, len(groups), told, received, accepted, sets, taken)
	}
}

// other is a status as the other parser of canadapost_214 gives it.
type other struct {
	TransformedRecord struct {
		TrackingNumber string            `json:"tracking_number"`
		Dest           map[string]string `json:"dest"`
		Weight         json.Number       `json:"weight"`
		WeightUnit     string            `json:"weight_uom"`
		Events         []struct {
			Date     string            `json:"date"`
			Location map[string]string `json:"location"`
		} `json:"events"`
	}
}

// The 214 that another project parsed too: shipment, destination, weight, place and instant are the same, status by status. Where the
// other parser gives a local time because no zone is said, ours is that local time, marked.
func TestOutsideEDI214IsWhatTheOtherParserSaw(t *testing.T) {
	for _, file := range outside(t, ediFolder, func(p string) bool { return strings.HasSuffix(p, ".expected.json") }) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want []other
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		statuses := records[avro.CarrierStatus](t, strings.TrimSuffix(file, ".expected.json")+".edi")
		i := 0
		for _, w := range want {
			for range w.TransformedRecord.Events {
				if i < len(statuses) {
					compareStatus(t, statuses[i], w, 0)
				}
				i++
			}
		}
		if i != len(statuses) || i == 0 {
			t.Errorf("%s: %d statuses, the other parser saw %d", file, len(statuses), i)
		}
		t.Logf("%s: %d statuses of %d sets equal", filepath.Base(file), i, len(want))
	}
}

func compareStatus(t *testing.T, c *avro.CarrierStatus, w other, event int) {
	t.Helper()
	o := w.TransformedRecord
	e := o.Events[event]
	attribute := map[string]string{}
	for _, kv := range c.Attributes {
		attribute[kv.K] = kv.V
	}
	instant := c.LocalTime
	if instant == "" {
		want, err := time.Parse(time.RFC3339, e.Date)
		if err != nil {
			t.Errorf("the other parser has no zone in %s, ours has", e.Date)
			return
		}
		instant = c.OccurredAt.Time().In(want.Location()).Format(time.RFC3339)
	}
	unit := map[string]string{"KGM": "KG", "LBR": "LB"}[attribute["weight_unit"]]
	got := []string{strings.TrimSpace(c.PRO), instant, c.City, c.Region, c.Country, attribute["to_city"], attribute["to_region"], attribute["to_country"], attribute["to_postcode"], attribute["weight"], unit}
	wanted := []string{o.TrackingNumber, e.Date, e.Location["city"], e.Location["state"], e.Location["country"], o.Dest["city"], o.Dest["state"], o.Dest["country"], o.Dest["zip"], o.Weight.String(), o.WeightUnit}
	if !slices.Equal(got, wanted) {
		t.Errorf("got %q, the other parser has %q", got, wanted)
	}
}

// records are what the adapter makes of a file, of one type.
func records[V any, P interface {
	*V
	avro.Record
}](t *testing.T, file string) (out []P) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := codes.New("")
	if err != nil {
		t.Fatal(err)
	}
	all, err := x12.New(tables).Adapt(&avro.PartnerMessage{Tenant: "acme", Format: x12.Format, Name: file, ReceivedAt: 1, Payload: raw})
	if err != nil {
		t.Logf("%s: %v", file, err)
	}
	for _, r := range all {
		if v, ok := r.(P); ok {
			out = append(out, v)
		}
	}
	return out
}

// The lines of every 210 add up to L3 and B3, by the test's own reading of the file.
func TestOutsideEDI210SumsAreRight(t *testing.T) {
	n := 0
	for _, file := range outside(t, ediFolder, isInterchange) {
		raw, _ := os.ReadFile(file)
		if !slices.Contains(beginnings(string(raw)), "210") {
			continue
		}
		invoices := records[avro.Invoice](t, file)
		amounts := amountsOf(string(raw))
		if len(invoices) != len(amounts) {
			t.Errorf("%s: %d invoices of %d", file, len(invoices), len(amounts))
			continue
		}
		for i, in := range invoices {
			var sum int64
			var lines []int64
			for _, l := range in.Lines {
				sum += l.AmountMinor
				lines = append(lines, l.AmountMinor)
			}
			want := amounts[i]
			if sum != want.l3 || sum != want.b3 || in.TotalMinor != sum || !slices.Equal(lines, want.l1) {
				t.Errorf("%s: invoice %s: lines %v come to %d, total %d; the file says %+v", file, in.InvoiceID, lines, sum, in.TotalMinor, want)
			}
			t.Logf("%s: invoice %s of %s: %v = %d %s", filepath.Base(file), in.InvoiceID, in.Issuer, lines, sum, in.Currency)
			n++
		}
	}
	if n == 0 {
		t.Skip("SKIPPED: no 210 in the folder")
	}
}

type sums struct {
	l1     []int64
	l3, b3 int64
}

// amountsOf reads L1, L3 and B3 line by line, without the adapter.
func amountsOf(raw string) (out []sums) {
	for _, line := range strings.Fields(strings.NewReplacer("~", "\n", " ", "_").Replace(raw)) {
		e := strings.Split(strings.Trim(line, "_."), "*")
		at := func(i int) int64 {
			if i >= len(e) {
				return 0
			}
			n, _ := strconv.ParseInt(e[i], 10, 64)
			return n
		}
		switch e[0] {
		case "B3":
			out = append(out, sums{b3: at(7)})
		case "L1":
			out[len(out)-1].l1 = append(out[len(out)-1].l1, at(4))
		case "L3":
			out[len(out)-1].l3 = at(5)
		}
	}
	return out
}
