package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill/avro"
	"waybill/cmd/internal/audit"
	"waybill/cmd/internal/page"
	"waybill/cmd/internal/pipeline"
	"waybill/cmd/internal/query"
	"waybill/topics"
)

// nextQuery is shown to be tried; the demo tries it too.
const nextQuery = `SELECT carrier, count() AS arrivals, countIf(late_min > 15) AS late, round(quantile(0.9)(late_min)) AS minutes_90
FROM (SELECT carrier, dateDiff('minute', planned_at, occurred_at) AS late_min FROM milestones_current
      WHERE milestone = 'ARRIVED_DELIVERY' AND classifier = 'ACTUAL' AND planned_at IS NOT NULL)
GROUP BY carrier ORDER BY minutes_90 DESC`

// outputs counts what Waybill said.
func outputs(a *audit.Audit) []page.Count {
	var out []page.Count
	for _, t := range topics.All() {
		if t.Owner == "waybill" && a.Records[t.Name] > 0 {
			out = append(out, page.Count{Name: string(t.Name), N: a.Records[t.Name], Note: t.Doc})
		}
	}
	return out
}

// letters counts dead letters by reason, with what one of them says.
func letters(a *audit.Audit) []page.Count {
	n, says := map[string]int64{}, map[string]string{}
	for _, l := range a.Letters {
		n[l.Reason]++
		if says[l.Reason] == "" && len(l.Causes) > 0 {
			says[l.Reason] = l.Stage + ": " + l.Causes[0]
		}
	}
	var out []page.Count
	for _, reason := range slices.Sorted(maps.Keys(n)) {
		out = append(out, page.Count{Name: reason, N: n[reason], Note: says[reason]})
	}
	return out
}

// Names of the sums, which the verdict repeats.
const (
	recordsIn = "records"
	factsIn   = "distinct facts"
	staysIn   = "stays"
)

func sums(a *audit.Audit) []page.Sum {
	r, f, s := a.RecordFates(), a.FactFates(), a.StayFates()
	out := []page.Sum{
		{Name: recordsIn, Total: r.Total, Parts: []page.Count{{Name: "new", N: r.New}, {Name: "duplicate", N: r.Duplicate}, {Name: "dead-lettered", N: r.Dead}}},
		{Name: factsIn, Total: f.Total, Parts: []page.Count{{Name: "resolved", N: f.Resolved + f.Links}, {Name: "parked", N: f.Parked}, {Name: "dead-lettered", N: f.Dead}}},
	}
	if s.Total > 0 {
		out = append(out, page.Sum{Name: staysIn, Total: s.Total, Parts: []page.Count{{Name: "told to a load", N: s.Resolved}, {Name: "parked", N: s.Parked}, {Name: "dead-lettered", N: s.Dead}}})
	}
	return out
}

// examples names some that have no fate.
func examples(sum string, a *audit.Audit) string {
	var lost []string
	switch sum {
	case recordsIn:
		lost = a.RecordFates().Lost
	case factsIn:
		lost = a.FactFates().Lost
	case staysIn:
		lost = a.StayFates().Lost
	}
	if len(lost) == 0 {
		return ""
	}
	return ", such as " + strings.Join(lost, ", ")
}

// telling picks the shipment with the most to see: late, charged, in conflict, several stops.
func telling(a *audit.Audit) *avro.Timeline {
	charged := map[string]int{}
	for _, c := range a.Charges {
		charged[c.ShipmentID]++
	}
	var best *avro.Timeline
	most := -1
	current := audit.Current(a.Timelines)
	for i := range current {
		if n := interest(&current[i], charged); n > most {
			best, most = &current[i], n
		}
	}
	return best
}

func interest(t *avro.Timeline, charged map[string]int) int {
	n := 5 * min(charged[t.ShipmentID], 3)
	for _, s := range t.Stops {
		if s.ArrivedAt.Ok && s.DepartedAt.Ok {
			n += 3
		}
		if s.ArrivedAt.Ok && s.AppointmentAt.Ok && s.ArrivedAt.V > s.AppointmentAt.V {
			n += 4
		}
	}
	for _, e := range t.Expectations {
		if e.State == avro.ExpectationStateMissed {
			n += 2
		}
	}
	if slices.ContainsFunc(t.Entries, func(e avro.TimelineEntry) bool { return e.Agreement == avro.AgreementConflict }) {
		n += 3
	}
	if len(t.Entries) > 25 { // too long to enjoy
		n -= len(t.Entries) - 25
	}
	return n
}

// tables are the sink's tables and the topics whose records they hold, a row each.
var tables = []struct {
	table string
	of    topics.Name
}{
	{"positions", topics.Positions.Name}, {"milestones", topics.Milestones.Name}, {"timeline_history", topics.Timelines.Name},
	{"order_timeline_history", topics.OrderTimelines.Name}, {"charges", topics.Charges.Name}, {"gap_events", topics.Gaps.Name},
	{"parked_events", topics.Parked.Name}, {"dead_letters", topics.DeadLetters.Name},
}

type rowCounts struct {
	rows   []page.Count
	checks []page.Check
}

// landed counts rows and holds them against the topics: a row for every record, once.
func landed(ctx context.Context, db *query.DB, a *audit.Audit) (r rowCounts, err error) {
	var all []string
	for _, t := range tables {
		all = append(all, t.table)
	}
	counts, err := db.Counts(ctx, all...)
	if err != nil {
		return r, err
	}
	var want, got, wrong int64
	for _, t := range tables {
		records, rows := a.Records[t.of], counts[t.table]
		r.rows = append(r.rows, page.Count{Name: t.table, N: rows, Note: "of " + string(t.of)})
		want, got = want+records, got+rows
		if records != rows {
			wrong++
		}
	}
	r.checks = []page.Check{{Name: "rows in ClickHouse", Want: want, Got: got, Wrong: wrong}}
	return r, nil
}

// bury looks for facts in dead letters.
func bury(ctx context.Context, line *pipeline.Line, a *audit.Audit) error {
	for _, l := range a.Letters {
		if !l.Value.Ok {
			continue
		}
		rec, err := line.Codec.Decode(ctx, l.Value.V)
		if ctx.Err() != nil {
			return fmt.Errorf("decode dead letters: %w", err)
		}
		if f, ok := rec.(*avro.Fact); ok && err == nil {
			a.Bury(f.FactID)
		}
	}
	return nil
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
}
