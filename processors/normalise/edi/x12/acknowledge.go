package x12

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"waybill/avro"
)

// Delimiters of what is written here.
const (
	elementEnd, componentEnd, segmentEnd = "*", ">", "~"
)

// Control is the control number of what answers the record at a partition and offset: nine digits, the same however often the
// record is worked on, and another one for each of the next 9,999,998 records of the partition, of a hundred partitions.
func Control(partition int32, offset int64) string {
	return fmt.Sprintf("%07d%02d", offset%9_999_999+1, partition%100) // from 1: X12 begins there
}

// Render writes the functional acknowledgement (X12 997) of an interchange: one interchange with a transaction set per group, in the
// version that the partner writes. It is a pure function of the record.
//
//	AK1 which group, AK2 which set, AK3 which segment, AK4 which element, AK5 A E or R and why, AK9 A E P or R and how many
func Render(ack *avro.Acknowledgement) []byte {
	w := writer{at: ack.ToldAt.Time()}
	version := "004010"
	if len(ack.Groups) > 0 && strings.HasPrefix(ack.Groups[0].Version, "005") {
		version = "005010"
	}
	repetition, isaVersion := "U", "00401"
	if version == "005010" {
		repetition, isaVersion = "^", "00501"
	}
	w.segment("ISA", "00", pad("", 10), "00", pad("", 10), pad(ack.ReceiverQualifier, 2), pad(ack.Receiver, 15), pad(ack.SenderQualifier, 2), pad(ack.Sender, 15),
		w.at.Format("060102"), w.at.Format("1504"), repetition, isaVersion, ack.Control, "0", usage(ack.Usage), componentEnd)
	from, to := ack.Receiver, ack.Sender
	if len(ack.Groups) > 0 {
		from, to = first(ack.Groups[0].Receiver, from), first(ack.Groups[0].Sender, to)
	}
	control := strings.TrimLeft(ack.Control, "0")
	w.segment("GS", "FA", from, to, w.at.Format("20060102"), w.at.Format("1504"), control, "X", version)
	for i := range ack.Groups {
		w.group(&ack.Groups[i], fmt.Sprintf("%04d", i+1), version)
	}
	w.segment("GE", strconv.Itoa(len(ack.Groups)), control)
	w.segment("IEA", "1", ack.Control)
	return []byte(w.b.String())
}

type writer struct {
	b    strings.Builder
	at   time.Time
	rows int // segments since ST
}

// segment writes one. Delimiters and control characters within an element are blanks, trailing empty elements are left out.
func (w *writer) segment(id string, elements ...string) {
	if id != "ISA" {
		for len(elements) > 0 && elements[len(elements)-1] == "" {
			elements = elements[:len(elements)-1]
		}
	}
	w.b.WriteString(id)
	for i, e := range elements {
		w.b.WriteString(elementEnd)
		if id == "ISA" && i == len(elements)-1 {
			w.b.WriteString(e)
			continue
		}
		w.b.WriteString(clean(e))
	}
	w.b.WriteString(segmentEnd)
	w.b.WriteByte('\n')
	w.rows++
}

func clean(e string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || strings.ContainsRune(elementEnd+componentEnd+segmentEnd, c) {
			return ' '
		}
		return c
	}, e)
}

func pad(s string, n int) string {
	s = clean(s)
	if len(s) > n {
		return s[:n]
	}
	return s + strings.Repeat(" ", n-len(s))
}

func usage(u string) string {
	if u == "T" {
		return "T"
	}
	return "P"
}

func (w *writer) group(g *avro.AcknowledgedGroup, control, version string) {
	w.rows = 0
	w.segment("ST", "997", control)
	if version == "005010" {
		w.segment("AK1", g.FunctionalID, g.Control, g.Version)
	} else {
		w.segment("AK1", g.FunctionalID, g.Control)
	}
	for i := range g.Sets {
		w.set(&g.Sets[i])
	}
	w.segment("AK9", append([]string{g.Status, strconv.Itoa(int(g.Included)), strconv.Itoa(int(g.Received)), strconv.Itoa(int(g.Accepted))}, atMost(5, g.Codes)...)...)
	w.segment("SE", strconv.Itoa(w.rows+1), control)
}

func atMost(n int, list []string) []string { return list[:min(n, len(list))] }

// set writes AK2 to AK5. Faults of one segment share its AK3.
func (w *writer) set(s *avro.AcknowledgedSet) {
	w.segment("AK2", s.Set, s.Control)
	last := int32(-1)
	for i := range s.Faults {
		f := &s.Faults[i]
		if f.Position != last {
			code := inElements
			if f.Element == 0 {
				code = f.Code
			}
			w.segment("AK3", f.Segment, strconv.Itoa(int(f.Position)), "", code)
			last = f.Position
		}
		if f.Element > 0 {
			w.segment("AK4", strconv.Itoa(int(f.Element)), "", f.Code, f.Value)
		}
	}
	w.segment("AK5", append([]string{s.Status}, atMost(5, s.Codes)...)...)
}
