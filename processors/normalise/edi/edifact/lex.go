package edifact

import (
	"errors"
	"strings"
)

// Delimiters are the service characters: they end a component, an element and a segment; the release character takes the
// one behind it literally.
type Delimiters struct{ Component, Element, Release, Segment byte }

// Default are those of ISO 9735 where UNA does not say others.
var Default = Delimiters{':', '+', '?', '\''}

var errNotEdifact = errors.New("it begins with none of UNA, UNB and UNH")

// Detect finds the delimiters: those that UNA says by position (ISO 9735-1, 7.1), or the default. rest is what follows UNA.
func Detect(text string) (d Delimiters, rest string, err error) {
	text = strings.TrimLeft(text, " \t\r\n\ufeff")
	if !strings.HasPrefix(text, "UNA") {
		if !strings.HasPrefix(text, "UNB") && !strings.HasPrefix(text, "UNH") {
			return d, "", errNotEdifact
		}
		return Default, text, nil
	}
	if len(text) < 9 {
		return d, "", errors.New("its UNA is shorter than nine characters")
	}
	d = Delimiters{Component: text[3], Element: text[4], Release: text[6], Segment: text[8]}
	if d.Release == ' ' {
		d.Release = 0
	}
	if d.Component == d.Element || d.Element == d.Segment || d.Component == d.Segment || d.Release == d.Segment || d.Release == d.Element {
		return d, "", errors.New("its UNA gives one character two meanings")
	}
	return d, text[9:], nil
}

// Segment is one segment: its elements as written, the tag first.
type Segment struct {
	d          *Delimiters
	elements   []string
	start, end int // bytes, the terminator included
}

// Tag is the segment's tag, such as STS.
func (s Segment) Tag() string { return s.part(0, 0) }

// Get is a component of an element, both from 1, released and without blanks around; empty where there is none.
func (s Segment) Get(element, component int) string { return s.part(element, component-1) }

func (s Segment) part(element, component int) string {
	if element >= len(s.elements) {
		return ""
	}
	text := s.elements[element]
	for {
		i, released := s.d.index(text, s.d.Component)
		part, last := text, i < 0
		if !last {
			part = text[:i]
		}
		if component == 0 {
			if released {
				part = s.d.unescape(part)
			}
			return strings.TrimSpace(part)
		}
		if last {
			return ""
		}
		component--
		text = text[i+1:]
	}
}

// index is where the first of a delimiter stands that is not released, -1 where none does; released says that a release
// character stands before it.
func (d *Delimiters) index(text string, c byte) (at int, released bool) {
	for i := 0; i < len(text); i++ {
		switch {
		case d.Release != 0 && text[i] == d.Release:
			released = true
			i++
		case text[i] == c:
			return i, released
		}
	}
	return -1, released
}

func (d *Delimiters) unescape(text string) string {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == d.Release && i+1 < len(text) {
			i++
		}
		out = append(out, text[i])
	}
	return string(out)
}

// lexer cuts a text into segments. All elements lie in one array, made once.
type lexer struct {
	text     string
	at       int
	d        Delimiters
	elements []string
}

// next gives the next segment; false at the end.
func (l *lexer) next() (Segment, bool) {
	for l.at < len(l.text) {
		start := len(l.text) - len(strings.TrimLeft(l.text[l.at:], " \t\r\n"))
		length, _ := l.d.index(l.text[start:], l.d.Segment)
		if length < 0 {
			length = len(l.text) - start
		}
		l.at = min(start+length+1, len(l.text))
		body := strings.Trim(l.text[start:start+length], " \t\r\n")
		if body == "" {
			continue
		}
		return Segment{d: &l.d, elements: l.split(body), start: start, end: l.at}, true
	}
	return Segment{}, false
}

func (l *lexer) split(body string) []string {
	first := len(l.elements)
	for {
		i, _ := l.d.index(body, l.d.Element)
		if i < 0 {
			l.elements = append(l.elements, body)
			return l.elements[first:len(l.elements):len(l.elements)]
		}
		l.elements = append(l.elements, body[:i])
		body = body[i+1:]
	}
}
