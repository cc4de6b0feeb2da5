// Package page draws what Waybill found for a person at a terminal: a timeline against its plan, gaps, charges with
// their arithmetic, and the page that ends the demo.
package page

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"waybill/avro"
)

// Page is what the demo ends with. Sections without content are left out.
type Page struct {
	Title      string
	In         []Count // records per input topic, in the order of the straight line
	Out        []Count // records per output topic
	Letters    []Count // dead letters by reason
	Accounting []Sum
	Timeline   *avro.Timeline
	Gaps       []avro.Gap    // the last revision of each
	Charges    []avro.Charge // ledger lines, in order
	Rows       []Count       // per ClickHouse table
	Query      string        // one to try next
	Connect    []string      // how to look in, where the parts stay up
	Truth      []Check       // against the world's own truth
}

// Count is how many of something there are.
type Count struct {
	Name string
	N    int64
	Note string
}

// Sum is an identity that must hold: Total is the sum of the parts.
type Sum struct {
	Name  string
	Total int64
	Parts []Count
}

// Holds says whether the identity does.
func (s Sum) Holds() bool {
	var sum int64
	for _, p := range s.Parts {
		sum += p.N
	}
	return sum == s.Total
}

// Check compares one thing that the pipeline says with the truth.
type Check struct {
	Name      string
	Want, Got int64
	Wrong     int64  // how many of them differ, where counts may agree by chance
	Example   string // one that differs
}

// Holds says whether the pipeline said the truth.
func (c Check) Holds() bool { return c.Want == c.Got && c.Wrong == 0 }

// Style is how much the terminal can show.
type Style struct {
	Width  int  // columns; 0: 100
	Colour bool // ANSI colours
}

func (s Style) width() int {
	if s.Width == 0 {
		return 100
	}
	return min(max(s.Width, 72), 160)
}

// Render draws the page.
func (p Page) Render(w io.Writer, s Style) error {
	out := &pen{Writer: bufio.NewWriter(w), style: s}
	if p.Title != "" {
		out.line("%s", out.bold(p.Title))
	}
	out.counts("What went in", p.In)
	out.counts("What came out", p.Out)
	out.counts("Dead letters, by reason", p.Letters)
	out.sums(p.Accounting)
	if p.Timeline != nil {
		out.heading("One shipment, plan against actual")
		out.timeline(*p.Timeline)
	}
	out.gaps(p.Gaps)
	out.charges(p.Charges)
	out.counts("Rows in ClickHouse", p.Rows)
	out.next(p.Query, p.Connect)
	out.checks(p.Truth)
	return out.Flush()
}

// pen writes lines in a style.
type pen struct {
	*bufio.Writer
	style Style
}

func (p *pen) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(p, strings.TrimRight(text, " "))
}

// wrapped writes a long text in several lines, indented.
func (p *pen) wrapped(text string, dim bool) {
	const indent = "      "
	line := ""
	flush := func() {
		if line == "" {
			return
		}
		if dim {
			p.line("%s%s", indent, p.dim(line))
		} else {
			p.line("%s%s", indent, line)
		}
		line = ""
	}
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > p.style.width()-len(indent) {
			flush()
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	flush()
}

func (p *pen) heading(text string) {
	p.line("")
	p.line("%s", p.bold(text))
}

func (p *pen) paint(code, text string) string {
	if !p.style.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *pen) bold(text string) string  { return p.paint("1", text) }
func (p *pen) dim(text string) string   { return p.paint("2", text) }
func (p *pen) red(text string) string   { return p.paint("31", text) }
func (p *pen) green(text string) string { return p.paint("32", text) }

// mark is the sign of something that holds or does not.
func (p *pen) mark(holds bool) string {
	if holds {
		return p.green("✓")
	}
	return p.red("✗")
}
