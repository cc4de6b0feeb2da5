package page

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"waybill/avro"
)

// Timeline draws a shipment's timeline: its stops on a time axis, then its milestones, then what was expected.
func Timeline(w io.Writer, t avro.Timeline, s Style) error {
	p := &pen{Writer: bufio.NewWriter(w), style: s}
	p.timeline(t)
	return p.Flush()
}

// OrderTimeline draws an order's milestones across its shipments.
func OrderTimeline(w io.Writer, t avro.OrderTimeline, s Style) error {
	p := &pen{Writer: bufio.NewWriter(w), style: s}
	head := []string{"order " + t.OrderID}
	head = appendNamed(head, "customer ", t.Customer)
	head = appendNamed(head, "shipments ", strings.Join(t.ShipmentIDs, ", "))
	head = appendNamed(head, "loads ", strings.Join(t.LoadIDs, ", "))
	p.line("  %s  %s", strings.Join(head, " · "), p.bold(t.State.String()))
	p.entries(t.Entries)
	return p.Flush()
}

func (p *pen) timeline(t avro.Timeline) {
	head := []string{"shipment " + t.ShipmentID}
	head = appendNamed(head, "orders ", strings.Join(t.OrderIDs, ", "))
	head = appendNamed(head, "loads ", strings.Join(t.LoadIDs, ", "))
	head = appendNamed(head, "carrier ", t.Carrier)
	head = appendNamed(head, "customer ", t.Customer)
	head = appendNamed(head, "", t.ServiceLevel)
	p.line("  %s  %s", strings.Join(head, " · "), p.bold(t.State.String()))
	p.stops(t.Stops)
	p.entries(t.Entries)
	p.expectations(t.Expectations)
}

func appendNamed(list []string, name, value string) []string {
	if value == "" {
		return list
	}
	return append(list, name+value)
}

// nameWidth is the room for a stop's name, left of the axis; verdictWidth the room for what became of it, right of it.
const (
	nameWidth    = 37
	verdictWidth = 20
)

func (p *pen) stops(stops []avro.TimelineStop) {
	a, ok := newAxis(stops, p.style.width()-nameWidth-verdictWidth)
	if !ok {
		return
	}
	p.line("")
	p.line("%s%s", p.dim(pad(a.from.Format("  02 Jan 2006, UTC"), nameWidth)), p.dim(a.labels()))
	for i, s := range stops {
		if i == 0 || stops[i-1].LoadID != s.LoadID {
			p.line("  load %s", s.LoadID)
		}
		p.stop(s, a)
	}
	p.line("%s%s", p.dim(pad("  ◇ planned  ◆ appointment  █ there", nameWidth)), p.dim(a.ruler()))
}

func (p *pen) stop(s avro.TimelineStop, a axis) {
	name := fmt.Sprintf("  %2d %-8s %s", s.Sequence, strings.ToLower(s.Type.String()), s.PlaceID)
	p.line("%s%s", fit(name, nameWidth-8)+p.dim("   plan "), p.dim(a.plan(s)))
	bar, verdict := a.actual(s), verdictOf(s)
	if verdict.late {
		bar, verdict.text = p.red(bar), p.red(verdict.text)
	} else {
		bar, verdict.text = p.green(bar), p.green(verdict.text)
	}
	p.line("%s%s  %s", pad("", nameWidth-8)+p.dim(" actual "), bar, verdict.text)
}

// verdict is what became of a stop.
type verdict struct {
	text string
	late bool
}

// verdictOf compares the arrival with the appointment, else with the start of the window.
func verdictOf(s avro.TimelineStop) verdict {
	due, ok := dueAt(s)
	switch {
	case !s.ArrivedAt.Ok:
		return verdict{"no arrival known", true}
	case !ok:
		return verdict{"no plan", false}
	}
	off := s.ArrivedAt.V.Time().Sub(due.Time()).Round(time.Minute)
	switch {
	case off > 0:
		return verdict{"late by " + short(off), true}
	case off < 0:
		return verdict{"early by " + short(-off), false}
	}
	return verdict{"to the minute", false}
}

func dueAt(s avro.TimelineStop) (avro.Micros, bool) {
	if s.AppointmentAt.Ok {
		return s.AppointmentAt.V, true
	}
	return s.PlannedAt.V, s.PlannedAt.Ok
}

// short is a duration in hours and minutes: 1 h 05.
func short(d time.Duration) string {
	h, m := int(d.Hours()), int(d.Minutes())%60
	if h == 0 {
		return fmt.Sprintf("%d min", m)
	}
	return fmt.Sprintf("%d h %02d", h, m)
}

func (p *pen) entries(entries []avro.TimelineEntry) {
	if len(entries) == 0 {
		return
	}
	p.line("")
	for _, e := range entries {
		text := fmt.Sprintf("  %s  %s %s  %s", e.OccurredAt.Time().Format("02 Jan 15:04"), pad(kindOf(e), 32), fit(where(e), 26), source(e.Source))
		if e.PlannedAt.Ok {
			text += planned(e)
		}
		switch e.Agreement {
		case avro.AgreementConflict:
			text += p.red("  CONFLICT with " + others(e.Reports))
		case avro.AgreementCorroborated:
			text += p.dim(fmt.Sprintf("  (%d agree)", len(e.Reports)))
		}
		p.line("%s", text)
	}
}

// kindOf is a milestone's name, with its classifier where it has not happened.
func kindOf(e avro.TimelineEntry) string {
	name := e.Milestone.String()
	if e.Milestone == avro.MilestoneCodeUnmapped {
		name += " " + e.Code
	}
	if e.Classifier != avro.ClassifierActual {
		name += " (" + strings.ToLower(e.Classifier.String()) + ")"
	}
	return name
}

func where(e avro.TimelineEntry) string {
	var parts []string
	if e.LoadID != "" {
		parts = append(parts, e.LoadID)
	}
	if e.StopSequence.Ok {
		parts = append(parts, fmt.Sprintf("stop %d", e.StopSequence.V))
	}
	if e.PlaceID != "" && !e.StopSequence.Ok {
		parts = append(parts, "at "+e.PlaceID)
	}
	if e.Subject.Ok {
		parts = append(parts, e.Subject.V.Value)
	}
	return strings.Join(parts, " ")
}

func source(s avro.Source) string {
	if s.Partner == "" {
		return s.System.String()
	}
	return s.System.String() + " " + s.Partner
}

func planned(e avro.TimelineEntry) string {
	return fmt.Sprintf("  plan %s", e.PlannedAt.V.Time().Format("15:04"))
}

// others lists the reports that are not believed.
func others(reports []avro.Report) string {
	var parts []string
	for _, r := range reports[min(1, len(reports)):] {
		parts = append(parts, source(r.Source)+" "+r.OccurredAt.Time().Format("02 Jan 15:04"))
	}
	return strings.Join(parts, ", ")
}

func (p *pen) expectations(all []avro.ExpectationStatus) {
	if len(all) == 0 {
		return
	}
	met := 0
	p.line("")
	for _, e := range all {
		if e.State == avro.ExpectationStateMet {
			met++
			continue
		}
		text := fmt.Sprintf("%-9s %s due %s", e.State, pad(e.Milestone.String(), 20), e.DueAt.Time().Format("02 Jan 15:04"))
		if e.MetAt.Ok {
			text += ", came " + e.MetAt.V.Time().Format("02 Jan 15:04")
		}
		if e.State == avro.ExpectationStateLate || e.State == avro.ExpectationStateMissed {
			text = p.red(text)
		}
		p.line("  %s", text)
	}
	p.line("  %s", p.dim(fmt.Sprintf("%d of %d expectations met", met, len(all))))
}

// fit pads text to a width, or cuts it with an ellipsis.
func fit(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return pad(text, width)
}
