package feed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"waybill/avro"
)

// whole gives a file as one message.
func (f *file) whole() iter.Seq2[*avro.PartnerMessage, error] {
	return f.read(func(p *pieces, yield func(*avro.PartnerMessage, error) bool) error {
		x := piece{line: 1}
		var part [64 << 10]byte
		for {
			n, err := p.r.Read(part[:])
			x.add(part[:n]...)
			if errors.Is(err, io.EOF) && x.size > 0 {
				yield(f.message(x, ""), nil)
			}
			if err != nil {
				return err
			}
		}
	})
}

// documents gives a JSON file's documents: the elements of a list, the lines of a file of lines, or the file itself where it
// is one document over several lines, or XML.
func (f *file) documents() iter.Seq2[*avro.PartnerMessage, error] {
	return f.read(func(p *pieces, yield func(*avro.PartnerMessage, error) bool) error {
		p.r = bufio.NewReaderSize(p.r, MaxPayload+1)
		start, err := p.r.Peek(MaxPayload + 1)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		text := bytes.TrimSpace(start)
		switch {
		case bytes.HasPrefix(text, []byte("[")):
			return f.elements(p.r, yield)
		case len(start) <= MaxPayload && (bytes.HasPrefix(text, []byte("<")) || bytes.ContainsRune(text, '\n') && json.Valid(text)):
			yield(f.message(piece{text: bytes.Clone(text), size: int64(len(text)), line: 1}, ""), nil)
			return nil
		}
		return f.eachLine(p, yield)
	})
}

// elements gives the elements of a list by brackets and quotes alone: an element ends at a comma outside all brackets and
// quotes, or at the list's end. So a malformed one is one message, and as long as its quotes close, those after it are read.
func (f *file) elements(r io.ByteReader, yield func(*avro.PartnerMessage, error) bool) error {
	e := element{piece: piece{line: 1}}
	for {
		c, err := r.ReadByte()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		end := err != nil || e.take(c)
		if !end {
			continue
		}
		if text := bytes.TrimSpace(e.text); len(text) > 0 {
			if e.size == int64(len(e.text)) {
				e.text, e.size = text, int64(len(text))
			}
			if !yield(f.message(e.piece, ""), nil) {
				return nil
			}
			e.line++
		}
		if err != nil {
			return nil
		}
		e.text, e.size = nil, 0
	}
}

// element is the list element being read; its line counts elements.
type element struct {
	piece
	depth           int // of brackets; 1 is within the list
	quoted, escaped bool
}

// take adds a byte, and says whether the element ended at it.
func (e *element) take(c byte) bool {
	switch {
	case e.escaped:
		e.escaped = false
	case e.quoted:
		e.escaped, e.quoted = c == '\\', c != '"'
	case c == '"':
		e.quoted = true
	case c == '[' || c == '{':
		if e.depth++; e.depth == 1 {
			return false // the list's own
		}
	case c == ']' || c == '}':
		if e.depth--; e.depth <= 0 {
			return true
		}
	case c == ',' && e.depth <= 1:
		return true
	}
	e.add(c)
	return false
}
