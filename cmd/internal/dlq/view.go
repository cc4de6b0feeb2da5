package dlq

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// View is all there is to see of a letter.
type View struct {
	Letter
	SchemaID *int32     `json:"schema_id,omitempty"`
	RecordAt *time.Time `json:"record_at,omitempty"`
	Causes   []string   `json:"causes"` // outermost first
	Headers  []Header   `json:"headers"`
	Key      *Content   `json:"key"`   // nil: it has none
	Value    *Content   `json:"value"` // nil: it has none, or was left out
	Replay   Deed       `json:"replay"`
	Why      string     `json:"replay_why,omitempty"`
	Next     string     `json:"what_next"`
}

// Header is a header of the dead record.
type Header struct {
	Key   string  `json:"key"`
	Value Content `json:"value"`
}

// View makes out a letter, and says what a replay would do with it.
func (b *Box) View(ctx context.Context, w Whole, g Guard) (View, error) {
	steps, err := b.Plan(ctx, []Letter{w.Letter}, g)
	if err != nil {
		return View{}, err
	}
	v := View{Letter: w.Letter, Replay: steps[0].Do, Why: steps[0].Why, Next: Advice(w.Letter), Headers: []Header{}, Causes: []string{}}
	if w.Dead == nil {
		raw, err := b.Read(ctx, w.Raw)
		v.Value, v.Causes = &raw, []string{w.Cause}
		return v, err
	}
	v.Causes = w.Dead.Causes
	if id := w.Dead.SchemaID; id.Ok {
		v.SchemaID = &id.V
	}
	if at := w.Dead.RecordAt.Time(); w.Dead.RecordAt != 0 {
		v.RecordAt = &at
	}
	for _, h := range w.Dead.Headers {
		v.Headers = append(v.Headers, Header{h.Key, Text(h.Value)})
	}
	if w.Dead.Key.Ok {
		key := Text(w.Dead.Key.V)
		v.Key = &key
	}
	if w.Dead.Value.Ok {
		value, err := b.Read(ctx, w.Dead.Value.V)
		v.Value = &value
		return v, err
	}
	return v, nil
}

// Print writes a letter for people.
func (v View) Print(w io.Writer) error {
	var p page
	p.line("dead letter %s, %s", v.ID, v.standing())
	if v.Fault == nil {
		p.line("  died        in %s of %s, attempt %d", v.Stage, v.Reason, v.Attempt)
		p.line("  came from   %s/%d@%d%s", v.Topic, v.Partition, v.Offset, v.stamped())
	}
	p.line("  written     %s", v.At.Format(time.DateTime))
	p.line("  replay      %s", v.verdict())
	p.wrap("  what next   ", v.Next)
	p.line("")
	p.line("causes, the outermost first")
	for i, c := range Chain(v.Causes) {
		p.block(strings.Repeat("  ", min(i, 8)+1), c)
	}
	p.line("")
	p.headers(v.Headers)
	p.content("key", v.Key, "none")
	p.line("")
	p.content("value", v.Value, v.noValue())
	_, err := io.WriteString(w, p.String())
	return err
}

func (v View) standing() string {
	if v.Sent != nil {
		return fmt.Sprintf("replayed by %s at %s", v.Sent.By, v.Sent.At.Format(time.DateTime))
	}
	return string(Open)
}

func (v View) stamped() string {
	if v.RecordAt == nil {
		return ""
	}
	return ", stamped " + v.RecordAt.Format(time.DateTime)
}

func (v View) verdict() string {
	switch v.Replay {
	case Send:
		return fmt.Sprintf("can be: waybill dlq replay %s", v.ID)
	case Skip:
		return "was done"
	}
	return "refused: " + v.Why
}

func (v View) noValue() string {
	if v.Truncated {
		return fmt.Sprintf("left out, it was too long for a letter; it lies at %s/%d@%d as long as that topic keeps it", v.Topic, v.Partition, v.Offset)
	}
	return "none"
}

// page is text in the making.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// block writes text of several lines, all of them indented.
func (p *page) block(indent, text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		p.WriteString(indent + line)
	}
}

const pageWidth = 120

// wrap writes words in lines of pageWidth, aligned behind the label.
func (p *page) wrap(label, text string) {
	width := len(label)
	p.WriteString(label)
	at := width
	for i, word := range strings.Fields(text) {
		if at+1+len(word) > pageWidth && at > width {
			p.WriteString("\n" + strings.Repeat(" ", width))
			at = width
		} else if i > 0 {
			p.WriteString(" ")
			at++
		}
		p.WriteString(word)
		at += len(word)
	}
	p.WriteString("\n")
}

func (p *page) headers(all []Header) {
	if len(all) == 0 {
		p.line("headers: none")
		return
	}
	p.line("headers")
	for _, h := range all {
		text := h.Value.Text
		if text == "" && len(h.Value.Bytes) > 0 {
			text = fmt.Sprintf("0x%x", h.Value.Bytes)
		}
		p.line("  %s: %s", h.Key, text)
	}
}

func (p *page) content(what string, c *Content, none string) {
	switch {
	case c == nil:
		p.line("%s: %s", what, none)
		return
	case c.Decoded != nil:
		p.line("%s: %s, schema %d, %d bytes", what, c.Schema, *c.SchemaID, len(c.Bytes))
		p.block("  ", indented(c.Decoded))
		return
	}
	p.line("%s: %d bytes", what, len(c.Bytes))
	if c.Fault != "" {
		p.wrap("  not decoded: ", c.Fault)
	}
	if c.Text != "" && c.At < 0 {
		p.block("  ", c.Text)
		return
	}
	p.WriteString(c.Dump())
}

func indented(v any) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Sprintf("%v", v) // such as a number that JSON has no word for
	}
	return out.String()
}

// Instant is a time in a table, to the second.
func Instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.DateTime)
}
