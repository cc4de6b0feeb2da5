package x12

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Delimiters are the characters that end an element, a component, a repetition and a segment; 0 where there is none.
type Delimiters struct{ Element, Component, Repetition, Segment byte }

// isaLength is that of a whole ISA with its terminator: its elements have fixed lengths (X12.5, 16 elements).
const isaLength = 106

var errNotX12 = errors.New("it does not begin with ISA, GS or ST")

// Detect finds the delimiters of an interchange, by these rules in this order:
//
//  1. An ISA of 106 bytes says them by position: the element separator is its 4th byte, the component separator its 105th, the
//     segment terminator its 106th.
//  2. An ISA whose elements were not padded says them by count: the same two bytes behind its 16th separator.
//  3. Either is believed only where GS, TA1 or IEA follows the terminator, and where the terminator is no line end behind the real
//     one: a partner that leaves ISA16 out and ends segments with "~" and a line writes "~" where ISA16 belongs.
//  4. Else, and without an ISA, the element separator is the byte behind ISA, GS or ST, and the terminator the first byte
//     behind the last element of GS (8) or ST (2) that is no letter, digit or separator. There is no component separator.
//
// From version 00402 on ISA11 is the repetition separator; before, it named the standard. ok says that the ISA is whole.
func Detect(b []byte) (d Delimiters, ok bool, err error) {
	if len(b) < 6 || !anyOf(string(b[:3]), "ISA") && !anyOf(string(b[:2]), "GS", "ST") {
		return d, false, errNotX12
	}
	if string(b[:3]) != "ISA" {
		d, err = guess(b)
		return d, false, err
	}
	d.Element = b[3]
	if alphanumeric(d.Element) || d.Element <= ' ' {
		return d, false, fmt.Errorf("the byte behind ISA is %q, which separates nothing", d.Element)
	}
	end := isaEnd(b, d.Element)
	if end > 0 && believable(b, end, d.Element) {
		d.Component, d.Segment = b[end-2], b[end-1]
		d.Repetition = repetition(b[:end], d.Element)
		return d, true, nil
	}
	at := headerAt(b, d.Element)
	if at < 0 {
		return d, false, errors.New("its ISA does not end: neither GS nor ST follows it")
	}
	d, err = guess(b[at:])
	return d, false, err
}

// isaEnd is where the ISA ends, behind its terminator: by position, or else by count; 0 where it does not.
func isaEnd(b []byte, sep byte) int {
	if len(b) >= isaLength && b[103] == sep && bytes.Count(b[:104], []byte{sep}) == 16 {
		return isaLength
	}
	n := 0
	for i := 3; i < min(len(b)-2, 2*isaLength); i++ {
		if b[i] == sep {
			n++
		}
		if n == 16 {
			return i + 3
		}
	}
	return 0
}

// believable says whether what lies behind the ISA agrees with its end.
func believable(b []byte, end int, sep byte) bool {
	component, terminator := b[end-2], b[end-1]
	if alphanumeric(terminator) || terminator == sep || terminator == ' ' || component == sep || component == terminator || alphanumeric(component) || component <= ' ' {
		return false
	}
	rest := bytes.TrimLeft(b[end:], " \t\r\n")
	if len(rest) > 0 && !bytes.HasPrefix(rest, []byte{'G', 'S', sep}) && !bytes.HasPrefix(rest, []byte{'T', 'A', '1', sep}) && !bytes.HasPrefix(rest, []byte{'I', 'E', 'A', sep}) {
		return false
	}
	if terminator != '\r' && terminator != '\n' {
		// Of two segments on one line the terminator must stand between them.
		next := bytes.IndexByte(rest, terminator)
		return len(rest) == 0 || next >= 0
	}
	line, _, _ := bytes.Cut(rest, []byte{'\n'})
	line = bytes.TrimRight(line, "\r")
	return len(line) == 0 || line[len(line)-1] != component // else ISA16 is missing, and this is the real terminator
}

// repetition is ISA11 where the version has one.
func repetition(isa []byte, sep byte) byte {
	e := bytes.Split(isa, []byte{sep})
	if len(e) > 12 && len(e[11]) == 1 && !alphanumeric(e[11][0]) && string(e[12]) >= "00402" {
		return e[11][0]
	}
	return 0
}

// headerAt is where GS or ST stands behind a damaged ISA, -1 where neither does.
func headerAt(b []byte, sep byte) int {
	for i := 4; i < min(len(b)-3, 4*isaLength); i++ {
		if b[i+2] == sep && anyOf(string(b[i:i+2]), "GS", "ST") && !alphanumeric(b[i-1]) && b[i-1] != sep {
			return i
		}
	}
	return -1
}

// guess finds the delimiters by what GS and ST look like.
func guess(b []byte) (Delimiters, error) {
	d := Delimiters{Element: b[2]}
	if alphanumeric(d.Element) || d.Element <= ' ' {
		return d, fmt.Errorf("the byte behind %s is %q, which separates nothing", b[:2], d.Element)
	}
	last := map[string]int{"GS": 8, "ST": 2}[string(b[:2])]
	n := 0
	for i := 2; i < len(b); i++ {
		switch c := b[i]; {
		case c == d.Element:
			n++
		case n >= last && !alphanumeric(c) && c != ' ' && c != '-' && c != '.':
			d.Segment = c
			return d, nil
		}
	}
	return d, fmt.Errorf("%s does not end: no segment terminator follows its %d elements", b[:2], last)
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func anyOf(s string, list ...string) bool {
	for _, l := range list {
		if s == l {
			return true
		}
	}
	return false
}

// Segment is one segment: its elements, the id first. Its strings point into the document's text.
type Segment struct {
	elements   []string
	start, end int // bytes in the document, the terminator included
}

// ID is the segment's id, such as AT7.
func (s Segment) ID() string { return s.elements[0] }

// Get is an element by its number in the standard, from 1, without padding; empty where the segment is shorter.
func (s Segment) Get(n int) string { return strings.TrimSpace(s.Raw(n)) }

// Raw is an element as written, padding included.
func (s Segment) Raw(n int) string {
	if n >= len(s.elements) {
		return ""
	}
	return s.elements[n]
}

// lexer cuts a text into segments. All elements lie in one array, which is made once: a text of n bytes has at most n+1.
type lexer struct {
	text     string
	at       int
	d        Delimiters
	elements []string
}

// next gives the next segment; false at the end. Blanks and line ends around segments are laid out for people.
func (l *lexer) next() (Segment, bool) {
	for l.at < len(l.text) {
		start := l.at + blanks(l.text[l.at:])
		length := strings.IndexByte(l.text[start:], l.d.Segment)
		if length < 0 {
			length = len(l.text) - start
		}
		l.at = min(start+length+1, len(l.text))
		body := l.text[start : start+length]
		for len(body) > 0 && blank(body[len(body)-1]) {
			body = body[:len(body)-1]
		}
		if body == "" {
			continue
		}
		return Segment{elements: l.split(body), start: start, end: l.at}, true
	}
	return Segment{}, false
}

const byteOrderMark = "\ufeff"

// blanks is how many bytes at the beginning of a text are laid out for people: blanks, line ends, byte order marks.
func blanks(text string) int {
	i := 0
	for i < len(text) {
		switch {
		case blank(text[i]):
			i++
		case strings.HasPrefix(text[i:], byteOrderMark):
			i += len(byteOrderMark)
		default:
			return i
		}
	}
	return i
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func (l *lexer) split(body string) []string {
	first := len(l.elements)
	for {
		i := strings.IndexByte(body, l.d.Element)
		if i < 0 {
			l.elements = append(l.elements, body)
			return l.elements[first:len(l.elements):len(l.elements)]
		}
		l.elements = append(l.elements, body[:i])
		body = body[i+1:]
	}
}
