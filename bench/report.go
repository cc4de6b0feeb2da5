package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// trial is what one contestant did in one round, by quantity.
type trial map[string]float64

// trials are all of them: contest, who, round.
type trials map[string]map[string][]trial

func newTrials() trials { return trials{} }

func (t trials) add(contest, who string, what trial) {
	if t[contest] == nil {
		t[contest] = map[string][]trial{}
	}
	t[contest][who] = append(t[contest][who], what)
}

// report is everything that a run found out.
type report struct {
	Machine machine  `json:"machine"`
	Rounds  int      `json:"rounds"`
	Seconds int      `json:"seconds"`           // the run took
	Missing []string `json:"missing,omitempty"` // contests that could not be held, and why
	Tables  []table  `json:"tables"`
}

// table compares contestants in one quantity.
type table struct {
	Title  string   `json:"title"`
	Unit   string   `json:"unit"`
	Base   string   `json:"base"`   // who the ratios are against
	Others []string `json:"others"` // quantities shown beside, in order
	Rows   []row    `json:"rows"`
}

// row is one contestant's. Ratio is of each round, this contestant's figure over the base's in the same round.
type row struct {
	Who    string             `json:"who"`
	Rounds []float64          `json:"rounds"`
	Figure spread             `json:"figure"`
	Ratio  spread             `json:"ratio"`
	Beside map[string]float64 `json:"beside,omitempty"` // medians of other quantities
}

// spread is the least, middle and greatest of several rounds.
type spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return spread{s[0], (s[(n-1)/2] + s[n/2]) / 2, s[n-1]}
}

// layout says what a table shows.
type layout struct {
	held, title, unit, base string
	beside                  []string // other quantities
	only                    []string // who is shown; empty: all
}

const nsPerOp = "ns/op"

// tablesOf leaves out what was not held.
func tablesOf(cs []contest, all trials) (out []table) {
	for _, c := range cs {
		for _, l := range c.tables {
			if held := all[l.held]; held[l.base] != nil {
				out = append(out, l.table(held))
			}
		}
	}
	return out
}

func (l layout) table(held map[string][]trial) table {
	t := table{Title: l.title, Unit: l.unit, Base: l.base, Others: l.beside}
	for who, rounds := range held {
		if l.only != nil && !slices.Contains(l.only, who) {
			continue
		}
		r := row{Who: who, Beside: map[string]float64{}}
		var ratios []float64
		for i, round := range rounds {
			r.Rounds = append(r.Rounds, round[l.unit])
			ratios = append(ratios, round[l.unit]/held[l.base][i][l.unit])
		}
		r.Figure, r.Ratio = spreadOf(r.Rounds), spreadOf(ratios)
		for _, q := range l.beside {
			if _, has := rounds[0][q]; has {
				r.Beside[q] = spreadOf(quantities(rounds, q)).Median
			}
		}
		t.Rows = append(t.Rows, r)
	}
	slices.SortFunc(t.Rows, func(a, b row) int { // the base first, then by figure
		if base := a.Who == t.Base; base != (b.Who == t.Base) {
			return map[bool]int{true: -1, false: 1}[base]
		}
		return cmp.Or(cmp.Compare(a.Figure.Median, b.Figure.Median), cmp.Compare(a.Who, b.Who))
	})
	return t
}

func quantities(rounds []trial, quantity string) (out []float64) {
	for _, r := range rounds {
		out = append(out, r[quantity])
	}
	return out
}

// write prints the report as Markdown whose columns stand below each other.
func (r report) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks, %s\n\n%s\n", r.Machine.Date, r.Machine)
	fmt.Fprintf(&b, "%d rounds, interleaved; the run took %d s. A ratio is of figures of the same round; min, median and max are over rounds.\n`bench/README.md` says how to read this.\n", r.Rounds, r.Seconds)
	for _, m := range r.Missing {
		fmt.Fprintf(&b, "\nNOT measured: %s\n", m)
	}
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n## %s, %s\n\n", t.Title, t.Unit)
		align(&b, t.cells())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cells is the table as text, its head first.
func (t table) cells() [][]string {
	head := []string{"", "min", "median", "max", "ratio", "min–max"}
	beside := t.beside()
	cells := [][]string{append(head, beside...)}
	for _, r := range t.Rows {
		line := []string{r.Who, number(r.Figure.Min), number(r.Figure.Median), number(r.Figure.Max), number(r.Ratio.Median), number(r.Ratio.Min) + "–" + number(r.Ratio.Max)}
		if r.Who == t.Base {
			line[4], line[5] = "1", ""
		}
		for _, q := range beside {
			cell := ""
			if v, has := r.Beside[q]; has {
				cell = number(v)
			}
			line = append(line, cell)
		}
		cells = append(cells, line)
	}
	return cells
}

// beside are those of the other quantities that some row has.
func (t table) beside() (out []string) {
	for _, q := range t.Others {
		if slices.ContainsFunc(t.Rows, func(r row) bool { _, ok := r.Beside[q]; return ok }) {
			out = append(out, q)
		}
	}
	return out
}

// number shows three digits that mean something, and thousands apart.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a < 1:
		return fmt.Sprintf("%.3f", v)
	case a < 10:
		return fmt.Sprintf("%.2f", v)
	case a < 100:
		return fmt.Sprintf("%.1f", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// align writes cells as a Markdown table: the first column flush left, the others flush right.
func align(b *strings.Builder, cells [][]string) {
	width := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, c := range line {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	for n, line := range cells {
		for i, c := range line {
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if i == 0 {
				c, pad = c+pad, ""
			}
			fmt.Fprintf(b, "| %s%s ", pad, c)
		}
		b.WriteString("|\n")
		if n == 0 {
			b.WriteString("|" + strings.Repeat("-", width[0]+2))
			for _, w := range width[1:] {
				b.WriteString("|" + strings.Repeat("-", w+1) + ":")
			}
			b.WriteString("|\n")
		}
	}
}
