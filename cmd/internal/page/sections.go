package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"waybill/avro"
)

// most is how many gaps and charges the page shows of each.
const most = 8

func (p *pen) counts(heading string, counts []Count) {
	if len(counts) == 0 {
		return
	}
	p.heading(heading)
	wide := 0
	for _, c := range counts {
		wide = max(wide, utf8.RuneCountInString(c.Name))
	}
	for _, c := range counts {
		p.line("  %s %12s  %s", pad(c.Name, wide), thousands(c.N), p.dim(c.Note))
	}
}

func (p *pen) sums(sums []Sum) {
	if len(sums) == 0 {
		return
	}
	p.heading("Every one accounted for")
	for _, s := range sums {
		var parts []string
		for _, c := range s.Parts {
			parts = append(parts, thousands(c.N)+" "+c.Name)
		}
		p.line("  %s %-16s %10s = %s", p.mark(s.Holds()), s.Name, thousands(s.Total), strings.Join(parts, " + "))
	}
}

func (p *pen) gaps(gaps []avro.Gap) {
	if len(gaps) == 0 {
		return
	}
	open := slices.DeleteFunc(slices.Clone(gaps), func(g avro.Gap) bool { return g.Status != avro.GapStatusOpen })
	p.heading(fmt.Sprintf("Gaps: %d open, %d closed or waived", len(open), len(gaps)-len(open)))
	slices.SortFunc(open, func(a, b avro.Gap) int {
		return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), strings.Compare(a.GapID, b.GapID))
	})
	for _, g := range open[:min(len(open), most)] {
		p.line("  %s", p.gap(g))
	}
	if len(open) > most {
		p.line("  %s", p.dim(fmt.Sprintf("and %d more: %s", len(open)-most, byMilestone(open[most:]))))
	}
}

func (p *pen) gap(g avro.Gap) string {
	due := "            "
	if g.DueAt != 0 {
		due = g.DueAt.Time().Format("02 Jan 15:04")
	}
	text := fmt.Sprintf("%s  %s  %s", due, pad(What(g), 24), about(g))
	if g.Billing {
		text += p.red("  holds the billing")
	}
	return text
}

// What names the hole.
func What(g avro.Gap) string {
	switch g.Kind {
	case avro.GapKindMissingMilestone:
		return "no " + g.Milestone.String()
	case avro.GapKindConflictingReports:
		return "conflict over " + g.Milestone.String()
	}
	return strings.ToLower(strings.ReplaceAll(g.Kind.String(), "_", " "))
}

// about names what the hole is in.
func about(g avro.Gap) string {
	var parts []string
	if g.ShipmentID != "" {
		parts = append(parts, "shipment "+g.ShipmentID)
	}
	if g.Subject.Ok {
		parts = append(parts, strings.ToLower(g.Subject.V.Kind.String())+" "+g.Subject.V.Value)
	}
	if g.LoadID != "" {
		parts = append(parts, "load "+g.LoadID)
	}
	if g.StopSequence.Ok {
		parts = append(parts, fmt.Sprintf("stop %d", g.StopSequence.V))
	}
	return strings.Join(parts, ", ")
}

func byMilestone(gaps []avro.Gap) string {
	n := map[string]int{}
	for _, g := range gaps {
		n[What(g)]++
	}
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		return cmp.Or(cmp.Compare(n[b], n[a]), strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", n[name], name)
	}
	return strings.Join(names, ", ")
}

func (p *pen) next(query string, connect []string) {
	if query == "" {
		return
	}
	p.heading("Try next")
	for line := range strings.SplitSeq(strings.TrimSpace(query), "\n") {
		p.line("  %s", line)
	}
	for _, c := range connect {
		p.line("  %s", p.dim(c))
	}
}

func (p *pen) checks(checks []Check) {
	if len(checks) == 0 {
		return
	}
	p.heading("Held against what it must be")
	for _, c := range checks {
		if c.Holds() {
			p.line("  %s %-32s %10s, all as they should be", p.mark(true), c.Name, thousands(c.Want))
			continue
		}
		text := fmt.Sprintf("%-32s %10s expected, %s found, %s differ", c.Name, thousands(c.Want), thousands(c.Got), thousands(c.Wrong))
		if c.Example != "" {
			text += ", such as " + c.Example
		}
		p.line("  %s %s", p.mark(false), p.red(text))
	}
}

// pad fills text up to a width in columns.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// thousands is n with commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}
